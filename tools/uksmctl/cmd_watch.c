// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl watch: a line each interval, as vmstat has it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "engine.h"
#include "format.h"
#include "interval.h"
#include "json.h"
#include "saturate.h"
#include "scanner.h"

/* Lines between two headings where the height of the terminal is not known. */
#define HEADING_EVERY 22

enum counter {
	RUN,
	FULL_SCANS,
	SCANNED,
	SHARED,
	SHARING,
	UNSHARED,
	VOLATILE,
	ZERO_PAGES,
	COW_BREAKS,
	PROFIT,
	COUNTERS,
};

static const char *const counter_files[COUNTERS] = {
	[RUN] = "run",
	[FULL_SCANS] = "full_scans",
	[SCANNED] = "pages_scanned",
	[SHARED] = "pages_shared",
	[SHARING] = "pages_sharing",
	[UNSHARED] = "pages_unshared",
	[VOLATILE] = "pages_volatile",
	[ZERO_PAGES] = "ksm_zero_pages",
	[COW_BREAKS] = "cow_breaks",
	[PROFIT] = "general_profit",
};

/**
 * struct sample - the counters at one moment
 * @counters: of each its value, 0 if it is not there
 * @when: the moment
 */
struct sample {
	long long counters[COUNTERS];
	double when;
};

static void take_sample(struct sample *sample)
{
	char text[TEXT_SIZE];

	for (int i = 0; i < COUNTERS; i++) {
		if (engine_read(ENGINE_UKSM, counter_files[i], text) ||
		    text_number(text, &sample->counters[i]))
			sample->counters[i] = 0;
	}
	sample->when = interval_now();
}

static long long change(const struct sample *before, const struct sample *now,
			enum counter counter)
{
	return subtract_saturated(now->counters[counter],
				  before->counters[counter]);
}

/* A counter that never falls has fallen only if the module was loaded anew. */
static double rate(const struct sample *before, const struct sample *now,
		   enum counter counter)
{
	long long grown = change(before, now, counter);

	if (grown < 0)
		grown = now->counters[counter];

	return (double)grown / (now->when - before->when);
}

static int heading_every(void)
{
	struct winsize window;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) && window.ws_row > 4)
		return window.ws_row - 2;

	return HEADING_EVERY;
}

static void print_heading(void)
{
	printf("%3s %6s %9s %9s %10s %9s %9s %9s %7s %6s %8s\n", "run", "scans",
	       "scanned/s", "shared", "sharing", "+sharing", "unshared",
	       "volatile", "cow/s", "cpu%", "profit");
}

static void print_line(const struct sample *before, const struct sample *now,
		       double percent)
{
	char profit[FIGURE_SIZE], cpu[FIGURE_SIZE] = "-";

	if (!isnan(percent))
		snprintf(cpu, sizeof(cpu), "%.1f", percent);
	printf("%3lld %6lld %9.0f %9lld %10lld %+9lld %9lld %9lld %7.0f %6s %8s\n",
	       now->counters[RUN], now->counters[FULL_SCANS],
	       rate(before, now, SCANNED), now->counters[SHARED],
	       now->counters[SHARING], change(before, now, SHARING),
	       now->counters[UNSHARED], now->counters[VOLATILE],
	       rate(before, now, COW_BREAKS), cpu,
	       format_short_bytes(profit, (double)now->counters[PROFIT]));
}

static void print_json(const struct sample *before, const struct sample *now,
		       double percent)
{
	json_start(true);
	json_integer("time", time(NULL));
	json_decimal("interval_seconds", now->when - before->when, 3);
	for (int i = 0; i < COUNTERS; i++)
		json_integer(counter_files[i], now->counters[i]);
	json_decimal("pages_scanned_per_second", rate(before, now, SCANNED), 1);
	json_integer("pages_sharing_change", change(before, now, SHARING));
	json_decimal("cow_breaks_per_second", rate(before, now, COW_BREAKS), 1);
	json_decimal("cpu_percent", percent, 2);
	json_end();
}

static enum status watch(const struct options *options, double interval,
			 long count)
{
	const int heading = heading_every();
	struct sample before, now;
	struct scanner uksmd;
	enum status status;

	scanner_start_uksmd(&uksmd);
	take_sample(&before);
	for (long line = 0; !count || line < count; line++) {
		interval_sleep(before.when + interval);
		status = require_uksm();
		if (status)
			return status;
		take_sample(&now);
		if (options->json) {
			print_json(&before, &now, scanner_percent(&uksmd));
		} else {
			if (line % heading == 0)
				print_heading();
			print_line(&before, &now, scanner_percent(&uksmd));
		}
		/* Loaded anew, it has another thread. */
		if (uksmd.cpu_seconds < 0)
			scanner_start_uksmd(&uksmd);
		status = flush_output();
		if (status)
			return status;
		before = now;
	}

	return STATUS_OK;
}

enum status command_watch(const struct options *options, int argc, char **argv)
{
	double interval = 1;
	enum status status;
	long count = 0;
	char *end;

	if (argc > 2)
		return fail(STATUS_USAGE, "watch takes no argument '%s'",
			    argv[2]);
	if (argc > 0 && !interval_parse(argv[0], &interval))
		return fail(STATUS_USAGE, "'%s' is not a number of seconds",
			    argv[0]);
	if (argc > 1) {
		count = strtol(argv[1], &end, 10);
		if (!*argv[1] || *end || count < 1)
			return fail(STATUS_USAGE,
				    "'%s' is not a number of lines", argv[1]);
	}
	status = require_uksm();

	return status ?: watch(options, interval, count);
}
