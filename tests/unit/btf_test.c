// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of module/pure/btf*.c: on blobs made here piece by piece, on damaged
 * ones, and on those of real kernels (files named as arguments).
 */
#include "../../module/pure/btf.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/limits.h>
#include <uapi/linux/btf.h>

/* struct blob - BTF under construction */
struct blob {
	u8 types[1 << 16];
	char strings[1 << 16];
	u8 layout[256];
	u32 types_bytes, strings_bytes, layout_bytes;
	u32 last_id;
};

/* struct flat - a finished blob, in memory of exactly its size */
struct flat {
	u8 *bytes;
	size_t size;
};

static void put_word(u8 *to, u32 word)
{
	to[0] = word;
	to[1] = word >> 8;
	to[2] = word >> 16;
	to[3] = word >> 24;
}

static void add_word(struct blob *blob, u32 word)
{
	if (blob->types_bytes + 4 > sizeof(blob->types))
		abort();
	put_word(blob->types + blob->types_bytes, word);
	blob->types_bytes += 4;
}

static u32 add_string(struct blob *blob, const char *string)
{
	u32 at = blob->strings_bytes;
	size_t bytes = strlen(string) + 1;

	if (!*string)
		return 0;
	if (at + bytes > sizeof(blob->strings))
		abort();
	memcpy(blob->strings + at, string, bytes);
	blob->strings_bytes += bytes;
	return at;
}

static struct blob *new_blob(void)
{
	struct blob *blob = calloc(1, sizeof(*blob));

	if (!blob)
		abort();
	blob->strings_bytes = 1;
	return blob;
}

/* What all types begin with; returns the new one's id. */
static u32 add_type(struct blob *blob, u32 kind, const char *name, bool flag,
		    u32 vlen, u32 ref)
{
	add_word(blob, add_string(blob, name));
	add_word(blob, (u32)flag << 31 | kind << 24 | vlen);
	add_word(blob, ref);
	return ++blob->last_id;
}

static u32 add_int(struct blob *blob, const char *name, u32 bytes)
{
	u32 id = add_type(blob, BTF_KIND_INT, name, false, 0, bytes);

	add_word(blob, bytes * 8);
	return id;
}

static u32 add_pointer(struct blob *blob, u32 to)
{
	return add_type(blob, BTF_KIND_PTR, "", false, 0, to);
}

static u32 add_array(struct blob *blob, u32 of, u32 count)
{
	u32 id = add_type(blob, BTF_KIND_ARRAY, "", false, 0, 0);

	add_word(blob, of);
	add_word(blob, of);
	add_word(blob, count);
	return id;
}

static u32 add_struct(struct blob *blob, const char *name, u32 bytes,
		      bool flag, u32 members)
{
	return add_type(blob, BTF_KIND_STRUCT, name, flag, members, bytes);
}

static u32 add_union(struct blob *blob, const char *name, u32 bytes,
		     bool flag, u32 members)
{
	return add_type(blob, BTF_KIND_UNION, name, flag, members, bytes);
}

static void add_member(struct blob *blob, const char *name, u32 type,
		       u32 offset)
{
	add_word(blob, add_string(blob, name));
	add_word(blob, type);
	add_word(blob, offset);
}

static u32 add_proto(struct blob *blob, u32 result, u32 params)
{
	return add_type(blob, BTF_KIND_FUNC_PROTO, "", false, params, result);
}

static void add_param(struct blob *blob, const char *name, u32 type)
{
	add_word(blob, add_string(blob, name));
	add_word(blob, type);
}

static u32 add_func(struct blob *blob, const char *name, u32 proto)
{
	return add_type(blob, BTF_KIND_FUNC, name, false, 1, proto);
}

/* A function of no parameters that returns @result. */
static void add_getter(struct blob *blob, const char *name, u32 result)
{
	add_func(blob, name, add_proto(blob, result, 0));
}

/* Whether flatten() puts the types at the end, with nothing behind them. */
static bool types_last;

static struct flat flatten(const struct blob *blob)
{
	u32 header = blob->layout_bytes ? 32 : 24;
	u32 types_at = types_last ? blob->strings_bytes : 0;
	u32 strings_at = types_last ? 0 : blob->types_bytes;
	struct flat flat;
	u8 *at;

	flat.size = header + blob->types_bytes + blob->strings_bytes +
		    blob->layout_bytes;
	flat.bytes = malloc(flat.size);
	if (!flat.bytes)
		abort();
	at = flat.bytes;
	at[0] = BTF_MAGIC & 0xff;
	at[1] = BTF_MAGIC >> 8;
	at[2] = BTF_VERSION;
	at[3] = 0;
	put_word(at + 4, header);
	put_word(at + 8, types_at);
	put_word(at + 12, blob->types_bytes);
	put_word(at + 16, strings_at);
	put_word(at + 20, blob->strings_bytes);
	if (header == 32) {
		put_word(at + 24, blob->types_bytes + blob->strings_bytes);
		put_word(at + 28, blob->layout_bytes);
	}
	at += header;
	memcpy(at + types_at, blob->types, blob->types_bytes);
	memcpy(at + strings_at, blob->strings, blob->strings_bytes);
	memcpy(at + blob->types_bytes + blob->strings_bytes, blob->layout,
	       blob->layout_bytes);
	return flat;
}

static int init_error(const void *bytes, size_t size)
{
	struct uksm_btf btf;
	int err = uksm_btf_init(&btf, bytes, size);

	uksm_btf_destroy(&btf);
	return err;
}

/* Look up in a blob that is then thrown away. */
static int look_up(struct blob *blob, struct uksm_btf_query *queries,
		   unsigned int nr_queries)
{
	struct flat flat = flatten(blob);
	struct uksm_btf btf;
	int err;

	err = uksm_btf_init(&btf, flat.bytes, flat.size);
	expect(!err, "init: %d", err);
	if (!err)
		err = uksm_btf_lookup(&btf, queries, nr_queries);
	uksm_btf_destroy(&btf);
	free(flat.bytes);
	free(blob);
	return err;
}

#define STRUCT(name_)		{ .what = UKSM_BTF_STRUCT, .name = (name_) }
#define MEMBER(name_, member_) \
	{ .what = UKSM_BTF_MEMBER, .name = (name_), .member = (member_) }
#define FUNC(name_)		{ .what = UKSM_BTF_FUNC, .name = (name_) }

static void expect_size(const struct uksm_btf_query *query, u32 bytes)
{
	expect(!query->error && query->size_bytes == bytes,
	       "struct %s: error %d, %u bytes, not %u", query->name,
	       query->error, query->size_bytes, bytes);
}

static void expect_member(const struct uksm_btf_query *query, u32 offset,
			  u32 bits)
{
	expect(!query->error && query->offset_bits == offset &&
	       query->size_bits == bits,
	       "%s.%s: error %d, bit %u, %u wide, not at %u, %u wide",
	       query->name, query->member, query->error, query->offset_bits,
	       query->size_bits, offset, bits);
}

static void expect_text(const struct uksm_btf_query *query, const char *text)
{
	expect(!query->error && !strcmp(query->text, text),
	       "%s: error %d, `%s', not `%s'", query->name, query->error,
	       query->text, text);
}

static void expect_error(const struct uksm_btf_query *query, int error)
{
	expect(query->error == error, "%s%s%s: error %d, not %d", query->name,
	       query->member ? "." : "", query->member ? query->member : "",
	       query->error, error);
}

