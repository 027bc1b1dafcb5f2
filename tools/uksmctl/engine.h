/* SPDX-License-Identifier: GPL-2.0-only */
/* The directory of an engine in sysfs: uksm's, or ksm's. */
#ifndef UKSMCTL_ENGINE_H
#define UKSMCTL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"
#include "text.h"

/* The engines, as their directories are called. */
#define ENGINE_UKSM "uksm"
#define ENGINE_KSM "ksm"

/**
 * struct file_value - a file, and what it held
 * @name: its name
 * @text: its content; "" when it could not be read
 * @error: 0, or the errno of reading it
 * @writable: it has a permission to write, for whomever
 * @known: uksm/names.h has it
 */
struct file_value {
	char *name;
	char *text;
	int error;
	bool writable;
	bool known;
};

/**
 * struct engine_files - all files of an engine, those of names.h first, in its
 * order, then the others by name
 */
struct engine_files {
	struct file_value *values;
	size_t count;
};

/** engine_exists() - is the engine's directory there? */
bool engine_exists(const char *engine);

/**
 * engine_ksm_is_uksm() - has uksm's directory been mounted over ksm's?
 */
bool engine_ksm_is_uksm(void);

/** engine_read() - as text_read(), of a file of an engine */
int engine_read(const char *engine, const char *file, char *text);

/** engine_write() - as text_write(), to a file of an engine */
int engine_write(const char *engine, const char *file, const char *text);

/**
 * engine_files_read() - read everything
 * @engine: the engine
 * @files: receives it; engine_files_free() it
 *
 * Return: 0 or -errno of reading the directory.
 */
int engine_files_read(const char *engine, struct engine_files *files);

void engine_files_free(struct engine_files *files);

/** engine_files_find() - a file, or NULL */
const struct file_value *engine_files_find(const struct engine_files *files,
					   const char *name);

/**
 * engine_files_number() - a counter
 * @files: of an engine
 * @name: the counter
 * @number: receives it, 0 on failure
 *
 * Return: false when it is missing, unreadable or no number.
 */
bool engine_files_number(const struct engine_files *files, const char *name,
			 long long *number);

/**
 * require_uksm() - refuse to go on without the module
 *
 * Return: STATUS_OK, or STATUS_NO_MODULE with a message.
 */
enum status require_uksm(void);

/**
 * uksm_version() - the version of the loaded module
 * @text: receives it, TEXT_SIZE bytes; "" if it is not to be had
 *
 * Return: @text.
 */
const char *uksm_version(char *text);

#endif /* UKSMCTL_ENGINE_H */
