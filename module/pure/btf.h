/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_BTF_H
#define UKSM_BTF_H

#include <linux/types.h>

#define UKSM_BTF_TEXT_BYTES	256	/* a prototype's text, with its NUL */

/**
 * struct uksm_btf - a BTF blob that has been walked once and found whole
 * @types: type section, inside the caller's blob
 * @strings: string section, inside the caller's blob; its last byte is NUL
 * @offsets: for every type id where it starts in @types; [0] is void, unused
 * @types_bytes: length of @types
 * @strings_bytes: length of @strings
 * @nr_types: entries in @offsets
 *
 * All of it private to the reader (btf_record.h).  The blob must stay until uksm_btf_destroy().
 */
struct uksm_btf {
	const u8 *types;
	const char *strings;
	u32 *offsets;
	u32 types_bytes;
	u32 strings_bytes;
	u32 nr_types;
};

/**
 * enum uksm_btf_what - what a query asks for
 * @UKSM_BTF_STRUCT: the size of struct @name
 * @UKSM_BTF_MEMBER: where @member of struct @name is, looking through
 *		     anonymous structs and unions inside it
 * @UKSM_BTF_FUNC: the prototype of function @name as text
 */
enum uksm_btf_what {
	UKSM_BTF_STRUCT,
	UKSM_BTF_MEMBER,
	UKSM_BTF_FUNC,
};

/**
 * struct uksm_btf_query - one question for uksm_btf_lookup(), and its answer
 * @what: the question
 * @name: struct or function asked for
 * @member: UKSM_BTF_MEMBER: its member; unused otherwise
 * @error: 0 when answered, or
 *	   -ENOENT: no such struct, member or function;
 *	   -ENOTUNIQ: several of this name, and they answer differently;
 *	   -E2BIG: the prototype's text does not fit;
 *	   -ELOOP: types nested more deeply than any real kernel's;
 *	   -EINVAL: the blob contradicts itself there
 * @nr_found: how many structs or functions have this name
 * @size_bytes: UKSM_BTF_STRUCT: sizeof
 * @offset_bits: UKSM_BTF_MEMBER: where it starts, in bits from the start of
 *		 struct @name
 * @size_bits: UKSM_BTF_MEMBER: its width; 0 for a flexible array
 * @text: UKSM_BTF_FUNC: as uksm_btf_lookup() describes
 *
 * When @error is not 0, no other answer but @nr_found means anything.
 */
struct uksm_btf_query {
	enum uksm_btf_what what;
	const char *name;
	const char *member;

	int error;
	u32 nr_found;
	u32 size_bytes;
	u32 offset_bits;
	u32 size_bits;
	char text[UKSM_BTF_TEXT_BYTES];
};

int uksm_btf_init(struct uksm_btf *btf, const void *blob, size_t blob_bytes);
void uksm_btf_destroy(struct uksm_btf *btf);
int uksm_btf_lookup(const struct uksm_btf *btf, struct uksm_btf_query *queries,
		    unsigned int nr_queries);

#endif /* UKSM_BTF_H */