static void sizes_and_offsets(void)
{
	struct uksm_btf_query queries[] = {
		STRUCT("plain"), MEMBER("plain", "a"), MEMBER("plain", "pointer"),
		MEMBER("plain", "array"), MEMBER("plain", "matrix"),
		MEMBER("plain", "flexible"), MEMBER("plain", "inner"),
		MEMBER("plain", "typed"), MEMBER("plain", "wide"),
		MEMBER("plain", "kind"), MEMBER("plain", "number"),
		STRUCT("empty"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4);
	u32 pointer = add_pointer(blob, int_id);
	u32 array = add_array(blob, int_id, 5);
	u32 matrix = add_array(blob, array, 3);
	u32 flexible = add_array(blob, int_id, 0);
	u32 constant = add_type(blob, BTF_KIND_CONST, "", false, 0, int_id);
	u32 typed = add_type(blob, BTF_KIND_TYPEDEF, "typed_t", false, 0,
			     constant);
	u32 wide = add_type(blob, BTF_KIND_ENUM64, "wide", false, 0, 8);
	u32 kind = add_type(blob, BTF_KIND_ENUM, "kind", false, 1, 4);
	u32 number, inner;

	add_word(blob, 0);
	add_word(blob, 7);
	number = add_type(blob, BTF_KIND_FLOAT, "double", false, 0, 8);
	inner = add_struct(blob, "inner", 12, false, 1);
	add_member(blob, "deep", int_id, 64);
	add_struct(blob, "plain", 200, false, 10);
	add_member(blob, "a", int_id, 0);
	add_member(blob, "pointer", pointer, 64);
	add_member(blob, "array", array, 128);
	add_member(blob, "matrix", matrix, 288);
	add_member(blob, "inner", inner, 768);
	add_member(blob, "typed", typed, 864);
	add_member(blob, "wide", wide, 896);
	add_member(blob, "kind", kind, 960);
	add_member(blob, "number", number, 1024);
	add_member(blob, "flexible", flexible, 1600);
	add_struct(blob, "empty", 0, false, 0);

	expect(!look_up(blob, queries, ARRAY_SIZE(queries)), "some error");
	expect_size(&queries[0], 200);
	expect_member(&queries[1], 0, 32);
	expect_member(&queries[2], 64, 64);
	expect_member(&queries[3], 128, 160);
	expect_member(&queries[4], 288, 480);
	expect_member(&queries[5], 1600, 0);
	expect_member(&queries[6], 768, 96);
	expect_member(&queries[7], 864, 32);
	expect_member(&queries[8], 896, 64);
	expect_member(&queries[9], 960, 32);
	expect_member(&queries[10], 1024, 64);
	expect_size(&queries[11], 0);
}

static void bitfields(void)
{
	struct uksm_btf_query queries[] = {
		MEMBER("s", "whole"), MEMBER("s", "three"), MEMBER("s", "one"),
		MEMBER("s", "far"), MEMBER("s", "inside"), MEMBER("s", "ENUM"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "unsigned int", 4);
	u32 enum_id = add_type(blob, BTF_KIND_ENUM, "e", false, 2, 4);
	u32 inner;

	/* An enumerator is no member, though its record looks like one's. */
	add_word(blob, add_string(blob, "ENUM"));
	add_word(blob, int_id);
	add_word(blob, 0);
	add_word(blob, 0);
	inner = add_struct(blob, "", 4, true, 3);
	add_member(blob, "", enum_id, 1 << 24 | 7);	/* enum e : 1 */
	add_member(blob, "", int_id, 5 << 24);	/* int : 5 */
	add_member(blob, "inside", int_id, 2 << 24 | 5);
	add_struct(blob, "s", 0x200000, true, 5);
	add_member(blob, "whole", int_id, 0);
	add_member(blob, "three", int_id, 3 << 24 | 32);
	add_member(blob, "one", int_id, 1 << 24 | 35);
	add_member(blob, "", inner, 64);
	add_member(blob, "far", int_id, 31u << 24 | 0xffffe0);

	look_up(blob, queries, ARRAY_SIZE(queries));
	expect_member(&queries[0], 0, 32);
	expect_member(&queries[1], 32, 3);
	expect_member(&queries[2], 35, 1);
	expect_member(&queries[3], 0xffffe0, 31);
	expect_member(&queries[4], 69, 2);
	expect_error(&queries[5], -ENOENT);
}

/* Without kind_flag an offset has all 32 bits. */
static void large_offsets(void)
{
	struct uksm_btf_query queries[] = {
		MEMBER("s", "far"), MEMBER("beyond", "far"), MEMBER("wrap", "w"),
		MEMBER("huge", "array"), MEMBER("huge", "bits"),
		MEMBER("huge", "wraps"), MEMBER("huge", "fits"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4), inner;
	u32 huge = add_array(blob, add_array(blob, int_id, 0x10000), 0x10000);
	u32 wraps = add_array(blob, add_array(blob, huge, 0x10000), 0x10000);
	u32 bits = add_array(blob, int_id, 0x20000000);
	u32 fits = add_array(blob, int_id, 0x07ffffff);

	add_struct(blob, "s", 0x1fffffff, false, 1);
	add_member(blob, "far", int_id, 0xffffffd8);
	add_struct(blob, "beyond", 4, false, 1);
	add_member(blob, "far", int_id, 1);
	inner = add_struct(blob, "", 0x1fffffff, false, 1);
	add_member(blob, "w", int_id, 0x80000000);
	add_struct(blob, "wrap", 0xffffffff, false, 1);
	add_member(blob, "", inner, 0x80000000);
	add_struct(blob, "huge", 0xffffffff, false, 4);
	add_member(blob, "array", huge, 0);	/* 2^32 ints */
	add_member(blob, "bits", bits, 0);	/* 2^34 bits */
	add_member(blob, "wraps", wraps, 0);	/* 2^64 ints */
	add_member(blob, "fits", fits, 0);

	look_up(blob, queries, ARRAY_SIZE(queries));
	expect_member(&queries[0], 0xffffffd8, 32);
	expect_error(&queries[1], -EINVAL);
	expect_error(&queries[2], -EINVAL);
	expect_error(&queries[3], -EINVAL);
	expect_error(&queries[4], -EINVAL);
	expect_error(&queries[5], -EINVAL);
	expect_member(&queries[6], 0, 0xffffffe0);
}

static void anonymous_members(void)
{
	struct uksm_btf_query queries[] = {
		MEMBER("outer", "in_union"), MEMBER("outer", "deep"),
		MEMBER("outer", "tagged_member"), MEMBER("outer", "last"),
		MEMBER("outer", "hidden"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4);
	u32 in_struct, in_union, constant, tagged, named;

	in_struct = add_struct(blob, "", 8, false, 2);
	add_member(blob, "other", int_id, 0);
	add_member(blob, "deep", int_id, 32);
	in_union = add_union(blob, "", 8, false, 2);
	add_member(blob, "in_union", int_id, 0);
	add_member(blob, "", in_struct, 0);
	constant = add_type(blob, BTF_KIND_CONST, "", false, 0, in_union);
	/* -fms-extensions: `struct tagged;` as a member */
	tagged = add_struct(blob, "tagged", 4, false, 1);
	add_member(blob, "tagged_member", int_id, 0);
	named = add_struct(blob, "named", 4, false, 1);
	add_member(blob, "hidden", int_id, 0);

	add_struct(blob, "outer", 28, false, 5);
	add_member(blob, "first", int_id, 0);
	add_member(blob, "", constant, 64);
	add_member(blob, "", tagged, 128);
	add_member(blob, "name", named, 160);
	add_member(blob, "last", int_id, 192);

	look_up(blob, queries, ARRAY_SIZE(queries));
	expect_member(&queries[0], 64, 32);
	expect_member(&queries[1], 96, 32);
	expect_member(&queries[2], 128, 32);
	expect_member(&queries[3], 192, 32);
	/* A member of a named member is none of ours. */
	expect_error(&queries[4], -ENOENT);
}

static void what_is_not_there(void)
{
	struct uksm_btf_query queries[] = {
		STRUCT("nothing"), MEMBER("nothing", "a"), MEMBER("s", "nothing"),
		FUNC("nothing"), FUNC("s"), STRUCT("f"), STRUCT("u"),
		STRUCT("forward"), STRUCT("s_t"), STRUCT("plai"),
		STRUCT("plainer"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4), s;
	unsigned int i;

	s = add_struct(blob, "s", 4, false, 1);
	add_member(blob, "a", int_id, 0);
	add_type(blob, BTF_KIND_TYPEDEF, "s_t", false, 0, s);
	add_union(blob, "u", 4, false, 0);
	add_type(blob, BTF_KIND_FWD, "forward", false, 0, 0);
	add_struct(blob, "plain", 4, false, 0);
	add_getter(blob, "f", int_id);

	expect(look_up(blob, queries, ARRAY_SIZE(queries)) == -ENOENT,
	       "no error");
	for (i = 0; i < ARRAY_SIZE(queries); i++) {
		expect_error(&queries[i], -ENOENT);
		expect(queries[i].nr_found == (i == 2), "%s: %u found",
		       queries[i].name, queries[i].nr_found);
	}
	/* No types at all are no error of the blob's. */
	expect(look_up(new_blob(), queries, 1) == -ENOENT, "empty blob");
}

static void several_of_one_name(void)
{
	struct uksm_btf_query queries[] = {
		STRUCT("same"), MEMBER("same", "a"), MEMBER("same", "b"),
		STRUCT("differ"), MEMBER("differ", "a"), MEMBER("differ", "b"),
		FUNC("same"), FUNC("differ"), FUNC("thrice"),
		MEMBER("same", "moved"), MEMBER("same", "widened"),
		MEMBER("same", "added"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4), long_id = add_int(blob, "long", 8);
	u32 same_int = add_int(blob, "int", 4);
	u32 flexible = add_array(blob, int_id, 0);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		add_struct(blob, "same", 64, false, 5);
		add_member(blob, "a", int_id, 0);
		add_member(blob, i == 2 ? "c" : "b", int_id, 32);
		add_member(blob, "moved", int_id, i == 1 ? 64 : 96);
		add_member(blob, "widened", i == 1 ? int_id : long_id, 128);
		/* What is found at 0, 0 wide, looks like nothing found. */
		add_member(blob, i == 1 ? "added" : "other", flexible, 0);
	}
	add_struct(blob, "differ", 8, false, 1);
	add_member(blob, "a", int_id, 0);
	add_struct(blob, "differ", 16, false, 2);
	add_member(blob, "a", int_id, 0);
	add_member(blob, "b", int_id, 64);

	add_getter(blob, "same", int_id);
	add_getter(blob, "same", same_int);
	add_getter(blob, "differ", int_id);
	add_getter(blob, "differ", long_id);
	/* The odd one out, then again the first: still no agreement. */
	add_getter(blob, "thrice", int_id);
	add_getter(blob, "thrice", long_id);
	add_getter(blob, "thrice", int_id);

	expect(look_up(blob, queries, ARRAY_SIZE(queries)) == -ENOTUNIQ,
	       "lookup's result");
	expect_size(&queries[0], 64);
	expect(queries[0].nr_found == 3, "%u found", queries[0].nr_found);
	expect_member(&queries[1], 0, 32);
	expect_error(&queries[2], -ENOTUNIQ);	/* the third has none */
	expect_error(&queries[3], -ENOTUNIQ);
	expect_member(&queries[4], 0, 32);	/* what was asked is the same */
	expect_error(&queries[5], -ENOTUNIQ);
	expect_text(&queries[6], "int (void)");
	expect_error(&queries[7], -ENOTUNIQ);
	expect_error(&queries[8], -ENOTUNIQ);
	expect(queries[8].nr_found == 3, "%u found", queries[8].nr_found);
	expect_error(&queries[9], -ENOTUNIQ);
	expect_error(&queries[10], -ENOTUNIQ);
	expect_error(&queries[11], -ENOTUNIQ);
}

static void prototypes(void)
{
	static const struct {
		const char *name;
		const char *text;
	} expected[] = {
		{ "f_void", "void (void)" },
		{ "f_int", "int (void)" },
		{ "f_pte", "void (struct vm_area_struct *, unsigned long, pte_t *)" },
		{ "f_integers", "short (unsigned short, long, unsigned long, "
				"long long, unsigned long long, unsigned int, "
				"char, _Bool)" },
		{ "f_varargs", "int (char *, ...)" },
		{ "f_qualified", "char * (char *, char **, void *)" },
		{ "f_kinds", "union u * (struct fwd *, union ufwd *, enum e, "
			     "enum e64 *, double)" },
		{ "f_anonymous", "struct {} * (union {} *, enum {})" },
		{ "f_callback", "void (int (*)(char *, unsigned long), void *)" },
		{ "f_table", "void (int (**)(void))" },
		{ "f_array", "void (int (*)[4096], int (*)[0])" },
		{ "f_nonsense", "int (..., int)" },
		{ "f_returns", "int (*)(char *) (void)" },
		{ "f_typedefs", "pte_t (callback_t, callback_t *)" },
	};
	struct uksm_btf_query queries[ARRAY_SIZE(expected)];
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4);
	u32 char_id = add_int(blob, "char", 1);
	u32 string = add_pointer(blob, char_id);
	u32 ulong_id = add_int(blob, "long unsigned int", 8);
	u32 vma, pte, callback, callback_t, proto, id, u, other;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(expected); i++)
		queries[i] = (struct uksm_btf_query)FUNC(expected[i].name);

	add_getter(blob, "f_void", 0);
	add_getter(blob, "f_int", int_id);

	vma = add_struct(blob, "vm_area_struct", 8, false, 0);
	id = add_struct(blob, "", 8, false, 0);
	pte = add_type(blob, BTF_KIND_TYPEDEF, "pte_t", false, 0, id);
	vma = add_pointer(blob, vma);
	id = add_pointer(blob, pte);
	proto = add_proto(blob, 0, 3);
	add_param(blob, "vma", vma);
	add_param(blob, "address", ulong_id);
	add_param(blob, "ptep", id);
	add_func(blob, "f_pte", proto);

	id = add_int(blob, "short int", 2);
	for (i = 0; i < 7; i++) {
		static const char * const names[] = {
			"short unsigned int", "long int", "long unsigned int",
			"long long int", "long long unsigned int",
			"unsigned int", "_Bool",
		};

		add_int(blob, names[i], 8);
	}
	proto = add_proto(blob, id, 8);
	for (i = 1; i <= 6; i++)
		add_param(blob, "p", id + i);
	add_param(blob, "p", char_id);
	add_param(blob, "p", id + 7);
	add_func(blob, "f_integers", proto);

	proto = add_proto(blob, int_id, 2);
	add_param(blob, "format", string);
	add_param(blob, "", 0);
	add_func(blob, "f_varargs", proto);

	/* const char * const, volatile char ** restrict, const void __tag * */
	id = add_type(blob, BTF_KIND_CONST, "", false, 0, char_id);
	id = add_pointer(blob, id);
	id = add_type(blob, BTF_KIND_CONST, "", false, 0, id);
	other = add_type(blob, BTF_KIND_VOLATILE, "", false, 0, char_id);
	other = add_pointer(blob, add_pointer(blob, other));
	other = add_type(blob, BTF_KIND_RESTRICT, "", false, 0, other);
	u = add_type(blob, BTF_KIND_CONST, "", false, 0, 0);
	u = add_type(blob, BTF_KIND_TYPE_TAG, "user", false, 0, u);
	u = add_pointer(blob, u);
	proto = add_proto(blob, id, 3);
	add_param(blob, "a", id);
	add_param(blob, "b", other);
	add_param(blob, "c", u);
	add_func(blob, "f_qualified", proto);

	u = add_pointer(blob, add_union(blob, "u", 8, false, 0));
	id = add_pointer(blob, add_type(blob, BTF_KIND_FWD, "fwd", false, 0, 0));
	add_pointer(blob, add_type(blob, BTF_KIND_FWD, "ufwd", true, 0, 0));
	add_type(blob, BTF_KIND_ENUM, "e", false, 0, 4);
	add_pointer(blob, add_type(blob, BTF_KIND_ENUM64, "e64", false, 0, 8));
	add_type(blob, BTF_KIND_FLOAT, "double", false, 0, 8);
	proto = add_proto(blob, u, 5);
	add_param(blob, "a", id);
	add_param(blob, "b", id + 2);
	add_param(blob, "c", id + 3);
	add_param(blob, "d", id + 5);
	add_param(blob, "e", id + 6);
	add_func(blob, "f_kinds", proto);

	id = add_pointer(blob, add_struct(blob, "", 8, false, 0));
	add_pointer(blob, add_union(blob, "", 8, false, 0));
	add_type(blob, BTF_KIND_ENUM, "", false, 0, 4);
	proto = add_proto(blob, id, 2);
	add_param(blob, "a", id + 2);
	add_param(blob, "b", id + 3);
	add_func(blob, "f_anonymous", proto);

	callback = add_proto(blob, int_id, 2);
	add_param(blob, "a", string);
	add_param(blob, "b", ulong_id);
	callback = add_pointer(blob, callback);
	id = add_pointer(blob, 0);
	proto = add_proto(blob, 0, 2);
	add_param(blob, "callback", callback);
	add_param(blob, "data", id);
	add_func(blob, "f_callback", proto);

	id = add_pointer(blob, add_pointer(blob, add_proto(blob, int_id, 0)));
	proto = add_proto(blob, 0, 1);
	add_param(blob, "table", id);
	add_func(blob, "f_table", proto);

	id = add_pointer(blob, add_array(blob, int_id, 4096));
	other = add_pointer(blob, add_array(blob, int_id, 0));
	proto = add_proto(blob, 0, 2);
	add_param(blob, "four", id);
	add_param(blob, "none", other);
	add_func(blob, "f_array", proto);

	proto = add_proto(blob, int_id, 2);
	add_param(blob, "", 0);
	add_param(blob, "a", int_id);
	add_func(blob, "f_nonsense", proto);

	id = add_proto(blob, int_id, 1);
	add_param(blob, "a", string);
	add_getter(blob, "f_returns", add_pointer(blob, id));

	callback_t = add_type(blob, BTF_KIND_TYPEDEF, "callback_t", false, 0,
			      callback);
	id = add_pointer(blob, callback_t);
	proto = add_proto(blob, pte, 2);
	add_param(blob, "a", callback_t);
	add_param(blob, "b", id);
	add_func(blob, "f_typedefs", proto);

	look_up(blob, queries, ARRAY_SIZE(queries));
	for (i = 0; i < ARRAY_SIZE(expected); i++)
		expect_text(&queries[i], expected[i].text);
}

/* struct S (void) with a name that fills the text to its last byte, or more. */
static void text_that_just_fits(void)
{
	int excess;

	for (excess = -1; excess <= 1; excess++) {
		struct uksm_btf_query query = FUNC("f");
		struct blob *blob = new_blob();
		char name[UKSM_BTF_TEXT_BYTES];
		size_t length = UKSM_BTF_TEXT_BYTES - 1 -
				strlen("struct  (void)") + excess;

		memset(name, 'x', length);
		name[length] = '\0';
		add_getter(blob, "f", add_struct(blob, name, 0, false, 0));
		look_up(blob, &query, 1);
		expect_error(&query, excess > 0 ? -E2BIG : 0);
		if (!query.error)
			expect(strlen(query.text) ==
			       (size_t)(UKSM_BTF_TEXT_BYTES - 1 + excess),
			       "length %zu", strlen(query.text));
	}
}

/* What refers to itself, in all the ways there are. */
static void circles_come_to_an_end(void)
{
	static const u32 kinds[] = {
		BTF_KIND_PTR, BTF_KIND_CONST, BTF_KIND_VOLATILE,
		BTF_KIND_RESTRICT, BTF_KIND_TYPE_TAG,
	};
	struct uksm_btf_query query = FUNC("f");
	struct uksm_btf_query member = MEMBER("s", "m");
	struct blob *blob;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		blob = new_blob();
		add_getter(blob, "f", 3);
		add_type(blob, kinds[i], "", false, 0, 4);
		add_type(blob, kinds[i], "", false, 0, 3);
		look_up(blob, &query, 1);
		expect_error(&query, -ELOOP);
	}

	/* A member whose type is a typedef of itself, one of 2^n of itself */
	blob = new_blob();
	add_struct(blob, "s", 8, false, 1);
	add_member(blob, "m", 2, 0);
	add_type(blob, BTF_KIND_TYPEDEF, "t", false, 0, 2);
	look_up(blob, &member, 1);
	expect_error(&member, -ELOOP);

	blob = new_blob();
	add_struct(blob, "s", 8, false, 1);
	add_member(blob, "m", 2, 0);
	add_array(blob, 2, 1);
	look_up(blob, &member, 1);
	expect_error(&member, -ELOOP);

	/* int, but of zero times itself: no overflow, no end either */
	blob = new_blob();
	add_struct(blob, "s", 8, false, 1);
	add_member(blob, "m", 2, 0);
	add_array(blob, 2, 0);
	look_up(blob, &member, 1);
	expect_error(&member, -ELOOP);

	/* A function that returns itself, takes itself, takes arrays of that */
	blob = new_blob();
	add_proto(blob, 1, 0);
	add_func(blob, "f", 1);
	look_up(blob, &query, 1);
	expect_error(&query, -ELOOP);

	blob = new_blob();
	add_proto(blob, 0, 1);
	add_param(blob, "p", 1);
	add_func(blob, "f", 1);
	look_up(blob, &query, 1);
	expect_error(&query, -ELOOP);

	blob = new_blob();
	add_proto(blob, 0, 1);
	add_param(blob, "p", 2);
	add_array(blob, 2, 1);
	add_func(blob, "f", 1);
	look_up(blob, &query, 1);
	expect_error(&query, -ELOOP);

	/* A struct inside itself */
	blob = new_blob();
	add_struct(blob, "s", 8, false, 1);
	add_member(blob, "", 1, 0);
	look_up(blob, &member, 1);
	expect_error(&member, -ELOOP);

	/* 200 times on each of 8 levels: what only a budget bounds */
	blob = new_blob();
	for (i = 1; i <= 9; i++) {
		unsigned int copies = i == 9 ? 0 : 200;

		add_struct(blob, i == 1 ? "s" : "", 8, false, copies);
		while (copies--)
			add_member(blob, "", i + 1, 0);
	}
	look_up(blob, &member, 1);
	expect_error(&member, -ELOOP);
}

static void deep_but_real_nesting(void)
{
	struct uksm_btf_query queries[] = { MEMBER("s", "m"), FUNC("f") };
	struct blob *blob = new_blob();
	unsigned int i;
	u32 id, proto;

	/* Eight anonymous levels below struct s, and 31 qualifiers. */
	id = add_int(blob, "int", 4);
	id = add_struct(blob, "", 64, false, 1);
	add_member(blob, "m", 1, 32);
	for (i = 0; i < 7; i++) {
		u32 next = add_struct(blob, "", 64, false, 1);

		add_member(blob, "", id, 32);
		id = next;
	}
	add_struct(blob, "s", 64, false, 1);
	add_member(blob, "", id, 32);

	id = 1;
	for (i = 0; i < 30; i++)
		id = add_type(blob, BTF_KIND_CONST, "", false, 0, id);
	id = add_pointer(blob, id);
	proto = add_proto(blob, 0, 1);
	add_param(blob, "p", id);
	add_func(blob, "f", proto);

	look_up(blob, queries, ARRAY_SIZE(queries));
	expect_member(&queries[0], 9 * 32, 32);
	expect_text(&queries[1], "void (int *)");
}

static void broken_references(void)
{
	static const u32 wild[] = { 100, 1u << 20, 0x7fffffff, 0xffffffff };
	struct uksm_btf_query queries[] = {
		MEMBER("s", "m"), MEMBER("a", "m"), FUNC("param"),
		FUNC("result"), FUNC("proto"), MEMBER("name", "m"),
		MEMBER("array", "m"),
	};
	unsigned int i, q;

	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		struct blob *blob = new_blob();
		u32 id;

		add_struct(blob, "s", 8, false, 1);
		add_member(blob, "m", wild[i], 0);
		add_struct(blob, "a", 8, false, 1);
		add_member(blob, "", wild[i], 0);
		id = add_proto(blob, 0, 1);
		add_param(blob, "p", wild[i]);
		add_func(blob, "param", id);
		id = add_proto(blob, wild[i], 0);
		add_func(blob, "result", id);
		add_func(blob, "proto", wild[i]);
		add_struct(blob, "name", 8, false, 1);
		add_word(blob, wild[i] | 0x10000);
		add_word(blob, 1);
		add_word(blob, 0);
		id = add_array(blob, wild[i], 1);
		add_struct(blob, "array", 8, false, 1);
		add_member(blob, "m", id, 0);

		expect(look_up(blob, queries, ARRAY_SIZE(queries)) == -EINVAL,
		       "lookup's result");
		for (q = 0; q < ARRAY_SIZE(queries); q++)
			expect_error(&queries[q], -EINVAL);
	}
}

/* Types where they make no sense. */
static void senseless_references(void)
{
	struct uksm_btf_query queries[] = {
		MEMBER("void", "m"), MEMBER("func", "m"), FUNC("takes_func"),
		FUNC("is_int"), FUNC("is_void"), FUNC("takes_var"),
	};
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4), func, var, proto;
	unsigned int q;

	proto = add_proto(blob, 0, 0);
	func = add_func(blob, "func", proto);
	var = add_type(blob, BTF_KIND_VAR, "var", false, 0, int_id);
	add_word(blob, 0);
	add_struct(blob, "void", 8, false, 1);
	add_member(blob, "m", 0, 0);
	add_struct(blob, "func", 8, false, 1);
	add_member(blob, "m", func, 0);
	proto = add_proto(blob, 0, 1);
	add_param(blob, "p", func);
	add_func(blob, "takes_func", proto);
	add_func(blob, "is_int", int_id);
	add_func(blob, "is_void", 0);
	proto = add_proto(blob, 0, 1);
	add_param(blob, "p", var);
	add_func(blob, "takes_var", proto);

	look_up(blob, queries, ARRAY_SIZE(queries));
	for (q = 0; q < ARRAY_SIZE(queries); q++)
		expect_error(&queries[q], -EINVAL);
}

