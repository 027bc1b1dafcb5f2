// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader of BTF, for one purpose: to compare what the running kernel says of
 * its structs and functions with what the module was built for.
 *
 * The blob is treated as if it came from a stranger.  uksm_btf_init() walks it
 * once and refuses it unless every record and its name lie inside it; after that
 * only type ids and the names of members can point anywhere, and they are checked
 * each time one is followed (uksm_btf_get_type(), uksm_btf_name()).  Types refer to
 * each other freely and can form circles: so everything that follows references is
 * bounded (UKSM_BTF_MAX_HOPS, UKSM_BTF_MAX_NESTING, MAX_MEMBERS).
 *
 * This file opens a blob and reads its records, btf_lookup.c answers questions, and
 * btf_prototype.c writes down the types of functions.
 *
 * Everything is read byte by byte as little endian, so the blob need not be
 * aligned and nothing here depends on the machine.
 */
#include "btf.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/slab.h>

#include "btf_record.h"

#define HEADER_BYTES	24u	/* as it was first; newer ones are longer */
#define LAYOUT_END	32u	/* ... and then can name a layout section */

#define MAX_TYPES	(1u << 22)	/* kernels have some 150 000 */

/*
 * struct shape - how long a record of one kind is behind its first UKSM_BTF_TYPE_BYTES:
 * fixed + vlen * each.
 */
struct shape {
	u8 fixed;
	u8 each;
};

static const struct shape shapes[] = {
	[BTF_KIND_UNKN] = {},
	[BTF_KIND_INT] = { .fixed = 4 },
	[BTF_KIND_PTR] = {},
	[BTF_KIND_ARRAY] = { .fixed = 12 },
	[BTF_KIND_STRUCT] = { .each = UKSM_BTF_MEMBER_BYTES },
	[BTF_KIND_UNION] = { .each = UKSM_BTF_MEMBER_BYTES },
	[BTF_KIND_ENUM] = { .each = 8 },
	[BTF_KIND_FWD] = {},
	[BTF_KIND_TYPEDEF] = {},
	[BTF_KIND_VOLATILE] = {},
	[BTF_KIND_CONST] = {},
	[BTF_KIND_RESTRICT] = {},
	[BTF_KIND_FUNC] = {}, /* its vlen is the linkage */
	[BTF_KIND_FUNC_PROTO] = { .each = UKSM_BTF_PARAM_BYTES },
	[BTF_KIND_VAR] = { .fixed = 4 },
	[BTF_KIND_DATASEC] = { .each = 12 },
	[BTF_KIND_FLOAT] = {},
	[BTF_KIND_DECL_TAG] = { .fixed = 4 },
	[BTF_KIND_TYPE_TAG] = {},
	[BTF_KIND_ENUM64] = { .each = 12 },
};

/*
 * struct section - a part of the blob
 */
struct section {
	const u8 *start;
	u32 bytes;
};

/*
 * Set up the section that the words at @header describe.  @rest is the blob
 * behind the header, from which sections are counted.
 */
static int find_section(const u8 *header, struct section rest,
			struct section *section)
{
	u32 offset = uksm_btf_word(header), bytes = uksm_btf_word(header + 4);

	if (offset > rest.bytes || bytes > rest.bytes - offset)
		return -EINVAL;
	section->start = rest.start + offset;
	section->bytes = bytes;
	return 0;
}

/*
 * Kinds newer than this code are no hindrance if the blob itself tells their
 * shape: its layout section has four bytes for each kind.
 */
static int find_shape(u32 kind, struct section layout, struct shape *shape)
{
	if (kind == BTF_KIND_UNKN)
		return -EINVAL;
	if (kind < ARRAY_SIZE(shapes)) {
		*shape = shapes[kind];
		return 0;
	}
	if (kind >= layout.bytes / 4)
		return -EINVAL;
	shape->fixed = layout.start[4 * kind];
	shape->each = layout.start[4 * kind + 1];
	return 0;
}

/*
 * Walk all records; note where they start if there are @offsets to note it in.
 * Return how many ids there are, void's 0 among them, or -EINVAL.
 */
