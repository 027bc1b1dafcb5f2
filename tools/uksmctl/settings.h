/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Knobs to be written, all of them or none: what set and apply share. If the kernel
 * refuses one, those written before it are put back, the last first.
 */
#ifndef UKSMCTL_SETTINGS_H
#define UKSMCTL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "commands.h"
#include "status.h"

/**
 * struct setting - one knob
 * @name: the knob, or a list (lists.h)
 * @value: what to write
 * @old: what it was, or what undoes the write; NULL until that is known
 * @now: what it is after all; NULL until that is known
 * @line: where the file says so
 * @left_out: it was not written, as there is no such control group
 */
struct setting {
	char *name;
	char *value;
	char *old;
	char *now;
	unsigned int line;
	bool left_out;
};

/**
 * struct settings - several of them, in the order to write them
 * @list: the knobs
 * @count: how many
 * @file: the file that they are from; NULL for the command line
 */
struct settings {
	struct setting *list;
	size_t count;
	const char *file;
};

/**
 * settings_lock() - keep others that write settings away until this program ends
 *
 * Who may not create the lock goes on without: he may hardly write a knob either.
 */
void settings_lock(void);

/**
 * settings_add() - one more, behind the others
 * @settings: to these
 * @name: the knob
 * @value: what to write
 * @line: where the file says so, or its number
 */
void settings_add(struct settings *settings, const char *name,
		  const char *value, unsigned int line);

/**
 * settings_sort() - bring them into the order to write them
 * @settings: of those that ranges.h has not, the order of lines is kept
 */
void settings_sort(struct settings *settings);

/**
 * settings_find() - a knob, or NULL
 * @settings: among these
 * @name: its name
 */
struct setting *settings_find(const struct settings *settings,
			      const char *name);

/** settings_free() - release what is in them, and the list */
void settings_free(struct settings *settings);

/**
 * knob_read() - a knob's value as it would be written
 * @name: the knob
 *
 * Return: the value, to be freed, or NULL with errno set.
 */
char *knob_read(const char *name);

/**
 * settings_write() - write all, or none
 * @settings: with @old; receives @now
 *
 * Return: STATUS_OK, or another with messages.
 */
enum status settings_write(struct settings *settings);

/**
 * settings_show() - what has changed, or would
 * @settings: those written, or to be written
 * @options: of the command
 */
void settings_show(const struct settings *settings,
		   const struct options *options);

#endif /* UKSMCTL_SETTINGS_H */