/* A blob with a type of every kind, and queries for all that is in it. */
static struct blob *every_kind(void)
{
	struct blob *blob = new_blob();
	u32 int_id = add_int(blob, "int", 4);
	u32 pointer = add_pointer(blob, int_id);
	u32 array = add_array(blob, pointer, 3);
	u32 in_union, s, enum_id, var, proto, fwd, td;

	in_union = add_union(blob, "", 8, false, 2);
	add_member(blob, "x", int_id, 0);
	add_member(blob, "y", pointer, 0);
	s = add_struct(blob, "s", 48, true, 4);
	add_member(blob, "m", int_id, 0);
	add_member(blob, "", in_union, 64);
	add_member(blob, "array", array, 128);
	add_member(blob, "bit", int_id, 1 << 24 | 320);
	enum_id = add_type(blob, BTF_KIND_ENUM, "e", false, 2, 4);
	add_word(blob, add_string(blob, "ONE"));
	add_word(blob, 1);
	add_word(blob, add_string(blob, "TWO"));
	add_word(blob, 2);
	fwd = add_pointer(blob, add_type(blob, BTF_KIND_FWD, "fwd", false, 0, 0));
	td = add_type(blob, BTF_KIND_TYPEDEF, "td", false, 0, s);
	td = add_type(blob, BTF_KIND_VOLATILE, "", false, 0, td);
	td = add_type(blob, BTF_KIND_CONST, "", false, 0, td);
	td = add_type(blob, BTF_KIND_TYPE_TAG, "rcu", false, 0, td);
	td = add_pointer(blob, td);
	td = add_type(blob, BTF_KIND_RESTRICT, "", false, 0, td);
	proto = add_proto(blob, int_id, 4);
	add_param(blob, "a", td);
	add_param(blob, "b", fwd);
	add_param(blob, "c", enum_id);
	add_param(blob, "", 0);
	add_func(blob, "f", proto);
	var = add_type(blob, BTF_KIND_VAR, "var", false, 0, int_id);
	add_word(blob, 1);
	add_type(blob, BTF_KIND_DATASEC, ".data", false, 1, 4);
	add_word(blob, var);
	add_word(blob, 0);
	add_word(blob, 4);
	add_type(blob, BTF_KIND_FLOAT, "float", false, 0, 4);
	add_type(blob, BTF_KIND_DECL_TAG, "tag", false, 0, s);
	add_word(blob, ~0u);
	add_type(blob, BTF_KIND_ENUM64, "e64", true, 1, 8);
	add_word(blob, add_string(blob, "BIG"));
	add_word(blob, 0);
	add_word(blob, 1);
	/* Found only if every record before it had its right length. */
	add_struct(blob, "last", 77, false, 0);
	return blob;
}

