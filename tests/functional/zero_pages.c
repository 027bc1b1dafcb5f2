// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empty pages: merged with each other, or with the kernel's zero page if use_zero_pages says so.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

static void check_all_zero_page(const char *where, const char *area, size_t pages)
{
	uint64_t zero = zero_pfn();
	size_t i;

	for (i = 0; i < pages; i++)
		CHECK(pfn_of(area + i * PAGE_SIZE) == zero, "%s: page %zu has frame %#llx, the zero page is %#llx",
		      where, i, (unsigned long long)pfn_of(area + i * PAGE_SIZE),
		      (unsigned long long)zero);
}

/* Does the kernel take note, from 6.6 on, of a zero page of the engine's that goes away? */
static bool kernel_keeps_count(void)
{
	return access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK) == 0;
}

/* Where the kernel does not, the engine has to find out by scanning. */
static void zero_pages_settle(void)
{
	if (!kernel_keeps_count() && engine_get("run") == 1)
		engine_settle();
}

static void check_ksm_zero_pages(const char *where, long expected)
{
	zero_pages_settle();
	if (engine_has("ksm_zero_pages"))
		CHECK(engine_get("ksm_zero_pages") == expected, "%s: ksm_zero_pages is %ld, expected %ld",
		      where, engine_get("ksm_zero_pages"), expected);
}

static void test_off(void)
{
	char *area = area_map_same(8, 0);

	engine_set("use_zero_pages", 0);
	engine_start();
	engine_settle();
	check_merged("empty pages", area, 8);
	CHECK(pfn_of(area) != zero_pfn(), "the zero page is in use although use_zero_pages is 0");
	check_ksm_zero_pages("with use_zero_pages=0", 0);
	area_check_same(area, 8, 0);
	engine_check_counters("eight empty pages", 1, 7, 0, 0);
}

static void test_on(void)
{
	char *area = area_map_same(8, 0);
	char *other = area_map_same(2, 1);

	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("with use_zero_pages=1", area, 8);
	check_ksm_zero_pages("eight empty pages", 8);
	check_merged("other content", other, 2);
	area_check_same(area, 8, 0);
	engine_check_counters("zero pages are not counted as shared", 1, 1, 0, 0);
}

static void test_write(void)
{
	char *area = area_map_same(8, 0);

	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("at first", area, 8);
	page_fill(area + 2 * PAGE_SIZE, 5);
	CHECK(pfn_of(area + 2 * PAGE_SIZE) != zero_pfn(), "a written page is still the zero page");
	CHECK_PAGE(area + 2 * PAGE_SIZE, 5);
	area_check_same(area, 2, 0);
	area_check_same(area + 3 * PAGE_SIZE, 5, 0);
	check_ksm_zero_pages("one of eight written", 7);
	page_fill(area + 2 * PAGE_SIZE, 0);
	engine_settle();
	check_all_zero_page("emptied again", area, 8);
	check_ksm_zero_pages("emptied again", 8);
}

static void test_read_does_not_count(void)
{
	volatile char *area = area_map(4);
	size_t i;

	area_mergeable((char *)area, 4);
	for (i = 0; i < 4; i++)
		CHECK(!area[i * PAGE_SIZE], "fresh memory is not empty");
	engine_set("use_zero_pages", 1);
	area_map_same(2, 1);
	engine_start();
	engine_wait_full_scans(2);
	check_all_zero_page("fresh memory that was read", (char *)area, 4);
	check_ksm_zero_pages("only read, never merged", 0);
	engine_check_counters("only read", 1, 1, 0, 0);
}

static void test_unmap(void)
{
	char *area = area_map_same(8, 0), *keep = area_map_same(1, 0);

	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_ksm_zero_pages("nine empty pages", 9);
	CHECK_SYS(munmap(area, 8 * PAGE_SIZE));
	check_ksm_zero_pages("after munmap of eight", 1);
	CHECK_SYS(madvise(keep, PAGE_SIZE, MADV_DONTNEED));
	check_ksm_zero_pages("after MADV_DONTNEED of the last", 0);
	CHECK(keep[0] == 0, "not empty after MADV_DONTNEED");
}

/* What the engine put there, it takes away; kernels before 6.6 leave the zero page in place. */
static void test_unmerge(void)
{
	char *area = area_map_same(8, 0);

	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("at first", area, 8);
	engine_unmerge();
	area_check_same(area, 8, 0);
	check_ksm_zero_pages("after run=2", 0);
	if (kernel_keeps_count())
		check_unmerged("after run=2", area, 8);
	page_fill(area, 9);
	CHECK_PAGE(area, 9);
	area_check_same(area + PAGE_SIZE, 7, 0);
}

static void test_unmergeable(void)
{
	char *area = area_map_same(8, 0);

	/* Something that goes on being scanned. */
	area_map_same(2, 1);
	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("at first", area, 8);
	CHECK_SYS(madvise(area, 4 * PAGE_SIZE, MADV_UNMERGEABLE));
	area_check_same(area, 8, 0);
	check_all_zero_page("the half that stayed", area + 4 * PAGE_SIZE, 4);
	check_ksm_zero_pages("half of eight", 4);
	CHECK_SYS(madvise(area + 4 * PAGE_SIZE, 4 * PAGE_SIZE, MADV_UNMERGEABLE));
	check_ksm_zero_pages("none of eight", 0);
	area_check_same(area, 8, 0);
}

static void test_process_counter(void)
{
	char *area = area_map_same(8, 0);
	long count;

	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("at first", area, 8);
	count = proc_field(getpid(), "ksm_stat", "ksm_zero_pages");
	if (count < 0)
		test_skip("this kernel's ksm_stat has no ksm_zero_pages");
	CHECK(count == 8, "ksm_stat shows ksm_zero_pages %ld, expected 8", count);
	area[0] = 1;
	count = proc_field(getpid(), "ksm_stat", "ksm_zero_pages");
	CHECK(count == 7, "after a write ksm_zero_pages is %ld, expected 7", count);
}

static const struct test tests[] = {
	{ "off", test_off },
	{ "on", test_on },
	{ "write", test_write },
	{ "read-does-not-count", test_read_does_not_count },
	{ "unmap", test_unmap },
	{ "unmerge", test_unmerge },
	{ "unmergeable", test_unmergeable },
	{ "process-counter", test_process_counter },
};

int main(int argc, char **argv)
{
	return harness_main("zero_pages", tests, ARRAY_SIZE(tests), argc, argv);
}
