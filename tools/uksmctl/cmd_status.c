// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl status: what is saved, what it costs, and what both engines are doing. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands.h"
#include "engine.h"
#include "files.h"
#include "format.h"
#include "interval.h"
#include "json.h"
#include "saturate.h"
#include "scanner.h"

/**
 * struct report - all that is shown
 * @uksm: uksm's files
 * @ksm: ksm's files; empty when they are hidden or not there
 * @ksm_is_there: the kernel has ksm
 * @ksm_is_uksm: uksm's directory is mounted over ksm's
 * @uksmd: uksm's thread
 * @ksmd: the kernel's thread
 * @uksmd_percent: CPU time of uksm's thread over the interval
 * @ksmd_percent: the same of the kernel's
 */
struct report {
	struct engine_files uksm;
	struct engine_files ksm;
	bool ksm_is_there;
	bool ksm_is_uksm;
	struct scanner uksmd;
	struct scanner ksmd;
	double uksmd_percent;
	double ksmd_percent;
};

/** struct saving - in bytes; what is not known is 0 */
struct saving {
	long long merged;
	long long zero;
	long long metadata;
	long long profit;
};

static struct saving saving_of(const struct report *report)
{
	const long long page_size = sysconf(_SC_PAGESIZE);
	long long sharing, zero;
	struct saving saving;

	engine_files_number(&report->uksm, "pages_sharing", &sharing);
	engine_files_number(&report->uksm, "ksm_zero_pages", &zero);
	engine_files_number(&report->uksm, "metadata_bytes", &saving.metadata);
	saving.merged = multiply_saturated(sharing, page_size);
	saving.zero = multiply_saturated(zero, page_size);
	if (!engine_files_number(&report->uksm, "general_profit",
				 &saving.profit))
		saving.profit = subtract_saturated(add_saturated(saving.merged,
								 saving.zero),
						   saving.metadata);

	return saving;
}

/* What an engine does, in a word. */
static const char *state_of(const struct engine_files *files)
{
	long long run, shared;

	if (!engine_files_number(files, "run", &run))
		return "unknown";
	engine_files_number(files, "pages_shared", &shared);
	if (run == 1)
		return "merging";
	if (run == 2)
		return "unmerging";

	return shared ? "stopped, holds pages" : "stopped";
}

static const char *uksm_state(const struct report *report)
{
	long long run, ksm_run;

	if (engine_files_number(&report->uksm, "run", &run) && run == 2)
		return "stopped, unmerged";
	engine_files_number(&report->ksm, "run", &ksm_run);
	if (run == 1 && ksm_run == 2)
		return "waiting for ksm/run to leave 2";

	return state_of(&report->uksm);
}

static const char *ksmd_state(const struct report *report)
{
	if (report->ksm_is_uksm)
		return "hidden";
	/* The directory of a module that has gone, see uksm-ksm-compat(8). */
	if (report->ksm_is_there && !report->ksm.count)
		return "hidden by a stale mount";

	return report->ksm_is_there ? state_of(&report->ksm) :
				      "not in this kernel";
}

static long long number_of(const struct engine_files *files, const char *name)
{
	long long number;

	engine_files_number(files, name, &number);

	return number;
}

static void print_percent(double percent, double interval)
{
	if (isnan(percent))
		printf("CPU not known");
	else
		printf("%.1f %% of a CPU over %g s", percent, interval);
}

static void print_saving(const struct report *report)
{
	const struct saving saving = saving_of(report);
	char figure[FIGURE_SIZE];

	printf("saved     %-10s  %lld addresses share %lld merged pages\n",
	       format_bytes(figure, (double)saving.merged),
	       add_saturated(number_of(&report->uksm, "pages_sharing"),
			     number_of(&report->uksm, "pages_shared")),
	       number_of(&report->uksm, "pages_shared"));
	printf("zeroes    %-10s  in %lld addresses that map the zero page\n",
	       format_bytes(figure, (double)saving.zero),
	       number_of(&report->uksm, "ksm_zero_pages"));
	printf("metadata  %-10s  to keep track of pages\n",
	       format_bytes(figure, (double)saving.metadata));
	printf("profit    %-10s  what is left of the saving\n",
	       format_bytes(figure, (double)saving.profit));
}

