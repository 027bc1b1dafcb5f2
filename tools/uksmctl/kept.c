// SPDX-License-Identifier: GPL-2.0-only
#include "kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "files.h"
#include "format.h"
#include "lists.h"
#include "who.h"

#define EXCLUDED "domains/excluded"
#define INCLUDED "domains/included"
#define HARDENED "domains/hardened"

static void add(struct settings *settings, const char *name, const char *value)
{
	settings_add(settings, name, value, (unsigned int)settings->count + 1);
}

/* Control groups are named by others, and what is told of them goes to a terminal. */
static void complain_of(const struct setting *setting, const char *why)
{
	char *text;

	if (asprintf(&text, "%s: %s is not set: %s", setting->name,
		     setting->value, why) < 0)
		text = require_memory(NULL);
	complain("%s", format_plain(text));
	free(text);
}

/* pages_to_scan is the advisor's. */
static bool is_advised(const struct engine_files *files)
{
	const struct file_value *mode =
		engine_files_find(files, "advisor_mode");

	return mode && !mode->error && strchr(mode->text, '[') &&
	       !strstr(mode->text, "[none]");
}

static enum status keep_knob(struct kept *kept, const struct file_value *file)
{
	char text[TEXT_SIZE];
	const char *value;

	if (file->error)
		return fail(STATUS_REFUSED, "%s cannot be read: %s", file->name,
			    strerror(file->error));
	snprintf(text, sizeof(text), "%s", file->text);
	value = text_choice(text);
	if (strchr(value, '\n'))
		return fail(
			STATUS_REFUSED,
			"%s has several lines, which this version of uksmctl cannot keep",
			file->name);
	if (strcmp(file->name, "run"))
		add(&kept->knobs, file->name, value);
	else
		kept->run = require_memory(strdup(value));

	return STATUS_OK;
}

static enum status keep_knobs(struct kept *kept)
{
	enum status status = STATUS_OK;
	struct engine_files files;
	bool advised;

	if (engine_files_read(ENGINE_UKSM, &files))
		return require_uksm() ?:
					fail(STATUS_REFUSED,
					     "cannot read uksm's directory");
	advised = is_advised(&files);
	for (size_t i = 0; i < files.count && !status; i++) {
		const struct file_value *file = &files.values[i];

		if (file->writable &&
		    !(advised && !strcmp(file->name, "pages_to_scan")))
			status = keep_knob(kept, file);
	}
	engine_files_free(&files);
	if (!status && !kept->run)
		status = fail(STATUS_REFUSED, "the module has no file run");
	if (!status)
		settings_sort(&kept->knobs);

	return status;
}

static pid_t pid_of(const struct setting *entry)
{
	return (pid_t)strtol(entry->value + 1, NULL, 10);
}

/* A process ID may be another's when it is written. */
static void keep_births(struct kept *kept)
{
	kept->born = require_memory(
		calloc(kept->lists.count + 1, sizeof(*kept->born)));
	for (size_t i = 0; i < kept->lists.count; i++)
		if (list_is_of_processes(kept->lists.list[i].name))
			kept->born[i] = who_born(pid_of(&kept->lists.list[i]));
}

/* Only root may look at processes' names. */
static bool is_closed(const char *list)
{
	char *text;
	int err = list_read(list, &text);

	free(text);

	return err == -EACCES;
}

enum status kept_read(struct kept *kept, bool to_show)
{
	enum status status;
	const char *list;

	*kept = (struct kept){ .run = NULL };
	status = keep_knobs(kept);
	for (size_t i = 0; (list = list_at(i)) && !status; i++) {
		if (to_show && is_closed(list))
			complain("%s: only root may look at it", list);
		else
			status = list_add_all(list, &kept->lists);
	}
	keep_births(kept);

	return status;
}

/* With isolation the lists that say who merges with whom count. */
static bool is_isolated(const struct kept *kept)
{
	const struct setting *isolation =
		settings_find(&kept->knobs, "isolation");

	return isolation && strcmp(isolation->value, "none");
}

static bool write_knob(const struct setting *setting)
{
	char *now = knob_read(setting->name);
	const char *meaning;
	bool same;
	int err;

	if (!now) {
		complain_of(setting, errno == ENOENT ?
					     "the module has no such file" :
					     strerror(errno));
		return false;
	}
	same = knob_same(setting->name, now, setting->value);
	free(now);
	if (same)
		return true;
	err = engine_write(ENGINE_UKSM, setting->name, setting->value);
	if (!err)
		return true;
	meaning = file_explain(setting->name, setting->value, -err);
	complain_of(setting, meaning ?: strerror(-err));

	return false;
}

/*
 * Return: 0, also if it is of a process that has exited; -ESRCH after a message when there is no such
 * group any more; or -errno after one.
 */
