// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"
#include "limit.h"

#define WAIT_LIMIT_SECS 50
#define POLL_USECS 2000
#define SCANNER_NICE 5 /* as it starts, which is as ksmd */

/*
 * Order matters when they are put back: the advisor first, because it owns pages_to_scan while it
 * is on, and run last.
 */
static const char *const saved_knobs[] = {
	"advisor_mode",
	"advisor_max_cpu",
	"advisor_min_pages_to_scan",
	"advisor_max_pages_to_scan",
	"advisor_target_scan_time",
	"merge_across_nodes",
	"max_page_sharing",
	"checksum_lines",
	"stable_node_chains_prune_millisecs",
	"use_zero_pages",
	"isolation",
	"hardening",
	"zero_page_across_domains",
	"smart_scan",
	"pages_to_scan",
	"sleep_millisecs",
	"max_cpu_percentage",
	"max_available_percentage",
	"max_metadata_percentage",
	"run",
};

static char saved_values[ARRAY_SIZE(saved_knobs)][KNOB_TEXT_MAX];

const char *engine_dir(void)
{
	const char *dir = getenv("KSM_DIR");

	return dir && *dir ? dir : ENGINE_DIR_UKSM;
}

bool engine_is_stock(void)
{
	return !strcmp(engine_dir(), ENGINE_DIR_STOCK);
}

static void knob_path(char *path, size_t len, const char *dir, const char *knob)
{
	snprintf(path, len, "%s/%s", dir, knob);
}

bool engine_has(const char *knob)
{
	char path[512];

	knob_path(path, sizeof(path), engine_dir(), knob);
	return access(path, F_OK) == 0;
}

int knob_write(const char *dir, const char *knob, const char *text, size_t len)
{
	char path[512];
	ssize_t done;
	int fd, err;

	knob_path(path, sizeof(path), dir, knob);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	done = write(fd, text, len);
	err = done < 0 ? -errno : (size_t)done == len ? 0 : -EIO;
	close(fd);
	return err;
}

