// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl apply: write what a file of settings says, all of it or nothing. What the
 * kernel would refuse is looked for before anything is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uksm/names.h>

#include "commands.h"
#include "config.h"
#include "engine.h"
#include "files.h"
#include "lists.h"
#include "settings.h"

static enum status read_file(const char *file, struct settings *settings)
{
	struct engine_files files = { NULL, 0 };
	FILE *stream = config_open(file);
	enum status status;

	if (!stream)
		return STATUS_USAGE;
	/* Without the module the file is checked by what is known in advance. */
	if (engine_exists(ENGINE_UKSM))
		engine_files_read(ENGINE_UKSM, &files);
	status = config_read(stream, file, &files, settings);
	fclose(stream);
	engine_files_free(&files);

	return status;
}

static bool changes(const struct setting *setting)
{
	return !knob_same(setting->name, setting->old, setting->value);
}

/* A change of advisor_mode sets pages_to_scan, whatever that is now. */
static bool is_needed(const struct setting *setting, bool mode_changes)
{
	return changes(setting) ||
	       (mode_changes && !strcmp(setting->name, "pages_to_scan"));
}

/* What a knob is now; of an entry of a list, what is to be written to have it as it is. */
static enum status read_old(const struct settings *settings,
			    struct setting *setting)
{
	char text[TEXT_SIZE], *list = NULL;
	int err;

	if (list_is(setting->name))
		err = list_read(setting->name, &list);
	else
		err = engine_read(ENGINE_UKSM, setting->name, text);
	if (err)
		return fail_at(STATUS_REFUSED, settings->file, setting->line,
			       "%s: cannot be read: %s", setting->name,
			       strerror(-err));
	if (list)
		setting->old = list_undo(setting->name, list, setting->value);
	else
		setting->old = require_memory(strdup(text_choice(text)));
	free(list);

	return STATUS_OK;
}

/* A list of which the file has any entries is to have these, and no others. */
static enum status take_others_off(struct settings *settings, const char *list)
{
	struct settings there = { .file = NULL };
	unsigned int line = 0;
	enum status status;

	/* Of the last, so that all are put on before. */
	for (size_t i = 0; i < settings->count; i++)
		if (!strcmp(settings->list[i].name, list))
			line = settings->list[i].line;
	if (!line)
		return STATUS_OK;
	status = list_add_all(list, &there);
	for (size_t i = 0; i < there.count && !status; i++) {
		struct setting *entry = &there.list[i];
		bool wanted = false;

		for (size_t j = 0; j < settings->count; j++)
			wanted |= !strcmp(settings->list[j].name, list) &&
				  list_same(list, settings->list[j].value,
					    entry->value);
		if (wanted)
			continue;
		list_off(list, entry->value);
		settings_add(settings, list, entry->value, line);
	}
	settings_free(&there);

	return status;
}

/* Keep those that would change something, with what they are now. */
static enum status keep_changes(struct settings *settings)
{
	const struct setting *mode;
	enum status status;
	bool mode_changes;
	const char *list;
	size_t kept = 0;

	for (size_t i = 0; (list = list_at(i)); i++) {
		status = take_others_off(settings, list);
		if (status)
			return status;
	}
	settings_sort(settings);
	mode = settings_find(settings, "advisor_mode");
	for (size_t i = 0; i < settings->count; i++) {
		status = read_old(settings, &settings->list[i]);
		if (status)
			return status;
	}
	mode_changes = mode && changes(mode);
	for (size_t i = 0; i < settings->count; i++) {
		struct setting *setting = &settings->list[i];

		if (is_needed(setting, mode_changes)) {
			settings->list[kept++] = *setting;
			continue;
		}
		free(setting->name);
		free(setting->value);
		free(setting->old);
	}
	settings->count = kept;

	return STATUS_OK;
}

static long long number_of(const char *engine, const char *name)
{
	char text[TEXT_SIZE];
	long long number;

	if (engine_read(engine, name, text) || text_number(text, &number))
		return 0;

	return number;
}

/* ksmd is in the way of run = 1 while it runs or holds pages. */
static bool ksmd_is_busy(void)
{
	if (engine_ksm_is_uksm())
		return false;

	return number_of(ENGINE_KSM, "run") ||
	       number_of(ENGINE_KSM, "pages_shared");
}

/* pages_to_scan is the advisor's, now and when all is written? */
static bool is_advised(const struct settings *settings)
{
	char *mode;
	bool advised;

	if (settings_find(settings, "advisor_mode"))
		return false; /* to none, or the file contradicts itself */
	mode = knob_read("advisor_mode");
	advised = mode && strcmp(mode, "none");
	free(mode);

	return advised;
}

/* Why the kernel would refuse it now, in words, or NULL. */
static const char *obstacle(const struct settings *settings,
			    const struct setting *setting)
{
	if (knob_when(setting->name) == KNOB_UNMERGED &&
	    number_of(ENGINE_UKSM, "pages_shared"))
		return file_explain(setting->name, setting->value, EBUSY);
	if (!strcmp(setting->name, "run") && !strcmp(setting->value, "1") &&
	    ksmd_is_busy())
		return file_explain(setting->name, setting->value, EBUSY);
	if (!strcmp(setting->name, "pages_to_scan") && is_advised(settings))
		return file_explain(setting->name, setting->value, EINVAL);

	return NULL;
}

static enum status check_obstacles(const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];
		const char *why = obstacle(settings, setting);

		if (why)
			return fail_at(
				STATUS_REFUSED, settings->file, setting->line,
				"%s = %s cannot be applied now, nothing was changed: %s",
				setting->name, setting->value, why);
	}

	return STATUS_OK;
}

static enum status check_rights(const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];
		char path[PATH_SIZE];

		make_path(path, UKSM_SYSFS_DIR "/%s", setting->name);
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) &&
		    errno == EACCES)
			return fail_at(
				STATUS_PERMISSION, settings->file,
				setting->line,
				"%s: root is needed, nothing was changed",
				setting->name);
	}

	return STATUS_OK;
}

static enum status apply(struct settings *settings,
			 const struct options *options)
{
	enum status status = require_uksm();

	if (status)
		return status;
	if (!options->dry_run)
		settings_lock();
	status = keep_changes(settings);
	if (status)
		return status;
	if (options->dry_run) {
		settings_show(settings, options);
		return check_obstacles(settings);
	}

	status = check_obstacles(settings) ?: check_rights(settings);
	if (!status)
		status = settings_write(settings);
	if (!status)
		settings_show(settings, options);

	return status;
}

enum status command_apply(const struct options *options, int argc, char **argv)
{
	char standard[PATH_SIZE];
	struct settings settings;
	enum status status;

	if (argc > 1)
		return fail(STATUS_USAGE, "apply takes one file, and no '%s'",
			    argv[1]);
	make_path(standard, CONFIG_FILE);
	status = read_file(argc ? argv[0] : standard, &settings);
	if (status)
		return status;
	status = apply(&settings, options);
	settings_free(&settings);

	return status;
}
