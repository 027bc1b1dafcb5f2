/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known in advance of an engine's files: uksm/names.h and uksm/ranges.h. */
#ifndef UKSMCTL_FILES_H
#define UKSMCTL_FILES_H

#include <stdbool.h>
#include <stddef.h>

#define REASON_SIZE 256

/**
 * struct known_file - a file of uksm/names.h
 * @name: its name
 * @writable: a knob, else a counter
 * @ksm: ksm has it too
 */
struct known_file {
	const char *name;
	bool writable;
	bool ksm;
};

extern const struct known_file known_files[];
extern const size_t known_file_count;

/**
 * file_find() - what is known of a file
 * @name: its name
 *
 * Return: NULL when names.h has it not.
 */
const struct known_file *file_find(const char *name);

/**
 * file_check() - would a knob take this value?
 * @name: the knob
 * @current: what it shows now, which tells the words to choose from when
 *	ranges.h does not
 * @value: the value; a yes or no is made 1 or 0 in place
 * @reason: receives why not, REASON_SIZE bytes
 *
 * Of a knob that ranges.h has not, only nonsense is refused.
 *
 * Return: true when it may be written.
 */
bool file_check(const char *name, const char *current, char *value,
		char *reason);

/** enum knob_when - when a knob may be written, which is also the order to do so */
enum knob_when {
	KNOB_UNMERGED, /* only while nothing is merged */
	KNOB_ANYTIME,
	KNOB_LAST, /* after all others */
};

/** knob_when() - of a knob; KNOB_ANYTIME of one that ranges.h has not */
enum knob_when knob_when(const char *name);

/**
 * knob_order() - the place of a knob when several are written
 * @name: the knob
 *
 * Return: a number, less for what comes before; the same for all that ranges.h has not.
 */
size_t knob_order(const char *name);

/**
 * knob_default() - what a knob holds after load
 * @name: the knob
 *
 * Return: the value, or NULL when ranges.h has it not.
 */
const char *knob_default(const char *name);

/** knob_words() - the words that a knob takes, or NULL when it takes others or is unknown */
const char *knob_words(const char *name);

/** knob_same() - do two values, as written or as read, say the same to a knob? */
bool knob_same(const char *name, const char *one, const char *other);

/**
 * knob_at() - all knobs of ranges.h, in the order to write them
 * @index: from 0
 *
 * Return: the name, or NULL behind the last.
 */
const char *knob_at(size_t index);

/**
 * file_explain() - what an error of a write to a knob means
 * @name: the knob
 * @value: what was written
 * @error: the errno
 *
 * Return: an explanation, or NULL when there is none beyond strerror().
 */
const char *file_explain(const char *name, const char *value, int error);

#endif /* UKSMCTL_FILES_H */