static int write_entry(const struct setting *entry, unsigned long long born)
{
	const bool of_process = list_is_of_processes(entry->name);
	char *text;
	bool there;
	int err;

	if (of_process && who_born(pid_of(entry)) != born)
		return 0;
	err = list_read(entry->name, &text);
	if (err) {
		complain_of(entry, err == -ENOENT ?
					   "the module has no such file" :
					   strerror(-err));
		return err;
	}
	there = list_has(entry->name, text, entry->value + 1);
	free(text);
	if (there)
		return 0;
	err = engine_write(ENGINE_UKSM, entry->name, entry->value);
	if (err == -ESRCH && of_process)
		return 0;
	if (err == -ENOENT && !of_process)
		err = -ESRCH;
	if (err)
		complain_of(entry, err == -ESRCH ?
					   "there is no such control group" :
					   strerror(-err));

	return err;
}

/* Would pages merge that must not, without this entry? */
static bool is_vital(const struct kept *kept, const struct setting *entry)
{
	if (!strcmp(entry->name, EXCLUDED) || !strcmp(entry->name, INCLUDED))
		return true;

	return is_isolated(kept) && (!strcmp(entry->name, HARDENED) ||
				     list_is_of_processes(entry->name));
}

/* Return: false when something could not be set; @safe: then still nothing merges that must not. */
static bool write_all(const struct kept *kept, bool *safe)
{
	bool all = true;

	for (size_t i = 0; i < kept->knobs.count; i++) {
		const struct setting *knob = &kept->knobs.list[i];

		if (write_knob(knob))
			continue;
		all = false;
		if ((!strcmp(knob->name, "isolation") ||
		     !strcmp(knob->name, "hardening")) &&
		    strcmp(knob->value, "none"))
			*safe = false;
	}
	for (size_t i = 0; i < kept->lists.count; i++) {
		const struct setting *entry = &kept->lists.list[i];
		int err = write_entry(entry, kept->born[i]);

		all &= !err;
		if (err && err != -ESRCH && is_vital(kept, entry))
			*safe = false;
	}

	return all;
}

enum status kept_write_run(const struct kept *kept)
{
	char name[] = "run";
	const struct setting run = { .name = name, .value = kept->run };

	return write_knob(&run) ? STATUS_OK : STATUS_PARTLY_SET;
}

enum status kept_write(const struct kept *kept)
{
	bool safe = true, all = write_all(kept, &safe);
	enum status status;

	if (safe || strcmp(kept->run, "1"))
		status = kept_write_run(kept);
	else
		status = fail(
			STATUS_PARTLY_SET,
			"run: 1 is not set: pages would merge that were kept apart");

	return all ? status : STATUS_PARTLY_SET;
}

bool kept_has_names(const struct kept *kept)
{
	for (size_t i = 0; i < kept->lists.count; i++)
		if (list_is_of_processes(kept->lists.list[i].name))
			return is_isolated(kept);

	return false;
}

char *kept_text(const struct kept *kept, size_t *size)
{
	char *text = NULL;
	FILE *to = require_memory(open_memstream(&text, size));

	fputs("# What was set before \"uksmctl reload\": uksmctl apply takes it.\n",
	      to);
	for (size_t i = 0; i < kept->lists.count; i++) {
		const struct setting *entry = &kept->lists.list[i];
		const char *said = entry->value + 1;
		const bool of_process = list_is_of_processes(entry->name);

		fprintf(to, "%s%s = %s\n",
			list_can_be_said(said) && !of_process ? "" : "# ",
			entry->name, said);
	}
	for (size_t i = 0; i < kept->knobs.count; i++)
		fprintf(to, "%s = %s\n", kept->knobs.list[i].name,
			kept->knobs.list[i].value);
	if (kept_has_names(kept))
		fprintf(to,
			"# %s when processes have their names again: uksmctl set domains/named=\"+PID NAME\"\n"
			"run = 0\n",
			kept->run);
	else
		fprintf(to, "run = %s\n", kept->run);
	require_memory(fclose(to) ? NULL : text);

	return text;
}

static void show(const struct setting *setting)
{
	const char *initial = knob_default(setting->name);
	char *text;

	/* What has its default need hardly be written. */
	if (initial && knob_same(setting->name, initial, setting->value))
		return;
	if (asprintf(&text, "would set %s = %s", setting->name,
		     setting->value) < 0)
		text = require_memory(NULL);
	puts(format_plain(text));
	free(text);
}

void kept_show(const struct kept *kept)
{
	char name[] = "run";
	const struct setting run = { .name = name, .value = kept->run };

	for (size_t i = 0; i < kept->knobs.count; i++)
		show(&kept->knobs.list[i]);
	for (size_t i = 0; i < kept->lists.count; i++)
		show(&kept->lists.list[i]);
	show(&run);
}

void kept_free(struct kept *kept)
{
	settings_free(&kept->knobs);
	settings_free(&kept->lists);
	free(kept->born);
	free(kept->run);
	kept->born = NULL;
	kept->run = NULL;
}