static const struct uksm_btf_query every_query[] = {
	STRUCT("s"), MEMBER("s", "m"), MEMBER("s", "y"), MEMBER("s", "array"),
	MEMBER("s", "bit"), FUNC("f"), STRUCT("last"), FUNC("nothing"),
};

static void every_kind_has_its_length(void)
{
	struct uksm_btf_query queries[ARRAY_SIZE(every_query)];

	memcpy(queries, every_query, sizeof(queries));
	look_up(every_kind(), queries, ARRAY_SIZE(queries));
	expect_size(&queries[0], 48);
	expect_member(&queries[1], 0, 32);
	expect_member(&queries[2], 64, 64);
	expect_member(&queries[3], 128, 192);
	expect_member(&queries[4], 320, 1);
	expect_text(&queries[5], "int (td *, struct fwd *, enum e, ...)");
	expect_size(&queries[6], 77);
	expect_error(&queries[7], -ENOENT);
}

/* vlen has 24 bits since 7.3: a struct of more than 65535 members */
static void very_long_records(void)
{
	enum { MEMBERS = 70000 };
	struct blob *blob = new_blob();
	struct uksm_btf_query queries[] = { STRUCT("last"), STRUCT("long") };
	struct flat small, flat;
	struct uksm_btf btf;
	u32 more = MEMBERS * 12;

	add_struct(blob, "long", 4, false, MEMBERS);
	/* The members come in between, too many for a struct blob. */
	add_struct(blob, "last", 5, false, 0);
	small = flatten(blob);
	flat.size = small.size + more;
	flat.bytes = calloc(1, flat.size);
	if (!flat.bytes)
		abort();
	memcpy(flat.bytes, small.bytes, 24 + 12);
	memcpy(flat.bytes + 24 + 12 + more, small.bytes + 24 + 12,
	       small.size - 24 - 12);
	put_word(flat.bytes + 12, blob->types_bytes + more);
	put_word(flat.bytes + 16, blob->types_bytes + more);

	expect(!uksm_btf_init(&btf, flat.bytes, flat.size), "init");
	uksm_btf_lookup(&btf, queries, ARRAY_SIZE(queries));
	expect_size(&queries[0], 5);
	expect_size(&queries[1], 4);
	uksm_btf_destroy(&btf);
	free(flat.bytes);
	free(small.bytes);
	free(blob);
}

