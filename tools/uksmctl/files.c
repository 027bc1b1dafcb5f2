// SPDX-License-Identifier: GPL-2.0-only
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uksm/names.h>
#include <uksm/ranges.h>

#include "array.h"

/* clang-format off */
#define KSM_RW(_name) { #_name, true, true },
#define KSM_RO(_name) { #_name, false, true },
#define OWN_RW(_name) { #_name, true, false },
#define OWN_RO(_name) { #_name, false, false },
/* clang-format on */

const struct known_file known_files[] = { UKSM_KSM_FILES(
	KSM_RW, KSM_RO) UKSM_OWN_FILES(OWN_RW, OWN_RO) };

const size_t known_file_count = ARRAY_SIZE(known_files);

/**
 * struct range - what a knob takes
 * @name: its name
 * @words: the words to choose from, separated by blanks; NULL for a number
 * @is_switch: yes or no
 * @min: least number
 * @max: greatest number
 * @initial: what it holds after load
 * @when: when it may be written
 */
struct range {
	const char *name;
	const char *words;
	bool is_switch;
	unsigned long long min;
	unsigned long long max;
	const char *initial;
	enum knob_when when;
};

/* clang-format off */
#define NUMBER(_name, _min, _max, _default, _when)			\
	{ #_name, NULL, false, _min, _max##ULL, #_default, KNOB_##_when },
#define SWITCH(_name, _default, _when)					\
	{ #_name, NULL, true, 0, 1, #_default, KNOB_##_when },
#define CHOICE(_name, _words, _default, _when)				\
	{ #_name, _words, false, 0, 0, _default, KNOB_##_when },
/* clang-format on */

static const struct range ranges[] = { UKSM_RANGES(NUMBER, SWITCH, CHOICE) };

const struct known_file *file_find(const char *name)
{
	for (size_t i = 0; i < known_file_count; i++)
		if (!strcmp(known_files[i].name, name))
			return &known_files[i];

	return NULL;
}

static const struct range *range_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (!strcmp(ranges[i].name, name))
			return &ranges[i];

	return NULL;
}

enum knob_when knob_when(const char *name)
{
	const struct range *range = range_of(name);

	return range ? range->when : KNOB_ANYTIME;
}

size_t knob_order(const char *name)
{
	const struct range *range = range_of(name);
	size_t place = range ? (size_t)(range - ranges) : ARRAY_SIZE(ranges);

	return knob_when(name) * (ARRAY_SIZE(ranges) + 1) + place;
}

const char *knob_default(const char *name)
{
	const struct range *range = range_of(name);

	return range ? range->initial : NULL;
}

const char *knob_words(const char *name)
{
	const struct range *range = range_of(name);

	return range ? range->words : NULL;
}

const char *knob_at(size_t index)
{
	return index < ARRAY_SIZE(ranges) ? ranges[index].name : NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	if (!length)
		return false;
	while (*words) {
		size_t span = strcspn(words, " ");

		if (span == length && !strncmp(words, word, length))
			return true;
		words += span;
		words += strspn(words, " ");
	}

	return false;
}

static bool check_choice(const char *words, const char *value, char *reason)
{
	if (has_word(words, value))
		return true;
	snprintf(reason, REASON_SIZE, "it takes one of: %.200s", words);

	return false;
}

static bool check_switch(char *value, char *reason)
{
	static const char *const on[] = { "1", "y", "yes", "on", "true" };
	static const char *const off[] = { "0", "n", "no", "off", "false" };

	for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
		if (strcasecmp(value, on[i]) && strcasecmp(value, off[i]))
			continue;
		value[0] = strcasecmp(value, on[i]) ? '0' : '1';
		value[1] = '\0';
		return true;
	}
	snprintf(reason, REASON_SIZE, "it takes 0 or 1");

	return false;
}

/* As the kernel reads numbers: digits, perhaps after a plus sign. */
static bool check_number(const struct range *range, const char *value,
			 char *reason)
{
	const char *digits = value + (*value == '+');
	unsigned long long number;

	if (!*digits || digits[strspn(digits, "0123456789")]) {
		snprintf(reason, REASON_SIZE, "it takes a decimal number");
		return false;
	}
	errno = 0;
	number = strtoull(digits, NULL, 10);
	if (errno || number < range->min || number > range->max) {
		snprintf(reason, REASON_SIZE, "it takes %llu to %llu",
			 range->min, range->max);
		return false;
	}

	return true;
}

/* "none [scan-time]" without the brackets. */
static void words_of(const char *current, char *words, size_t size)
{
	size_t used = 0;

	for (; *current && used + 1 < size; current++)
		if (*current != '[' && *current != ']')
			words[used++] = *current;
	words[used] = '\0';
}

/* A knob of a newer module: what it shows is all there is to go by. */
static bool check_unknown(const char *current, const char *value, char *reason)
{
	char words[REASON_SIZE];

	if (!*value || value[strcspn(value, "\n")]) {
		snprintf(reason, REASON_SIZE, "it takes one line of text");
		return false;
	}
	if (!strchr(current, '['))
		return true;
	words_of(current, words, sizeof(words));

	return check_choice(words, value, reason);
}

bool file_check(const char *name, const char *current, char *value,
		char *reason)
{
	const struct range *range = range_of(name);

	if (!range)
		return check_unknown(current, value, reason);
	if (range->words)
		return check_choice(range->words, value, reason);
	if (range->is_switch)
		return check_switch(value, reason);

	return check_number(range, value, reason);
}

/* A number without what may stand before it. */
static const char *bare(const char *value)
{
	const char *digits = value + (*value == '+');

	if (!*digits || digits[strspn(digits, "0123456789")])
		return value;
	while (digits[0] == '0' && digits[1])
		digits++;

	return digits;
}

bool knob_same(const char *name, const char *one, const char *other)
{
	const struct range *range = range_of(name);

	if (range && range->words)
		return !strcmp(one, other);

	return !strcmp(bare(one), bare(other));
}

/**
 * struct explanation - of an error
 * @name: the knob; NULL for any
 * @value: what was written; NULL for anything
 * @error: the errno
 * @text: what it means there
 */
struct explanation {
	const char *name;
	const char *value;
	int error;
	const char *text;
};

/* The first that fits counts. */
static const struct explanation explanations[] = {
	{ "run", "1", EBUSY,
	  "ksmd runs or holds merged pages: write 2 and then 0 to /sys/kernel/mm/ksm/run" },
	{ "run", "2", ENOMEM,
	  "memory does not suffice to unmerge everything: uksm is stopped; free some, and another 2 goes on" },
	{ "run", "2", EBUSY,
	  "some pages cannot be unmerged just now, see the admin guide, run: uksm is stopped, and another 2 goes on" },
	{ "run", "2", EINTR,
	  "interrupted: uksm is stopped, and what is left stays merged; another 2 goes on" },
	{ "pages_to_scan", NULL, EINVAL,
	  "the advisor sets it: write none to advisor_mode to set it yourself" },
	{ NULL, NULL, EBUSY,
	  "not while pages are merged: write 2 to run first" },
	{ NULL, NULL, EINVAL, "the module does not take this value" },
	{ NULL, NULL, ERANGE, "the number is too large" },
	{ NULL, NULL, ENOENT, "the module has been unloaded" },
	{ NULL, NULL, ENODEV, "the module has been unloaded" },
	{ NULL, NULL, EACCES, "root is needed" },
	{ NULL, NULL, EPERM, "root is needed" },
};

const char *file_explain(const char *name, const char *value, int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(explanations); i++) {
		const struct explanation *one = &explanations[i];

		if (one->error == error &&
		    (!one->name || !strcmp(one->name, name)) &&
		    (!one->value || !strcmp(one->value, value)))
			return one->text;
	}

	return NULL;
}
