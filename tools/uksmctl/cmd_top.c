// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl top: which process has how much of the saving. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "commands.h"
#include "engine.h"
#include "format.h"
#include "json.h"
#include "procfs.h"
#include "saturate.h"

/**
 * struct totals - of all processes
 * @merged: addresses that map a merged page, in bytes
 * @saved_part: of each merged address, how much of a page it saves: sharing / all
 */
struct totals {
	long long merged;
	double saved_part;
};

/**
 * struct column - that one can sort by
 * @name: on the command line
 * @offset: of a number in struct process; 0 to sort by name or PID
 */
struct column {
	const char *name;
	size_t offset;
};

static const struct column columns[] = {
	{ "rss", offsetof(struct process, rss_bytes) },
	{ "mergeable", offsetof(struct process, mergeable_bytes) },
	{ "merged", offsetof(struct process, merged_bytes) },
	{ "pid", 0 },
	{ "name", 0 },
};

static long long number_at(const struct process *process, size_t offset)
{
	return *(const long long *)((const char *)process + offset);
}

/* The greatest first; names in alphabetical order; for equals the PID decides. */
static int compare(const void *left, const void *right, void *by)
{
	const struct process *a = left, *b = right;
	const struct column *column = by;
	int order = 0;

	if (column->offset) {
		long long number_a = number_at(a, column->offset);
		long long number_b = number_at(b, column->offset);

		order = (number_a < number_b) - (number_a > number_b);
	} else if (!strcmp(column->name, "name")) {
		order = strcmp(a->name, b->name);
	}

	return order ?: (a->pid > b->pid) - (a->pid < b->pid);
}

static const struct column *find_column(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (!strcmp(columns[i].name, name))
			return &columns[i];

	return NULL;
}

/* Has it to do with merging? */
static bool is_concerned(const struct process *process)
{
	return process->mergeable_bytes > 0 || process->merged_bytes > 0 ||
	       process->zero_bytes > 0 || process->smaps_ksm_bytes > 0;
}

static void drop_others(struct processes *processes,
			const struct options *options)
{
	size_t kept = 0;

	for (size_t i = 0; i < processes->count; i++) {
		const struct process *process = &processes->list[i];

		if ((options->vms && !process->vm) ||
		    !(options->all || is_concerned(process)))
			continue;
		processes->list[kept++] = *process;
	}
	processes->count = kept;
}

/* The engine that holds pages: only one can. */
static double saved_part(void)
{
	static const char *const engines[] = { ENGINE_UKSM, ENGINE_KSM };

	for (size_t i = 0; i < 2; i++) {
		char text[TEXT_SIZE];
		long long shared, sharing;

		if (engine_read(engines[i], "pages_shared", text) ||
		    text_number(text, &shared) ||
		    engine_read(engines[i], "pages_sharing", text) ||
		    text_number(text, &sharing))
			continue;
		if (shared > 0 || sharing > 0)
			return (double)sharing /
			       ((double)shared + (double)sharing);
	}

	return 0;
}

static struct totals add_up(const struct processes *processes)
{
	struct totals totals = { .saved_part = saved_part() };

	for (size_t i = 0; i < processes->count; i++)
		if (processes->list[i].merged_bytes > 0)
			totals.merged = add_saturated(
				totals.merged, processes->list[i].merged_bytes);

	return totals;
}

static double share(const struct process *process, const struct totals *totals)
{
	if (process->merged_bytes <= 0)
		return 0;

	return 100.0 * (double)process->merged_bytes / (double)totals->merged;
}

/* Zero pages are saved whole: nobody had to keep the page. */
static double saved(const struct process *process, const struct totals *totals)
{
	double bytes = process->zero_bytes > 0 ? (double)process->zero_bytes :
						 0;

	if (process->merged_bytes > 0)
		bytes += (double)process->merged_bytes * totals->saved_part;

	return bytes;
}

