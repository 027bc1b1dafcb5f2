// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "lists.h"

/* Far more than all knobs need. */
#define SIZE_MAX_BYTES (64 * 1024)

static const char blanks[] = " \t\r\n";

/**
 * struct place - where we are
 * @file: the file
 * @line: the line, from 1
 */
struct place {
	const char *file;
	unsigned int line;
};

FILE *config_open(const char *file)
{
	/* A pipe, which is refused below, must not be waited for. */
	int opened = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *reason = NULL;
	FILE *stream = NULL;
	struct stat info;

	if (opened < 0 || fstat(opened, &info))
		reason = strerror(errno);
	else if (!S_ISREG(info.st_mode))
		reason = "it is not a regular file";
	else if (info.st_size > SIZE_MAX_BYTES)
		reason = "it is too large";
	else
		stream = require_memory(fdopen(opened, "r"));
	if (!reason)
		return stream;

	fail_at(STATUS_USAGE, file, 0, "cannot be read: %s", reason);
	if (opened >= 0)
		close(opened);

	return NULL;
}

/* Without blanks at both ends. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, blanks);
	length = strlen(text);
	while (length && strchr(blanks, text[length - 1]))
		length--;
	text[length] = '\0';

	return text;
}

static enum status check_twice(const struct place *at, const char *list,
			       const char *write,
			       const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *before = &settings->list[i];

		if (!strcmp(before->name, list) &&
		    list_same(list, before->value, write))
			return fail_at(
				STATUS_USAGE, at->file, at->line,
				"%s = %.100s: given twice, first in line %u",
				list, write + 1, before->line);
	}

	return STATUS_OK;
}

/* A control group, whether there is such a one or not. A comment begins with a number sign. */
static enum status take_entry(const struct place *at, const char *list,
			      const char *entry,
			      const struct engine_files *files,
			      struct settings *settings)
{
	char reason[REASON_SIZE], text[TEXT_SIZE], *write;
	enum status status = STATUS_OK;

	if (list_is_of_processes(list))
		return fail_at(
			STATUS_USAGE, at->file, at->line,
			"%s: not from a file, as process IDs are others' after a boot: name a process when it is started",
			list);
	if (asprintf(&write, "+%s", entry) < 0)
		write = require_memory(NULL);
	if (!list_check(list, write, reason))
		status = fail_at(STATUS_USAGE, at->file, at->line,
				 "%s = %.100s: %s", list, entry, reason);
	else if (files->count &&
		 engine_read(ENGINE_UKSM, list, text) == -ENOENT)
		status = fail_at(STATUS_USAGE, at->file, at->line,
				 "%s: the loaded module has no such file",
				 list);
	status = status ?: check_twice(at, list, write, settings);
	if (!status)
		settings_add(settings, list, write, at->line);
	free(write);

	return status;
}

/* Is there such a knob? A module that is loaded may have more than are known. */
static enum status check_name(const struct place *at, const char *name,
			      const struct engine_files *files)
{
	const struct file_value *file = engine_files_find(files, name);
	const struct known_file *known = file_find(name);

	if (!file && !known)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "%.100s: there is no such knob", name);
	if (file ? !file->writable : !known->writable)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "%s: a counter, which cannot be set", name);
	if (!file && files->count)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "%s: the loaded module has no such file", name);

	return STATUS_OK;
}

static enum status check_value(const struct place *at, const char *name,
			       char *value, const struct engine_files *files)
{
	const struct file_value *file = engine_files_find(files, name);
	char reason[REASON_SIZE];

	if (!*value)
		return fail_at(STATUS_USAGE, at->file, at->line, "%s: no value",
			       name);
	if (!file_check(name, file ? file->text : "", value, reason))
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "%s = %.100s: %s", name, value, reason);

	return STATUS_OK;
}

static enum status take_line(const struct place *at, char *line,
			     const struct engine_files *files,
			     struct settings *settings)
{
	char *equals, *name, *value;
	struct setting *before;
	enum status status;

	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (!*line)
		return STATUS_OK;
	equals = strchr(line, '=');
	if (!equals)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "'%.100s' is not KNOB = VALUE", line);
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (!*name)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "'= %.100s' is not KNOB = VALUE", value);

	if (list_is(name))
		return take_entry(at, name, value, files, settings);
	status = check_name(at, name, files);
	if (status)
		return status;
	before = settings_find(settings, name);
	if (before)
		return fail_at(STATUS_USAGE, at->file, at->line,
			       "%s: given twice, first in line %u", name,
			       before->line);
	status = check_value(at, name, value, files);
	if (!status)
		settings_add(settings, name, value, at->line);

	return status;
}

/* What the kernel takes one by one, but not together. */
static enum status check_together(const struct settings *settings)
{
	const struct setting *mode = settings_find(settings, "advisor_mode");
	const struct setting *batch = settings_find(settings, "pages_to_scan");

	if (!mode || !batch || !strcmp(mode->value, "none"))
		return STATUS_OK;

	return fail_at(
		STATUS_USAGE, settings->file, batch->line,
		"pages_to_scan: the advisor sets it, with advisor_mode = %s in line %u",
		mode->value, mode->line);
}

enum status config_read(FILE *stream, const char *file,
			const struct engine_files *files,
			struct settings *settings)
{
	struct place at = { .file = file };
	enum status status = STATUS_OK;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	*settings = (struct settings){ .file = file };
	while (!status && (length = getline(&line, &room, stream)) > 0) {
		at.line++;
		if (strlen(line) != (size_t)length)
			status = fail_at(STATUS_USAGE, file, at.line,
					 "it has a null byte");
		else
			status = take_line(&at, line, files, settings);
	}
	if (!status && ferror(stream))
		status = fail_at(STATUS_USAGE, file, 0, "cannot be read: %s",
				 strerror(errno));
	free(line);
	if (!status)
		status = check_together(settings);
	if (status)
		settings_free(settings);
	else
		settings_sort(settings);

	return status;
}