int knob_read(const char *dir, const char *knob, char *text)
{
	char path[512];
	ssize_t len;
	int fd, err;

	knob_path(path, sizeof(path), dir, knob);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	len = read(fd, text, KNOB_TEXT_MAX - 1);
	err = len < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int engine_try_set(const char *knob, long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", value);

	return knob_write(engine_dir(), knob, text, len);
}

void engine_set(const char *knob, long value)
{
	int err = engine_try_set(knob, value);

	CHECK(!err, "%s=%ld: %s", knob, value, strerror(-err));
}

long engine_get(const char *knob)
{
	char text[KNOB_TEXT_MAX], *end;
	int err = knob_read(engine_dir(), knob, text);
	long value;

	CHECK(!err, "reading %s: %s", knob, strerror(-err));
	value = strtol(text, &end, 10);
	CHECK(end != text && !*end, "%s holds \"%s\", not a number", knob, text);
	return value;
}

long engine_get_or(const char *knob, long fallback)
{
	return engine_has(knob) ? engine_get(knob) : fallback;
}

void engine_start(void)
{
	engine_set("pages_to_scan", 20000);
	engine_set("sleep_millisecs", 1);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
	engine_set("run", 1);
}

void engine_pause(void)
{
	engine_set("run", 0);
}

void engine_unmerge(void)
{
	engine_set("run", 2);
}

double engine_cpu_percent(unsigned int secs)
{
	long msecs = engine_get("uksmd_cpu_msecs");
	double began = now_secs();

	sleep(secs);
	return (engine_get("uksmd_cpu_msecs") - msecs) / 10.0 / (now_secs() - began);
}

void engine_wait_full_scans(unsigned int nr)
{
	unsigned int limit_secs = WAIT_LIMIT_SECS * harness_slower();
	struct limit limit = limit_begin(limit_secs);
	long scans = engine_get("full_scans"), target = scans + 1 + nr, seen = -1;

	while (scans < target) {
		long done = scans + engine_get_or("pages_scanned", 0);

		if (done != seen)
			limit = limit_begin(limit_secs);
		seen = done;
		CHECK(!limit_passed(&limit), "full_scans stands at %ld for %u s, waiting for %ld",
		      scans, limit_secs, target);
		usleep(POLL_USECS);
		scans = engine_get("full_scans");
	}
}

void engine_settle(void)
{
	engine_wait_full_scans(2);
}

void engine_wait_at_most(const char *where, const char *counter, long value, unsigned int secs)
{
	struct limit limit = limit_begin(secs * harness_slower());

	while (engine_get(counter) > value) {
		CHECK(!limit_passed(&limit), "%s: %s is %ld after %u s, expected %ld at most", where,
		      counter, engine_get(counter), secs * harness_slower(), value);
		usleep(POLL_USECS);
	}
}

void engine_check_counters(const char *where, long shared, long sharing, long unshared,
			   long is_volatile)
{
	long got_shared, got_sharing, got_unshared, got_volatile;

	engine_pause();
	got_shared = engine_get("pages_shared");
	got_sharing = engine_get("pages_sharing");
	got_unshared = engine_get("pages_unshared");
	got_volatile = engine_get("pages_volatile");
	CHECK(got_shared == shared && got_sharing == sharing &&
		      (unshared < 0 || got_unshared == unshared) &&
		      (is_volatile < 0 || got_volatile == is_volatile),
	      "%s: shared/sharing/unshared/volatile %ld/%ld/%ld/%ld, expected %ld/%ld/%ld/%ld",
	      where, got_shared, got_sharing, got_unshared, got_volatile, shared, sharing, unshared,
	      is_volatile);
}

bool engine_save(void)
{
	size_t k;

	if (!engine_has("run"))
		return false;
	for (k = 0; k < ARRAY_SIZE(saved_knobs); k++) {
		char *value = saved_values[k];
		char *open_bracket, *close_bracket;

		if (knob_read(engine_dir(), saved_knobs[k], value)) {
			value[0] = '\0';
			continue;
		}
		/* A choice shows all its words; the one in force stands in brackets. */
		open_bracket = strchr(value, '[');
		close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
		if (close_bracket) {
			*close_bracket = '\0';
			memmove(value, open_bracket + 1, close_bracket - open_bracket);
		}
	}
	return true;
}

/* A child killed in mid-test may still be on its way out, so give the counters a moment. */
static bool counters_zero(char *why, size_t len)
{
	static const char *const counters[] = {
		"pages_shared",
		"pages_sharing",
		"pages_unshared",
		"pages_volatile",
	};
	struct limit limit = limit_begin(5 * harness_slower());
	size_t c = 0;

	while (c < ARRAY_SIZE(counters)) {
		char text[KNOB_TEXT_MAX];
		int err = knob_read(engine_dir(), counters[c], text);

		if (!err && !strcmp(text, "0")) {
			c++;
			continue;
		}
		if (limit_passed(&limit)) {
			snprintf(why, len, "%s is %s with run=2", counters[c],
				 err ? strerror(-err) : text);
			return false;
		}
		usleep(POLL_USECS);
	}
	return true;
}

/* A test may have left the scanner with another nice value; ksmd does not say which thread it is. */
static void reset_nice(void)
{
	char text[KNOB_TEXT_MAX];
	int pid = 0;

	if (engine_has("kthread_pid") && !knob_read(engine_dir(), "kthread_pid", text))
		pid = atoi(text);
	/* 0 would be ourselves. */
	if (pid > 0)
		setpriority(PRIO_PROCESS, pid, SCANNER_NICE);
}

bool engine_reset(char *why, size_t len)
{
	size_t k;
	int err;

	reset_nice();
	err = knob_write(engine_dir(), "run", "2", 1);
	if (err) {
		/* A test may have unloaded the engine; that is for the test to judge. */
		if (err == -ENOENT && !engine_has("run"))
			return true;
		snprintf(why, len, "run=2: %s", strerror(-err));
		return false;
	}
	if (!counters_zero(why, len))
		return false;
	for (k = 0; k < ARRAY_SIZE(saved_knobs); k++) {
		const char *value = saved_values[k];

		if (!value[0])
			continue;
		err = knob_write(engine_dir(), saved_knobs[k], value, strlen(value));
		if (err) {
			snprintf(why, len, "%s=%s: %s", saved_knobs[k], value, strerror(-err));
			return false;
		}
	}
	return true;
}
