/* SPDX-License-Identifier: GPL-2.0-only */
/* Text files of the kernel, below a root that tests may move. */
#ifndef UKSMCTL_TEXT_H
#define UKSMCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PATH_SIZE 512
/* sysfs shows a page at most. */
#define TEXT_SIZE 4097

/**
 * make_path() - a path below the root
 * @path: receives it, PATH_SIZE bytes
 * @format: as printf(), an absolute path
 *
 * The root is / or, for tests, what UKSMCTL_ROOT in the environment says.
 *
 * Return: @path.
 */
__attribute__((format(printf, 2, 3))) const char *
make_path(char *path, const char *format, ...);

/**
 * text_read() - read a small file, without white space at its end
 * @path: as made by make_path()
 * @text: receives it, TEXT_SIZE bytes; "" on failure
 *
 * Return: 0 or -errno; -EFBIG when it is longer than the kernel makes such files.
 */
int text_read(const char *path, char *text);

/**
 * text_read_all() - the same of a file that may be longer than a page
 * @path: as made by make_path()
 * @text: receives it, to be freed; NULL on failure
 *
 * Return: 0 or -errno; -EFBIG when it is longer than any of the kernel's.
 */
int text_read_all(const char *path, char **text);

/**
 * text_write() - write a text in one write(2), which is how sysfs wants it
 * @path: as made by make_path()
 * @text: what to write
 *
 * Return: 0 or -errno.
 */
int text_write(const char *path, const char *text);

/**
 * text_open() - open a file to read it line by line
 * @path: as made by make_path()
 *
 * Return: the stream, or NULL with errno set.
 */
FILE *text_open(const char *path);

/** text_is_integer() - is it a decimal integer, as JSON would take it? */
bool text_is_integer(const char *text);

/**
 * text_number() - a decimal integer that fits
 * @text: digits, perhaps after a minus sign, and nothing else
 * @number: receives it
 *
 * Return: 0, -EINVAL when it is no integer, or -ERANGE.
 */
int text_number(const char *text, long long *number);

/**
 * text_keyed() - of a text with a "KEY VALUE" or "KEY: VALUE" on each line, a value
 * @text: the text
 * @key: the key, which may be there once only
 *
 * Return: where the value begins, or NULL.
 */
const char *text_keyed(const char *text, const char *key);

/**
 * text_keyed_number() - the same of a number
 * @text: the text
 * @key: the key
 * @number: receives it; left as it is on failure
 *
 * Return: false when it is not there, or is no number.
 */
bool text_keyed_number(const char *text, const char *key, long long *number);

/**
 * text_choice() - of a text like "none [scan-time]", what is in brackets
 * @text: the text; cut to the choice
 *
 * Return: the choice, or all of @text when nothing is in brackets.
 */
char *text_choice(char *text);

/**
 * text_utf8_length() - of the character that begins here
 * @from: its first byte
 *
 * Return: how many bytes belong to it, or 0 if this is not the beginning of one.
 */
size_t text_utf8_length(const unsigned char *from);

/** text_is_utf8() - is all of it UTF-8? */
bool text_is_utf8(const char *text);

#endif /* UKSMCTL_TEXT_H */
