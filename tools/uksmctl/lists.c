// SPDX-License-Identifier: GPL-2.0-only
#include "lists.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uksm/names.h>

#include "array.h"
#include "engine.h"
#include "files.h"

/* A list that ends less than an entry before the end of what a file shows may go on. */
#define SHOWN_MAX (TEXT_SIZE - 1)
#define PATH_ENTRY_MAX 256

#define WEIGHT_MAX 10000
#define NAME_MAX_LENGTH 31

static const char blanks[] = " \t";
static const char digits[] = "0123456789";
static const char name_letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** enum entry_kind - what a line of a list is */
enum entry_kind {
	ENTRY_PATH, /* a control group */
	ENTRY_WEIGHT, /* one, and a number */
	ENTRY_LEVEL, /* one, and a level of hardening */
	ENTRY_PROCESS, /* a process ID, and a name */
};

/**
 * struct list - one of them
 * @name: in uksm's directory
 * @kind: of its lines
 */
struct list {
	const char *name;
	enum entry_kind kind;
};

/*
 * In the order in which they are set: what is excluded, or hardened, must not be included, or
 * merge otherwise, for a moment.
 */
static const struct list lists[] = {
	{ "domains/cgroups", ENTRY_PATH },
	{ "domains/excluded", ENTRY_PATH },
	{ "domains/hardened", ENTRY_LEVEL },
	{ "domains/named", ENTRY_PROCESS },
	{ "domains/included", ENTRY_PATH },
	{ "domains/weights", ENTRY_WEIGHT },
};

const char *list_at(size_t index)
{
	return index < ARRAY_SIZE(lists) ? lists[index].name : NULL;
}

size_t list_order(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(lists) && strcmp(name, lists[i].name))
		i++;

	return i;
}

bool list_is(const char *name)
{
	return list_order(name) < ARRAY_SIZE(lists);
}

static enum entry_kind kind_of(const char *name)
{
	return lists[list_order(name)].kind;
}

bool list_is_of_processes(const char *name)
{
	return list_is(name) && kind_of(name) == ENTRY_PROCESS;
}

static bool is_blank(char letter)
{
	return letter && strchr(blanks, letter);
}

/* Cut a text before its last word. Return: where one blank and the word are to stand; the word, or NULL. */
static char *cut_word(char *text, char **word)
{
	char *end = text + strlen(text);

	while (end > text && !is_blank(end[-1]))
		end--;
	*word = end > text ? end : NULL;
	while (end > text && is_blank(end[-1]))
		end--;
	if (*word)
		*end = '\0';

	return end;
}

static bool is_number(const char *text, unsigned long max)
{
	size_t length = strspn(text, digits);
	unsigned long number;

	if (!length || text[length])
		return false;
	errno = 0;
	number = strtoul(text, NULL, 10);

	return !errno && number >= 1 && number <= max;
}

static bool is_name(const char *text)
{
	size_t length = strspn(text, name_letters);

	return length && length <= NAME_MAX_LENGTH && !text[length];
}

/* The second half of an entry. */
static bool is_word(enum entry_kind kind, const char *word)
{
	switch (kind) {
	case ENTRY_WEIGHT:
		return is_number(word, WEIGHT_MAX);
	case ENTRY_LEVEL:
		return !strcmp(word, "delay") || !strcmp(word, "frame");
	case ENTRY_PROCESS:
		return is_name(word);
	case ENTRY_PATH:
		break;
	}

	return false;
}

static const char *wanted(enum entry_kind kind)
{
	switch (kind) {
	case ENTRY_WEIGHT:
		return "it takes the path of a control group, and a weight from 1 to 10000";
	case ENTRY_LEVEL:
		return "it takes the path of a control group, and delay or frame";
	case ENTRY_PROCESS:
		return "it takes a process ID, and a name of 1 to 31 letters, digits, _ and -";
	case ENTRY_PATH:
		break;
	}

	return "not the path of a control group";
}

static bool is_key(enum entry_kind kind, const char *text)
{
	return kind == ENTRY_PROCESS ? is_number(text, INT_MAX) : *text == '/';
}

/* Of an entry with a word. */
static bool check_entry(enum entry_kind kind, char *entry)
{
	char *word, *end = cut_word(entry, &word);

	if (!word || !is_word(kind, word) || !is_key(kind, entry))
		return false;
	if (kind == ENTRY_WEIGHT)
		while (*word == '0')
			word++;
	*end = ' ';
	memmove(end + 1, word, strlen(word) + 1);

	return true;
}

