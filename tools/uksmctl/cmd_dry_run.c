// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl dry-run: what merging would save, with each kind of isolation. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "engine.h"
#include "forecast.h"
#include "format.h"
#include "json.h"
#include "looks.h"
#include "memory.h"
#include "progress.h"
#include "saturate.h"
#include "targets.h"

#define MAX_SHARING_DEFAULT 256
#define MAX_SHARING_MIN 2

static bool read_switch(const char *name)
{
	char text[TEXT_SIZE];
	long long number;

	return !engine_read(ENGINE_UKSM, name, text) &&
	       !text_number(text, &number) && number > 0;
}

static long long read_max_sharing(void)
{
	char text[TEXT_SIZE];
	long long number;

	if (engine_read(ENGINE_UKSM, "max_page_sharing", text) ||
	    text_number(text, &number) || number < MAX_SHARING_MIN)
		return MAX_SHARING_DEFAULT;

	return number;
}

/* As the module is set, or would be after load, unless it is said on the command line. */
static struct forecast_rules read_rules(const struct options *options)
{
	return (struct forecast_rules){
		.max_sharing = options->max_sharing ?: read_max_sharing(),
		.use_zero_pages = options->zero_pages ||
				  read_switch("use_zero_pages"),
		.zero_across_domains = read_switch("zero_page_across_domains"),
	};
}

