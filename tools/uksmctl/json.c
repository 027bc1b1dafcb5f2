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

static void quoted(const char *value)
{
	const unsigned char *from = (const unsigned char *)value;

	putchar('"');
	while (*from) {
		size_t length = text_utf8_length(from);

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
