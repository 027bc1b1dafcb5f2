// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl set: check everything, then write everything, in the order given; and if
 * the kernel refuses one, put back what was written before it.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "engine.h"
#include "files.h"
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

static enum status check(const struct engine_files *files,
			 struct setting *setting)
{
	const struct file_value *file = engine_files_find(files, setting->name);
	char reason[REASON_SIZE];

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

		if (!status &&
		    settings_find(settings, setting->name) != setting)
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
