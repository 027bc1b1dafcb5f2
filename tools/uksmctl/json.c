// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static int depth;
static bool first;
static bool flat;

static void new_line(void)
{
	if (flat)
		return;
	putchar('\n');
	for (int i = 0; i < depth; i++)
		fputs("  ", stdout);
}

/*
 * Return: how many bytes of the character that begins here belong to it, or 0
 * if this is not the beginning of one.
 */
static size_t utf8_length(const unsigned char *from)
{
	unsigned long code;
	size_t length;

	if (from[0] < 0x80)
		return 1;
	if (from[0] >= 0xc2 && from[0] <= 0xdf)
		length = 2;
	else if (from[0] >= 0xe0 && from[0] <= 0xef)
		length = 3;
	else if (from[0] >= 0xf0 && from[0] <= 0xf4)
		length = 4;
	else
		return 0;

	code = from[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((from[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (from[i] & 0x3f);
	}
	if (length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
		return 0;
	if (length == 4 && (code < 0x10000 || code > 0x10ffff))
		return 0;

	return length;
}

static void quoted(const char *value)
{
	const unsigned char *from = (const unsigned char *)value;

	putchar('"');
	while (*from) {
		size_t length = utf8_length(from);

		if (!length) {
			fputs("\\ufffd", stdout);
			from++;
			continue;
		}
		if (*from == '"' || *from == '\\')
			printf("\\%c", *from);
		else if (*from < 0x20 || *from == 0x7f)
			printf("\\u%04x", *from);
		else
			fwrite(from, 1, length, stdout);
		from += length;
	}
	putchar('"');
}

static void begin(const char *name)
{
	if (!first)
		fputs(flat ? ", " : ",", stdout);
	first = false;
	if (depth)
		new_line();
	if (name) {
		quoted(name);
		fputs(": ", stdout);
	}
}

static void open_with(const char *name, char bracket)
{
	begin(name);
	putchar(bracket);
	depth++;
	first = true;
}

static void close_with(char bracket)
{
	depth--;
	if (!first)
		new_line();
	putchar(bracket);
	first = false;
}

void json_start(bool one_line)
{
	depth = 0;
	first = true;
	flat = one_line;
	open_with(NULL, '{');
}

void json_end(void)
{
	close_with('}');
	putchar('\n');
}

void json_object(const char *name)
{
	open_with(name, '{');
}

void json_object_end(void)
{
	close_with('}');
}

void json_array(const char *name)
{
	open_with(name, '[');
}

void json_array_end(void)
{
	close_with(']');
}

void json_string(const char *name, const char *value)
{
	begin(name);
	quoted(value);
}

void json_integer(const char *name, long long value)
{
	begin(name);
	printf("%lld", value);
}

void json_unsigned(const char *name, unsigned long long value)
{
	begin(name);
	printf("%llu", value);
}

void json_bool(const char *name, bool value)
{
	begin(name);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *name)
{
	begin(name);
	fputs("null", stdout);
}

void json_decimal(const char *name, double value, int places)
{
	if (!isfinite(value)) {
		json_null(name);
		return;
	}
	begin(name);
	printf("%.*f", places, value);
}

void json_text(const char *name, const char *text)
{
	if (!text_is_integer(text)) {
		json_string(name, text);
		return;
	}
	begin(name);
	fputs(text, stdout);
}
