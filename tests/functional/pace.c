// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much the scanner does, and when: memory that rests, holes, pages that are merged in vain,
 * the advisor and the limit on CPU time.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"

/* Whole tiles of records, wherever the kernel puts the area. */
#define RESTING_PAGES 2048UL

static void require_uksm(void)
{
	if (engine_is_stock())
		test_skip("stock's ways are others");
}

static double now_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Full scans until the page at @addr shares a frame with the one at @other. */
static unsigned int scans_until_merged(const char *addr, const char *other, unsigned int limit)
{
	unsigned int scans;

	for (scans = 0; scans < limit && pfn_of(addr) != pfn_of(other); scans++)
		engine_wait_full_scans(1);
	return scans;
}

/* Nothing happens: most pages are passed over, and no counter tells of it but one. */
static void test_rest(void)
{
	char *area = area_map_distinct(RESTING_PAGES, 1000);
	char *same = area_map_same(2, 7);
	long skipped, scanned;

	require_uksm();
	engine_start();
	engine_settle();
	skipped = engine_get("pages_skipped");
	engine_wait_full_scans(4);
	CHECK(engine_get("pages_skipped") == skipped, "pages are skipped without smart_scan");

	engine_set("smart_scan", 1);
	engine_wait_full_scans(8);
	skipped = engine_get("pages_skipped");
	scanned = engine_get("pages_scanned");
	engine_wait_full_scans(8);
	skipped = engine_get("pages_skipped") - skipped;
	scanned = engine_get("pages_scanned") - scanned;
	test_note("%ld scanned, %ld skipped", scanned, skipped);
	CHECK(skipped > 2 * scanned, "%ld scanned and only %ld skipped", scanned, skipped);
	check_merged("at rest", same, 2);
	area_check_distinct(area, RESTING_PAGES, 1000);
	engine_check_counters("at rest", 1, 1, RESTING_PAGES, 0);
}

/* A change in memory that rests is found within four full scans. */
static void test_change_at_rest(void)
{
	char *area = area_map_distinct(RESTING_PAGES, 1000);
	char *same = area_map_same(2, 7);
	unsigned int scans, page, most = 0;

	require_uksm();
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	for (page = 100; page < RESTING_PAGES; page += 400) {
		page_fill(area + page * PAGE_SIZE, 7);
		scans = scans_until_merged(area + page * PAGE_SIZE, same, 20);
		if (scans > most)
			most = scans;
		CHECK_PAGE(area + page * PAGE_SIZE, 7);
		engine_wait_full_scans(12);
	}
	test_note("found within %u full scans", most);
	CHECK(most <= 5, "a change was found after %u full scans only", most);
}

/* Two pages that rest and become equal: each is to be found, and to hold still. */
static void test_pair_at_rest(void)
{
	char *area = area_map_distinct(RESTING_PAGES, 1000);
	char *left = area + 10 * PAGE_SIZE, *right = area + 1500 * PAGE_SIZE;

	require_uksm();
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	page_fill(left, 9);
	page_fill(right, 9);
	CHECK(scans_until_merged(left, right, 20) <= 10, "two pages at rest did not merge");
	CHECK_PAGE(left, 9);
	CHECK_PAGE(right, 9);
	engine_check_counters("a pair", 1, 1, RESTING_PAGES - 2, 0);
}

/* Memory given back while it rests is not counted for ever. */
static void test_unmap_at_rest(void)
{
	char *area = area_map_distinct(RESTING_PAGES, 1000);

	/* Without any memory to scan there are no full scans. */
	area_map_same(2, 7);
	require_uksm();
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	CHECK_SYS(madvise(area, RESTING_PAGES / 2 * PAGE_SIZE, MADV_DONTNEED));
	engine_wait_full_scans(8);
	engine_check_counters("half of it", 1, 1, RESTING_PAGES / 2, 0);
	engine_set("run", 1);
	CHECK_SYS(munmap(area, RESTING_PAGES * PAGE_SIZE));
	engine_wait_full_scans(1);
	engine_check_counters("none of it", 1, 1, 0, 0);
}