static const char *amount(char *figure, long long bytes)
{
	return bytes < 0 ? "-" : format_short_bytes(figure, (double)bytes);
}

static void print_row(struct process *process, const struct totals *totals)
{
	char rss[FIGURE_SIZE], mergeable[FIGURE_SIZE], merged[FIGURE_SIZE],
		mine[FIGURE_SIZE];

	printf("%8d %8s %9s %8s %6.1f %8s %-4s %s\n", (int)process->pid,
	       amount(rss, process->rss_bytes),
	       amount(mergeable, process->mergeable_bytes),
	       amount(merged, process->merged_bytes), share(process, totals),
	       format_short_bytes(mine, saved(process, totals)),
	       process->vm ? "VM" : "", format_plain(process->name));
}

static void print_text(const struct processes *processes,
		       const struct totals *totals, size_t rows)
{
	char merged[FIGURE_SIZE], mine[FIGURE_SIZE];

	printf("%8s %8s %9s %8s %6s %8s %-4s %s\n", "PID", "RSS", "MERGEABLE",
	       "MERGED", "SHARE%", "SAVED", "KIND", "NAME");
	for (size_t i = 0; i < rows; i++)
		print_row(&processes->list[i], totals);
	if (rows < processes->count)
		printf("%8s and %zu more\n", "", processes->count - rows);
	printf("merged: %s in all, of which %s are saved\n",
	       format_bytes(merged, (double)totals->merged),
	       format_bytes(mine, (double)totals->merged * totals->saved_part));
}

static void json_bytes(const char *name, long long bytes)
{
	if (bytes < 0)
		json_null(name);
	else
		json_integer(name, bytes);
}

static void json_process(const struct process *process,
			 const struct totals *totals)
{
	json_object(NULL);
	json_integer("pid", process->pid);
	json_string("kind", process->vm ? "vm" : "process");
	json_string("name", process->name);
	json_bytes("rss_bytes", process->rss_bytes);
	json_bytes("mergeable_bytes", process->mergeable_bytes);
	json_bytes("merged_bytes", process->merged_bytes);
	json_bytes("zero_bytes", process->zero_bytes);
	json_bytes("smaps_ksm_bytes", process->smaps_ksm_bytes);
	json_decimal("share_percent", share(process, totals), 2);
	json_decimal("saved_bytes", saved(process, totals), 0);
	json_object_end();
}

static void print_json(const struct processes *processes,
		       const struct totals *totals, size_t rows)
{
	json_start(false);
	json_integer("merged_bytes", totals->merged);
	json_decimal("saved_bytes", (double)totals->merged * totals->saved_part,
		     0);
	json_unsigned("unreadable", processes->unreadable);
	json_unsigned("left_out", processes->count - rows);
	json_array("processes");
	for (size_t i = 0; i < rows; i++)
		json_process(&processes->list[i], totals);
	json_array_end();
	json_end();
}

enum status command_top(const struct options *options, int argc, char **argv)
{
	const struct column *column = find_column(options->sort);
	struct processes processes;
	struct totals totals;
	size_t rows;

	if (argc)
		return fail(STATUS_USAGE, "top takes no argument '%s'",
			    argv[0]);
	if (!column)
		return fail(
			STATUS_USAGE,
			"--sort %s: it is by rss, mergeable, merged, pid or name",
			options->sort);
	if (processes_read(&processes))
		return fail(STATUS_REFUSED, "cannot read /proc");

	totals = add_up(&processes);
	drop_others(&processes, options);
	if (processes.count)
		qsort_r(processes.list, processes.count,
			sizeof(*processes.list), compare, (void *)column);
	rows = processes.count;
	if (options->rows && rows > (size_t)options->rows)
		rows = (size_t)options->rows;

	if (options->json)
		print_json(&processes, &totals, rows);
	else
		print_text(&processes, &totals, rows);
	if (processes.unreadable)
		complain("left out: %zu that only root may look at",
			 processes.unreadable);
	processes_free(&processes);

	return STATUS_OK;
}
