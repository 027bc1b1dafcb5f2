// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl set: check everything, then write everything, in the order given; and if
 * the kernel refuses one, put back what was written before it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uksm/names.h>

#include "commands.h"
#include "engine.h"
#include "files.h"
#include "json.h"

/**
 * struct setting - one NAME=VALUE
 * @name: the knob
 * @value: what to write
 * @old: what it was
 * @now: what it is after all; NULL until that is known
 */
struct setting {
	char *name;
	char *value;
	char *old;
	char *now;
};

struct settings {
	struct setting *list;
	size_t count;
};

static char *read_choice(const char *name)
{
	char text[TEXT_SIZE];

	if (engine_read(ENGINE_UKSM, name, text))
		return NULL;

	return require_memory(strdup(text_choice(text)));
}

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

static bool given_before(const struct settings *settings,
			 const struct setting *setting)
{
	for (const struct setting *other = settings->list; other < setting;
	     other++)
		if (!strcmp(other->name, setting->name))
			return true;

	return false;
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
	setting->old = read_choice(setting->name);
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

		if (!status && given_before(settings, setting))
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

/* Return: false, with a message, when it stays as it is. */
static bool put_back(const struct setting *setting)
{
	int err = engine_write(ENGINE_UKSM, setting->name, setting->old);

	if (err)
		complain("%s: could not be put back to %s: %s", setting->name,
			 setting->old, strerror(-err));

	return !err;
}

/*
 * What is set along with another knob, or by a write that fails half way, as that
 * to run: whether it has to be put back is seen in the file.
 */
static bool put_back_if_changed(const struct setting *setting)
{
	char *now = setting->old ? read_choice(setting->name) : NULL;
	bool same = !now || !strcmp(now, setting->old);

	free(now);

	return same || put_back(setting);
}

/* The last first. Return: false when one stays as it is. */
static bool undo(const struct settings *settings, size_t failed, char *batch)
{
	struct setting batch_setting = { .name = "pages_to_scan",
					 .old = batch };
	bool undone = true, advised = false;
	size_t i = failed;

	while (i--) {
		undone &= put_back(&settings->list[i]);
		advised |= !strcmp(settings->list[i].name, "advisor_mode");
	}
	/* The advisor has set the batch. */
	if (advised)
		undone &= put_back_if_changed(&batch_setting);

	return undone & put_back_if_changed(&settings->list[failed]);
}

static enum status report_refusal(const struct settings *settings,
				  size_t failed, int error, char *batch)
{
	const struct setting *setting = &settings->list[failed];
	const char *meaning =
		file_explain(setting->name, setting->value, error);
	bool denied = error == EACCES || error == EPERM;

	complain(UKSM_SYSFS_DIR "/%s: %s refused: %s%s%s%s", setting->name,
		 setting->value, strerror(error), meaning ? " (" : "",
		 meaning ? meaning : "", meaning ? ")" : "");
	if (!undo(settings, failed, batch))
		return fail(STATUS_PARTLY_SET,
			    "some settings are changed, see above");
	if (failed)
		complain("what was written before it has been put back");
	if (error == ENOENT || error == ENODEV)
		return STATUS_NO_MODULE;

	return denied ? STATUS_PERMISSION : STATUS_REFUSED;
}

static enum status write_all(struct settings *settings)
{
	char *batch = read_choice("pages_to_scan");
	enum status status = STATUS_OK;

	for (size_t i = 0; i < settings->count && !status; i++) {
		struct setting *setting = &settings->list[i];
		int err = engine_write(ENGINE_UKSM, setting->name,
				       setting->value);

		if (err)
			status = report_refusal(settings, i, -err, batch);
	}
	free(batch);

	return status;
}

static void show_text(const struct setting *setting, bool dry_run)
{
	if (dry_run)
		printf("%s: %s would become %s\n", setting->name, setting->old,
		       setting->value);
	else if (!strcmp(setting->old, setting->now))
		printf("%s: %s, as before\n", setting->name, setting->now);
	else
		printf("%s: %s -> %s\n", setting->name, setting->old,
		       setting->now);
}

static void show(const struct settings *settings, const struct options *options)
{
	if (options->json) {
		json_start(false);
		json_bool("dry_run", options->dry_run);
		json_object("set");
	}
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];

		if (!options->json) {
			show_text(setting, options->dry_run);
			continue;
		}
		json_object(setting->name);
		json_text("old", setting->old);
		json_text("new",
			  options->dry_run ? setting->value : setting->now);
		json_object_end();
	}
	if (options->json) {
		json_object_end();
		json_end();
	}
}

static void free_all(struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->list[i].name);
		free(settings->list[i].value);
		free(settings->list[i].old);
		free(settings->list[i].now);
	}
	free(settings->list);
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
	status = check_all(&settings, argv);
	if (!status && !options->dry_run)
		status = write_all(&settings);
	if (!status) {
		for (size_t i = 0; i < settings.count && !options->dry_run;
		     i++) {
			settings.list[i].now =
				read_choice(settings.list[i].name);
			if (!settings.list[i].now)
				settings.list[i].now = require_memory(
					strdup(settings.list[i].value));
		}
		show(&settings, options);
	}
	free_all(&settings);

	return status;
}
