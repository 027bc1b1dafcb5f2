// SPDX-License-Identifier: GPL-2.0-only
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <uksm/names.h>

#include "engine.h"
#include "files.h"
#include "format.h"
#include "json.h"
#include "lists.h"

#define LOCK_FILE "/run/uksmctl.lock"

void settings_lock(void)
{
	char path[PATH_SIZE];
	int lock = open(make_path(path, LOCK_FILE),
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (lock < 0)
		return;
	while (flock(lock, LOCK_EX) && errno == EINTR)
		;
	/* It stays open: its end is the program's. */
}

void settings_add(struct settings *settings, const char *name,
		  const char *value, unsigned int line)
{
	struct setting *setting;

	settings->list = require_memory(reallocarray(
		settings->list, settings->count + 1, sizeof(*settings->list)));
	setting = &settings->list[settings->count++];
	*setting = (struct setting){
		.name = require_memory(strdup(name)),
		.value = require_memory(strdup(value)),
		.line = line,
	};
}

static int compare(const void *left, const void *right)
{
	const struct setting *a = left, *b = right;
	size_t order_a = knob_order(a->name), order_b = knob_order(b->name);

	if (order_a != order_b)
		return order_a < order_b ? -1 : 1;

	/* Who is excluded must not be included for a moment. */
	order_a = list_order(a->name);
	order_b = list_order(b->name);
	if (order_a != order_b)
		return order_a < order_b ? -1 : 1;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;

	/* Of lists: + before -. */
	return *a->value < *b->value ? -1 : 1;
}

void settings_sort(struct settings *settings)
{
	if (settings->count)
		qsort(settings->list, settings->count, sizeof(*settings->list),
		      compare);
}

struct setting *settings_find(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->count; i++)
		if (settings->list[i].name &&
		    !strcmp(settings->list[i].name, name))
			return &settings->list[i];

	return NULL;
}

void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->list[i].name);
		free(settings->list[i].value);
		free(settings->list[i].old);
		free(settings->list[i].now);
	}
	free(settings->list);
	settings->list = NULL;
	settings->count = 0;
}

char *knob_read(const char *name)
{
	char text[TEXT_SIZE];
	int err = engine_read(ENGINE_UKSM, name, text);

	if (err) {
		errno = -err;
		return NULL;
	}

	return require_memory(strdup(text_choice(text)));
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
	bool known = setting->old && !list_is(setting->name);
	char *now = known ? knob_read(setting->name) : NULL;
	bool same = !now || !strcmp(now, setting->old);

	free(now);

	return same || put_back(setting);
}

/*
 * A change of advisor_mode sets pages_to_scan, and any other mode than none keeps it
 * for itself.
 */
static bool put_back_batch(const struct settings *settings, size_t failed,
			   char *batch)
{
	const struct setting batch_setting = { .name = "pages_to_scan",
					       .old = batch };

	for (size_t i = 0; i < failed; i++)
		if (!strcmp(settings->list[i].name, "advisor_mode"))
			return strcmp(settings->list[i].old, "none") ||
			       put_back_if_changed(&batch_setting);
	if (strcmp(settings->list[failed].name, "pages_to_scan"))
		return true;

	return put_back_if_changed(&batch_setting);
}

/* A 2 that has failed has stopped the scanner: 1 would merge anew what it has unmerged. */
static bool stays_as_it_is(const struct setting *culprit)
{
	return !strcmp(culprit->name, "pages_to_scan") ||
	       (!strcmp(culprit->name, "run") && !strcmp(culprit->value, "2"));
}

/* The last first. Return: false when one stays as it is. */
static bool undo(const struct settings *settings, size_t failed, char *batch)
{
	const struct setting *culprit = &settings->list[failed];
	bool undone = true;
	size_t i = failed;

	while (i--)
		if (!settings->list[i].left_out)
			undone &= put_back(&settings->list[i]);
	undone &= put_back_batch(settings, failed, batch);
	if (!stays_as_it_is(culprit))
		undone &= put_back_if_changed(culprit);

	return undone;
}

static void complain_of_refusal(const struct settings *settings,
				const struct setting *setting, int error)
{
	const char *meaning =
		list_is(setting->name) ?
			list_explain(setting->name, error) :
			file_explain(setting->name, setting->value, error);
	char *text;

	if (asprintf(&text, UKSM_SYSFS_DIR "/%s: %s refused: %s%s%s%s",
		     setting->name, setting->value, strerror(error),
		     meaning ? " (" : "", meaning ? meaning : "",
		     meaning ? ")" : "") < 0)
		text = require_memory(NULL);
	if (settings->file)
		fail_at(STATUS_REFUSED, settings->file, setting->line, "%s",
			text);
	else
		complain("%s", text);
	free(text);
}

