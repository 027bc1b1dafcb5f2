// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages: split where a part of them has a twin, left alone otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"
#include "swap.h"
#include "uapi.h"

#define HPAGE_PAGES (HPAGE_SIZE / PAGE_SIZE)
#define HPAGE_KIB (long)(HPAGE_SIZE >> 10)

static void check_huge(const char *where, const char *addr, size_t hpages)
{
	CHECK(smaps_kib(addr, "AnonHugePages:") == (long)hpages * HPAGE_KIB,
	      "%s: AnonHugePages is %ld KiB, expected %ld", where,
	      smaps_kib(addr, "AnonHugePages:"), (long)hpages * HPAGE_KIB);
}

static void test_unique_stays(void)
{
	char *area = huge_map(2, 100000);
	char *pair = area_map_same(2, 1);
	uint64_t pfn = pfn_of(area);

	area_mergeable(area, 2 * HPAGE_PAGES);
	engine_start();
	engine_wait_full_scans(4);
	check_merged("small pages", pair, 2);
	check_huge("no duplicates", area, 2);
	CHECK(pfn_of(area) == pfn, "the huge page moved");
	area_check_distinct(area, 2 * HPAGE_PAGES, 100000);
}

/* One small page of the first huge page has a twin outside; the second huge page has none. */
static void test_one_match_splits_one(void)
{
	char *area = huge_map(2, 200000);
	char *twin = area_map_same(1, 200000 + 77);

	area_mergeable(area, 2 * HPAGE_PAGES);
	engine_start();
	engine_wait_full_scans(4);
	CHECK(pfn_of(area + 77 * PAGE_SIZE) == pfn_of(twin), "the twins did not merge");
	check_huge("a match in the first of two", area, 1);
	area_check_distinct(area, 2 * HPAGE_PAGES, 200000);
	CHECK_PAGE(twin, 200000 + 77);
	engine_check_counters("one pair", 1, 1, 2 * HPAGE_PAGES - 1, 0);
}

static void test_same_huge_pages(void)
{
	char *one = huge_map(1, 300000), *two = huge_map(1, 300000);

	area_mergeable(one, HPAGE_PAGES);
	area_mergeable(two, HPAGE_PAGES);
	engine_start();
	engine_wait_full_scans(4);
	CHECK(pages_together(one, two, HPAGE_PAGES) == HPAGE_PAGES,
	      "%zu pages of two equal huge pages have merged", pages_together(one, two, HPAGE_PAGES));
	check_huge("all merged", one, 0);
	check_huge("all merged", two, 0);
	area_check_distinct(one, HPAGE_PAGES, 300000);
	area_check_distinct(two, HPAGE_PAGES, 300000);
	engine_check_counters("two equal huge pages", HPAGE_PAGES, HPAGE_PAGES, 0, 0);
}

static void test_huge_page_of_one_content(void)
{
	char *area = huge_map(1, 400000);
	size_t i;

	for (i = 0; i < HPAGE_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 5);
	area_mergeable(area, HPAGE_PAGES);
	engine_set("max_page_sharing", HPAGE_PAGES);
	engine_start();
	engine_wait_full_scans(4);
	check_merged("one content", area, HPAGE_PAGES);
	area_check_same(area, HPAGE_PAGES, 5);
	engine_check_counters("one content", 1, HPAGE_PAGES - 1, 0, 0);
}

static void test_empty_huge_page(void)
{
	char *area = huge_map(1, 500000);
	size_t i;

	for (i = 0; i < HPAGE_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 0);
	area_mergeable(area, HPAGE_PAGES);
	engine_set("use_zero_pages", 1);
	engine_start();
	engine_wait_full_scans(4);
	CHECK(pages_of_frame(area, HPAGE_PAGES, zero_pfn()) == HPAGE_PAGES,
	      "%zu pages map the zero page", pages_of_frame(area, HPAGE_PAGES, zero_pfn()));
	area_check_same(area, HPAGE_PAGES, 0);
	engine_check_counters("an empty huge page", 0, 0, 0, 0);
}

/*
 * The kernel maps the zero page by itself where a huge page of zeroes is split. All that is saved
 * so is counted, and given memory again.
 */