/* Of a kind to come, the blob's own layout section tells the length. */
static void unknown_kinds(void)
{
	enum { NEW_KIND = BTF_KIND_ENUM64 + 3 };
	struct uksm_btf_query queries[] = { STRUCT("last"), FUNC("f") };
	struct blob *blob;
	struct flat flat;
	unsigned int with_layout, i;

	for (with_layout = 0; with_layout < 3; with_layout++) {
		blob = new_blob();
		add_type(blob, NEW_KIND, "new", false, 2, 0);
		for (i = 0; i < 1 + 2 * 3; i++)
			add_word(blob, 0xffffffff);
		add_getter(blob, "f", 1);
		add_struct(blob, "last", 9, false, 0);
		/* One layout ends just before the kind that is needed. */
		blob->layout_bytes = with_layout == 0 ? 0 :
				     with_layout == 1 ? 4 * NEW_KIND :
				     4 * (NEW_KIND + 1);
		blob->layout[4 * NEW_KIND] = 4;
		blob->layout[4 * NEW_KIND + 1] = 12;
		if (with_layout < 2) {
			flat = flatten(blob);
			expect(init_error(flat.bytes, flat.size) == -EINVAL,
			       "layout %u: accepted", with_layout);
			free(flat.bytes);
			free(blob);
			continue;
		}
		look_up(blob, queries, ARRAY_SIZE(queries));
		expect_size(&queries[0], 9);
		/* Skipped it can be, described not. */
		expect_error(&queries[1], -EINVAL);
	}

	/* Kind 0 is no kind. */
	blob = new_blob();
	add_type(blob, 0, "", false, 0, 0);
	flat = flatten(blob);
	expect(init_error(flat.bytes, flat.size) == -EINVAL, "kind 0 accepted");
	free(flat.bytes);
	free(blob);
}

