/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that are replaced as a whole: whoever reads one finds the old content or the
 * new, and a crash leaves one of the two.
 */
#ifndef UKSMCTL_REPLACE_H
#define UKSMCTL_REPLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/**
 * replace_file() - replace a file, or make it
 * @file: the file
 * @text: the new content
 * @size: its size
 * @keep: follow a symbolic link, and keep owner and mode of what is there; else
 *	replace whatever has this name, for folders that belong to others than root
 *
 * Return: STATUS_OK, or STATUS_REFUSED or STATUS_PERMISSION after a message: @file is
 * as it was then.
 */
enum status replace_file(const char *file, const char *text, size_t size,
			 bool keep);

#endif /* UKSMCTL_REPLACE_H */
