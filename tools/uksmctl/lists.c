// SPDX-License-Identifier: GPL-2.0-only
#include "lists.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "engine.h"

/* A list that ends less than a name before the end of what a file shows may go on. */
#define NAME_SIZE 256

/* In the order in which they are set. */
static const char *const lists[] = { "domains/cgroups", "domains/excluded",
				     "domains/included" };

const char *list_at(size_t index)
{
	return index < ARRAY_SIZE(lists) ? lists[index] : NULL;
}

size_t list_order(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(lists) && strcmp(name, lists[i]))
		i++;

	return i;
}

bool list_is(const char *name)
{
	return list_order(name) < ARRAY_SIZE(lists);
}

bool list_has(const char *text, const char *path)
{
	size_t length = strlen(path);

	for (; *text; text += *text == '\n') {
		size_t line = strcspn(text, "\n");

		if (line == length && !strncmp(text, path, length))
			return true;
		text += line;
	}

	return false;
}

bool list_can_be_said(const char *path)
{
	/* Blanks at the end the module does not take either. */
	return !strchr(path, '#');
}

enum status list_add_all(const char *list, struct settings *settings)
{
	char text[TEXT_SIZE], *rest = text, *path;
	int err = engine_read(ENGINE_UKSM, list, text);

	/* Of an older module. */
	if (err == -ENOENT)
		return STATUS_OK;
	if (err)
		return fail(STATUS_REFUSED, "%s cannot be read: %s", list,
			    strerror(-err));
	if (strlen(text) + NAME_SIZE >= TEXT_SIZE)
		return fail(
			STATUS_REFUSED,
			"%s is longer than the module can show: write it down, and take some paths off",
			list);
	while ((path = strsep(&rest, "\n"))) {
		char entry[TEXT_SIZE + 1];

		if (!*path)
			continue;
		snprintf(entry, sizeof(entry), "+%s", path);
		settings_add(settings, list, entry,
			     (unsigned int)settings->count + 1);
	}

	return STATUS_OK;
}
