// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status.h"

/* Of the longest that the kernel has: a process ID and a name for each of 1024 processes. */
#define LONG_TEXT_SIZE (64 * 1024)

const char *make_path(char *path, const char *format, ...)
{
	const char *root = secure_getenv("UKSMCTL_ROOT");
	va_list arguments;
	size_t used;

	used = (size_t)snprintf(path, PATH_SIZE, "%s", root ? root : "");
	if (used >= PATH_SIZE)
		used = PATH_SIZE - 1;
	va_start(arguments, format);
	vsnprintf(path + used, PATH_SIZE - used, format, arguments);
	va_end(arguments);

	return path;
}

static ssize_t read_all(int file, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(file, text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		used += (size_t)got;
	}

	return (ssize_t)used;
}

/* Return: 0 or -errno; -EFBIG when it fills all of @room. */
static int read_text(const char *path, char *text, size_t room)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	text[0] = '\0';
	if (file < 0)
		return -errno;
	size = read_all(file, text, room);
	close(file);
	if ((size_t)size == room)
		size = -EFBIG;
	if (size < 0) {
		text[0] = '\0';
		return (int)size;
	}
	while (size && strchr(" \t\r\n", text[size - 1]))
		size--;
	text[size] = '\0';

	return 0;
}

int text_read(const char *path, char *text)
{
	return read_text(path, text, TEXT_SIZE);
}

int text_read_all(const char *path, char **text)
{
	int err;

	*text = require_memory(malloc(LONG_TEXT_SIZE));
	err = read_text(path, *text, LONG_TEXT_SIZE);
	if (err) {
		free(*text);
		*text = NULL;
	}

	return err;
}

int text_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t wrote;
	int err = 0;

	if (file < 0)
		return -errno;
	wrote = write(file, text, strlen(text));
	if (wrote < 0)
		err = -errno;
	else if ((size_t)wrote != strlen(text))
		err = -EIO;
	if (close(file) && !err)
		err = -errno;

	return err;
}

FILE *text_open(const char *path)
{
	return fopen(path, "re");
}

bool text_is_integer(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t length = strspn(digits, "0123456789");

	return length && !digits[length] && (digits[0] != '0' || length == 1);
}

int text_number(const char *text, long long *number)
{
	char *end;

	if (!text_is_integer(text))
		return -EINVAL;
	errno = 0;
	*number = strtoll(text, &end, 10);

	return -errno;
}

const char *text_keyed(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) || !line[length] ||
		    !strchr(": ", line[length]))
			continue;
		return line + length + 1 + strspn(line + length + 1, " \t");
	}

	return NULL;
}

bool text_keyed_number(const char *text, const char *key, long long *number)
{
	const char *value = text_keyed(text, key);
	long long found;
	char *end;

	if (!value || (*value != '-' && (*value < '0' || *value > '9')))
		return false;
	errno = 0;
	found = strtoll(value, &end, 10);
	if (errno || end == value || !strchr(" \t\n", *end))
		return false;
	*number = found;

	return true;
}

char *text_choice(char *text)
{
	char *from = strchr(text, '[');
	char *to = from ? strchr(from, ']') : NULL;

	if (!to)
		return text;
	*to = '\0';

	return from + 1;
}

size_t text_utf8_length(const unsigned char *from)
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

bool text_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length;

	for (; *at; at += length) {
		length = text_utf8_length(at);
		if (!length)
			return false;
	}

	return true;
}