static enum status report_refusal(const struct settings *settings,
				  size_t failed, int error, char *batch)
{
	const struct setting *setting = &settings->list[failed];
	bool denied = error == EACCES || error == EPERM;

	complain_of_refusal(settings, setting, error);
	if (!undo(settings, failed, batch))
		return fail(STATUS_PARTLY_SET,
			    "some settings are changed, see above");
	if (failed)
		complain("what was written before it has been put back");
	/* Of a list it is the control group that is not there. */
	if (error == ENODEV ||
	    (error == ENOENT &&
	     (!list_is(setting->name) || !engine_exists(ENGINE_UKSM))))
		return STATUS_NO_MODULE;

	return denied ? STATUS_PERMISSION : STATUS_REFUSED;
}

static void read_back(struct setting *setting)
{
	if (!list_is(setting->name))
		setting->now = knob_read(setting->name);
	if (!setting->now)
		setting->now = require_memory(strdup(setting->value));
}

/*
 * A control group that is listed and does not exist is no reason to set nothing else: those of
 * guests do not, before the guests are started.
 */
static bool leave_out(const struct settings *settings, struct setting *setting,
		      int err)
{
	if (err != -ENOENT || !list_is(setting->name) || !settings->file)
		return false;
	setting->left_out = true;
	if (*setting->value == '+')
		fail_at(STATUS_OK, settings->file, setting->line,
			"%s = %s: left out, as there is no such control group",
			setting->name, setting->value + 1);

	return true;
}

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

/* Not to end half way. A write, as that of 2 to run, is interrupted all the same. */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

enum status settings_write(struct settings *settings)
{
	char *batch = knob_read("pages_to_scan");
	enum status status = STATUS_OK;

	catch_signals();
	for (size_t i = 0; i < settings->count && !status; i++) {
		struct setting *setting = &settings->list[i];
		int err = interrupted ? -EINTR :
					engine_write(ENGINE_UKSM, setting->name,
						     setting->value);

		if (err && !leave_out(settings, setting, err))
			status = report_refusal(settings, i, -err, batch);
	}
	free(batch);
	for (size_t i = 0; i < settings->count && !status; i++)
		read_back(&settings->list[i]);

	return status;
}

/* Control groups are named by others. */
static void show_entry(const struct setting *setting, bool dry_run)
{
	const bool on = *setting->value == '+';
	/* The same path with something else. */
	const bool changed = on && *setting->old == '+';
	char *text;

	if (asprintf(&text, "%s: %s%s: %s%s%s", setting->name,
		     dry_run ? "would be " : "",
		     changed ? "changed" :
		     on	     ? "put on" :
			       "taken off",
		     setting->value + 1, changed ? ", was " : "",
		     changed ? setting->old + 1 : "") < 0)
		text = require_memory(NULL);
	puts(format_plain(text));
	free(text);
}

static void show_text(const struct settings *settings,
		      const struct setting *setting, bool dry_run)
{
	const char *now = dry_run ? setting->value : setting->now;

	if (list_is(setting->name))
		show_entry(setting, dry_run);
	else if (dry_run && !settings->file)
		printf("%s: %s would become %s\n", setting->name, setting->old,
		       now);
	else if (!strcmp(setting->old, now))
		printf("%s: %s, as before\n", setting->name, now);
	else
		printf("%s: %s -> %s\n", setting->name, setting->old, now);
}

/* Entries of all lists, as "LIST:ENTRY". */
static void show_json_entries(const struct settings *settings,
			      const char *name, char sign)
{
	bool any = false;
	char *text;

	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];

		if (!list_is(setting->name) || *setting->value != sign ||
		    setting->left_out)
			continue;
		if (!any)
			json_array(name);
		any = true;
		if (asprintf(&text, "%s:%s", setting->name,
			     setting->value + 1) < 0)
			text = require_memory(NULL);
		json_string(NULL, text);
		free(text);
	}
	if (any)
		json_array_end();
}

void settings_show(const struct settings *settings,
		   const struct options *options)
{
	if (options->json) {
		json_start(false);
		json_bool("dry_run", options->dry_run);
		json_object("set");
	}
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];

		if (setting->left_out)
			continue;
		if (!options->json) {
			show_text(settings, setting, options->dry_run);
			continue;
		}
		if (list_is(setting->name))
			continue;
		json_object(setting->name);
		json_text("old", setting->old);
		json_text("new",
			  options->dry_run ? setting->value : setting->now);
		json_object_end();
	}
	if (options->json) {
		json_object_end();
		show_json_entries(settings, "put_on", '+');
		show_json_entries(settings, "taken_off", '-');
		json_end();
	}
}
