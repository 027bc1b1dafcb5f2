/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON writer to stdout. Commas, nesting and layout are its own affair: calls
 * name what comes next. Inside an array the name is NULL.
 */
#ifndef UKSMCTL_JSON_H
#define UKSMCTL_JSON_H

#include <stdbool.h>

/**
 * json_start() - begin a document, which is an object
 * @one_line: no line breaks, for a stream with a document on each line
 */
void json_start(bool one_line);

/** json_end() - end the document, with a newline */
void json_end(void);

void json_object(const char *name);
void json_object_end(void);
void json_array(const char *name);
void json_array_end(void);

/** json_string() - a string; bytes that are not UTF-8 become U+FFFD */
void json_string(const char *name, const char *value);
void json_integer(const char *name, long long value);
void json_unsigned(const char *name, unsigned long long value);
void json_bool(const char *name, bool value);
void json_null(const char *name);

/**
 * json_decimal() - a number with a few places
 * @name: its name
 * @value: the number; null is written for one that is not finite
 * @places: digits after the point
 */
void json_decimal(const char *name, double value, int places);

/**
 * json_text() - the content of a file of the kernel
 * @name: its name
 * @text: a number if it reads like one, of any length, else a string
 */
void json_text(const char *name, const char *text);

#endif /* UKSMCTL_JSON_H */