bool list_check(const char *list, char *write, char *reason)
{
	const enum entry_kind kind = kind_of(list);
	char *entry = write + 1;
	bool good;

	if (*write != '+' && *write != '-') {
		snprintf(reason, REASON_SIZE,
			 "it takes + to put on, or - to take off");
		return false;
	}
	good = strlen(write) < TEXT_SIZE && !strchr(entry, '\n');
	/* A process ID has no zeroes before it, or one would not be known to be the other. */
	if (kind == ENTRY_PROCESS && *entry == '0')
		good = false;
	if (good && *write == '+' && kind != ENTRY_PATH)
		good = check_entry(kind, entry);
	else if (good)
		good = is_key(kind, entry);
	if (!good)
		snprintf(reason, REASON_SIZE, "%s",
			 *entry == '/' || kind == ENTRY_PROCESS ?
				 wanted(kind) :
				 wanted(ENTRY_PATH));

	return good;
}

/* How much of an entry tells it from others. */
static size_t key_length(enum entry_kind kind, const char *entry, size_t length)
{
	const char *blank = NULL;

	switch (kind) {
	case ENTRY_PATH:
		break;
	case ENTRY_WEIGHT:
	case ENTRY_LEVEL:
		/* Paths have blanks, too. */
		blank = memrchr(entry, ' ', length);
		break;
	case ENTRY_PROCESS:
		blank = memchr(entry, ' ', length);
		break;
	}

	return blank ? (size_t)(blank - entry) : length;
}

/* Of a write the part that names the control group or the process. */
static size_t key_of_write(enum entry_kind kind, const char *write)
{
	size_t length = strlen(write + 1);

	return *write == '+' ? key_length(kind, write + 1, length) : length;
}

/* The line of this key, or NULL. */
static const char *find_line(enum entry_kind kind, const char *text,
			     const char *key, size_t key_size, size_t *length)
{
	for (; *text; text += *text == '\n') {
		*length = strcspn(text, "\n");
		if (key_length(kind, text, *length) == key_size &&
		    !strncmp(text, key, key_size))
			return text;
		text += *length;
	}

	return NULL;
}

int list_read(const char *list, char **text)
{
	char path[PATH_SIZE];

	return text_read_all(make_path(path, UKSM_SYSFS_DIR "/%s", list), text);
}

bool list_has(const char *list, const char *text, const char *entry)
{
	const enum entry_kind kind = kind_of(list);
	size_t size = strlen(entry), length;
	const char *line = find_line(kind, text, entry,
				     key_length(kind, entry, size), &length);

	return line && length == size && !strncmp(line, entry, size);
}

bool list_same(const char *list, const char *one, const char *other)
{
	const enum entry_kind kind = kind_of(list);
	size_t length = key_of_write(kind, one);

	return length == key_of_write(kind, other) &&
	       !strncmp(one + 1, other + 1, length);
}

char *list_undo(const char *list, const char *text, const char *write)
{
	const enum entry_kind kind = kind_of(list);
	size_t key_size = key_of_write(kind, write), length;
	const char *line = find_line(kind, text, write + 1, key_size, &length);
	char *undo;

	if (!line)
		length = key_size;
	if (asprintf(&undo, "%c%.*s", line ? '+' : '-', (int)length,
		     line ?: write + 1) < 0)
		undo = NULL;

	return require_memory(undo);
}

void list_off(const char *list, char *write)
{
	write[1 + key_of_write(kind_of(list), write)] = '\0';
	*write = '-';
}

bool list_can_be_said(const char *entry)
{
	/* Blanks at the end the module does not take either. */
	return !strchr(entry, '#');
}

const char *list_explain(const char *list, int error)
{
	switch (error) {
	case ENOENT:
		return list_is_of_processes(list) ?
			       "it is not in the list" :
			       "there is no such control group, or it is not in the list";
	case ESRCH:
		return "there is no such process";
	case ENOSPC:
		return "the list is full";
	case EACCES:
	case EPERM:
		return "root is needed";
	default:
		return NULL;
	}
}

/* A page is all that files show; of processes there are never more than that. */
static bool may_be_cut_off(const char *list, const char *text)
{
	return !list_is_of_processes(list) &&
	       strlen(text) + PATH_ENTRY_MAX > SHOWN_MAX;
}

enum status list_add_all(const char *list, struct settings *settings)
{
	char *text, *rest, *line;
	int err = list_read(list, &text);

	/* Of an older module. */
	if (err == -ENOENT)
		return STATUS_OK;
	if (err)
		return fail(STATUS_REFUSED, "%s cannot be read: %s", list,
			    strerror(-err));
	if (may_be_cut_off(list, text)) {
		free(text);
		return fail(
			STATUS_REFUSED,
			"%s is longer than the module can show: write it down, and take some off",
			list);
	}
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *entry;

		if (!*line)
			continue;
		if (asprintf(&entry, "+%s", line) < 0)
			entry = require_memory(NULL);
		settings_add(settings, list, entry,
			     (unsigned int)settings->count + 1);
		free(entry);
	}
	free(text);

	return STATUS_OK;
}
