// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions about structs and functions, answered from a BTF blob.
 */
#include "btf.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "btf_record.h"

#define MAX_MEMBERS	(1u << 16)	/* looked at to find one of them */

static bool is_aggregate(u32 kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

/* The type below qualifiers and typedefs; -EINVAL when that is void. */
static int get_plain_type(const struct uksm_btf *btf, u32 id,
			  struct uksm_btf_record *type)
{
	unsigned int hops;

	for (hops = 0; hops < UKSM_BTF_MAX_HOPS; hops++) {
		if (!uksm_btf_get_type(btf, id, type))
			return -EINVAL;
		if (!uksm_btf_is_qualifier(type->kind) &&
		    type->kind != BTF_KIND_TYPEDEF)
			return 0;
		id = type->ref;
	}
	return -ELOOP;
}

/* Width of an object of a type, in bits. */
static int type_bits(const struct uksm_btf *btf, u32 id, u32 *bits)
{
	struct uksm_btf_record type;
	unsigned int hops;
	u64 count = 1;
	int err;

	/* Each turn but the last peels one array. */
	for (hops = 0; hops < UKSM_BTF_MAX_HOPS; hops++) {
		err = get_plain_type(btf, id, &type);
		if (err)
			return err;
		switch (type.kind) {
		case BTF_KIND_ARRAY:
			count *= uksm_btf_word(type.extra + 8);
			id = uksm_btf_word(type.extra);
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
 * Recursion, into anonymous members only, ends at UKSM_BTF_MAX_NESTING.
 */
static int find_member(struct member_search *search,
		       const struct uksm_btf_record *outer, u64 base_bits,
		       unsigned int nesting)
{
	const u8 *member = outer->extra;
	struct uksm_btf_record inner;
	const char *name;
	u32 i, offset, bits;
	int err;

	for (i = 0; i < outer->vlen; i++, member += UKSM_BTF_MEMBER_BYTES) {
		if (!search->budget--)
			return -ELOOP;
		name = uksm_btf_name(search->btf, uksm_btf_word(member));
		if (!name)
			return -EINVAL;

		offset = uksm_btf_word(member + 8);
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
						    uksm_btf_word(member + 4),
						    &search->size_bits);
		}

		if (*name)
			continue;
		err = get_plain_type(search->btf, uksm_btf_word(member + 4),
				     &inner);
		if (err)
			return err;
		if (!is_aggregate(inner.kind))
			continue;
		if (nesting == UKSM_BTF_MAX_NESTING)
			return -ELOOP;
		err = find_member(search, &inner, base_bits + offset,
				  nesting + 1);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

static int answer_member(const struct uksm_btf *btf,
			 const struct uksm_btf_record *type, const char *name,
			 struct uksm_btf_query *answer)
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
static void answer_query(const struct uksm_btf *btf,
			 const struct uksm_btf_record *type,
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
		answer.error = uksm_btf_prototype(btf, type, answer.text,
						  sizeof(answer.text));
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
	struct uksm_btf_record type;
	unsigned int i;
	u32 id, kind;

	for (i = 0; i < nr_queries; i++)
		reset_query(&queries[i]);

	for (id = 1; id < btf->nr_types; id++) {
		if (!uksm_btf_get_type(btf, id, &type) ||
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
