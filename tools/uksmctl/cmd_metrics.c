// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl metrics: what uksm's files say, in Prometheus' text format. Units are base
 * units, and counters end in _total.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "commands.h"
#include "domains.h"
#include "engine.h"
#include "files.h"
#include "replace.h"
#include "saturate.h"

#define PREFIX "uksm_"

/**
 * struct metric - how a file is told
 * @file: the file
 * @name: the metric, without PREFIX; NULL: it is not told
 * @type: counter or gauge
 * @divisor: what the file counts of, in the unit of the metric: 1000 for milliseconds
 * @help: what it is
 */
struct metric {
	const char *file;
	const char *name;
	const char *type;
	unsigned int divisor;
	const char *help;
};

/*
 * A file that is not here is told by its own name. The PID of a thread is no
 * measurement.
 */
/* clang-format off */
static const struct metric metrics[] = {
	{ "run", "run", "gauge", 1,
	  "What the scanner is told: 0 stop, 1 merge, 2 stop and unmerge." },
	{ "pages_to_scan", "pages_to_scan", "gauge", 1, "Pages in one batch." },
	{ "sleep_millisecs", "sleep_seconds", "gauge", 1000,
	  "Sleep between two batches." },
	{ "merge_across_nodes", "merge_across_nodes", "gauge", 1,
	  "Whether pages of different NUMA nodes are merged." },
	{ "use_zero_pages", "use_zero_pages", "gauge", 1,
	  "Whether pages of zeroes are mapped to the zero page." },
	{ "max_page_sharing", "max_page_sharing", "gauge", 1,
	  "Addresses that may share one merged page." },
	{ "stable_node_chains_prune_millisecs",
	  "stable_node_chains_prune_seconds", "gauge", 1000,
	  "Least time between two searches for merged pages that have gone." },
	{ "smart_scan", "smart_scan", "gauge", 1,
	  "Whether memory where nothing happens is looked at less often." },
	{ "advisor_max_cpu", "advisor_max_cpu_ratio", "gauge", 100,
	  "Part of one CPU that the advisor may make the scanner use." },
	{ "advisor_target_scan_time", "advisor_target_scan_seconds", "gauge", 1,
	  "How long a full scan is to take." },
	{ "full_scans", "full_scans_total", "counter", 1,
	  "Times that all mergeable memory has been scanned." },
	{ "pages_scanned", "pages_scanned_total", "counter", 1,
	  "Pages looked at." },
	{ "pages_shared", "pages_shared", "gauge", 1, "Merged pages." },
	{ "pages_sharing", "pages_sharing", "gauge", 1,
	  "Addresses that use merged pages beyond the first of each: pages saved." },
	{ "pages_unshared", "pages_unshared", "gauge", 1,
	  "Pages that hold still and equal no other." },
	{ "pages_volatile", "pages_volatile", "gauge", 1,
	  "Pages that change, or could not be merged when last looked at." },
	{ "pages_skipped", "pages_skipped_total", "counter", 1,
	  "Pages that smart_scan has passed over." },
	{ "ksm_zero_pages", "zero_pages", "gauge", 1,
	  "Addresses mapped to the zero page by merging." },
	{ "stable_node_chains", "stable_node_chains", "gauge", 1,
	  "Contents with several copies because of max_page_sharing." },
	{ "stable_node_dups", "stable_node_dups", "gauge", 1, "Those copies." },
	{ "general_profit", "profit_bytes", "gauge", 1,
	  "What is saved less what it costs to keep track of; may be negative." },
	{ "checksum_lines", "checksum_lines", "gauge", 1,
	  "Cache lines of a page that its checksum reads." },
	{ "max_cpu_percentage", "max_cpu_ratio", "gauge", 100,
	  "Part of one CPU that the scanner may use." },
	{ "max_available_percentage", "max_available_ratio", "gauge", 100,
	  "Part of memory, and as long as less is available the scanner works." },
	{ "max_metadata_percentage", "max_metadata_ratio", "gauge", 100,
	  "Part of memory that may be used to keep track of pages." },
	{ "split_zero_pages", "split_zero_pages", "gauge", 1,
	  "Addresses that the split of a huge page has mapped to the zero page." },
	{ "cow_breaks", "cow_breaks_total", "counter", 1,
	  "Merged addresses that were written or swapped in." },
	{ "metadata_bytes", "metadata_bytes", "gauge", 1,
	  "Memory held to keep track of pages." },
	{ "dead_metadata_bytes", "dead_metadata_bytes", "gauge", 1,
	  "The part of it that is for processes that have exited." },
	{ "uksmd_cpu_msecs", "cpu_seconds_total", "counter", 1000,
	  "CPU time of the scanner thread." },
	{ "kthread_pid", NULL, NULL, 1, NULL },
};
/* clang-format on */

