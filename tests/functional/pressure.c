// SPDX-License-Identifier: GPL-2.0-only
/* max_available_percentage: the scanner works when memory is short, and else not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"

#define PAGES 256

/* How soon the scanner must have seen that memory has become short, or is not any more. */
#define SEEN_SECS 3

static void require_knob(void)
{
	if (!engine_has("max_available_percentage"))
		test_skip("no max_available_percentage");
}

static double available_percent(void)
{
	return 100.0 * sys_field("/proc/meminfo", "MemAvailable:") /
	       sys_field("/proc/meminfo", "MemTotal:");
}

/* The limit lies so many percent of memory from what is available now. */
static void limit_set(int distance)
{
	engine_set("max_available_percentage", (long)available_percent() + distance);
}

static void check_works(const char *where)
{
	struct limit limit = limit_begin(SEEN_SECS * harness_slower());
	long scans = engine_get("full_scans");

	while (engine_get("full_scans") < scans + 2) {
		CHECK(!limit_passed(&limit), "%s: %ld full scans in %d s, %.1f %% available", where,
		      engine_get("full_scans") - scans, SEEN_SECS, available_percent());
		usleep(10000);
	}
}

static void check_rests(const char *where)
{
	long scanned, cpu_msecs;

	sleep(SEEN_SECS);
	scanned = engine_get("pages_scanned");
	cpu_msecs = engine_get("uksmd_cpu_msecs");
	sleep(2);
	CHECK(engine_get("pages_scanned") == scanned, "%s: %ld pages looked at, %.1f %% available",
	      where, engine_get("pages_scanned") - scanned, available_percent());
	cpu_msecs = engine_get("uksmd_cpu_msecs") - cpu_msecs;
	CHECK(cpu_msecs <= 20 * (long)harness_slower(), "%s: %ld ms of CPU time in 2 s", where, cpu_msecs);
}

/* Memory runs short, and there is enough again. */
static void test_pressure(void)
{
	char *area = area_map_same(PAGES, 1), *eaten;
	size_t bytes;

	require_knob();
	engine_start();
	check_works("no limit");
	limit_set(-5);
	check_rests("enough");
	check_merged("what was merged stays so", area, PAGES);
	bytes = sys_field("/proc/meminfo", "MemTotal:") * 1024 / 100 * 10;
	eaten = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(eaten != MAP_FAILED, "mmap: %m");
	check_works("a tenth of memory has been used");
	CHECK_SYS(munmap(eaten, bytes));
	check_rests("it has been given back");
	engine_set("max_available_percentage", 100);
	check_works("no limit again");
}

/* At once, not when the scanner looks the next time. */
static void test_knob(void)
{
	char *area = area_map_same(PAGES, 1), self[32];

	require_knob();
	engine_set("max_available_percentage", 1);
	engine_start();
	check_rests("1 %");
	CHECK(!engine_get("full_scans"), "%ld full scans", engine_get("full_scans"));
	snprintf(self, sizeof(self), "%d", getpid());
	CHECK(!knob_write(engine_dir(), "domains/merge_now", self, strlen(self)), "merge_now");
	check_merged("asked for", area, PAGES);
	check_rests("1 %, and what was asked for is done");
	engine_set("max_available_percentage", 100);
	check_works("100 %");
}

static void memory(struct helper *self, void *area)
{
	area_map_same(PAGES, 1);
	helper_step(self);
}

/* Who exits is let go, and run 2 and 0 do what they always do. */
static void test_others(void)
{
	struct helper dead;

	require_knob();
	helper_start(&dead, memory, NULL);
	helper_wait(&dead);
	engine_start();
	engine_settle();
	CHECK(engine_get("pages_sharing") == PAGES - 1, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	engine_set("max_available_percentage", 1);
	check_rests("1 %");
	helper_kill(&dead);
	engine_wait_at_most("killed while the scanner rests", "pages_shared", 0, 2);
	engine_wait_at_most("killed while the scanner rests", "dead_metadata_bytes", 0, 2);
	engine_set("run", 2);
	engine_set("run", 1);
	check_rests("run 1 again");
}

static const struct test tests[] = {
	{ "pressure", test_pressure },
	{ "knob", test_knob },
	{ "others", test_others },
};

int main(int argc, char **argv)
{
	return harness_main("pressure", tests, ARRAY_SIZE(tests), argc, argv);
}
