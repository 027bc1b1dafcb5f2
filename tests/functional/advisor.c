// SPDX-License-Identifier: GPL-2.0-only
/*
 * The automatic pace: what comes is merged soon, whatever pages_to_scan was, and with nothing
 * left to be found the scanner hardly runs.
 */
#include <string.h>
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

static double now_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void require_auto(void)
{
	if (engine_is_stock())
		test_skip("stock has no such advisor");
}

static void choose(const char *mode)
{
	CHECK(!knob_write(engine_dir(), "advisor_mode", mode, strlen(mode)), "advisor_mode=%s", mode);
}

/* Percent of a CPU that the scanner uses over some seconds. */
static double cpu_share(unsigned int secs)
{
	long msecs = engine_get("uksmd_cpu_msecs");
	double began = now_secs();

	sleep(secs);
	return (engine_get("uksmd_cpu_msecs") - msecs) / 10.0 / (now_secs() - began);
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

	while ((share = cpu_share(3)) >= 2)
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

/* Whatever there is to do, advisor_max_cpu is a limit. */
static void test_limit(void)
{
	enum { PERCENT = 20 };
	struct helper guests[4];
	double share;
	size_t i;

	require_auto();
	engine_set("advisor_max_cpu", PERCENT);
	choose("auto");
	for (i = 0; i < ARRAY_SIZE(guests); i++) {
		helper_start(&guests[i], guest_run, NULL);
		helper_wait(&guests[i]);
	}
	area_map_distinct(2 * PAIRS, SEED);
	engine_set("run", 1);
	/* It has to learn what a page costs. */
	sleep(3);
	for (i = 0; i < ARRAY_SIZE(guests); i++) {
		helper_go(&guests[i]);
		helper_wait(&guests[i]);
	}
	share = cpu_share(5);
	test_note("%.1f %% of a CPU", share);
	CHECK(share < PERCENT * 1.25, "%.1f %% of a CPU", share);
	for (i = 0; i < ARRAY_SIZE(guests); i++)
		helper_kill(&guests[i]);
}

static const struct test tests[] = {
	{ "pace", test_pace, .timeout_secs = 240 },
	{ "limit", test_limit },
};

int main(int argc, char **argv)
{
	return harness_main("advisor", tests, ARRAY_SIZE(tests), argc, argv);
}
