/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_BTF_RECORD_H
#define UKSM_BTF_RECORD_H

#include <linux/types.h>
#include <uapi/linux/btf.h>

#include "btf.h"

/*
 * What the files of the BTF reader share, and nobody else.  Type ids and the
 * names of members are checked here, each time one is followed.
 */

#define UKSM_BTF_TYPE_BYTES	12u	/* what every record begins with */
#define UKSM_BTF_MEMBER_BYTES	12u
#define UKSM_BTF_PARAM_BYTES	8u

/* Pointers and qualifiers on top of each other. */
#define UKSM_BTF_MAX_HOPS	32
/* Function pointers or anonymous structs in each other. */
#define UKSM_BTF_MAX_NESTING	8

/**
 * struct uksm_btf_record - one type, taken apart
 * @name: its name, "" if it has none
 * @kind: BTF_KIND_*
 * @vlen: how many members, parameters or the like it has
 * @flag: kind_flag, whose meaning depends on @kind
 * @ref: its size in bytes, or the id of the type referred to
 * @extra: what follows the part that all records have
 */
struct uksm_btf_record {
	const char *name;
	u32 kind;
	u32 vlen;
	bool flag;
	u32 ref;
	const u8 *extra;
};

static inline u32 uksm_btf_word(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/*
 * The macros of uapi/linux/btf.h are those of the kernel built against.  These
 * are of 7.3, which gave vlen and kind bits that were unused and zero before.
 */
static inline u32 uksm_btf_kind(u32 info)
{
	return info >> 24 & 0x7f;
}

static inline u32 uksm_btf_vlen(u32 info)
{
	return info & 0xffffff;
}

/* NULL when out of bounds.  The last string is terminated: uksm_btf_init(). */
static inline const char *uksm_btf_name(const struct uksm_btf *btf, u32 offset)
{
	return offset < btf->strings_bytes ? btf->strings + offset : NULL;
}

static inline bool uksm_btf_is_qualifier(u32 kind)
{
	return kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

bool uksm_btf_get_type(const struct uksm_btf *btf, u32 id,
		       struct uksm_btf_record *type);
int uksm_btf_prototype(const struct uksm_btf *btf,
		       const struct uksm_btf_record *func, char *text,
		       size_t text_bytes);

#endif /* UKSM_BTF_RECORD_H */