static double bytes_of(long long pages)
{
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Of what there is to be looked at; what changes is part of it. */
static double percent(const struct prediction *result, long long changing)
{
	const long long pages = result->pages + changing;

	return pages ? 100 * (double)result->freed / (double)pages : 0;
}

static long long cost_of(const struct forecast *forecast, int mode)
{
	return forecast->modes[MODE_NONE].total.freed -
	       forecast->modes[mode].total.freed;
}

static void print_summary(const struct forecast *forecast,
			  const struct forecast_rules *rules, double seconds)
{
	const struct prediction *all = &forecast->modes[MODE_NONE].total;
	char memory[FIGURE_SIZE], changing[FIGURE_SIZE], merged[FIGURE_SIZE],
		pause[FIGURE_SIZE];

	printf("memory    %s of %zu process%s; %s of it changed within %s\n",
	       format_bytes(memory, bytes_of(all->pages + forecast->changing)),
	       forecast->processes, forecast->processes == 1 ? "" : "es",
	       format_bytes(changing, bytes_of(forecast->changing)),
	       format_duration(pause, seconds));
	printf("merged    %s of it already\n",
	       format_bytes(merged,
			    bytes_of(forecast->merged + forecast->zeroed)));
	printf("rules     max_page_sharing %lld, use_zero_pages %d%s\n\n",
	       rules->max_sharing, rules->use_zero_pages,
	       rules->use_zero_pages && rules->zero_across_domains ?
		       ", across domains too" :
		       "");
}

static void print_modes(const struct forecast *forecast)
{
	printf("%-10s %8s %6s %8s %8s %8s %8s\n", "ISOLATION", "SAVED", "%",
	       "COST", "SHARED", "UNSHARED", "DOMAINS");
	for (int mode = 0; mode < MODES; mode++) {
		const struct forecast_mode *entry = &forecast->modes[mode];
		char figures[4][FIGURE_SIZE];

		printf("%-10s %8s %6.1f %8s %8s %8s %8zu\n", mode_names[mode],
		       format_short_bytes(figures[0],
					  bytes_of(entry->total.freed)),
		       percent(&entry->total, forecast->changing),
		       mode == MODE_NONE ?
			       "-" :
			       format_short_bytes(
				       figures[1],
				       bytes_of(cost_of(forecast, mode))),
		       format_short_bytes(figures[2],
					  bytes_of(entry->total.shared)),
		       format_short_bytes(figures[3],
					  bytes_of(entry->total.unshared)),
		       entry->count);
	}
}

static size_t rows_of(const struct forecast_mode *mode,
		      const struct options *options)
{
	if (options->rows && mode->count > (size_t)options->rows)
		return (size_t)options->rows;

	return mode->count;
}

static void print_domain(const struct forecast_domain *domain)
{
	char figures[4][FIGURE_SIZE], name[DOMAIN_NAME_SIZE];
	char *owner = require_memory(strdup(domain->owner));

	snprintf(name, sizeof(name), "%s", domain->name);
	printf("%8s %6.1f %8s %8s %8s  %-22s %s\n",
	       format_short_bytes(figures[0], bytes_of(domain->result.freed)),
	       percent(&domain->result, domain->changing),
	       format_short_bytes(figures[1], bytes_of(domain->result.shared)),
	       format_short_bytes(figures[2],
				  bytes_of(domain->result.unshared)),
	       format_short_bytes(figures[3], bytes_of(domain->changing)),
	       format_plain(name), format_plain(owner));
	free(owner);
}

static void print_domains(const struct forecast *forecast,
			  const struct options *options)
{
	for (int mode = MODE_USER; mode < MODES; mode++) {
		const struct forecast_mode *entry = &forecast->modes[mode];
		const size_t rows = rows_of(entry, options);

		printf("\nisolation %s\n%8s %6s %8s %8s %8s  %-22s %s\n",
		       mode_names[mode], "SAVED", "%", "SHARED", "UNSHARED",
		       "VOLATILE", "DOMAIN", "OWNER");
		for (size_t i = 0; i < rows; i++)
			print_domain(&entry->domains[i]);
		if (rows < entry->count)
			printf("%8s and %zu more\n", "", entry->count - rows);
	}
}

static void json_bytes(const char *name, long long pages)
{
	json_integer(name, multiply_saturated(pages, sysconf(_SC_PAGESIZE)));
}

static void json_prediction(const struct prediction *result, long long changing)
{
	json_bytes("memory_bytes", result->pages + changing);
	json_bytes("saved_bytes", result->freed);
	json_decimal("saved_percent", percent(result, changing), 2);
	json_integer("pages_shared", result->shared);
	json_integer("pages_sharing", result->sharing);
	json_integer("zero_pages", result->zero);
	json_integer("pages_unshared", result->unshared);
	json_integer("pages_volatile", changing);
}

static void json_mode(const struct forecast *forecast, int mode,
		      const struct options *options)
{
	const struct forecast_mode *entry = &forecast->modes[mode];
	const size_t rows = rows_of(entry, options);

	json_object(NULL);
	json_string("isolation", mode_names[mode]);
	json_prediction(&entry->total, forecast->changing);
	json_bytes("cost_bytes", cost_of(forecast, mode));
	json_unsigned("domains_in_all", entry->count);
	json_unsigned("domains_left_out", entry->count - rows);
	json_array("domains");
	for (size_t i = 0; i < rows; i++) {
		const struct forecast_domain *domain = &entry->domains[i];

		json_object(NULL);
		json_string("name", domain->name);
		json_string("owner", domain->owner);
		json_prediction(&domain->result, domain->changing);
		json_object_end();
	}
	json_array_end();
	json_object_end();
}

static void print_json(const struct forecast *forecast,
		       const struct targets *targets,
		       const struct forecast_rules *rules,
		       const struct options *options)
{
	json_start(false);
	json_decimal("seconds", options->seconds, 2);
	json_integer("max_page_sharing", rules->max_sharing);
	json_bool("use_zero_pages", rules->use_zero_pages);
	json_bool("zero_page_across_domains", rules->zero_across_domains);
	json_unsigned("processes", forecast->processes);
	json_unsigned("processes_ended", forecast->gone);
	json_unsigned("processes_unreadable", targets->unreadable);
	json_unsigned("processes_excluded", targets->excluded);
	json_integer("pages_merged_already", forecast->merged);
	json_integer("zero_pages_already", forecast->zeroed);
	json_array("isolations");
	for (int mode = 0; mode < MODES; mode++)
		json_mode(forecast, mode, options);
	json_array_end();
	json_end();
}

static void print_left_out(const struct targets *targets,
			   const struct forecast *forecast, bool all)
{
	if (!forecast->processes && !forecast->gone && !all)
		complain(
			"no process asks for merging; --all looks at memory that could be merged if it did");
	if (targets->excluded)
		complain("left out: %zu of excluded control groups",
			 targets->excluded);
	if (forecast->gone)
		complain("left out: %zu that have ended meanwhile",
			 forecast->gone);
	if (targets->unreadable)
		complain("left out: %zu that only root may look at",
			 targets->unreadable);
}

static enum status check_memory(const struct targets *targets)
{
	const long long available = memory_available();
	const long long needed = multiply_saturated(
		targets->pages, (long long)sizeof(struct page_record));
	char need[FIGURE_SIZE], have[FIGURE_SIZE];

	if (available < 0 || needed < available)
		return STATUS_OK;

	return fail(
		STATUS_REFUSED,
		"it takes %s to keep track of pages, and %s are available: name some of the processes",
		format_bytes(need, (double)needed),
		format_bytes(have, (double)available));
}

/* Return: STATUS_OK, or another with a message. */
static enum status look_twice(struct looks *looks, struct targets *targets,
			      double seconds)
{
	int err = looks_init(looks, targets);

	if (!err)
		err = looks_first(looks, targets);
	if (!err && !progress_pause("pause", seconds))
		err = -EINTR;
	if (!err)
		err = looks_second(looks, targets);
	progress_end();
	switch (-err) {
	case 0:
		return STATUS_OK;
	case EACCES:
	case EPERM:
	case ENODATA:
		return fail(STATUS_PERMISSION, "root is needed");
	default:
		return fail(STATUS_REFUSED, "memory cannot be looked at: %s",
			    strerror(-err));
	}
}

static enum status look_and_print(const struct options *options,
				  struct targets *targets)
{
	const struct forecast_rules rules = read_rules(options);
	enum status status = check_memory(targets);
	struct looks looks = LOOKS_EMPTY;
	struct forecast forecast;

	status = status ?: look_twice(&looks, targets, options->seconds);
	if (!status) {
		forecast_make(&looks, targets, &rules, &forecast);
		if (options->json) {
			print_json(&forecast, targets, &rules, options);
		} else {
			print_summary(&forecast, &rules, options->seconds);
			print_modes(&forecast);
			print_domains(&forecast, options);
		}
		print_left_out(targets, &forecast, options->all);
		forecast_free(&forecast);
	}
	looks_free(&looks);

	return status;
}

enum status command_dry_run(const struct options *options, int argc,
			    char **argv)
{
	struct targets_choice choice = {
		.want = options->all ? WANT_ANONYMOUS : WANT_MERGEABLE,
		.vms = options->vms,
		.pid_count = (size_t)argc,
	};
	struct targets targets = { .count = 0 };
	enum status status;
	pid_t *pids;

	status = targets_parse("dry-run", argc, argv, &pids);
	choice.pids = pids;
	if (!status) {
		progress_begin();
		status = targets_read(&choice, &targets);
	}
	if (!status)
		status = look_and_print(options, &targets);
	targets_free(&targets);
	free(pids);

	return status;
}
