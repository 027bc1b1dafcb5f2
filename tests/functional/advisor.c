// SPDX-License-Identifier: GPL-2.0-only
/*
 * The automatic pace: what comes is merged soon, whatever pages_to_scan was, and with nothing
 * left to be found the scanner hardly runs.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"

#define BALLAST 40000UL
#define PAIRS 6000UL
#define SEED 70000

/* At the trickle it takes the scanner 50 seconds to look at all there is once. */
#define SOON_SECS 15

static void require_auto(void)
{
	if (engine_is_stock())
		test_skip("stock has no such advisor");
}

static void choose(const char *mode)
{
	CHECK(!knob_write(engine_dir(), "advisor_mode", mode, strlen(mode)), "advisor_mode=%s", mode);
}

static void wait_saved(const char *what, long pages)
{
	struct limit limit = limit_begin(SOON_SECS * harness_slower());
	double began = now_secs();

	while (engine_get("pages_sharing") < pages) {
		CHECK(!limit_passed(&limit), "%s: %ld pages of %ld are saved after %u s", what,
		      engine_get("pages_sharing"), pages, SOON_SECS * harness_slower());
		usleep(20000);
	}
	test_note("%s: %.2f s", what, now_secs() - began);
}

/* Until the scanner uses less than two percent of a CPU over three seconds. */
static void wait_quiet(void)
{
	struct limit limit = limit_begin(60 * harness_slower());
	double began = now_secs(), share;

	while ((share = engine_cpu_percent(3)) >= 2)
		CHECK(!limit_passed(&limit), "%.1f %% of a CPU with nothing to be found", share);
	test_note("quiet after %.1f s: %.2f %% of a CPU", now_secs() - began, share);
}

/* In steps: some pages, then as many more. It is there before the others' memory is. */
static void guest_run(struct helper *self, void *unused)
{
	(void)unused;
	helper_step(self);
	area_map_distinct(PAIRS, SEED);
	helper_step(self);
	area_map_distinct(PAIRS, SEED + PAIRS);
	helper_step(self);
}

static void test_pace(void)
{
	struct helper guest;

	require_auto();
	helper_start(&guest, guest_run, NULL);
	helper_wait(&guest);
	area_map_distinct(BALLAST, 1000000);
	area_map_distinct(2 * PAIRS, SEED);
	choose("auto");
	engine_set("run", 1);
	wait_quiet();

	helper_go(&guest);
	helper_wait(&guest);
	wait_saved("a process that comes", PAIRS);
	wait_quiet();
	/* The same process, of which the engine knows by its size only. */
	helper_go(&guest);
	helper_wait(&guest);
	wait_saved("what it has grown by", 2 * PAIRS);
	wait_quiet();
	CHECK(engine_get("pages_sharing") == (long)(2 * PAIRS), "%ld pages are saved",
	      engine_get("pages_sharing"));
	helper_kill(&guest);
}

/* Processes that come, are looked at, and go: there is always something new. */
static void stream_run(struct helper *self, void *unused)
{
	size_t n;

	(void)unused;
	helper_step(self);
	for (n = 0;; n++) {
		pid_t pid = CHECK_SYS(fork());

		if (!pid) {
			/* The scanner sleeps for half a second at most. */
			area_map_distinct(2 * PAIRS, SEED + n % 2 * PAIRS);
			sleep(1);
			_exit(0);
		}
		child_finish(pid);
	}
}

static double percent_with(long most)
{
	engine_set("advisor_max_cpu", most);
	sleep(1);
	return engine_cpu_percent(5);
}

/* Whatever there is to do, advisor_max_cpu is a limit. There is more to do than that. */
static void test_limit(void)
{
	enum { STREAMS = 3, PERCENT = 1 };
	struct helper streams[STREAMS];
	double limited, free;
	size_t i;

	require_auto();
	/* All of a page, so that what is filled in a second takes more than a little to look at. */
	engine_set("checksum_lines", 64);
	choose("auto");
	for (i = 0; i < STREAMS; i++) {
		helper_start(&streams[i], stream_run, NULL);
		helper_wait(&streams[i]);
	}
	area_map_distinct(2 * PAIRS, SEED);
	engine_set("run", 1);
	for (i = 0; i < STREAMS; i++)
		helper_go(&streams[i]);
	/* It has to learn what a page costs. */
	sleep(3);
	free = percent_with(70);
	limited = percent_with(PERCENT);
	for (i = 0; i < STREAMS; i++)
		helper_kill(&streams[i]);
	test_note("%.1f %% of a CPU with %d allowed, %.1f with 70", limited, PERCENT, free);
	CHECK(free > 2 * PERCENT, "%.1f %% of a CPU: too little to do for a test of the limit", free);
	CHECK(limited < PERCENT * 1.5, "%.1f %% of a CPU", limited);
}

/* Whatever the least is that an administrator sets, full scans go on. */
static void test_scan_time_least(void)
{
	static const long least[] = { 0, 1L << 32, 1 };
	size_t i;

	require_auto();
	area_map_same(64, SEED);
	for (i = 0; i < ARRAY_SIZE(least); i++) {
		engine_set("run", 0);
		choose("none");
		engine_set("advisor_max_pages_to_scan", 0);
		engine_set("advisor_min_pages_to_scan", least[i]);
		choose("scan-time");
		CHECK(engine_get("pages_to_scan") > 0, "of at least %ld pages_to_scan is %ld", least[i],
		      engine_get("pages_to_scan"));
		engine_set("run", 1);
		engine_wait_full_scans(3);
	}
}

static const struct test tests[] = {
	{ "pace", test_pace, .timeout_secs = 240 },
	{ "limit", test_limit },
	{ "scan-time-least", test_scan_time_least },
};

int main(int argc, char **argv)
{
	return harness_main("advisor", tests, ARRAY_SIZE(tests), argc, argv);
}
