// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl features: what this kernel and the loaded module offer. */
#include <stdio.h>
#include <sys/utsname.h>

#include "commands.h"
#include "engine.h"
#include "files.h"
#include "format.h"
#include "json.h"
#include "probes.h"

static const char *const answers[] = {
	[ANSWER_NO] = "no",
	[ANSWER_YES] = "yes",
	[ANSWER_HIDDEN] = "hidden",
};

static void print_kernel(void)
{
	struct utsname kernel;

	uname(&kernel);
	printf("kernel %s\n", kernel.release);
	for (size_t i = 0; i < probe_count; i++)
		printf("  %-6s  %s\n",
		       answers[probes[i].ask(probes[i].subject)],
		       probes[i].text);
}

/* Names on lines of their own, after a word of what they are. */
static void print_names(const struct engine_files *files, bool known, bool ksm,
			bool writable, const char *text)
{
	bool any = false;

	for (size_t i = 0; i < files->count; i++) {
		const struct known_file *file =
			file_find(files->values[i].name);

		if (!!file != known ||
		    (file && (file->ksm != ksm || file->writable != writable)))
			continue;
		if (!any)
			printf("  %s\n", text);
		any = true;
		printf("    %s\n", files->values[i].name);
	}
}

static void print_missing(const struct engine_files *files)
{
	bool any = false;

	for (size_t i = 0; i < known_file_count; i++) {
		if (engine_files_find(files, known_files[i].name))
			continue;
		if (!any)
			puts("  known to this uksmctl, and not there");
		any = true;
		printf("    %s\n", known_files[i].name);
	}
}

static void print_module(void)
{
	char version[TEXT_SIZE], *shown;
	struct engine_files files;

	uksm_version(version);
	shown = format_plain(version);
	if (!engine_exists(ENGINE_UKSM) ||
	    engine_files_read(ENGINE_UKSM, &files)) {
		puts("module uksm: not loaded");
		return;
	}
	printf("module uksm %s\n", *shown ? shown : "(version not known)");
	printf("  %-6s  its directory is mounted over /sys/kernel/mm/ksm\n",
	       engine_ksm_is_uksm() ? "yes" : "no");
	print_names(&files, true, true, true, "knobs that ksm has too");
	print_names(&files, true, false, true, "knobs of its own");
	print_names(&files, true, true, false, "counters that ksm has too");
	print_names(&files, true, false, false, "counters of its own");
	print_names(&files, false, false, false,
		    "files that this uksmctl does not know");
	print_missing(&files);
	engine_files_free(&files);
}

static void json_answer(const char *name, enum answer answer)
{
	if (answer == ANSWER_HIDDEN)
		json_null(name);
	else
		json_bool(name, answer == ANSWER_YES);
}

static void json_file(const struct file_value *value)
{
	const struct known_file *known = file_find(value->name);

	json_object(value->name);
	json_bool("writable", value->writable);
	json_bool("known", known);
	if (known)
		json_bool("ksm", known->ksm);
	json_object_end();
}

static void json_module(void)
{
	struct engine_files files = { NULL, 0 };
	bool loaded = engine_exists(ENGINE_UKSM) &&
		      !engine_files_read(ENGINE_UKSM, &files);
	char version[TEXT_SIZE];

	json_object("module");
	json_bool("loaded", loaded);
	if (*uksm_version(version))
		json_string("version", version);
	else
		json_null("version");
	json_bool("mounted_over_ksm", engine_ksm_is_uksm());
	json_object("files");
	for (size_t i = 0; i < files.count; i++)
		json_file(&files.values[i]);
	json_object_end();
	json_array("missing_files");
	for (size_t i = 0; loaded && i < known_file_count; i++)
		if (!engine_files_find(&files, known_files[i].name))
			json_string(NULL, known_files[i].name);
	json_array_end();
	json_object_end();
	engine_files_free(&files);
}

static void print_json(void)
{
	struct utsname kernel;

	uname(&kernel);
	json_start(false);
	json_string("uksmctl_version", UKSM_VERSION);
	json_object("kernel");
	json_string("release", kernel.release);
	for (size_t i = 0; i < probe_count; i++)
		json_answer(probes[i].name, probes[i].ask(probes[i].subject));
	json_object_end();
	json_module();
	json_end();
}

enum status command_features(const struct options *options, int argc,
			     char **argv)
{
	if (argc)
		return fail(STATUS_USAGE, "features takes no argument '%s'",
			    argv[0]);
	if (options->json) {
		print_json();
	} else {
		print_kernel();
		print_module();
	}

	return STATUS_OK;
}