static void damaged_headers(void)
{
	static const struct {
		u32 at;		/* which word of the header */
		u32 word;
		const char *why;
	} cases[] = {
		{ 0, 0x0001eb9e, "magic" },
		{ 0, 0x00019feb, "magic of the other endianness" },
		{ 0, 0x0000eb9f, "version 0" },
		{ 0, 0x0002eb9f, "version 2" },
		{ 4, 0, "no header" },
		{ 4, 23, "header too short" },
		{ 4, 0x7fffffff, "header longer than the blob" },
		{ 4, 0xffffffff, "header as long as can be" },
		{ 8, 0x7fffffff, "types beyond the end" },
		{ 8, 0xffffffff, "types far beyond the end" },
		{ 12, 0x7fffffff, "too many types" },
		{ 12, 0xffffffff, "length of types wraps around" },
		{ 12, 13, "half a type" },
		{ 12, 12, "an int without its word" },
		{ 16, 0x7fffffff, "strings beyond the end" },
		{ 16, 0xffffffff, "strings far beyond the end" },
		{ 20, 0, "no strings" },
		{ 20, 0x7fffffff, "too many strings" },
		{ 20, 0xffffffff, "length of strings wraps around" },
		{ 20, 3, "strings without an end" },
	};
	struct blob *blob = every_kind();
	struct flat flat = flatten(blob);
	unsigned int i;
	size_t at;

	expect(!init_error(flat.bytes, flat.size), "the blob is bad as it is");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 saved[4];

		memcpy(saved, flat.bytes + cases[i].at, 4);
		put_word(flat.bytes + cases[i].at, cases[i].word);
		expect(init_error(flat.bytes, flat.size) == -EINVAL,
		       "accepted: %s", cases[i].why);
		memcpy(flat.bytes + cases[i].at, saved, 4);
	}
	for (i = 0; i < flat.size; i++) {
		u8 *copy = malloc(i);

		memcpy(copy, flat.bytes, i);
		expect(init_error(copy, i) == -EINVAL,
		       "accepted with %u of %zu bytes", i, flat.size);
		free(copy);
	}

	/* A name beyond the strings, of a type that nobody asks for. */
	put_word(flat.bytes + 24, blob->strings_bytes);
	expect(init_error(flat.bytes, flat.size) == -EINVAL, "wild name");
	put_word(flat.bytes + 24, blob->strings_bytes - 1);
	expect(!init_error(flat.bytes, flat.size), "last, empty, name");

	/* A header that ends in its midst, and sections that fit it. */
	put_word(flat.bytes + 4, 16);
	put_word(flat.bytes + 8, 8);
	put_word(flat.bytes + 16, 8 + blob->types_bytes);
	expect(init_error(flat.bytes, flat.size) == -EINVAL, "short header");
	put_word(flat.bytes + 4, 24);
	put_word(flat.bytes + 8, 0);
	put_word(flat.bytes + 16, blob->types_bytes);
	expect(!init_error(flat.bytes, flat.size), "not restored");

	at = 24 + blob->types_bytes;
	flat.bytes[at] = 'x';
	expect(init_error(flat.bytes, flat.size) == -EINVAL,
	       "strings that do not begin with the empty one");
	flat.bytes[at] = 0;
	flat.bytes[flat.size - 1] = 'x';
	expect(init_error(flat.bytes, flat.size) == -EINVAL,
	       "strings without an end");
	flat.bytes[flat.size - 1] = 0;

	fail_allocation = true;
	expect(init_error(flat.bytes, flat.size) == -ENOMEM, "no memory");
	fail_allocation = false;
	free(flat.bytes);
	free(blob);
}