/* Who else has a say in how much is scanned. */
static void print_limits(const struct engine_files *files)
{
	const struct file_value *advisor =
		engine_files_find(files, "advisor_mode");
	char text[TEXT_SIZE];
	long long percent;

	if (advisor) {
		snprintf(text, sizeof(text), "%s", advisor->text);
		if (strchr(text, '[') && strcmp(text_choice(text), "none"))
			printf(", as the advisor sets it");
	}
	if (engine_files_number(files, "max_cpu_percentage", &percent) &&
	    percent < 100)
		printf(", within %lld %% of a CPU", percent);
	if (engine_files_number(files, "max_available_percentage", &percent) &&
	    percent < 100)
		printf(", while less than %lld %% of memory is available",
		       percent);
}

/* At ksm's defaults 64 GiB take an hour: say what to do about it. */
static void print_advice(const struct engine_files *files)
{
	const struct file_value *advisor =
		engine_files_find(files, "advisor_mode");

	if (advisor && !strncmp(advisor->text, "[none]", 6) &&
	    strstr(advisor->text, "auto") &&
	    number_of(files, "pages_to_scan") == 100)
		printf("          that is slow: uksmctl set advisor_mode=auto\n");
}

static void print_scanner(const struct report *report, double interval)
{
	char figure[FIGURE_SIZE];

	printf("scanner   ");
	print_percent(report->uksmd_percent, interval);
	if (report->uksmd.cpu_seconds >= 0)
		printf("; %s of CPU time since load",
		       format_duration(figure, report->uksmd.cpu_seconds));
	printf("\n          %lld pages each %lld ms",
	       number_of(&report->uksm, "pages_to_scan"),
	       number_of(&report->uksm, "sleep_millisecs"));
	print_limits(&report->uksm);
	printf("; %lld full scans, %lld pages looked at\n",
	       number_of(&report->uksm, "full_scans"),
	       number_of(&report->uksm, "pages_scanned"));
	print_advice(&report->uksm);
	printf("pages     %lld unshared, %lld volatile; %lld merged ones written since\n",
	       number_of(&report->uksm, "pages_unshared"),
	       number_of(&report->uksm, "pages_volatile"),
	       number_of(&report->uksm, "cow_breaks"));
}

static void print_ksmd(const struct report *report, double interval)
{
	printf("ksmd      %s", ksmd_state(report));
	if (report->ksm_is_uksm)
		printf(": uksm's directory is mounted over /sys/kernel/mm/ksm");
	else if (report->ksm.count)
		printf(": %lld pages sharing, %lld shared",
		       number_of(&report->ksm, "pages_sharing"),
		       number_of(&report->ksm, "pages_shared"));
	if (report->ksmd.pid) {
		printf("; ");
		print_percent(report->ksmd_percent, interval);
	}
	putchar('\n');
}

/* Files that names.h has not, and those that could not be read. */
static void print_oddities(const struct engine_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct file_value *value = &files->values[i];
		char text[TEXT_SIZE];

		if (!value->known && !value->error) {
			snprintf(text, sizeof(text), "%s", value->text);
			printf("also      %s: %s\n", value->name,
			       format_plain(text));
		}
		if (value->error)
			complain("%s: cannot be read: %s", value->name,
				 strerror(value->error));
	}
	for (size_t i = 0; i < known_file_count; i++)
		if (!engine_files_find(files, known_files[i].name))
			complain("%s: the loaded module has no such file",
				 known_files[i].name);
}

