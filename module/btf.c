// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader of BTF, for one purpose: to compare what the running kernel says of
 * its structs and functions with what the module was built for.
 *
 * The blob is treated as if it came from a stranger.  uksm_btf_init() walks it
 * once and refuses it unless every record and its name lie inside it; after that
 * only type ids and the names of members can point anywhere, and they are checked
 * each time one is followed (get_type(), get_name()).  Types
 * refer to each other freely and can form circles: so everything that follows
 * references is bounded (MAX_HOPS, MAX_NESTING, MAX_MEMBERS).
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
#include <linux/string.h>
#include <uapi/linux/btf.h>

#define HEADER_BYTES	24u	/* as it was first; newer ones are longer */
#define LAYOUT_END	32u	/* ... and then can name a layout section */
#define TYPE_BYTES	12u	/* what every record begins with */
#define MEMBER_BYTES	12u
#define PARAM_BYTES	8u

#define MAX_TYPES	(1u << 22)	/* kernels have some 150 000 */
#define MAX_HOPS	32	/* pointers and qualifiers on top of each other */
#define MAX_NESTING	8	/* function pointers or anonymous structs in such */
#define MAX_MEMBERS	(1u << 16)	/* looked at to find one of them */

/* struct record - one type, taken apart */
struct record {
	const char *name;
	u32 kind;
	u32 vlen;
	bool flag;	/* kind_flag */
	u32 ref;	/* size, or the type referred to */
	const u8 *extra;
};

/*
 * struct shape - how long a record of one kind is behind its first TYPE_BYTES:
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
	[BTF_KIND_STRUCT] = { .each = MEMBER_BYTES },
	[BTF_KIND_UNION] = { .each = MEMBER_BYTES },
	[BTF_KIND_ENUM] = { .each = 8 },
	[BTF_KIND_FWD] = {},
	[BTF_KIND_TYPEDEF] = {},
	[BTF_KIND_VOLATILE] = {},
	[BTF_KIND_CONST] = {},
	[BTF_KIND_RESTRICT] = {},
	[BTF_KIND_FUNC] = {},	/* its vlen is the linkage */
	[BTF_KIND_FUNC_PROTO] = { .each = PARAM_BYTES },
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