static void head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name,
		help, name, type);
}

static void one(FILE *to, const char *name, const char *help, long long value)
{
	head(to, name, "gauge", help);
	fprintf(to, PREFIX "%s %lld\n", name, value);
}

static void label(FILE *to, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', to);
		if (*value == '\n')
			fputs("\\n", to);
		else
			fputc(*value, to);
	}
}

static void sample(FILE *to, const char *name, const char *key,
		   const char *value, long long number)
{
	fprintf(to, PREFIX "%s{%s=\"", name, key);
	label(to, value);
	fprintf(to, "\"} %lld\n", number);
}

static const struct metric *find_metric(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (!strcmp(metrics[i].file, file))
			return &metrics[i];

	return NULL;
}

/* "none [scan-time]": 1 for the one in brackets, 0 for the others. */
static void tell_choice(FILE *to, const struct file_value *file)
{
	char text[TEXT_SIZE], help[128];
	char *word, *rest = text;

	snprintf(text, sizeof(text), "%s", file->text);
	snprintf(help, sizeof(help), "Whether %.64s is what the label says.",
		 file->name);
	head(to, file->name, "gauge", help);
	while ((word = strsep(&rest, " "))) {
		size_t length = strlen(word);
		bool chosen = length > 2 && *word == '[' &&
			      word[length - 1] == ']';

		if (!length)
			continue;
		if (chosen) {
			word[length - 1] = '\0';
			word++;
		}
		sample(to, file->name, "mode", word, chosen);
	}
}

static void tell_number(FILE *to, const struct metric *metric, const char *text)
{
	head(to, metric->name, metric->type, metric->help);
	/* As it is, since not every number of 64 bits is a double. */
	if (metric->divisor == 1)
		fprintf(to, PREFIX "%s %s\n", metric->name, text);
	else
		fprintf(to, PREFIX "%s %.3f\n", metric->name,
			strtod(text, NULL) / metric->divisor);
}

static bool is_choice(const char *text)
{
	const char *from = strchr(text, '[');
	const char *to = from ? strchr(from, ']') : NULL;

	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;

	return to;
}

/* Return: false when it cannot be told. */
static bool tell_file(FILE *to, const struct file_value *file)
{
	const struct metric *metric = find_metric(file->name);
	char help[128];
	struct metric plain = { .name = file->name,
				.type = file->writable ? "gauge" : "untyped",
				.divisor = 1,
				.help = help };

	if (file->error)
		return false;
	if (metric && !metric->name)
		return true;
	if (!metric && is_choice(file->text)) {
		tell_choice(to, file);
		return true;
	}
	if (!text_is_integer(file->text))
		return false;
	snprintf(help, sizeof(help), "The file %.64s.", file->name);
	tell_number(to, metric ?: &plain, file->text);

	return true;
}

/* Bytes of memory, or 0. */
static long long total_memory(void)
{
	char path[PATH_SIZE];
	FILE *file = text_open(make_path(path, "/proc/meminfo"));
	long long kibibytes = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemTotal: %lld kB", &kibibytes) == 1)
			break;
	if (file)
		fclose(file);

	return kibibytes > 0 ? multiply_saturated(kibibytes, 1024) : 0;
}

