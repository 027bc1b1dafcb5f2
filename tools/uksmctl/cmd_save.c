// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl save: the current settings, as a file that apply takes. It is read back
 * before it replaces anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "engine.h"
#include "files.h"
#include "lists.h"
#include "replace.h"
#include "settings.h"

static const char heading[] =
	"# Settings of the module uksm, see uksm.conf(5).\n"
	"# Written by \"uksmctl save\", which replaces all that is here.\n"
	"# What has its default is a comment.\n"
	"\n";

/* Return: STATUS_OK, or STATUS_REFUSED after a message. */
static enum status save_knob(FILE *to, const struct file_value *file,
			     bool advised)
{
	const char *initial = knob_default(file->name);
	char text[TEXT_SIZE];
	const char *value;

	if (file->error)
		return fail(STATUS_REFUSED, "%s: cannot be read: %s",
			    file->name, strerror(file->error));
	snprintf(text, sizeof(text), "%s", file->text);
	value = text_choice(text);
	if (advised && !strcmp(file->name, "pages_to_scan"))
		fprintf(to, "# %s is what the advisor makes it\n", file->name);
	else if (initial && knob_same(file->name, value, initial))
		fprintf(to, "# %s = %s\n", file->name, initial);
	else if (initial)
		fprintf(to, "%s = %s\t# default: %s\n", file->name, value,
			initial);
	else
		fprintf(to, "%s = %s\n", file->name, value);

	return STATUS_OK;
}

/* A path that the file cannot say as it is would be another's. */
static enum status save_list(FILE *to, const char *list)
{
	struct settings entries = { .file = NULL };
	enum status status;

	/* Process IDs are others' after a boot. */
	if (list_is_of_processes(list))
		return STATUS_OK;
	status = list_add_all(list, &entries);
	for (size_t i = 0; i < entries.count && !status; i++) {
		const char *entry = entries.list[i].value + 1;

		if (list_can_be_said(entry))
			fprintf(to, "%s = %s\n", list, entry);
		else
			status = fail(
				STATUS_REFUSED,
				"%s: a path with '#' cannot be saved",
				list);
	}
	settings_free(&entries);

	return status;
}

static enum status save_all(FILE *to, const struct engine_files *files)
{
	const struct file_value *mode =
		engine_files_find(files, "advisor_mode");
	bool advised = mode && !mode->error && strchr(mode->text, '[') &&
		       !strstr(mode->text, "[none]");
	enum status status = STATUS_OK;
	const char *name, *list;

	fputs(heading, to);
	for (size_t i = 0; (name = knob_at(i)) && !status; i++) {
		const struct file_value *file = engine_files_find(files, name);

		if (file)
			status = save_knob(to, file, advised);
	}
	/* Of a newer module. */
	for (size_t i = 0; i < files->count && !status; i++)
		if (files->values[i].writable &&
		    !knob_default(files->values[i].name))
			status = save_knob(to, &files->values[i], advised);
	for (size_t i = 0; (list = list_at(i)) && !status; i++)
		status = save_list(to, list);

	return status;
}

/* Would apply take it, and find everything as it says? */
static enum status check_text(char *text, size_t size, const char *file,
			      const struct engine_files *files)
{
	FILE *stream = require_memory(fmemopen(text, size, "r"));
	struct settings settings;
	enum status status = config_read(stream, file, files, &settings);

	fclose(stream);
	if (status)
		return fail(STATUS_REFUSED,
			    "not saved: apply would not take this");
	settings_free(&settings);

	return STATUS_OK;
}

static enum status save(const char *file, const struct engine_files *files)
{
	enum status status;
	char *text = NULL;
	size_t size = 0;
	FILE *to = require_memory(open_memstream(&text, &size));

	status = save_all(to, files);
	require_memory(fclose(to) ? NULL : text);
	status = status ?: check_text(text, size, file, files);
	status = status ?: replace_file(file, text, size, true);
	free(text);

	return status;
}

enum status command_save(const struct options *options, int argc, char **argv)
{
	struct engine_files files;
	char standard[PATH_SIZE];
	enum status status;

	(void)options;
	if (argc > 1)
		return fail(STATUS_USAGE, "save takes one file, and no '%s'",
			    argv[1]);
	status = require_uksm();
	if (status)
		return status;
	make_path(standard, CONFIG_FILE);
	settings_lock();
	if (engine_files_read(ENGINE_UKSM, &files))
		return require_uksm() ?:
					fail(STATUS_REFUSED,
					     "cannot read uksm's directory");
	status = save(argc ? argv[0] : standard, &files);
	engine_files_free(&files);

	return status;
}