static u32 word_at(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/*
 * The macros of uapi/linux/btf.h are those of the kernel built against.  These
 * are of 7.3, which gave vlen and kind bits that were unused and zero before.
 */
static u32 kind_of(u32 info)
{
	return info >> 24 & 0x7f;
}

static u32 vlen_of(u32 info)
{
	return info & 0xffffff;
}

/* NULL when out of bounds.  The last string is terminated, see init. */
static const char *get_name(const struct uksm_btf *btf, u32 offset)
{
	return offset < btf->strings_bytes ? btf->strings + offset : NULL;
}

/* False for void, which has no record, and for ids out of bounds. */
static bool get_type(const struct uksm_btf *btf, u32 id, struct record *type)
{
	const u8 *start;
	u32 info;

	if (!id || id >= btf->nr_types)
		return false;

	start = btf->types + btf->offsets[id];
	info = word_at(start + 4);
	type->name = btf->strings + word_at(start); /* in bounds: walk_types() */
	type->kind = kind_of(info);
	type->vlen = vlen_of(info);
	type->flag = info >> 31;
	type->ref = word_at(start + 8);
	type->extra = start + TYPE_BYTES;
	return true;
}

/*
 * Set up the section that the words at @header describe.  @rest is the blob
 * behind the header, from which sections are counted.
 */
static int find_section(const u8 *header, struct section rest,
			struct section *section)
{
	u32 offset = word_at(header), bytes = word_at(header + 4);

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
		if (left < TYPE_BYTES || nr_types == MAX_TYPES)
			return -EINVAL;
		info = word_at(btf->types + pos + 4);
		if (!get_name(btf, word_at(btf->types + pos)) ||
		    find_shape(kind_of(info), layout, &shape))
			return -EINVAL;
		bytes = TYPE_BYTES + shape.fixed +
			(u64)vlen_of(info) * shape.each;
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
	header_bytes = word_at(header + 4);
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

static bool is_qualifier(u32 kind)
{
	return kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

static bool is_aggregate(u32 kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

/* The type below qualifiers and typedefs; -EINVAL when that is void. */
static int get_plain_type(const struct uksm_btf *btf, u32 id,
			  struct record *type)
{
	unsigned int hops;

	for (hops = 0; hops < MAX_HOPS; hops++) {
		if (!get_type(btf, id, type))
			return -EINVAL;
		if (!is_qualifier(type->kind) && type->kind != BTF_KIND_TYPEDEF)
			return 0;
		id = type->ref;
	}
	return -ELOOP;
}

/* Width of an object of a type, in bits. */
static int type_bits(const struct uksm_btf *btf, u32 id, u32 *bits)
{
	struct record type;
	unsigned int hops;
	u64 count = 1;
	int err;

	/* Each turn but the last peels one array. */
	for (hops = 0; hops < MAX_HOPS; hops++) {
		err = get_plain_type(btf, id, &type);
		if (err)
			return err;
		switch (type.kind) {
		case BTF_KIND_ARRAY:
			count *= word_at(type.extra + 8);
			id = word_at(type.extra);
			break;
		case BTF_KIND_PTR:
			type.ref = sizeof(u64);
			fallthrough;
		case BTF_KIND_INT:
		case BTF_KIND_FLOAT:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
			if (count && type.ref > U32_MAX / 8 / count)
				return -EINVAL;
			*bits = count * type.ref * 8;
			return 0;
		default:
			return -EINVAL;
		}
		if (count > U32_MAX)
			return -EINVAL;
	}
	return -ELOOP;
}

/*
 * struct member_search - what the levels of a search for a member share
 * @btf: where
 * @name: the member's name
 * @budget: members that may still be looked at.  Without it a blob of a few
 *	    hundred bytes could keep us busy for ever: anonymous structs that
 *	    consist of each other, several at a time.
 * @offset_bits: answer
 * @size_bits: answer
 */
struct member_search {
	const struct uksm_btf *btf;
	const char *name;
	u32 budget;
	u32 offset_bits;
	u32 size_bits;
};

/*
 * Look for a member in @outer, which is at @base_bits of the struct asked for.
 * Recursion, into anonymous members only, ends at MAX_NESTING.
 */
static int find_member(struct member_search *search,
		       const struct record *outer, u64 base_bits,
		       unsigned int nesting)
{
	const u8 *member = outer->extra;
	struct record inner;
	const char *name;
	u32 i, offset, bits;
	int err;

	for (i = 0; i < outer->vlen; i++, member += MEMBER_BYTES) {
		if (!search->budget--)
			return -ELOOP;
		name = get_name(search->btf, word_at(member));
		if (!name)
			return -EINVAL;

		offset = word_at(member + 8);
		bits = 0;
		if (outer->flag) {
			bits = offset >> 24;
			offset &= 0xffffff;
		}

		if (!strcmp(name, search->name)) {
			if (base_bits + offset > U32_MAX)
				return -EINVAL;
			search->offset_bits = base_bits + offset;
			search->size_bits = bits;
			return bits ? 0 : type_bits(search->btf,
						    word_at(member + 4),
						    &search->size_bits);
		}

		if (*name)
			continue;
		err = get_plain_type(search->btf, word_at(member + 4), &inner);
		if (err)
			return err;
		if (!is_aggregate(inner.kind))
			continue;
		if (nesting == MAX_NESTING)
			return -ELOOP;
		err = find_member(search, &inner, base_bits + offset,
				  nesting + 1);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

static int answer_member(const struct uksm_btf *btf, const struct record *type,
			 const char *name, struct uksm_btf_query *answer)
{
	struct member_search search = {
		.btf = btf,
		.name = name,
		.budget = MAX_MEMBERS,
	};
	int err;

	err = find_member(&search, type, 0, 0);
	if (err)
		return err;
	if ((u64)search.offset_bits + search.size_bits > (u64)type->ref * 8)
		return -EINVAL;
	answer->offset_bits = search.offset_bits;
	answer->size_bits = search.size_bits;
	return 0;
}

/*
 * struct text - a string under construction; its first error sticks
 */
struct text {
	char *end;
	size_t room;	/* the NUL that is always there excluded */
	int error;
};

static void put(struct text *text, const char *string)
{
	size_t length;

	if (text->error)
		return;
	length = strnlen(string, text->room + 1);
	if (length > text->room) {
		text->error = -E2BIG;
		return;
	}
	memcpy(text->end, string, length);
	text->end += length;
	text->room -= length;
	*text->end = '\0';
}

static void put_stars(struct text *text, unsigned int stars)
{
	while (stars--)
		put(text, "*");
}

static void put_number(struct text *text, u32 number)
{
	char digits[11];
	char *first = &digits[sizeof(digits) - 1];

	*first = '\0';
	do {
		*--first = '0' + number % 10;
		number /= 10;
	} while (number);
	put(text, first);
}

/* gcc has its own names for some integers; clang, and people, have these. */
static const char *integer_name(const char *name)
{
	static const struct {
		const char *gcc;
		const char *usual;
	} names[] = {
		{ "short int", "short" },
		{ "short unsigned int", "unsigned short" },
		{ "long int", "long" },
		{ "long unsigned int", "unsigned long" },
		{ "long long int", "long long" },
		{ "long long unsigned int", "unsigned long long" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(name, names[i].gcc))
			return names[i].usual;
	}
	return name;
}

/* The word before the name of a type of this kind, NULL if it has no name. */
static const char *kind_word(const struct record *type)
{
	switch (type->kind) {
	case BTF_KIND_STRUCT:
		return "struct ";
	case BTF_KIND_UNION:
		return "union ";
	case BTF_KIND_FWD:
		return type->flag ? "union " : "struct ";
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return "enum ";
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPEDEF:
		return "";
	default:
		return NULL;
	}
}

static void put_named(struct text *text, const struct record *type)
{
	const char *word = kind_word(type), *name = type->name;

	if (!word) {
		text->error = -EINVAL;
		return;
	}
	if (type->kind == BTF_KIND_INT)
		name = integer_name(name);
	put(text, word);
	put(text, *name ? name : "{}");
}

static void put_type(struct text *text, const struct uksm_btf *btf, u32 id,
		     unsigned int nesting);

static void put_params(struct text *text, const struct uksm_btf *btf,
		       const struct record *proto, unsigned int nesting)
{
	const u8 *param = proto->extra;
	u32 i, type;

	put(text, "(");
	if (!proto->vlen)
		put(text, "void");
	for (i = 0; i < proto->vlen && !text->error; i++) {
		if (i)
			put(text, ", ");
		type = word_at(param + 4);
		if (!type)
			put(text, "...");
		else
			put_type(text, btf, type, nesting);
		param += PARAM_BYTES;
	}
	put(text, ")");
}

/* What a pointer can point to besides something that has a name. */
static void put_derived(struct text *text, const struct uksm_btf *btf,
			const struct record *type, unsigned int stars,
			unsigned int nesting)
{
	bool function = type->kind == BTF_KIND_FUNC_PROTO;

	if (nesting == MAX_NESTING) {
		text->error = -ELOOP;
		return;
	}
	put_type(text, btf, function ? type->ref : word_at(type->extra),
		 nesting + 1);
	put(text, " ");
	if (stars) {
		put(text, "(");
		put_stars(text, stars);
		put(text, ")");
	}
	if (function) {
		put_params(text, btf, type, nesting + 1);
	} else {
		put(text, "[");
		put_number(text, word_at(type->extra + 8));
		put(text, "]");
	}
}

/*
 * Recursion, through function types and arrays only, ends at MAX_NESTING or as
 * soon as the text is full, and each level adds to the text.
 */
static void put_type(struct text *text, const struct uksm_btf *btf, u32 id,
		     unsigned int nesting)
{
	struct record type = {};
	unsigned int stars = 0, hops;

	if (text->error)
		return;

	for (hops = 0; id; hops++) {
		if (hops == MAX_HOPS) {
			text->error = -ELOOP;
			return;
		}
		if (!get_type(btf, id, &type)) {
			text->error = -EINVAL;
			return;
		}
		if (type.kind == BTF_KIND_PTR)
			stars++;
		else if (!is_qualifier(type.kind))
			break;
		id = type.ref;
	}

	if (id && (type.kind == BTF_KIND_FUNC_PROTO ||
		   type.kind == BTF_KIND_ARRAY)) {
		put_derived(text, btf, &type, stars, nesting);
		return;
	}
	if (id)
		put_named(text, &type);
	else
		put(text, "void");
	if (stars)
		put(text, " ");
	put_stars(text, stars);
}

static int answer_func(const struct uksm_btf *btf, const struct record *func,
		       struct uksm_btf_query *answer)
{
	struct text text = {
		.end = answer->text,
		.room = sizeof(answer->text) - 1,
	};
	struct record proto;

	if (!get_type(btf, func->ref, &proto) ||
	    proto.kind != BTF_KIND_FUNC_PROTO)
		return -EINVAL;
	put_type(&text, btf, func->ref, 0);
	return text.error;
}

static bool same_answer(const struct uksm_btf_query *a,
			const struct uksm_btf_query *b)
{
	if (a->error || b->error)
		return a->error == b->error;
	return a->size_bytes == b->size_bytes &&
	       a->offset_bits == b->offset_bits &&
	       a->size_bits == b->size_bits && !strcmp(a->text, b->text);
}

/* @type has the name that @query asks for. */
static void answer_query(const struct uksm_btf *btf, const struct record *type,
			 struct uksm_btf_query *query)
{
	struct uksm_btf_query answer = {};

	switch (query->what) {
	case UKSM_BTF_STRUCT:
		answer.size_bytes = type->ref;
		break;
	case UKSM_BTF_MEMBER:
		answer.error = answer_member(btf, type, query->member, &answer);
		break;
	case UKSM_BTF_FUNC:
		answer.error = answer_func(btf, type, &answer);
		break;
	}

	if (query->nr_found++) {
		if (!same_answer(query, &answer))
			query->error = -ENOTUNIQ;
		return;
	}
	query->error = answer.error;
	query->size_bytes = answer.size_bytes;
	query->offset_bits = answer.offset_bits;
	query->size_bits = answer.size_bits;
	memcpy(query->text, answer.text, sizeof(query->text));
}

static void reset_query(struct uksm_btf_query *query)
{
	query->error = -ENOENT;
	query->nr_found = 0;
	query->size_bytes = 0;
	query->offset_bits = 0;
	query->size_bits = 0;
	query->text[0] = '\0';
}

/**
 * uksm_btf_lookup() - answer any number of questions in one pass over all types
 * @btf: where to look
 * @queries: the questions; every field that is not an input is written
 * @nr_queries: how many
 *
 * A prototype is told as a C programmer would write it without names, say
 *
 *	void (struct vm_area_struct *, unsigned long, pte_t *)
 *	int (struct page *, int (*)(struct list_head *, ...), void **)
 *
 * Typedefs are not looked behind.  const, volatile, restrict and type tags are
 * left out everywhere, as no calling convention depends on them.  Integers have
 * their usual names whatever compiler built the kernel.  A type without a name
 * is `struct {}`, `union {}` or `enum {}`.  Arrays are `int (*)[4]`.
 *
 * Several structs or functions may share a name, being static or local to their
 * files.  That is no error as long as all of them give the same answer.
 *
 * Context: any; some 1 KiB of stack.
 * Return: 0 when all queries are answered, or the error of the first that is
 * not.
 */
int uksm_btf_lookup(const struct uksm_btf *btf, struct uksm_btf_query *queries,
		    unsigned int nr_queries)
{
	struct record type;
	unsigned int i;
	u32 id, kind;

	for (i = 0; i < nr_queries; i++)
		reset_query(&queries[i]);

	for (id = 1; id < btf->nr_types; id++) {
		if (!get_type(btf, id, &type) ||
		    (type.kind != BTF_KIND_STRUCT &&
		     type.kind != BTF_KIND_FUNC))
			continue;
		for (i = 0; i < nr_queries; i++) {
			kind = queries[i].what == UKSM_BTF_FUNC ?
				BTF_KIND_FUNC : BTF_KIND_STRUCT;
			if (type.kind == kind &&
			    !strcmp(type.name, queries[i].name))
				answer_query(btf, &type, &queries[i]);
		}
	}

	for (i = 0; i < nr_queries; i++) {
		if (queries[i].error)
			return queries[i].error;
	}
	return 0;
}