/* What follows from several files. */
static void tell_sums(FILE *to, const struct engine_files *files)
{
	const long long page_size = sysconf(_SC_PAGESIZE);
	long long memory = total_memory();
	long long number;

	if (engine_files_number(files, "pages_sharing", &number))
		one(to, "saved_bytes", "pages_sharing in bytes.",
		    multiply_saturated(number, page_size));
	if (engine_files_number(files, "ksm_zero_pages", &number))
		one(to, "zero_bytes", "ksm_zero_pages in bytes.",
		    multiply_saturated(number, page_size));
	if (memory &&
	    engine_files_number(files, "max_metadata_percentage", &number) &&
	    number >= 0 && number <= 100)
		one(to, "metadata_limit_bytes",
		    "Memory that may be used to keep track of pages.",
		    memory / 100 * number);
}

static void tell_module(FILE *to)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	long long number;

	uksm_version(text);
	if (*text && text_is_utf8(text)) {
		head(to, "module_info", "gauge", "The version of the module.");
		sample(to, "module_info", "version", text, 1);
	}
	if (!text_read(make_path(path, "/sys/module/uksm/refcnt"), text) &&
	    !text_number(text, &number))
		one(to, "module_references",
		    "What keeps the module from being unloaded; itself counts while too little memory is available to unmerge.",
		    number);
}

/* An older module does not count it. */
static void tell_scanned(FILE *to, const struct domains *domains)
{
	const char *name = "domain_pages_scanned_total";
	bool headed = false;

	for (size_t i = 0; i < domains->count; i++) {
		if (domains->list[i].scanned < 0)
			continue;
		if (!headed)
			head(to, name, "counter",
			     "Pages of an isolation domain looked at.");
		headed = true;
		sample(to, name, "domain", domains->list[i].name,
		       domains->list[i].scanned);
	}
}

static void tell_domains(FILE *to, size_t most)
{
	struct domains domains;
	char name[64], help[128];

	if (domains_read(&domains, most))
		return;
	for (size_t i = 0; i < DOMAIN_COUNTERS && domains.count; i++) {
		snprintf(name, sizeof(name), "domain_%s", domain_counters[i]);
		snprintf(help, sizeof(help), "%s of an isolation domain.",
			 domain_counters[i]);
		head(to, name, "gauge", help);
		for (size_t j = 0; j < domains.count; j++)
			sample(to, name, "domain", domains.list[j].name,
			       domains.list[j].counters[i]);
	}
	tell_scanned(to, &domains);
	one(to, "domains", "Isolation domains that are told.",
	    (long long)domains.count);
	one(to, "domains_left_out",
	    "Isolation domains that are not told, because there are too many or they cannot be read.",
	    (long long)domains.left_out);
	domains_free(&domains);
}

/* Return: STATUS_OK, or STATUS_REFUSED after a message. */
static enum status tell_all(FILE *to, const struct options *options)
{
	struct engine_files files;
	long long unreadable = 0;
	int err = engine_files_read(ENGINE_UKSM, &files);

	if (err && err != -ENOENT && err != -ENODEV)
		return fail(STATUS_REFUSED, "cannot read uksm's directory: %s",
			    strerror(-err));
	one(to, "module_loaded", "Whether the module is loaded.", !err);
	if (err)
		return STATUS_OK;

	tell_module(to);
	/* Files of a newer module may have any name, and are left out. */
	for (size_t i = 0; i < files.count; i++)
		if (files.values[i].known)
			unreadable += !tell_file(to, &files.values[i]);
	one(to, "unreadable_files", "Files that could not be read.",
	    unreadable);
	tell_sums(to, &files);
	tell_domains(to, (size_t)options->max_domains);
	engine_files_free(&files);

	return STATUS_OK;
}

enum status command_metrics(const struct options *options, int argc,
			    char **argv)
{
	enum status status;
	char *text = NULL;
	size_t size = 0;
	FILE *to;

	if (argc > 1)
		return fail(STATUS_USAGE, "metrics takes one file, and no '%s'",
			    argv[1]);
	to = require_memory(open_memstream(&text, &size));
	status = tell_all(to, options);
	require_memory(fclose(to) ? NULL : text);
	if (!status && argc)
		status = replace_file(argv[0], text, size, false);
	else if (!status)
		fwrite(text, 1, size, stdout);
	free(text);

	return status;
}