/* A few pages in an endless mapping are all there is to look at. */
static void test_holes(void)
{
	size_t size = 1UL << 42, page;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long scanned, scans;
	double began;

	require_uksm();
	CHECK(area != MAP_FAILED, "mmap: %m");
	CHECK_SYS(madvise(area, size, MADV_NOHUGEPAGE));
	CHECK_SYS(madvise(area, size, MADV_MERGEABLE));
	for (page = 0; page < 16; page++)
		page_fill(area + page * (size / 16) + page * 5 * PAGE_SIZE, 3 + page % 2);
	engine_start();
	engine_settle();
	scans = engine_get("full_scans");
	scanned = engine_get("pages_scanned");
	began = now_secs();
	engine_wait_full_scans(4);
	test_note("%.3f s a full scan", (now_secs() - began) / 5);
	CHECK(engine_get("pages_scanned") - scanned <=
		      16 * (engine_get("full_scans") - scans + 1), "holes are counted as pages");
	CHECK(now_secs() - began < 5 * harness_slower(), "four full scans took %.1f s",
	      now_secs() - began);
	for (page = 0; page < 16; page++)
		CHECK_PAGE(area + page * (size / 16) + page * 5 * PAGE_SIZE, 3 + page % 2);
	engine_check_counters("two contents", 2, 14, 0, 0);
}

/* Write to the page once a full scan; how often has it been found merged and written? */
static long breaks_of(char *page, unsigned int scans)
{
	long before = engine_get("cow_breaks");

	while (scans--) {
		page_touch(page);
		engine_wait_full_scans(0);
	}
	return engine_get("cow_breaks") - before;
}

/* A page that is written whenever it has been merged is merged ever less often. */
static void test_merged_in_vain(void)
{
	char *area = area_map_same(3, 5);
	long early, late;

	require_uksm();
	engine_start();
	engine_settle();
	early = breaks_of(area, 12);
	late = breaks_of(area, 12);
	test_note("%ld breaks at first, %ld later", early, late);
	CHECK(early >= 3, "only %ld breaks: nothing was tried", early);
	CHECK(late <= early / 2, "%ld breaks at first, %ld later", early, late);
	wait_merged("left alone", area, 3, 20);
	area_check_same(area, 3, 5);
}

/*
 * A page that always holds what others share, but each time something else. Found changed it may
 * join them at once, though not again when that was in vain.
 */
static void test_never_still(void)
{
	char *area = area_map_same(3, 5);
	long breaks;
	int i;

	area_map_same(2, 9);
	require_uksm();
	engine_start();
	/* The writes come in the pauses between two full scans. */
	engine_set("sleep_millisecs", 100 * harness_slower());
	engine_settle();
	breaks = engine_get("cow_breaks");
	for (i = 0; i < 12; i++) {
		page_fill(area, i % 2 ? 5 : 9);
		engine_wait_full_scans(0);
	}
	breaks = engine_get("cow_breaks") - breaks;
	test_note("%ld breaks", breaks);
	CHECK(breaks >= 1 && breaks <= 2, "%ld breaks", breaks);
	wait_merged("left alone", area, 3, 20);
	area_check_same(area, 3, 5);
}

/* The advisor finds the batch with which a full scan takes as long as it is to take. */
static void test_advisor(void)
{
	enum { PAGES = 8192, TARGET_SECS = 3 };
	char *area = area_map_distinct(PAGES, 50000);
	long batch, scans;
	double began;

	require_uksm();
	engine_set("sleep_millisecs", 10);
	engine_set("smart_scan", 0);
	engine_set("advisor_min_pages_to_scan", 20);
	engine_set("advisor_max_pages_to_scan", 100000);
	engine_set("advisor_target_scan_time", TARGET_SECS);
	CHECK(!knob_write(engine_dir(), "advisor_mode", "scan-time", 9), "advisor_mode");
	CHECK(engine_get("pages_to_scan") == 20, "starts with %ld", engine_get("pages_to_scan"));
	engine_set("run", 1);
	engine_wait_full_scans(1);
	batch = engine_get("pages_to_scan");
	/* 300 sleeps at most; timers are late, never early. */
	CHECK(batch >= PAGES / 300 && batch < PAGES, "pages_to_scan is %ld", batch);

	scans = engine_get("full_scans");
	while (engine_get("full_scans") == scans)
		usleep(1000);
	began = now_secs();
	while (engine_get("full_scans") == scans + 1)
		usleep(1000);
	test_note("batch %ld, a full scan in %.2f s", batch, now_secs() - began);
	CHECK(now_secs() - began > 0.5 * TARGET_SECS && now_secs() - began < 3 * TARGET_SECS,
	      "a full scan took %.2f s", now_secs() - began);
	area_check_distinct(area, PAGES, 50000);
	engine_check_counters("all of it", 0, 0, PAGES, 0);
}

