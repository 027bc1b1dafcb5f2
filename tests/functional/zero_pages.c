// SPDX-License-Identifier: GPL-2.0-only
/*
 * Empty pages: merged with each other, or with the kernel's zero page if use_zero_pages says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "uapi.h"

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

#define MANY 1000L

static void require_exact(void)
{
	if (engine_is_stock())
		test_skip("stock's count drifts");
}

/* Every one of the area maps the zero page, by the engine's doing. */
static char *map_many(void)
{
	char *area = area_map_same(MANY, 0);

	require_exact();
	/* Something that goes on being scanned. */
	area_map_same(2, 1);
	engine_set("use_zero_pages", 1);
	engine_start();
	engine_settle();
	check_all_zero_page("at first", area, MANY);
	check_ksm_zero_pages("at first", MANY);
	return area;
}

/* The count comes to lie in a range; who has just exited may be in it for a moment. */
static void wait_zero_pages(const char *where, long least, long most)
{
	struct limit limit = limit_begin(5 * harness_slower());
	long count;

	zero_pages_settle();
	while ((count = engine_get("ksm_zero_pages")) < least || count > most) {
		CHECK(!limit_passed(&limit), "%s: ksm_zero_pages is %ld, expected %ld to %ld", where,
		      count, least, most);
		usleep(10000);
	}
}

/* What is saved is what is there, less what the records of it take. */
static void check_profit(const char *where, long zero_pages)
{
	long saved = (zero_pages + engine_get("pages_sharing")) * (long)PAGE_SIZE;
	long profit = engine_get("general_profit");

	CHECK(profit <= saved && profit > saved - engine_get("metadata_bytes") - MANY * 64,
	      "%s: general_profit is %ld, %ld bytes are saved", where, profit, saved);
}

/* As QEMU has it for a guest's memory, with a helper forked now and then. */
static void test_dontfork(void)
{
	char *area = map_many();
	int round;

	CHECK_SYS(madvise(area, MANY * PAGE_SIZE, MADV_DONTFORK));
	for (round = 0; round < 10; round++) {
		pid_t pid = CHECK_SYS(fork());

		if (!pid)
			_exit(0);
		child_finish(pid);
	}
	wait_zero_pages("forked without them", MANY, MANY);
	check_profit("forked without them", MANY);
	engine_wait_full_scans(2);
	wait_zero_pages("forked without them, scanned", MANY, MANY);
	check_all_zero_page("at the end", area, MANY);
	engine_unmerge();
	wait_zero_pages("run=2", 0, 0);
}

static void forked_reader(struct helper *self, void *area)
{
	helper_step(self);
	area_check_same(area, MANY, 0);
}

/* A child has them as well, from the moment that the engine knows it. */
static void test_fork(void)
{
	char *area = map_many();
	/* Before 6.6 there is no mark by which to tell the child's. */
	long both = kernel_keeps_count() ? 2 * MANY : MANY;
	struct helper child;

	helper_start(&child, forked_reader, area);
	helper_wait(&child);
	wait_zero_pages("forked", MANY, 2 * MANY);
	engine_wait_full_scans(3);
	wait_zero_pages("forked and scanned", both, both);
	check_profit("forked and scanned", both);
	helper_finish(&child);
	wait_zero_pages("the child has exited", MANY, MANY);
	check_profit("the child has exited", MANY);
	check_all_zero_page("at the end", area, MANY);
	engine_unmerge();
	wait_zero_pages("run=2", 0, 0);
}

static void test_wipeonfork(void)
{
	char *area = map_many();
	struct helper child;

	CHECK_SYS(madvise(area, MANY * PAGE_SIZE, MADV_WIPEONFORK));
	helper_start(&child, forked_reader, area);
	helper_wait(&child);
	wait_zero_pages("wiped for the child", MANY, MANY);
	engine_wait_full_scans(3);
	wait_zero_pages("wiped for the child, scanned", MANY, MANY);
	helper_finish(&child);
	wait_zero_pages("the child has exited", MANY, MANY);
	check_profit("the child has exited", MANY);
	check_all_zero_page("at the end", area, MANY);
}

static void moving_process(struct helper *self, void *unused)
{
	enum { MOVED = 100 };
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };
	char *area = area_map_same(MANY, 0), *place = area_map(MOVED);
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)place, .len = MOVED * PAGE_SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_move move = {
		.dst = (uintptr_t)place,
		.src = (uintptr_t)area,
		.len = MOVED * PAGE_SIZE,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	area_mergeable(place, MOVED);
	if (fd < 0)
		test_skip("userfaultfd: %s", strerror(errno));
	if (ioctl(fd, UFFDIO_API, &api))
		test_skip("this kernel has no UFFDIO_MOVE");
	CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &reg));
	helper_step(self);
	check_all_zero_page("at first", area, MANY);
	CHECK_SYS(ioctl(fd, UFFDIO_MOVE, &move));
	CHECK(move.move == MOVED * (long)PAGE_SIZE, "UFFDIO_MOVE moved %lld bytes",
	      (long long)move.move);
	area_check_same(place, MOVED, 0);
	helper_step(self);
	area_check_same(place, MOVED, 0);
	area_check_same(area + MOVED * PAGE_SIZE, MANY - MOVED, 0);
}

/* The kernel maps the zero page at the new place as if it had been read there. */
static void test_uffd_move(void)
{
	struct helper child;

	require_exact();
	area_map_same(2, 1);
	engine_set("use_zero_pages", 1);
	helper_start(&child, moving_process, NULL);
	helper_wait(&child);
	engine_start();
	engine_settle();
	check_ksm_zero_pages("at first", MANY);
	helper_go(&child);
	helper_wait(&child);
	wait_zero_pages("moved", MANY - 100, MANY);
	engine_wait_full_scans(2);
	wait_zero_pages("moved and scanned", MANY - 100, MANY);
	test_note("ksm_zero_pages is %ld when 100 of %ld have moved", engine_get("ksm_zero_pages"),
		  MANY);
	helper_finish(&child);
	wait_zero_pages("exited", 0, 0);
	engine_unmerge();
	wait_zero_pages("run=2", 0, 0);
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
	{ "dontfork", test_dontfork },
	{ "fork", test_fork },
	{ "wipeonfork", test_wipeonfork },
	{ "uffd-move", test_uffd_move },
};

int main(int argc, char **argv)
{
	return harness_main("zero_pages", tests, ARRAY_SIZE(tests), argc, argv);
}
