/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STRESS_FILES_H
#define STRESS_FILES_H

/** file_write() - write a text to a file in one write; 0 or a negative errno */
int file_write(const char *path, const char *text);

/** file_write_number() - the same for a number */
int file_write_number(const char *path, unsigned long number);

/** file_read() - the first line of a file, without its newline; 0 or a negative errno */
int file_read(const char *path, char *text, int size);

/** file_number() - the number in a file, or -1 */
long file_number(const char *path);

#endif