static void test_huge_zeroes_counted(void)
{
	enum { HPAGES = 8, PAGES = HPAGES * HPAGE_PAGES };
	char *area = huge_map(HPAGES, 0);

	if (access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK))
		test_skip("this kernel's zero pages stay where they are");
	area_mergeable(area, PAGES);
	area_map_same(2, 1);
	engine_set("use_zero_pages", 1);
	engine_start();
	engine_wait_full_scans(6);
	CHECK(pages_of_frame(area, PAGES, zero_pfn()) == PAGES, "%zu of %d pages map the zero page",
	      pages_of_frame(area, PAGES, zero_pfn()), PAGES);
	CHECK(engine_get("ksm_zero_pages") == PAGES, "ksm_zero_pages is %ld of %d",
	      engine_get("ksm_zero_pages"), PAGES);
	engine_unmerge();
	check_unmerged("run=2", area, PAGES);
	CHECK(engine_get("ksm_zero_pages") == 0, "ksm_zero_pages is %ld after run=2",
	      engine_get("ksm_zero_pages"));
	area_check_same(area, PAGES, 0);
}

/* Without use_zero_pages, too, it does so; at least there is a figure of that. */
static void test_split_zero_pages(void)
{
	enum { HPAGES = 8, PAGES = HPAGES * HPAGE_PAGES };
	char *area;
	size_t mapped;

	if (!engine_has("split_zero_pages"))
		test_skip("no split_zero_pages");
	area = huge_map(HPAGES, 0);
	area_mergeable(area, PAGES);
	engine_set("use_zero_pages", 0);
	engine_start();
	engine_wait_full_scans(6);
	engine_pause();
	mapped = pages_of_frame(area, PAGES, zero_pfn());
	test_note("%zu of %d pages map the zero page", mapped, PAGES);
	CHECK(engine_get("split_zero_pages") == (long)mapped, "split_zero_pages is %ld of %zu",
	      engine_get("split_zero_pages"), mapped);
	CHECK(engine_get("ksm_zero_pages") == 0, "ksm_zero_pages is %ld", engine_get("ksm_zero_pages"));
	area_check_same(area, PAGES, 0);
}

/* Collapsing merged pages into a huge page again must keep every byte, and the twin. */
static void test_collapse_after_merge(void)
{
	char *area = huge_map(1, 600000);
	char *twin = area_map_same(1, 600000 + 9);
	int err;

	area_mergeable(area, HPAGE_PAGES);
	engine_start();
	engine_wait_full_scans(4);
	CHECK(pfn_of(area + 9 * PAGE_SIZE) == pfn_of(twin), "the twins did not merge");
	engine_pause();
	err = madvise(area, HPAGE_SIZE, MADV_COLLAPSE);
	test_note("collapse of a range with a merged page: %s", err ? "refused" : "done");
	area_check_distinct(area, HPAGE_PAGES, 600000);
	CHECK_PAGE(twin, 600000 + 9);
	page_fill(area + 9 * PAGE_SIZE, 7);
	CHECK_PAGE(twin, 600000 + 9);
	engine_set("run", 1);
	engine_settle();
	CHECK_PAGE(area + 9 * PAGE_SIZE, 7);
	/* The twin is a KSM page still, with no other sharer. */
	engine_check_counters("one of two written", 1, 0, HPAGE_PAGES, 0);
}

/* Pages of hugetlbfs are nobody's to merge, whatever is advised, and are left as they are. */
static void test_hugetlb(void)
{
	char *huge, *area;
	size_t i;

	test_needs("HUGETLBFS");
	CHECK(!file_write("/proc/sys/vm/nr_hugepages", "2"), "no huge pages to reserve");
	huge = mmap(NULL, HPAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (huge == MAP_FAILED)
		test_skip("no huge page: %s", strerror(errno));
	for (i = 0; i < HPAGE_SIZE / PAGE_SIZE; i++)
		page_fill(huge + i * PAGE_SIZE, 30);
	madvise(huge, HPAGE_SIZE, MADV_MERGEABLE);
	area = area_map_same(4, 30);
	engine_start();
	engine_wait_full_scans(3);
	check_merged("what lies beside it", area, 4);
	area_check_same(huge, HPAGE_SIZE / PAGE_SIZE, 30);
	engine_check_counters("beside a page of hugetlbfs", 1, 3, 0, 0);
	CHECK_SYS(munmap(huge, HPAGE_SIZE));
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

static const struct test tests[] = {
	{ "unique-stays", test_unique_stays },
	{ "one-match-splits-one", test_one_match_splits_one },
	{ "same-huge-pages", test_same_huge_pages },
	{ "huge-page-of-one-content", test_huge_page_of_one_content },
	{ "empty-huge-page", test_empty_huge_page },
	{ "huge-zeroes-counted", test_huge_zeroes_counted },
	{ "split-zero-pages", test_split_zero_pages },
	{ "collapse-after-merge", test_collapse_after_merge },
	{ "hugetlb", test_hugetlb },
};

int main(int argc, char **argv)
{
	return harness_main("huge_pages", tests, ARRAY_SIZE(tests), argc, argv);
}
