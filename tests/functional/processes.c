// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole processes: consent by prctl() instead of madvise(), and what /proc/PID says of merging.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "uapi.h"

static void require_prctl(void)
{
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) < 0)
		test_skip("this kernel has no PR_SET_MEMORY_MERGE");
}

static void merge_any(int on)
{
	CHECK_SYS(prctl(PR_SET_MEMORY_MERGE, on, 0, 0, 0));
	CHECK(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == on, "PR_GET_MEMORY_MERGE is not %d", on);
}

static char *map_unadvised(size_t pages, uint64_t seed)
{
	char *area = area_map(pages);
	size_t i;

	for (i = 0; i < pages; i++)
		page_fill(area + i * PAGE_SIZE, seed);
	return area;
}

static void test_prctl(void)
{
	char *before, *after;

	require_prctl();
	before = map_unadvised(4, 1);
	merge_any(1);
	after = map_unadvised(4, 1);
	engine_start();
	engine_settle();
	check_merged("mapped before the call", before, 4);
	check_merged("mapped after the call", after, 4);
	CHECK(pfn_of(before) == pfn_of(after), "two areas of one content did not merge");
	CHECK_SYS(madvise(after, 4 * PAGE_SIZE, MADV_UNMERGEABLE));
	check_unmerged("MADV_UNMERGEABLE", after, 4);
	engine_settle();
	check_merged("mapped before the call", before, 4);
	merge_any(0);
	check_unmerged("after PR_SET_MEMORY_MERGE 0", before, 4);
	area_check_same(before, 4, 1);
	area_check_same(after, 4, 1);
}

static void prctl_child(struct helper *self, void *arg)
{
	char *area;

	CHECK(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 1, "a child did not inherit the consent");
	area = map_unadvised(4, 2);
	helper_step(self);
	check_merged("in the child", area, 4);
	CHECK(pfn_of(area) == *(uint64_t *)arg, "child and parent did not merge");
	area_check_same(area, 4, 2);
}

static void test_prctl_fork(void)
{
	uint64_t *pfn = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	struct helper child;
	char *area;

	require_prctl();
	merge_any(1);
	area = map_unadvised(4, 2);
	helper_start(&child, prctl_child, pfn);
	helper_wait(&child);
	engine_start();
	engine_settle();
	check_merged("in the parent", area, 4);
	*pfn = pfn_of(area);
	helper_finish(&child);
	area_check_same(area, 4, 2);
	merge_any(0);
}

/* Consent before anything is mapped, and a process of which the engine hears later. */
static void test_late_consent(void)
{
	char *anchor = area_map_same(2, 3), *late = map_unadvised(4, 3);

	engine_start();
	engine_settle();
	check_merged("advised", anchor, 2);
	check_unmerged("not advised yet", late, 4);
	area_mergeable(late, 4);
	engine_settle();
	check_merged("advised at last", late, 4);
	CHECK(pfn_of(late) == pfn_of(anchor), "late and early pages did not merge");
}

static void counters_child(struct helper *self, void *arg)
{
	char *area = area_map_same(20, 4);

	area_map_distinct(10, 400);
	helper_step(self);
	page_fill(area, 5);
	page_fill(area + PAGE_SIZE, 6);
	helper_step(self);
}

/* ksm_merging_pages counts a process's merged pages, and falls with its writes and unmaps. */
static void test_merging_pages(void)
{
	struct helper child;
	char *area;

	if (proc_number(getpid(), "ksm_merging_pages") < 0)
		test_skip("this kernel has no ksm_merging_pages");
	helper_start(&child, counters_child, NULL);
	helper_wait(&child);
	area = area_map_same(8, 4);
	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	CHECK(proc_number(getpid(), "ksm_merging_pages") == 8, "parent: ksm_merging_pages is %ld",
	      proc_number(getpid(), "ksm_merging_pages"));
	CHECK(proc_number(child.pid, "ksm_merging_pages") == 20, "child: ksm_merging_pages is %ld",
	      proc_number(child.pid, "ksm_merging_pages"));
	helper_go(&child);
	helper_wait(&child);
	CHECK_SYS(munmap(area, 4 * PAGE_SIZE));
	engine_settle();
	CHECK(proc_number(getpid(), "ksm_merging_pages") == 4,
	      "parent, four unmapped: ksm_merging_pages is %ld",
	      proc_number(getpid(), "ksm_merging_pages"));
	CHECK(proc_number(child.pid, "ksm_merging_pages") == 18,
	      "child, two written: ksm_merging_pages is %ld",
	      proc_number(child.pid, "ksm_merging_pages"));
	engine_unmerge();
	CHECK(proc_number(getpid(), "ksm_merging_pages") == 0, "after run=2: ksm_merging_pages is %ld",
	      proc_number(getpid(), "ksm_merging_pages"));
	CHECK(proc_number(child.pid, "ksm_merging_pages") == 0,
	      "child, after run=2: ksm_merging_pages is %ld",
	      proc_number(child.pid, "ksm_merging_pages"));
	helper_finish(&child);
}