static int walk_types(const struct uksm_btf *btf, struct section layout,
		      u32 *offsets)
{
	u32 pos = 0, nr_types = 1;
	struct shape shape;
	u32 left, info;
	u64 bytes;

	while (pos < btf->types_bytes) {
		left = btf->types_bytes - pos;
		if (left < UKSM_BTF_TYPE_BYTES || nr_types == MAX_TYPES)
			return -EINVAL;
		info = uksm_btf_word(btf->types + pos + 4);
		if (!uksm_btf_name(btf, uksm_btf_word(btf->types + pos)) ||
		    find_shape(uksm_btf_kind(info), layout, &shape))
			return -EINVAL;
		bytes = UKSM_BTF_TYPE_BYTES + shape.fixed +
			(u64)uksm_btf_vlen(info) * shape.each;
		if (bytes > left)
			return -EINVAL;
		if (offsets)
			offsets[nr_types] = pos;
		nr_types++;
		pos += bytes;
	}
	return nr_types;
}

/**
 * uksm_btf_init() - check a BTF blob and prepare for lookups in it
 * @btf: what to initialise
 * @blob: the blob, as in a .BTF section; any alignment
 * @blob_bytes: its length
 *
 * Context: may sleep.
 * Return: 0, -EINVAL when the blob is damaged or of an unknown format, -ENOMEM.
 * On failure @btf may be passed to uksm_btf_destroy() and to nothing else.
 */
int uksm_btf_init(struct uksm_btf *btf, const void *blob, size_t blob_bytes)
{
	struct section rest, types, strings, layout = {};
	const u8 *header = blob;
	u32 header_bytes;
	int nr_types;

	*btf = (struct uksm_btf){};
	if (blob_bytes < HEADER_BYTES || blob_bytes > U32_MAX)
		return -EINVAL;
	if ((header[0] | header[1] << 8) != BTF_MAGIC ||
	    header[2] != BTF_VERSION)
		return -EINVAL;
	header_bytes = uksm_btf_word(header + 4);
	if (header_bytes < HEADER_BYTES || header_bytes > blob_bytes)
		return -EINVAL;

	rest.start = header + header_bytes;
	rest.bytes = blob_bytes - header_bytes;
	if (find_section(header + 8, rest, &types) ||
	    find_section(header + 16, rest, &strings))
		return -EINVAL;
	if (header_bytes >= LAYOUT_END &&
	    find_section(header + 24, rest, &layout))
		return -EINVAL;
	if (!strings.bytes || strings.start[0] ||
	    strings.start[strings.bytes - 1])
		return -EINVAL;

	btf->types = types.start;
	btf->types_bytes = types.bytes;
	btf->strings = (const char *)strings.start;
	btf->strings_bytes = strings.bytes;
	nr_types = walk_types(btf, layout, NULL);
	if (nr_types < 0)
		return nr_types;

	btf->offsets = kvmalloc_array(nr_types, sizeof(*btf->offsets),
				      GFP_KERNEL);
	if (!btf->offsets)
		return -ENOMEM;
	btf->offsets[0] = 0;
	walk_types(btf, layout, btf->offsets);
	btf->nr_types = nr_types;
	return 0;
}

/**
 * uksm_btf_destroy() - free what uksm_btf_init() allocated
 * @btf: what it initialised, or zeroes
 *
 * Context: may sleep.
 */
void uksm_btf_destroy(struct uksm_btf *btf)
{
	kvfree(btf->offsets);
	*btf = (struct uksm_btf){};
}

/**
 * uksm_btf_get_type() - take the record of a type apart
 * @btf: where it is
 * @id: the type's id, which may be any number
 * @type: the answer
 *
 * Context: any.
 * Return: false for void, which has no record, and for ids out of bounds.
 */
bool uksm_btf_get_type(const struct uksm_btf *btf, u32 id,
		       struct uksm_btf_record *type)
{
	const u8 *start;
	u32 info;

	if (!id || id >= btf->nr_types)
		return false;

	start = btf->types + btf->offsets[id];
	info = uksm_btf_word(start + 4);
	/* In bounds: walk_types(). */
	type->name = btf->strings + uksm_btf_word(start);
	type->kind = uksm_btf_kind(info);
	type->vlen = uksm_btf_vlen(info);
	type->flag = info >> 31;
	type->ref = uksm_btf_word(start + 8);
	type->extra = start + UKSM_BTF_TYPE_BYTES;
	return true;
}
