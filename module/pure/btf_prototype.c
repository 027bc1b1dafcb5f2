// SPDX-License-Identifier: GPL-2.0-only
/*
 * The prototype of a function in a BTF blob, as text.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "btf_record.h"

/*
 * struct text - a string under construction; its first error sticks
 */
struct text {
	char *end;
	size_t room; /* the NUL that is always there excluded */
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
static const char *kind_word(const struct uksm_btf_record *type)
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

static void put_named(struct text *text, const struct uksm_btf_record *type)
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
		       const struct uksm_btf_record *proto,
		       unsigned int nesting)
{
	const u8 *param = proto->extra;
	u32 i, type;

	put(text, "(");
	if (!proto->vlen)
		put(text, "void");
	for (i = 0; i < proto->vlen && !text->error; i++) {
		if (i)
			put(text, ", ");
		type = uksm_btf_word(param + 4);
		if (!type)
			put(text, "...");
		else
			put_type(text, btf, type, nesting);
		param += UKSM_BTF_PARAM_BYTES;
	}
	put(text, ")");
}

/* What a pointer can point to besides something that has a name. */
static void put_derived(struct text *text, const struct uksm_btf *btf,
			const struct uksm_btf_record *type, unsigned int stars,
			unsigned int nesting)
{
	bool function = type->kind == BTF_KIND_FUNC_PROTO;

	if (nesting == UKSM_BTF_MAX_NESTING) {
		text->error = -ELOOP;
		return;
	}
	put_type(text, btf, function ? type->ref : uksm_btf_word(type->extra),
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
		put_number(text, uksm_btf_word(type->extra + 8));
		put(text, "]");
	}
}

/*
 * Recursion, through function types and arrays only, ends at UKSM_BTF_MAX_NESTING or as
 * soon as the text is full, and each level adds to the text.
 */
static void put_type(struct text *text, const struct uksm_btf *btf, u32 id,
		     unsigned int nesting)
{
	struct uksm_btf_record type = {};
	unsigned int stars = 0, hops;

	if (text->error)
		return;

	for (hops = 0; id; hops++) {
		if (hops == UKSM_BTF_MAX_HOPS) {
			text->error = -ELOOP;
			return;
		}
		if (!uksm_btf_get_type(btf, id, &type)) {
			text->error = -EINVAL;
			return;
		}
		if (type.kind == BTF_KIND_PTR)
			stars++;
		else if (!uksm_btf_is_qualifier(type.kind))
			break;
		id = type.ref;
	}

	if (id &&
	    (type.kind == BTF_KIND_FUNC_PROTO || type.kind == BTF_KIND_ARRAY)) {
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

/**
 * uksm_btf_prototype() - the prototype of a function as text
 * @btf: where it is
 * @func: the record of the function
 * @text: the answer, as uksm_btf_lookup() describes it
 * @text_bytes: room there, for the NUL too; not 0
 *
 * Context: any.
 * Return: 0, -E2BIG when the text does not fit, -ELOOP when types are nested too
 * deeply, -EINVAL when the blob contradicts itself.
 */
int uksm_btf_prototype(const struct uksm_btf *btf,
		       const struct uksm_btf_record *func, char *text,
		       size_t text_bytes)
{
	struct text writing = {
		.end = text,
		.room = text_bytes - 1,
	};
	struct uksm_btf_record proto;

	if (!uksm_btf_get_type(btf, func->ref, &proto) ||
	    proto.kind != BTF_KIND_FUNC_PROTO)
		return -EINVAL;
	*text = '\0';
	put_type(&writing, btf, func->ref, 0);
	return writing.error;
}
