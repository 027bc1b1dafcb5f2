// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much the scanner does, and when: memory that rests, holes, pages that are merged in vain,
 * the advisor and the limit on CPU time.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "uapi.h"

/* Whole tiles of records, wherever the kernel puts the area. */
#define RESTING_PAGES 2048UL

static void require_uksm(void)
{
	if (engine_is_stock())
		test_skip("stock's ways are others");
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

/* How many pages some full scans pass over, of those that rest by now. */
static long skipped_in(unsigned int scans, long *scanned)
{
	long skipped = engine_get("pages_skipped");

	*scanned = engine_get("pages_scanned");
	engine_wait_full_scans(scans);
	*scanned = engine_get("pages_scanned") - *scanned;
	skipped = engine_get("pages_skipped") - skipped;
	test_note("%ld scanned, %ld skipped", *scanned, skipped);
	return skipped;
}

/* A page that has a mapping for itself, and all the mergeable memory there is. */
static void test_single_page(void)
{
	char *area = area_map_distinct(1, 1000), *twin;
	long skipped, scanned;

	require_uksm();
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	skipped = skipped_in(30, &scanned);
	CHECK(skipped > scanned, "%ld scanned and only %ld skipped", scanned, skipped);
	CHECK_PAGE(area, 1000);
	twin = area_map_same(1, 7);
	page_fill(area, 7);
	CHECK(scans_until_merged(area, twin, 20) <= 6, "its change was found late");
	CHECK_PAGE(area, 7);
}

/* Many small mappings, dozens of them where a whole tile of records is; and one that ends inside. */
enum { SMALL_VMAS = 100, LAST_PAGES = 2048 + 37, SPAN_PAGES = 512 };

struct small {
	char *start;
	size_t pages;
};

static size_t small_vmas_map(struct small *small, uint64_t seed)
{
	char *span = mmap(NULL, SPAN_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i, page, at = 0, all = 0;

	CHECK(span != MAP_FAILED, "mmap: %m");
	area_no_huge(span, SPAN_PAGES * PAGE_SIZE);
	for (i = 0; i < SMALL_VMAS; i++) {
		small[i] = (struct small){ .start = span + at * PAGE_SIZE, .pages = 1 + i % 5 };
		for (page = 0; page < small[i].pages; page++)
			page_fill(small[i].start + page * PAGE_SIZE, seed + all++);
		area_mergeable(small[i].start, small[i].pages);
		/* What lies between is not to be merged, so that they stay apart. */
		at += small[i].pages + 1;
	}
	CHECK(at <= SPAN_PAGES, "the mappings take %zu pages", at);
	return all;
}

static void test_small_mappings(void)
{
	struct small small[SMALL_VMAS];
	size_t all = small_vmas_map(small, 1000), i;
	char *last = area_map_distinct(LAST_PAGES, 50000), *same = area_map_same(2, 7);
	long skipped, scanned;
	unsigned int scans, most = 0, changed = 0;

	require_uksm();
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	skipped = skipped_in(16, &scanned);
	CHECK(skipped > 2 * scanned, "%ld scanned and only %ld skipped", scanned, skipped);
	for (i = 3; i < SMALL_VMAS; i += 16) {
		char *page = small[i].start + (small[i].pages - 1) * PAGE_SIZE;

		page_fill(page, 7);
		changed++;
		scans = scans_until_merged(page, same, 20);
		most = scans > most ? scans : most;
		CHECK_PAGE(page, 7);
		engine_wait_full_scans(12);
	}
	page_fill(last + (LAST_PAGES - 1) * PAGE_SIZE, 7);
	changed++;
	scans = scans_until_merged(last + (LAST_PAGES - 1) * PAGE_SIZE, same, 20);
	most = scans > most ? scans : most;
	test_note("found within %u full scans", most);
	CHECK(most <= 6, "a change was found after %u full scans only", most);
	engine_check_counters("what has changed has joined", 1, 1 + changed, all + LAST_PAGES - changed,
			      0);
}

/* Has what its parent had, and does nothing. */
static void sleeper(struct helper *self, void *unused)
{
	(void)unused;
	helper_step(self);
}

static void late_equal(struct helper *self, void *page)
{
	helper_step(self);
	page_fill(page, 1100);
	area_mergeable(page, 1);
	helper_step(self);
	CHECK_PAGE(page, 1100);
}

/* How many of the processes have the same frame there as we have here. */
static unsigned int count_with(const struct helper *helpers, size_t nr, const char *page)
{
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		found += pfn_of_other(helpers[i].pid, page) == pfn_of(page);
	return found;
}

/* What is shared by fork is equal to itself, which is no news and no reason to go on looking. */
static void test_forked_rest(void)
{
	enum { CHILDREN = 6 };
	struct helper children[CHILDREN], late;
	char *late_page = area_map(1), *area, *page;
	long skipped, scanned;
	unsigned int scans;
	size_t i;

	require_uksm();
	helper_start(&late, late_equal, late_page);
	helper_wait(&late);
	area = area_map_distinct(RESTING_PAGES, 1000);
	for (i = 0; i < CHILDREN; i++) {
		helper_start(&children[i], sleeper, NULL);
		helper_wait(&children[i]);
	}
	engine_start();
	engine_set("smart_scan", 1);
	engine_wait_full_scans(12);
	test_note("pages_volatile is %ld of %lu", engine_get("pages_volatile"),
		  (CHILDREN + 1) * RESTING_PAGES);
	CHECK(engine_get("pages_volatile") <= 16, "pages_volatile is %ld of %lu",
	      engine_get("pages_volatile"), (CHILDREN + 1) * RESTING_PAGES);
	skipped = skipped_in(8, &scanned);
	CHECK(skipped > 2 * scanned, "%ld scanned and only %ld skipped", scanned, skipped);

	page = area + 100 * PAGE_SIZE;
	helper_go(&late);
	helper_wait(&late);
	for (scans = 0; scans < 32; scans++) {
		if (count_with(children, CHILDREN, page) == CHILDREN &&
		    pfn_of_other(late.pid, late_page) == pfn_of(page))
			break;
		engine_wait_full_scans(1);
	}
	test_note("%u full scans until the late page has merged with all", scans);
	CHECK(pfn_of_other(late.pid, late_page) == pfn_of(page), "the late page did not merge");
	CHECK(count_with(children, CHILDREN, page) == CHILDREN, "%u of %d children have merged",
	      count_with(children, CHILDREN, page), CHILDREN);
	area_check_distinct(area, RESTING_PAGES, 1000);
	engine_check_counters("eight share one", 1, CHILDREN + 1, -1, -1);
	helper_finish(&late);
	for (i = 0; i < CHILDREN; i++)
		helper_finish(&children[i]);
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
	area_no_huge(area, size);
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
	CHECK(now_secs() - began > 0.5 * TARGET_SECS && now_secs() - began < 5 * TARGET_SECS,
	      "a full scan took %.2f s", now_secs() - began);
	area_check_distinct(area, PAGES, 50000);
	engine_check_counters("all of it", 0, 0, PAGES, 0);
}

/* So many processes, each of which has so much memory that it has only read. */
enum { READERS = 4 };
#define READ_BYTES (2UL << 30)

static char *read_map(void)
{
	char *area = mmap(NULL, READ_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(area != MAP_FAILED, "mmap: %m");
	area_no_huge(area, READ_BYTES);
	CHECK_SYS(madvise(area, READ_BYTES, MADV_MERGEABLE));
	/* A mapping without any page of its own is of no interest. */
	page_fill(area, 1);
	CHECK_SYS(madvise(area, READ_BYTES, MADV_POPULATE_READ));
	return area;
}

/* What a host takes away, a machine's clock counts as used; so it may have another try. */
static void check_limited(const char *where)
{
	double share;
	int try;

	engine_cpu_percent(1 * harness_slower());
	for (try = 0, share = 100; try < 3 && share > 6; try++) {
		share = engine_cpu_percent(7 * harness_slower());
		test_note("%s: %.1f %%", where, share);
	}
	CHECK(share <= 6, "%s: %.1f %% with a limit of 5", where, share);
}

static void empty_tables(struct helper *self, void *area)
{
	helper_step(self);
	CHECK_SYS(madvise((char *)area + PAGE_SIZE, READ_BYTES - PAGE_SIZE, MADV_DONTNEED));
	helper_step(self);
}

/* The limit holds for what is no page, too: the zero page, and tables with nothing in them. */
static void test_cpu_limit_no_pages(void)
{
	struct helper readers[READERS];
	char *area;
	size_t i;

	require_uksm();
	area = read_map();
	for (i = 0; i < READERS; i++) {
		helper_start(&readers[i], empty_tables, area);
		helper_wait(&readers[i]);
	}
	CHECK_SYS(munmap(area, READ_BYTES));
	engine_set("smart_scan", 0);
	engine_set("max_cpu_percentage", 5);
	engine_set("run", 1);
	check_limited("memory that was only read");
	for (i = 0; i < READERS; i++) {
		helper_go(&readers[i]);
		helper_wait(&readers[i]);
	}
	check_limited("page tables that are empty");
	for (i = 0; i < READERS; i++)
		helper_finish(&readers[i]);
}

/* Whatever the other knobs say. */
static void test_cpu_limit(void)
{
	static const unsigned int limits[] = { 5, 20, 50 };
	char *area = area_map_distinct(8192, 50000);
	unsigned int tries;
	double share;
	size_t i;

	require_uksm();
	engine_start();
	engine_set("pages_to_scan", 1000000);
	engine_set("sleep_millisecs", 0);
	share = engine_cpu_percent(1);
	test_note("without a limit: %.1f %%", share);
	CHECK(share > 60, "without a limit: %.1f %%", share);
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		engine_set("max_cpu_percentage", limits[i]);
		/* A host that stands still in a slice makes it a long one, which is paid for. */
		for (tries = 0; tries < 3; tries++) {
			engine_cpu_percent(1);
			share = engine_cpu_percent(5 * harness_slower());
			test_note("limit %u: %.1f %%", limits[i], share);
			if (share > limits[i] * 0.6)
				break;
		}
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

/* A process that nearly always runs in the place of others of its session. */
static void busy_loop(struct helper *self, void *unused)
{
	(void)unused;
	CHECK_SYS(setpriority(PRIO_PROCESS, 0, -10));
	helper_step(self);
	for (;;)
		;
}

/*
 * The same in the place of the scanner, with its group or by itself: that of a session of its
 * own, as the tests that come later are not to be preferred.
 */
static void busy_session(struct helper *self, void *unused)
{
	CHECK_SYS(setsid());
	knob_write("/proc/self", "autogroup", "-10", 3);
	busy_loop(self, unused);
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
		helper_start(&busy[i], busy_session, NULL);
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

/* What the scanner waits for at most is a time. */
#define HELD_SIZE (2048UL / harness_slower() * PAGE_SIZE)
#define HELD_PAGES 2000
/* Were the holder given up each time, half would be. All others are slow on debug kernels, too. */
#define HELD_PERCENT (harness_slower() > 1 ? 65 : 90)

/* Half of the time in a system call that holds the mmap_lock, at the lowest priority. */
static void meek_holder(struct helper *self, void *unused)
{
	char *area = mmap(NULL, HELD_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	double began, held, until;

	(void)unused;
	CHECK(area != MAP_FAILED, "mmap: %m");
	area_map_distinct(HELD_PAGES, 9000);
	CHECK_SYS(setpriority(PRIO_PROCESS, 0, 19));
	helper_step(self);
	for (;;) {
		began = now_secs();
		CHECK_SYS(mprotect(area, HELD_SIZE, PROT_READ));
		CHECK_SYS(mprotect(area, HELD_SIZE, PROT_READ | PROT_WRITE));
		held = now_secs() - began;
		until = began + 2 * held;
		while (now_secs() < until)
			;
	}
}

static void run_on_cpu0(pid_t pid)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CHECK_SYS(sched_setaffinity(pid, sizeof(cpus), &cpus));
}

/*
 * Who holds an mmap_lock waits for the CPU that the scanner has, as khugepaged may: the scanner
 * must not try again and again until it gives up, but let it go on.
 */
static void test_meek_holder(void)
{
	enum { SCANS = 20 };
	struct helper holder;
	long scanned, scans;

	require_uksm();
	helper_start(&holder, meek_holder, NULL);
	helper_wait(&holder);
	/* So that full scans count that end without the holder. */
	area_map_distinct(HELD_PAGES, 20000);
	run_on_cpu0(holder.pid);
	run_on_cpu0(engine_get("kthread_pid"));
	engine_start();
	engine_settle();
	engine_set("sleep_millisecs", 0);
	helper_go(&holder);
	scanned = engine_get("pages_scanned");
	scans = engine_get("full_scans");
	engine_wait_full_scans(SCANS);
	engine_pause();
	scanned = engine_get("pages_scanned") - scanned;
	scans = engine_get("full_scans") - scans;
	helper_kill(&holder);
	test_note("%ld pages in %ld full scans", scanned, scans);
	CHECK(scanned >= scans * 2 * HELD_PAGES * HELD_PERCENT / 100,
	      "%ld pages of %ld were scanned in %ld full scans", scanned, scans * 2 * HELD_PAGES, scans);
}

/* One that runs all the time, at its ordinary priority. */
static void spin(struct helper *self, void *unused)
{
	(void)unused;
	helper_step(self);
	for (;;)
		;
}

/*
 * Between two slices the scanner gives up the CPU. On one that others keep busy it must get its
 * share of it nevertheless: beside three of them a tenth, by its priority, or a quarter where
 * they are one group to the scheduler, whose @group is "1".
 */
static void share_of_busy_cpu(const char *group, double least, double most)
{
	struct helper busy[3];
	double share;
	size_t i;

	if (knob_write("/proc/sys/kernel", "sched_autogroup_enabled", group, 1))
		return;
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		helper_start(&busy[i], spin, NULL);
		helper_wait(&busy[i]);
		run_on_cpu0(busy[i].pid);
	}
	for (i = 0; i < ARRAY_SIZE(busy); i++)
		helper_go(&busy[i]);
	share = engine_cpu_percent(5);
	for (i = 0; i < ARRAY_SIZE(busy); i++)
		helper_kill(&busy[i]);
	test_note("%.1f %% of a CPU", share);
	CHECK(share > least, "beside three others the scanner gets %.1f %% of a CPU", share);
	CHECK(share < most, "beside three others the scanner takes %.1f %% of a CPU", share);
}

static void test_share_of_busy_cpu(void)
{
	require_uksm();
	area_map_distinct(16384, 60000);
	run_on_cpu0(engine_get("kthread_pid"));
	engine_start();
	engine_set("sleep_millisecs", 0);
	engine_set("pages_to_scan", 1000000);
	share_of_busy_cpu("0", 2.5, 20);
	share_of_busy_cpu("1", 8, 40);
}

/* What somebody waits at most for whom nothing but the engine's work on BIG_PAGES is in the way. */
#define WAIT_SECS 0.04
/* A host that stands still lets one try look bad, but hardly all. */
#define TRIES 3

static double at_best(double best, double secs)
{
	return !best || secs < best ? secs : best;
}

struct mapper {
	atomic_bool stop;
	atomic_bool measure;
	double longest;
};

/* Needs its address space for writing, again and again. */
static void *mapper_run(void *arg)
{
	struct mapper *m = arg;

	while (!atomic_load(&m->stop)) {
		double began = now_secs();
		char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(page != MAP_FAILED, "mmap: %m");
		CHECK_SYS(munmap(page, PAGE_SIZE));
		began = now_secs() - began;
		if (atomic_load(&m->measure) && began > m->longest)
			m->longest = began;
	}
	return NULL;
}

#define BIG_PAGES (32768UL / harness_slower())

static void twin_of_big(struct helper *self, void *unused)
{
	(void)unused;
	area_map_distinct(BIG_PAGES, 100000);
	helper_step(self);
}

/* A big part of a process that was merged goes away; the rest must not stand still for it. */
static void test_unmap_big(void)
{
	struct mapper mapper;
	struct helper twin;
	pthread_t thread;
	double best = 0;
	int try;

	require_uksm();
	helper_start(&twin, twin_of_big, NULL);
	helper_wait(&twin);
	/* Something that stays. */
	area_map_same(2, 7);
	for (try = 0; try < TRIES; try++) {
		char *area = area_map_distinct(BIG_PAGES, 100000);

		engine_start();
		engine_settle();
		CHECK(engine_get("pages_sharing") >= (long)BIG_PAGES, "only %ld pages merged",
		      engine_get("pages_sharing"));
		mapper = (struct mapper){ .longest = 0 };
		CHECK(!pthread_create(&thread, NULL, mapper_run, &mapper), "pthread_create: %m");
		usleep(100000);
		/* Which takes its own time. */
		CHECK_SYS(munmap(area, BIG_PAGES * PAGE_SIZE));
		atomic_store(&mapper.measure, true);
		engine_wait_full_scans(2);
		atomic_store(&mapper.stop, true);
		pthread_join(thread, NULL);
		test_note("longest mmap and munmap: %.1f ms", mapper.longest * 1000);
		best = at_best(best, mapper.longest);
	}
	CHECK(best < WAIT_SECS * harness_slower(), "mmap and munmap took %.1f ms at best", best * 1000);
	helper_finish(&twin);
}

/* Nor must who writes a knob when a big process has just died. */
static void test_knob_after_death(void)
{
	double best = 0;
	char *area;
	int try;

	require_uksm();
	area = area_map_distinct(BIG_PAGES, 100000);
	for (try = 0; try < TRIES; try++) {
		double longest = 0, began, end;
		struct helper twin;

		helper_start(&twin, twin_of_big, NULL);
		helper_wait(&twin);
		engine_start();
		engine_settle();
		CHECK(engine_get("pages_sharing") >= (long)BIG_PAGES, "only %ld pages merged",
		      engine_get("pages_sharing"));
		helper_kill(&twin);
		end = now_secs() + 0.8 * harness_slower();
		do {
			began = now_secs();
			engine_set("run", 0);
			engine_set("run", 1);
			began = now_secs() - began;
			longest = began > longest ? began : longest;
			usleep(20000);
		} while (now_secs() < end);
		test_note("longest write: %.1f ms", longest * 1000);
		best = at_best(best, longest);
	}
	CHECK(best < WAIT_SECS * harness_slower(), "a write took %.1f ms at best", best * 1000);
	area_check_distinct(area, BIG_PAGES, 100000);
}

static void unmerge(struct helper *self, void *unused)
{
	(void)unused;
	helper_step(self);
	engine_try_set("run", 2);
}

/* Who waits behind a long unmerge can be killed. */
static void test_writer_killable(void)
{
	enum { PAGES = 32768 };
	static const char *const knobs[] = { "run", "max_page_sharing", "checksum_lines" };
	static const long values[] = { 1, 100, 8 };
	char *area = area_map_same(PAGES, 5);
	const struct sched_param none = { 0 };
	struct helper busy[2], unmerger;
	long sharing;
	size_t i;

	require_uksm();
	CHECK_SYS(madvise(area, PAGES * PAGE_SIZE, MADV_DONTFORK));
	engine_start();
	engine_settle();
	sharing = engine_get("pages_sharing");
	CHECK(sharing > PAGES / 2, "pages_sharing is %ld", sharing);
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		helper_start(&busy[i], busy_loop, NULL);
		helper_wait(&busy[i]);
	}
	helper_start(&unmerger, unmerge, NULL);
	helper_wait(&unmerger);
	CHECK_SYS(setpriority(PRIO_PROCESS, 0, -10));
	helper_go(&unmerger);
	while (engine_get("pages_sharing") == sharing)
		usleep(1000);
	/* From now on it runs only when nobody else wants to, and so takes long for the rest. */
	CHECK_SYS(sched_setscheduler(unmerger.pid, SCHED_IDLE, &none));
	for (i = 0; i < ARRAY_SIZE(busy); i++)
		helper_go(&busy[i]);
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		struct limit limit = limit_begin(5 * harness_slower());
		pid_t writer = CHECK_SYS(fork());
		bool dead;

		if (!writer) {
			engine_try_set(knobs[i], values[i]);
			_exit(0);
		}
		usleep(200000 * harness_slower());
		CHECK_SYS(kill(writer, SIGKILL));
		while (!(dead = waitpid(writer, NULL, WNOHANG)) && !limit_passed(&limit))
			usleep(10000);
		CHECK(dead, "who writes %s cannot be killed during run=2", knobs[i]);
	}
	if (waitpid(unmerger.pid, NULL, WNOHANG))
		test_skip("run=2 was done too early");
	test_note("%ld of %ld pages are merged yet", engine_get("pages_sharing"), sharing);
	for (i = 0; i < ARRAY_SIZE(busy); i++)
		helper_kill(&busy[i]);
	child_finish(unmerger.pid);
	area_check_same(area, PAGES, 5);
}

/* So many processes hold still, and so many come a second. */
enum { CROWD = 3000, COMING = 50, CROWD_SECS = 8 };

/* What the scanner may spend on looking for those that come, in percent. */
#define CROWD_SHARE 2.0

static void crowd(struct helper *self, void *unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; i < CROWD / harness_slower(); i++) {
		if (!CHECK_SYS(fork())) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	helper_step(self);
}

/* Forks processes that have what it has, and end soon. */
static void passers_by(struct helper *self, void *unused)
{
	(void)unused;
	helper_step(self);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (!CHECK_SYS(fork())) {
			usleep(100000);
			_exit(0);
		}
		usleep(1000000 / COMING);
	}
}

/* Who comes has to be found among all there are, which must not be done for each. */
static void test_newcomers(void)
{
	struct helper standing, passing;
	double alone, share = 100;
	int try;

	require_uksm();
	area_map_same(2, 7);
	helper_start(&standing, crowd, NULL);
	helper_wait(&standing);
	engine_start();
	engine_settle();
	engine_set("pages_to_scan", 10);
	engine_set("sleep_millisecs", 100);
	engine_cpu_percent(2);
	alone = engine_cpu_percent(CROWD_SECS);
	helper_start(&passing, passers_by, NULL);
	helper_wait(&passing);
	helper_go(&passing);
	engine_cpu_percent(1);
	/* What a host takes away counts as used. */
	for (try = 0; try < TRIES && share > CROWD_SHARE * harness_slower(); try++) {
		share = engine_cpu_percent(CROWD_SECS) - alone;
		test_note("%.1f %% of a CPU, and %.1f %% for who comes", alone, share);
	}
	CHECK(share <= CROWD_SHARE * harness_slower(), "looking for newcomers takes %.1f %%", share);
	helper_kill(&passing);
	helper_kill(&standing);
}

static const struct test tests[] = {
	{ "rest", test_rest },
	{ "change-at-rest", test_change_at_rest },
	{ "pair-at-rest", test_pair_at_rest },
	{ "unmap-at-rest", test_unmap_at_rest },
	{ "single-page", test_single_page },
	{ "small-mappings", test_small_mappings },
	{ "forked-rest", test_forked_rest },
	{ "holes", test_holes },
	{ "merged-in-vain", test_merged_in_vain },
	{ "never-still", test_never_still },
	{ "advisor", test_advisor },
	{ "cpu-limit", test_cpu_limit, 180 },
	{ "cpu-limit-no-pages", test_cpu_limit_no_pages, .timeout_secs = 90 },
	{ "cpu-limit-answers", test_cpu_limit_answers },
	{ "waiter-ends-slice", test_waiter_ends_slice },
	{ "meek-holder", test_meek_holder },
	{ "share-of-busy-cpu", test_share_of_busy_cpu },
	{ "unmap-big", test_unmap_big, 240 },
	{ "knob-after-death", test_knob_after_death, 240 },
	{ "newcomers", test_newcomers, 120 },
	{ "writer-killable", test_writer_killable },
};

int main(int argc, char **argv)
{
	return harness_main("pace", tests, ARRAY_SIZE(tests), argc, argv);
}