static void print_text(const struct report *report, double interval)
{
	char version[TEXT_SIZE];
	struct utsname kernel;

	uname(&kernel);
	uksm_version(version);
	printf("uksm      %s (%s%skernel %s)\n", uksm_state(report),
	       *version ? format_plain(version) : "", *version ? ", " : "",
	       kernel.release);
	print_saving(report);
	print_scanner(report, interval);
	print_ksmd(report, interval);
	print_oddities(&report->uksm);
}

static void json_files(const char *name, const struct engine_files *files)
{
	json_object(name);
	for (size_t i = 0; i < files->count; i++) {
		const struct file_value *value = &files->values[i];
		char text[TEXT_SIZE];

		snprintf(text, sizeof(text), "%s", value->text);
		if (value->error)
			json_null(value->name);
		else
			json_text(value->name, text_choice(text));
	}
	json_object_end();
}

static void json_scanner(const struct scanner *scanner, double percent)
{
	if (scanner->pid)
		json_integer("pid", scanner->pid);
	else
		json_null("pid");
	json_decimal("cpu_percent", percent, 2);
	json_decimal("cpu_seconds",
		     scanner->cpu_seconds < 0 ? NAN : scanner->cpu_seconds, 3);
}

static void json_uksm(const struct report *report)
{
	const struct saving saving = saving_of(report);
	char version[TEXT_SIZE];

	json_object("uksm");
	json_string("state", uksm_state(report));
	if (*uksm_version(version))
		json_string("version", version);
	else
		json_null("version");
	json_integer("saved_bytes", saving.merged);
	json_integer("zero_bytes", saving.zero);
	json_integer("metadata_bytes", saving.metadata);
	json_integer("profit_bytes", saving.profit);
	json_scanner(&report->uksmd, report->uksmd_percent);
	json_files("files", &report->uksm);
	json_array("unknown_files");
	for (size_t i = 0; i < report->uksm.count; i++)
		if (!report->uksm.values[i].known)
			json_string(NULL, report->uksm.values[i].name);
	json_array_end();
	json_object_end();
}

static void print_json(const struct report *report, double interval)
{
	struct utsname kernel;

	uname(&kernel);
	json_start(false);
	json_string("kernel", kernel.release);
	json_decimal("interval_seconds", interval, 3);
	json_integer("page_size", sysconf(_SC_PAGESIZE));
	json_uksm(report);
	json_object("ksmd");
	json_string("state", ksmd_state(report));
	json_bool("directory_shows_uksm", report->ksm_is_uksm);
	json_scanner(&report->ksmd, report->ksmd_percent);
	json_files("files", &report->ksm);
	json_object_end();
	json_end();
}

/* Counters are read after the interval, so that they are as fresh as the CPU time. */
static enum status measure(struct report *report, double interval)
{
	const double until = interval_now() + interval;

	scanner_start_uksmd(&report->uksmd);
	scanner_start_ksmd(&report->ksmd);
	interval_sleep(until);
	report->uksmd_percent = scanner_percent(&report->uksmd);
	report->ksmd_percent = scanner_percent(&report->ksmd);

	report->ksm_is_there = engine_exists(ENGINE_KSM);
	report->ksm_is_uksm = engine_ksm_is_uksm();
	if (report->ksm_is_there && !report->ksm_is_uksm)
		engine_files_read(ENGINE_KSM, &report->ksm);
	if (engine_files_read(ENGINE_UKSM, &report->uksm))
		return require_uksm() ?:
					fail(STATUS_REFUSED,
					     "cannot read uksm's directory");

	return STATUS_OK;
}

enum status command_status(const struct options *options, int argc, char **argv)
{
	struct report report = { .ksm = { NULL, 0 } };
	enum status status;

	if (argc)
		return fail(STATUS_USAGE, "status takes no argument '%s'",
			    argv[0]);
	status = require_uksm();
	if (status)
		return status;

	status = measure(&report, options->interval);
	if (!status && options->json)
		print_json(&report, options->interval);
	else if (!status)
		print_text(&report, options->interval);
	engine_files_free(&report.uksm);
	engine_files_free(&report.ksm);

	return status;
}
