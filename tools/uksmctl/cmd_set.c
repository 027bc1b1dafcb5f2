// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl set: check everything, then write everything, in the order given; and if
 * the kernel refuses one, put back what was written before it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "engine.h"
#include "files.h"
#include "lists.h"
#include "settings.h"

static enum status split(char *argument, struct setting *setting)
{
	char *equals = strchr(argument, '=');

	if (!equals || equals == argument)
		return fail(STATUS_USAGE, "'%s' is not NAME=VALUE", argument);
	setting->name =
		require_memory(strndup(argument, (size_t)(equals - argument)));
	setting->value = require_memory(strdup(equals + 1));

	return STATUS_OK;
}

/* An entry of a list: + and what to put on, or - and what to take off. */
static enum status check_entry(struct setting *setting)
{
	char reason[REASON_SIZE], *text;
	int err;

	if (!list_check(setting->name, setting->value, reason))
		return fail(STATUS_USAGE, "%s=%s: %s", setting->name,
			    setting->value, reason);
	err = list_read(setting->name, &text);
	if (err == -ENOENT)
		return fail(STATUS_USAGE,
			    "%s: the loaded module has no such file",
			    setting->name);
	if (err == -EACCES)
		return fail(STATUS_PERMISSION, "%s: root is needed",
			    setting->name);
	if (err)
		return fail(STATUS_REFUSED, "%s: cannot be read: %s",
			    setting->name, strerror(-err));
	setting->old = list_undo(setting->name, text, setting->value);
	free(text);

	return STATUS_OK;
}

static bool is_twice(const struct settings *settings, size_t index)
{
	const struct setting *setting = &settings->list[index];

	for (size_t i = 0; i < index; i++) {
		const struct setting *before = &settings->list[i];

		if (!before->name || strcmp(before->name, setting->name))
			continue;
		if (!list_is(setting->name))
			return true;
		if (*before->value && *setting->value &&
		    list_same(setting->name, before->value, setting->value))
			return true;
	}

	return false;
}

static enum status check(const struct engine_files *files,
			 struct setting *setting)
{
	const struct file_value *file = engine_files_find(files, setting->name);
	char reason[REASON_SIZE];

	if (list_is(setting->name))
		return check_entry(setting);
	if (!file && file_find(setting->name))
		return fail(STATUS_USAGE,
			    "%s: the loaded module has no such file",
			    setting->name);
	if (!file)
		return fail(STATUS_USAGE, "%s: there is no such knob",
			    setting->name);
	if (!file->writable)
		return fail(STATUS_USAGE, "%s: a counter, which cannot be set",
			    setting->name);
	if (file->error)
		return fail(STATUS_REFUSED, "%s: cannot be read: %s",
			    setting->name, strerror(file->error));
	if (!file_check(setting->name, file->text, setting->value, reason))
		return fail(STATUS_USAGE, "%s=%s: %s", setting->name,
			    setting->value, reason);

	/* As it is written, not as it is shown. */
	setting->old = knob_read(setting->name);
	if (!setting->old)
		return fail(STATUS_REFUSED, "%s: cannot be read",
			    setting->name);

	return STATUS_OK;
}

/* All of them, so that everything that is wrong is said at once. */
static enum status check_all(struct settings *settings, char **arguments)
{
	enum status worst = STATUS_OK;
	struct engine_files files;

	if (engine_files_read(ENGINE_UKSM, &files))
		return require_uksm() ?:
					fail(STATUS_REFUSED,
					     "cannot read uksm's directory");
	for (size_t i = 0; i < settings->count; i++) {
		struct setting *setting = &settings->list[i];
		enum status status = split(arguments[i], setting);

		if (!status && is_twice(settings, i))
			status = fail(STATUS_USAGE, "%s: given twice",
				      setting->name);
		if (!status)
			status = check(&files, setting);
		if (status)
			worst = status;
	}
	engine_files_free(&files);

	return worst;
}

enum status command_set(const struct options *options, int argc, char **argv)
{
	struct settings settings = { .count = (size_t)argc };
	enum status status;

	if (!argc)
		return fail(STATUS_USAGE, "set needs at least one NAME=VALUE");
	status = require_uksm();
	if (status)
		return status;

	settings.list =
		require_memory(calloc(settings.count, sizeof(*settings.list)));
	if (!options->dry_run)
		settings_lock();
	status = check_all(&settings, argv);
	if (!status && !options->dry_run)
		status = settings_write(&settings);
	if (!status)
		settings_show(&settings, options);
	settings_free(&settings);

	return status;
}