/* Padding behind the header, between sections and at the end is harmless. */
static void sections_may_be_anywhere(void)
{
	struct uksm_btf_query queries[ARRAY_SIZE(every_query)];
	struct blob *blob = every_kind();
	struct flat flat = flatten(blob);
	u32 types = blob->types_bytes, strings = blob->strings_bytes;
	u8 *moved = malloc(1 + 40 + strings + 7 + types + 5);
	struct uksm_btf btf;

	if (!moved)
		abort();
	/* From an odd address on: strings first, then types. */
	memset(moved, 0xff, 1 + 40 + strings + 7 + types + 5);
	memcpy(moved + 1, flat.bytes, 24);
	put_word(moved + 1 + 4, 40);
	put_word(moved + 1 + 8, strings + 7);
	put_word(moved + 1 + 12, types);
	put_word(moved + 1 + 16, 0);
	put_word(moved + 1 + 20, strings);
	put_word(moved + 1 + 24, 0);	/* no layout: offset and length */
	put_word(moved + 1 + 28, 0);
	memcpy(moved + 1 + 40, blob->strings, strings);
	memcpy(moved + 1 + 40 + strings + 7, blob->types, types);

	expect(!uksm_btf_init(&btf, moved + 1, 40 + strings + 7 + types + 5),
	       "refused");
	memcpy(queries, every_query, sizeof(queries));
	uksm_btf_lookup(&btf, queries, ARRAY_SIZE(queries));
	expect_text(&queries[5], "int (td *, struct fwd *, enum e, ...)");
	expect_size(&queries[6], 77);
	uksm_btf_destroy(&btf);
	free(moved);
	free(flat.bytes);
	free(blob);
}

static bool is_documented(int error)
{
	return !error || error == -ENOENT || error == -ENOTUNIQ ||
	       error == -E2BIG || error == -ELOOP || error == -EINVAL;
}

/*
 * Whatever is in a blob: memory is read inside it only (the sanitizers' part),
 * the answers are those that are documented.  Returns whether init took it.
 */
static bool survive(const void *bytes, size_t size,
		    const struct uksm_btf_query *queries,
		    unsigned int nr_queries)
{
	struct uksm_btf_query *copy = calloc(nr_queries, sizeof(*copy));
	struct uksm_btf btf;
	unsigned int q;
	int err;

	if (!copy)
		abort();
	memcpy(copy, queries, nr_queries * sizeof(*copy));
	err = uksm_btf_init(&btf, bytes, size);
	expect(!err || err == -EINVAL, "init: %d", err);
	if (!err)
		uksm_btf_lookup(&btf, copy, nr_queries);
	for (q = 0; q < nr_queries && !err; q++) {
		expect(is_documented(copy[q].error), "error %d", copy[q].error);
		expect(copy[q].nr_found || copy[q].error == -ENOENT,
		       "answered, but not found");
		expect(memchr(copy[q].text, 0, sizeof(copy[q].text)),
		       "text without end");
	}
	uksm_btf_destroy(&btf);
	free(copy);
	return !err;
}

/* Types cut off at every byte, with a header that says so. */
static void truncated_types(void)
{
	struct blob *blob = every_kind();
	u32 bytes, taken = 0, all = blob->types_bytes;

	types_last = true;
	for (bytes = 0; bytes <= all; bytes++) {
		struct flat flat;

		blob->types_bytes = bytes;
		flat = flatten(blob);
		taken += survive(flat.bytes, flat.size, every_query,
				 ARRAY_SIZE(every_query));
		free(flat.bytes);
	}
	expect(taken == blob->last_id + 1, "%u lengths taken, with %u types",
	       taken, blob->last_id);

	/* Strings likewise, now at the end themselves. */
	types_last = false;
	blob->types_bytes = all;
	all = blob->strings_bytes;
	for (bytes = 0; bytes <= all; bytes++) {
		struct flat flat;

		blob->strings_bytes = bytes;
		flat = flatten(blob);
		survive(flat.bytes, flat.size, every_query,
			ARRAY_SIZE(every_query));
		free(flat.bytes);
	}
	free(blob);
}

static void mutate(u8 *bytes, size_t size)
{
	static const u32 words[] = {
		0, 1, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe,
		0xffffffff,
	};
	unsigned int count = 1 + random_below(4);
	size_t at;

	while (count--) {
		at = random_below(size);
		switch (random_below(4)) {
		case 0:
			bytes[at] ^= 1 << random_below(8);
			break;
		case 1:
			bytes[at] = random_u64();
			break;
		case 2:
			at &= ~3ul;
			if (at + 4 <= size)
				put_word(bytes + at, words[random_below(8)]);
			break;
		default:
			at &= ~3ul;
			if (at + 4 <= size)
				put_word(bytes + at, random_below(64));
		}
	}
}

static void mutated_blobs(void)
{
	struct blob *blob = every_kind();
	struct flat flat = flatten(blob);
	u8 *copy = malloc(flat.size);
	unsigned int i, taken = 0;

	if (!copy)
		abort();
	for (i = 0; i < 100000; i++) {
		memcpy(copy, flat.bytes, flat.size);
		/* Mostly types: damage elsewhere is refused at once. */
		if (random_below(8))
			mutate(copy + 24, blob->types_bytes);
		else
			mutate(copy, flat.size);
		taken += survive(copy, flat.size, every_query,
				 ARRAY_SIZE(every_query));
		if (check_has_failed())
			break;
	}
	/* Or else nothing but init was tested. */
	expect(taken > 10000, "only %u of 100000 blobs got through init",
	       taken);
	free(copy);
	free(flat.bytes);
	free(blob);
}

/* Whole records that refer to each other at random: circles of all sorts. */
static void random_types(void)
{
	static const char * const names[] = { "s", "f", "m", "", "", "" };
	static const struct uksm_btf_query queries[] = {
		STRUCT("s"), MEMBER("s", "m"), MEMBER("f", "m"), FUNC("f"),
		FUNC("s"), FUNC("m"),
	};
	unsigned int round, i, j;

	for (round = 0; round < 20000; round++) {
		struct blob *blob = new_blob();
		u32 types = 1 + random_below(30);
		struct flat flat;

		for (i = 0; i < types; i++) {
			const char *name = names[random_below(6)];
			u32 ref = random_below(types + 2);
			u32 count = random_below(4);
			bool flag = random_below(2);

			switch (random_below(6)) {
			case 0:
				add_type(blob, BTF_KIND_FUNC, name, false, 1,
					 ref);
				break;
			case 1:
				add_proto(blob, ref, count);
				for (j = 0; j < count; j++)
					add_param(blob, "p",
						  random_below(types + 2));
				break;
			case 2:
				add_array(blob, ref, random_below(5));
				break;
			case 3:
				add_struct(blob, name, ref * 8, flag, count);
				for (j = 0; j < count; j++)
					add_member(blob,
						   names[2 + random_below(4)],
						   random_below(types + 2),
						   random_below(64));
				break;
			case 4:
				add_int(blob, "int", 4);
				break;
			default:
				add_type(blob, BTF_KIND_TYPEDEF +
					 random_below(4), name, false, 0, ref);
			}
		}
		flat = flatten(blob);
		expect(survive(flat.bytes, flat.size, queries,
			       ARRAY_SIZE(queries)),
		       "a well-formed blob was refused");
		free(flat.bytes);
		free(blob);
		if (check_has_failed())
			break;
	}
}