/* A forked child shares merged pages, but they are its parent's count. */
static void forked_counter_child(struct helper *self, void *arg)
{
	helper_step(self);
	area_check_same(arg, 8, 7);
	helper_step(self);
}

static void test_merging_pages_fork(void)
{
	char *area = area_map_same(8, 7);
	struct helper child;
	long count;

	if (proc_number(getpid(), "ksm_merging_pages") < 0)
		test_skip("this kernel has no ksm_merging_pages");
	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	helper_start(&child, forked_counter_child, area);
	helper_wait(&child);
	engine_settle();
	count = proc_number(child.pid, "ksm_merging_pages");
	test_note("child of a process with 8 merged pages: ksm_merging_pages %ld", count);
	CHECK(count == 8 || (engine_is_stock() && count == 16),
	      "the child's ksm_merging_pages is %ld with 8 merged pages", count);
	helper_go(&child);
	helper_wait(&child);
	helper_finish(&child);
	CHECK(proc_number(getpid(), "ksm_merging_pages") == 8, "the parent's ksm_merging_pages is %ld",
	      proc_number(getpid(), "ksm_merging_pages"));
}

static void test_ksm_stat(void)
{
	char *area = area_map_same(8, 8);
	long items, merging, profit;

	area_map_distinct(8, 800);
	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	engine_pause();
	items = proc_field(getpid(), "ksm_stat", "ksm_rmap_items");
	if (items < 0)
		test_skip("this kernel has no ksm_stat");
	merging = proc_field(getpid(), "ksm_stat", "ksm_merging_pages");
	profit = proc_field(getpid(), "ksm_stat", "ksm_process_profit");
	test_note("ksm_rmap_items %ld, ksm_merging_pages %ld, ksm_process_profit %ld", items, merging,
		  profit);
	CHECK(items >= 8 && items <= 16, "ksm_rmap_items is %ld with 16 pages, 8 of them merged", items);
	if (merging >= 0)
		CHECK(merging == 8, "ksm_merging_pages is %ld", merging);
	if (profit != -1)
		CHECK(profit == merging * (long)PAGE_SIZE - items * 64,
		      "ksm_process_profit is %ld", profit);
	engine_unmerge();
	CHECK(proc_field(getpid(), "ksm_stat", "ksm_rmap_items") == 0, "ksm_rmap_items is %ld after run=2",
	      proc_field(getpid(), "ksm_stat", "ksm_rmap_items"));
}

static void test_smaps(void)
{
	char *area = area_map_same(8, 9);

	if (smaps_kib(area, "KSM:") < 0)
		test_skip("this kernel's smaps has no KSM field");
	CHECK(smaps_kib(area, "KSM:") == 0, "smaps shows %ld KiB of KSM before run=1",
	      smaps_kib(area, "KSM:"));
	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	CHECK(smaps_kib(area, "KSM:") == 32, "smaps shows %ld KiB of KSM, expected 32",
	      smaps_kib(area, "KSM:"));
	page_fill(area, 10);
	CHECK(smaps_kib(area, "KSM:") == 28, "after a write smaps shows %ld KiB of KSM, expected 28",
	      smaps_kib(area, "KSM:"));
}

/* Merged pages are anonymous memory in every other account. */
static void test_rss(void)
{
	enum { PAGES = 512 };
	char *area = area_map_same(PAGES, 11);
	long before = proc_field(getpid(), "status", "RssAnon:"), after;

	engine_start();
	engine_wait_full_scans(3);
	CHECK(pages_distinct(area, PAGES) <= 4, "%d equal pages lie in %zu frames", PAGES,
	      pages_distinct(area, PAGES));
	after = proc_field(getpid(), "status", "RssAnon:");
	CHECK(labs(after - before) < 512, "RssAnon went from %ld to %ld KiB by merging", before, after);
	CHECK_SYS(munmap(area, PAGES * PAGE_SIZE));
	after = proc_field(getpid(), "status", "RssAnon:");
	CHECK(after < before - 1024, "RssAnon went from %ld to %ld KiB by munmap of 2 MiB", before,
	      after);
}

static const struct test tests[] = {
	{ "prctl", test_prctl },
	{ "prctl-fork", test_prctl_fork },
	{ "late-consent", test_late_consent },
	{ "merging-pages", test_merging_pages },
	{ "merging-pages-fork", test_merging_pages_fork },
	{ "ksm-stat", test_ksm_stat },
	{ "smaps", test_smaps },
	{ "rss", test_rss },
};

int main(int argc, char **argv)
{
	return harness_main("processes", tests, ARRAY_SIZE(tests), argc, argv);
}