/* The share of a CPU that the scanner uses over some seconds, in percent. */
static double cpu_share(unsigned int secs)
{
	long used = engine_get("uksmd_cpu_msecs");
	double began = now_secs();

	sleep(secs);
	return (engine_get("uksmd_cpu_msecs") - used) / 10.0 / (now_secs() - began);
}

/* Whatever the other knobs say. */
static void test_cpu_limit(void)
{
	static const unsigned int limits[] = { 5, 20, 50 };
	char *area = area_map_distinct(8192, 50000);
	double share;
	size_t i;

	require_uksm();
	engine_start();
	engine_set("pages_to_scan", 1000000);
	engine_set("sleep_millisecs", 0);
	share = cpu_share(1);
	test_note("without a limit: %.1f %%", share);
	CHECK(share > 60, "without a limit: %.1f %%", share);
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		engine_set("max_cpu_percentage", limits[i]);
		cpu_share(1);
		share = cpu_share(5 * harness_slower());
		test_note("limit %u: %.1f %%", limits[i], share);
		/* uksmd_cpu_msecs is one tick coarse. */
		CHECK(share < limits[i] * 1.1 + 0.2, "limit %u: %.1f %%", limits[i], share);
		CHECK(share > limits[i] * 0.6, "limit %u: %.1f %%", limits[i], share);
	}
	engine_set("max_cpu_percentage", 100);
	area_check_distinct(area, 8192, 50000);
}

static void test_cpu_limit_answers(void)
{
	require_uksm();
	CHECK(engine_get("max_cpu_percentage") == 100, "default");
	CHECK(engine_try_set("max_cpu_percentage", 0) == -22, "0 is taken");
	CHECK(engine_try_set("max_cpu_percentage", 101) == -22, "101 is taken");
	CHECK(engine_try_set("max_cpu_percentage", -1) == -22, "-1 is taken");
	CHECK(knob_write(engine_dir(), "max_cpu_percentage", "5x", 2) == -22, "5x is taken");
	CHECK(engine_get("max_cpu_percentage") == 100, "a refused write has changed it");
	engine_set("max_cpu_percentage", 1);
	CHECK(engine_get("max_cpu_percentage") == 1, "1 is not kept");
	engine_set("max_cpu_percentage", 100);
}

/* A process that nearly always runs in the scanner's place, with its group or by itself. */
static void busy_loop(struct helper *self, void *unused)
{
	(void)unused;
	CHECK_SYS(setpriority(PRIO_PROCESS, 0, -10));
	knob_write("/proc/self", "autogroup", "-10", 3);
	helper_step(self);
	for (;;)
		;
}

/*
 * A scanner that hardly gets any CPU time holds its lock for long. It must not for as
 * long as a slice takes it, when somebody wants the lock.
 */
static void test_waiter_ends_slice(void)
{
	enum { PAGES = 32768, WRITES = 6, WRITES_SECS = 24 };
	char *area = area_map_distinct(PAGES, 50000);
	struct helper busy[2];
	double began;
	size_t i;

	require_uksm();
	engine_set("checksum_lines", 64);
	engine_start();
	engine_set("pages_to_scan", 1000000);
	engine_set("sleep_millisecs", 0);
	CHECK_SYS(setpriority(PRIO_PROCESS, engine_get("kthread_pid"), 19));
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		helper_start(&busy[i], busy_loop, NULL);
		helper_wait(&busy[i]);
		helper_go(&busy[i]);
	}
	began = now_secs();
	for (i = 0; i < WRITES; i++)
		engine_set("max_page_sharing", engine_get("max_page_sharing"));
	began = now_secs() - began;
	for (i = 0; i < ARRAY_SIZE(busy); i++)
		helper_kill(&busy[i]);
	test_note("%.2f s a write", began / WRITES);
	CHECK(began < WRITES_SECS * harness_slower(), "%u writes took %.1f s", WRITES, began);
	area_check_distinct(area, PAGES, 50000);
}

static const struct test tests[] = {
	{ "rest", test_rest },
	{ "change-at-rest", test_change_at_rest },
	{ "pair-at-rest", test_pair_at_rest },
	{ "unmap-at-rest", test_unmap_at_rest },
	{ "holes", test_holes },
	{ "merged-in-vain", test_merged_in_vain },
	{ "never-still", test_never_still },
	{ "advisor", test_advisor },
	{ "cpu-limit", test_cpu_limit },
	{ "cpu-limit-answers", test_cpu_limit_answers },
	{ "waiter-ends-slice", test_waiter_ends_slice },
};

int main(int argc, char **argv)
{
	return harness_main("pace", tests, ARRAY_SIZE(tests), argc, argv);
}