/* The blob of a real kernel, and what every one of those has. */
static struct flat real;
static const char *real_path;

static const struct uksm_btf_query real_queries[] = {
	STRUCT("list_head"), MEMBER("list_head", "next"),
	MEMBER("list_head", "prev"), MEMBER("task_struct", "comm"),
	MEMBER("page", "_mapcount"), MEMBER("page", "_refcount"),
	MEMBER("vm_area_struct", "vm_start"), MEMBER("page", "nothing"),
	FUNC("handle_mm_fault"), FUNC("schedule"), FUNC("mmput"),
	FUNC("ptep_clear_flush"), FUNC("_printk"), FUNC("nothing_like_it"),
	STRUCT("ksm_stable_node"), MEMBER("ksm_stable_node", "hlist"),
	MEMBER("ksm_stable_node", "kpfn"), STRUCT("ksm_rmap_item"),
	MEMBER("ksm_rmap_item", "anon_vma"), MEMBER("ksm_rmap_item", "mm"),
	MEMBER("ksm_rmap_item", "address"), MEMBER("ksm_rmap_item", "hlist"),
	MEMBER("task_struct", "in_execve"), FUNC("rmap_walk_ksm"),
	FUNC("folio_unlock"),
};

static void real_answers(void)
{
	struct uksm_btf_query queries[ARRAY_SIZE(real_queries)], alone;
	struct uksm_btf btf;
	unsigned int i;
	double start, init, lookup;

	memcpy(queries, real_queries, sizeof(queries));
	start = now_msecs();
	expect(!uksm_btf_init(&btf, real.bytes, real.size), "refused");
	init = now_msecs() - start;
	start = now_msecs();
	uksm_btf_lookup(&btf, queries, ARRAY_SIZE(queries));
	lookup = now_msecs() - start;
	printf("# %s: %u types, init %.1f ms, %zu queries %.1f ms (sanitized)\n",
	       real_path, btf.nr_types, init, ARRAY_SIZE(queries), lookup);

	expect_size(&queries[0], 16);
	expect_member(&queries[1], 0, 64);
	expect_member(&queries[2], 64, 64);
	expect(!queries[3].error && queries[3].size_bits == 128,
	       "task_struct.comm: error %d, %u bits", queries[3].error,
	       queries[3].size_bits);
	expect_member(&queries[4], 384, 32);
	expect_member(&queries[5], 416, 32);
	expect_member(&queries[6], 0, 64);
	expect_error(&queries[7], -ENOENT);
	expect_text(&queries[8], "vm_fault_t (struct vm_area_struct *, "
		    "unsigned long, unsigned int, struct pt_regs *)");
	expect_text(&queries[9], "void (void)");
	expect_text(&queries[10], "void (struct mm_struct *)");
	expect_text(&queries[11], "pte_t (struct vm_area_struct *, "
		    "unsigned long, pte_t *)");
	expect_text(&queries[12], "int (char *, ...)");
	expect_error(&queries[13], -ENOENT);
	/* A kernel may be without KSM, but not with a KSM of another layout. */
	if (queries[14].error != -ENOENT) {
		expect_size(&queries[14], 64);
		expect_member(&queries[15], 320, 64);
		expect_member(&queries[16], 384, 64);
		expect_size(&queries[17], 64);
		expect_member(&queries[18], 64, 64);
		expect_member(&queries[19], 128, 64);
		expect_member(&queries[20], 192, 64);
		expect_member(&queries[21], 384, 128);
		expect_text(&queries[23],
			    "void (struct folio *, struct rmap_walk_control *)");
	}
	expect(!queries[22].error && queries[22].size_bits == 1,
	       "task_struct.in_execve: error %d, %u bits", queries[22].error,
	       queries[22].size_bits);
	expect_text(&queries[24], "void (struct folio *)");

	/* Together and alone, the answer is the same. */
	for (i = 0; i < ARRAY_SIZE(queries); i++) {
		alone = real_queries[i];
		expect(uksm_btf_lookup(&btf, &alone, 1) == alone.error,
		       "%s: lookup's result", alone.name);
		expect(alone.error == queries[i].error &&
		       alone.nr_found == queries[i].nr_found &&
		       alone.size_bytes == queries[i].size_bytes &&
		       alone.offset_bits == queries[i].offset_bits &&
		       alone.size_bits == queries[i].size_bits &&
		       !strcmp(alone.text, queries[i].text),
		       "%s: another answer alone", alone.name);
	}
	uksm_btf_destroy(&btf);
}

static void real_truncated(void)
{
	u32 types = real.bytes[12] | real.bytes[13] << 8 |
		    real.bytes[14] << 16 | (u32)real.bytes[15] << 24;
	u8 saved[4];
	unsigned int i;
	size_t size;

	/* The header knows better than these. */
	for (i = 0; i < 200; i++) {
		size = random_below(real.size);
		expect(!survive(real.bytes, size, real_queries, 1),
		       "accepted with %zu of %zu bytes", size, real.size);
	}
	/* Types that end somewhere. */
	memcpy(saved, real.bytes + 12, 4);
	for (i = 0; i < 20; i++) {
		put_word(real.bytes + 12, random_below(types));
		survive(real.bytes, real.size, real_queries,
			ARRAY_SIZE(real_queries));
	}
	memcpy(real.bytes + 12, saved, 4);
}

static void real_mutated(void)
{
	u8 *copy = malloc(real.size);
	unsigned int i, j;

	if (!copy)
		abort();
	for (i = 0; i < 20; i++) {
		memcpy(copy, real.bytes, real.size);
		for (j = 0; j < 1u << random_below(10); j++)
			mutate(copy + 24, real.size - 24);
		survive(copy, real.size, real_queries,
			ARRAY_SIZE(real_queries));
	}
	free(copy);
}

static void read_real(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t room = 32 << 20;
	u8 *bytes = malloc(room);

	if (!file || !bytes) {
		perror(path);
		exit(1);
	}
	real.size = fread(bytes, 1, room, file);
	fclose(file);
	/* Exactly its size again. */
	real.bytes = malloc(real.size);
	if (!real.size || real.size == room || !real.bytes) {
		fprintf(stderr, "%s: %zu bytes read\n", path, real.size);
		exit(1);
	}
	memcpy(real.bytes, bytes, real.size);
	free(bytes);
	real_path = path;
}

int main(int argc, char **argv)
{
	check_start();
	if (argc == 2) {
		read_real(argv[1]);
		run_test(real_answers);
		run_test(real_truncated);
		run_test(real_mutated);
		free(real.bytes);
		return check_status();
	}
	run_test(sizes_and_offsets);
	run_test(bitfields);
	run_test(large_offsets);
	run_test(anonymous_members);
	run_test(what_is_not_there);
	run_test(several_of_one_name);
	run_test(prototypes);
	run_test(text_that_just_fits);
	run_test(circles_come_to_an_end);
	run_test(deep_but_real_nesting);
	run_test(broken_references);
	run_test(senseless_references);
	run_test(every_kind_has_its_length);
	run_test(very_long_records);
	run_test(unknown_kinds);
	run_test(damaged_headers);
	run_test(sections_may_be_anywhere);
	run_test(truncated_types);
	run_test(mutated_blobs);
	run_test(random_types);
	return check_status();
}
