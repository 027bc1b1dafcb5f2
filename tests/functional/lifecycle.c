// SPDX-License-Identifier: GPL-2.0-only
/*
 * What processes do to their memory while it is scanned and after it is merged: fork, exec, exit,
 * unmap, move, protect, and take back the consent to merge.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "swap.h"
#include "uapi.h"

/* A pair that stays for the whole test, so that the engine always has something to scan. */
static char *anchor_map(void)
{
	return area_map_same(2, 999999);
}

static void fork_child(char *area, uint64_t pfn, int generations)
{
	pid_t pid;

	CHECK(pfn_of(area) == pfn, "a forked child has another frame");
	area_check_same(area, 8, 1);
	if (generations) {
		pid = CHECK_SYS(fork());
		if (!pid) {
			fork_child(area, pfn, generations - 1);
			_exit(0);
		}
		child_finish(pid);
	}
	page_fill(area + generations * PAGE_SIZE, 50 + generations);
	CHECK(pfn_of(area + generations * PAGE_SIZE) != pfn, "a child's write kept the shared frame");
	CHECK_PAGE(area + generations * PAGE_SIZE, 50 + generations);
	area_check_same(area + 4 * PAGE_SIZE, 4, 1);
}

static void test_fork(void)
{
	char *area = area_map_same(8, 1);
	uint64_t pfn;
	pid_t pid;

	engine_start();
	engine_settle();
	check_merged("before fork", area, 8);
	pfn = pfn_of(area);
	pid = CHECK_SYS(fork());
	if (!pid) {
		fork_child(area, pfn, 3);
		_exit(0);
	}
	child_finish(pid);
	check_merged("after the children wrote and ended", area, 8);
	CHECK(pfn_of(area) == pfn, "the parent's frame changed");
	area_check_same(area, 8, 1);
	engine_settle();
	engine_check_counters("after the children ended", 1, 7, 0, 0);
}

static void fork_outlives_child(struct helper *self, void *arg)
{
	char *area = arg;

	helper_step(self);
	check_merged("in the child, parent's copy gone", area, 8);
	area_check_same(area, 8, 2);
	page_fill(area, 3);
	engine_settle();
	CHECK_PAGE(area, 3);
	check_merged("what the child left alone", area + PAGE_SIZE, 7);
	area_check_same(area + PAGE_SIZE, 7, 2);
}

/* The child of a fork keeps merged pages whose items belonged to the parent. */
static void test_fork_outlives(void)
{
	char *area = area_map_same(8, 2);
	struct helper child;

	engine_start();
	engine_settle();
	check_merged("before fork", area, 8);
	helper_start(&child, fork_outlives_child, area);
	helper_wait(&child);
	CHECK_SYS(munmap(area, 8 * PAGE_SIZE));
	anchor_map();
	engine_settle();
	helper_finish(&child);
}

/* Fork while scanning and merging go on: contents diverge and must stay apart. */
static void test_fork_while_scanned(void)
{
	char *area = area_map_same(64, 3);
	int round;

	engine_start();
	for (round = 0; round < 40; round++) {
		pid_t pid = CHECK_SYS(fork());
		size_t i;

		if (!pid) {
			for (i = 0; i < 64; i += 3)
				page_fill(area + i * PAGE_SIZE, 1000 + round);
			for (i = 0; i < 64; i++)
				CHECK_PAGE(area + i * PAGE_SIZE, i % 3 ? 3 : 1000 + round);
			_exit(0);
		}
		page_touch(area + round * PAGE_SIZE);
		child_finish(pid);
		area_check_same(area, 64, 3);
	}
	engine_settle();
	check_merged("after 40 forks", area, 64);
	engine_check_counters("after 40 forks", 1, 63, 0, 0);
}

static void exit_child(struct helper *self, void *arg)
{
	area_map_same(200, 4);
	area_map_distinct(200, 5000);
	helper_step(self);
}

static void test_killed_while_scanned(void)
{
	char *area = area_map_same(4, 4);
	int round;

	engine_start();
	for (round = 0; round < 30; round++) {
		struct helper child;

		helper_start(&child, exit_child, NULL);
		helper_wait(&child);
		/* From at once to some scans later. */
		usleep(round * 500);
		helper_kill(&child);
	}
	engine_settle();
	check_merged("what stayed", area, 4);
	area_check_same(area, 4, 4);
	engine_check_counters("after 30 processes were killed", 1, 3, 0, 0);
}

static void test_short_lived(void)
{
	char *area = area_map_same(4, 5);
	int round;

	engine_start();
	for (round = 0; round < 200; round++) {
		pid_t pid = CHECK_SYS(fork());

		if (!pid) {
			char *own = area_map_same(8, 5);

			if (round % 2)
				area_check_same(own, 8, 5);
			_exit(0);
		}
		if (round % 4 == 3)
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	engine_settle();
	check_merged("what stayed", area, 4);
	engine_check_counters("after 200 short lives", 1, 3, 0, 0);
}

#define EXEC_MARK "LIFECYCLE_EXECUTED"

/* The second life of exec_child(): the merged memory of the first is gone. */
static void exec_second_life(void)
{
	char *area = area_map_same(4, 6);

	unsetenv(EXEC_MARK);
	engine_settle();
	check_merged("after exec", area, 4);
	area_check_same(area, 4, 6);
	exit(0);
}

static void test_exec(void)
{
	char *area = area_map_same(4, 6);
	pid_t pid;

	engine_start();
	engine_settle();
	check_merged("before", area, 4);
	pid = CHECK_SYS(fork());
	if (!pid) {
		area_map_same(100, 6);
		engine_settle();
		setenv(EXEC_MARK, "1", 1);
		execl("/proc/self/exe", "lifecycle", NULL);
		test_fail("exec: %m");
	}
	child_finish(pid);
	engine_settle();
	check_merged("after", area, 4);
	area_check_same(area, 4, 6);
	engine_check_counters("after the executed program ended", 1, 3, 0, 0);
}

static void test_munmap(void)
{
	char *area = area_map_same(12, 7);

	anchor_map();
	engine_start();
	engine_settle();
	check_merged("before", area, 12);
	CHECK_SYS(munmap(area + 4 * PAGE_SIZE, 4 * PAGE_SIZE));
	check_merged("front", area, 4);
	check_merged("back", area + 8 * PAGE_SIZE, 4);
	CHECK(pfn_of(area) == pfn_of(area + 8 * PAGE_SIZE), "front and back have parted");
	engine_settle();
	engine_check_counters("a third unmapped", 2, 8, 0, 0);
	engine_set("run", 1);
	area_check_same(area, 4, 7);
	area_check_same(area + 8 * PAGE_SIZE, 4, 7);
	CHECK_SYS(munmap(area, 4 * PAGE_SIZE));
	CHECK_SYS(munmap(area + 8 * PAGE_SIZE, 4 * PAGE_SIZE));
	engine_settle();
	engine_check_counters("all unmapped", 1, 1, 0, 0);
}

/* Something else is mapped where merged pages were, before the engine has noticed. */
static void test_replaced_mapping(void)
{
	char *area = area_map_same(8, 8), *again;
	size_t i;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	again = mmap(area + 2 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(again == area + 2 * PAGE_SIZE, "mmap: %m");
	for (i = 0; i < 4; i++)
		page_fill(again + i * PAGE_SIZE, 60 + i);
	engine_wait_full_scans(3);
	area_check_distinct(again, 4, 60);
	check_unmerged("new mapping, never advised", again, 4);
	area_check_same(area, 2, 8);
	area_check_same(area + 6 * PAGE_SIZE, 2, 8);
	engine_check_counters("half replaced", 1, 3, 0, 0);
}

/*
 * What a merged page can be found by must follow when its mapping moves; soft offline moves the
 * page and so proves that every sharer is found.
 */
static void check_found_by_rmap(const char *where, char *page)
{
	uint64_t pfn = pfn_of(page);

	test_needs("MEMORY_FAILURE");
	CHECK(!madvise(page, PAGE_SIZE, MADV_SOFT_OFFLINE), "%s: soft offline: %m", where);
	CHECK(pfn_of(page) && pfn_of(page) != pfn, "%s: soft offline left the page in its frame", where);
}

static void test_mremap_move(void)
{
	char *area = area_map_same(8, 9), *place = area_map(8), *moved;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	moved = mremap(area, 8 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	CHECK(moved == place, "mremap: %m");
	area_check_same(moved, 8, 9);
	engine_settle();
	check_merged("after the move", moved, 8);
	check_found_by_rmap("after the move", moved);
	check_merged("after soft offline", moved, 8);
	area_check_same(moved, 8, 9);
	engine_settle();
	engine_check_counters("after the move", 1, 7, 0, 0);
}

/* Moved and taken offline at once, before the engine has scanned the new place. */
static void test_mremap_soft_offline(void)
{
	char *area = area_map_same(8, 10), *place = area_map(4), *moved;
	size_t i;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	engine_pause();
	moved = mremap(area, 4 * PAGE_SIZE, 4 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	CHECK(moved == place, "mremap: %m");
	check_found_by_rmap("the half that stayed", area + 4 * PAGE_SIZE);
	for (i = 0; i < 4; i++)
		if (pfn_of(moved + i * PAGE_SIZE))
			check_found_by_rmap("the half that moved", moved + i * PAGE_SIZE);
	area_check_same(moved, 4, 10);
	area_check_same(area + 4 * PAGE_SIZE, 4, 10);
	engine_set("run", 1);
	engine_settle();
	check_merged("the half that stayed", area + 4 * PAGE_SIZE, 4);
	check_merged("the half that moved", moved, 4);
	CHECK(pfn_of(moved) == pfn_of(area + 4 * PAGE_SIZE), "the halves did not merge again");
}

static void test_mremap_resize(void)
{
	char *area = area_map_same(8, 11), *grown;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	grown = mremap(area, 8 * PAGE_SIZE, 4 * PAGE_SIZE, 0);
	CHECK(grown == area, "mremap, shrinking: %m");
	check_merged("shrunk", area, 4);
	engine_settle();
	engine_check_counters("shrunk", 1, 3, 0, 0);
	engine_set("run", 1);
	grown = mremap(area, 4 * PAGE_SIZE, 64 * PAGE_SIZE, MREMAP_MAYMOVE);
	CHECK(grown != MAP_FAILED, "mremap, growing: %m");
	area_check_same(grown, 4, 11);
	page_fill(grown + 60 * PAGE_SIZE, 11);
	engine_settle();
	check_merged("grown", grown, 4);
	CHECK(pfn_of(grown + 60 * PAGE_SIZE) == pfn_of(grown), "the new part did not merge");
	area_check_same(grown, 4, 11);
	CHECK_PAGE(grown + 60 * PAGE_SIZE, 11);
	CHECK_PAGE(grown + 61 * PAGE_SIZE, 0);
}

static void test_mremap_while_scanned(void)
{
	char *area = area_map_same(32, 12), *places[2] = { area_map(32), area_map(32) };
	int round;

	anchor_map();
	engine_start();
	for (round = 0; round < 60; round++) {
		char *to = places[round % 2];
		char *moved = mremap(area, 32 * PAGE_SIZE, 32 * PAGE_SIZE,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to);

		CHECK(moved == to, "mremap: %m");
		area = moved;
		if (round % 3 == 0)
			engine_wait_full_scans(1);
		area_check_same(area, 32, 12);
	}
	engine_settle();
	check_merged("after 60 moves", area, 32);
	engine_check_counters("after 60 moves", 2, 32, 0, 0);
}

/* mprotect() splits the mapping in the middle of merged pages, and joins it again. */
static void test_vma_split(void)
{
	char *area = area_map_same(12, 13);
	uint64_t pfn;
	int round;

	engine_start();
	engine_settle();
	pfn = pfn_of(area);
	for (round = 0; round < 5; round++) {
		CHECK_SYS(mprotect(area + 4 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ));
		check_merged("split", area, 12);
		engine_wait_full_scans(1);
		CHECK_SYS(mprotect(area + 4 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE));
		check_merged("joined", area, 12);
		page_touch(area + (4 + round % 4) * PAGE_SIZE);
		area_check_same(area, 12, 13);
		engine_settle();
	}
	check_merged("at the end", area, 12);
	CHECK(pfn_of(area) == pfn, "the frame changed");
	engine_check_counters("at the end", 1, 11, 0, 0);
}

static void test_dontneed(void)
{
	char *area = area_map_same(8, 14);
	size_t i;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	CHECK_SYS(madvise(area + 2 * PAGE_SIZE, 2 * PAGE_SIZE, MADV_DONTNEED));
	for (i = 2; i < 4; i++)
		CHECK_PAGE(area + i * PAGE_SIZE, 0);
	area_check_same(area, 2, 14);
	area_check_same(area + 4 * PAGE_SIZE, 4, 14);
	page_fill(area + 2 * PAGE_SIZE, 14);
	page_fill(area + 3 * PAGE_SIZE, 15);
	engine_settle();
	CHECK(pfn_of(area + 2 * PAGE_SIZE) == pfn_of(area), "the refilled page did not merge");
	engine_check_counters("two dropped, one refilled alike", 1, 6, 1, 0);
}

static void test_free(void)
{
	char *area = area_map_same(8, 16);
	size_t i;

	engine_start();
	engine_settle();
	check_merged("before", area, 8);
	CHECK_SYS(madvise(area, 4 * PAGE_SIZE, MADV_FREE));
	engine_settle();
	for (i = 0; i < 4; i++)
		CHECK(page_holds(area + i * PAGE_SIZE, 16) || page_holds(area + i * PAGE_SIZE, 0),
		      "after MADV_FREE page %zu holds neither what it held nor zeros", i);
	area_check_same(area + 4 * PAGE_SIZE, 4, 16);
	for (i = 0; i < 4; i++)
		page_fill(area + i * PAGE_SIZE, 16);
	engine_settle();
	check_merged("filled again", area, 8);
	area_check_same(area, 8, 16);
}

static void test_unmergeable(void)
{
	char *area = area_map_same(12, 17);

	engine_start();
	engine_settle();
	check_merged("before", area, 12);
	CHECK_SYS(madvise(area + 4 * PAGE_SIZE, 4 * PAGE_SIZE, MADV_UNMERGEABLE));
	check_unmerged("at once", area + 4 * PAGE_SIZE, 4);
	check_merged("in front", area, 4);
	check_merged("behind", area + 8 * PAGE_SIZE, 4);
	area_check_same(area, 12, 17);
	engine_wait_full_scans(3);
	check_unmerged("some scans later", area + 4 * PAGE_SIZE, 4);
	engine_check_counters("a third taken back", 1, 7, 0, 0);
	engine_set("run", 1);
	area_mergeable(area + 4 * PAGE_SIZE, 4);
	engine_settle();
	check_merged("consent given again", area, 12);
	CHECK_SYS(madvise(area, 12 * PAGE_SIZE, MADV_UNMERGEABLE));
	check_unmerged("all taken back", area, 12);
	area_check_same(area, 12, 17);
	anchor_map();
	engine_settle();
	engine_check_counters("all taken back", 1, 1, 0, 0);
}

/* Consent given and taken back while the engine is at work on the pages. */
static void test_unmergeable_while_scanned(void)
{
	char *area = area_map_same(64, 18);
	int round;

	anchor_map();
	engine_start();
	for (round = 0; round < 50; round++) {
		CHECK_SYS(madvise(area, 64 * PAGE_SIZE, MADV_UNMERGEABLE));
		check_unmerged("taken back", area, 64);
		area_mergeable(area, 64);
		if (round % 5 == 0)
			engine_wait_full_scans(2);
		area_check_same(area, 64, 18);
	}
	/* So often merged in vain, a page waits for up to 16 visits before it is merged again. */
	wait_merged("at the end", area, 64, 24);
}

/* As before a suspend: a scanner that never sleeps is frozen like all else, and goes on afterwards. */
static void test_freezer(void)
{
	char *area = area_map_same(64, 20);

	test_needs("PM_DEBUG");
	CHECK(!file_write("/sys/power/pm_test", "freezer"), "no /sys/power/pm_test");
	file_write("/sys/module/suspend/parameters/pm_test_delay", "0");
	file_write("/sys/power/pm_freeze_timeout", "3000");
	engine_start();
	engine_set("sleep_millisecs", 0);
	engine_wait_full_scans(2);
	CHECK(!file_write("/sys/power/state", "freeze"), "the system does not freeze: %m");
	engine_wait_full_scans(2);
	check_merged("thawed", area, 64);
	file_write("/sys/power/pm_test", "none");
}

static const struct test tests[] = {
	{ "fork", test_fork },
	{ "fork-outlives", test_fork_outlives },
	{ "fork-while-scanned", test_fork_while_scanned },
	{ "killed-while-scanned", test_killed_while_scanned },
	{ "short-lived", test_short_lived },
	{ "exec", test_exec },
	{ "munmap", test_munmap },
	{ "replaced-mapping", test_replaced_mapping },
	{ "mremap-move", test_mremap_move },
	{ "mremap-soft-offline", test_mremap_soft_offline },
	{ "mremap-resize", test_mremap_resize },
	{ "mremap-while-scanned", test_mremap_while_scanned },
	{ "vma-split", test_vma_split },
	{ "dontneed", test_dontneed },
	{ "free", test_free },
	{ "unmergeable", test_unmergeable },
	{ "unmergeable-while-scanned", test_unmergeable_while_scanned },
	{ "freezer", test_freezer },
};

int main(int argc, char **argv)
{
	if (getenv(EXEC_MARK))
		exec_second_life();
	return harness_main("lifecycle", tests, ARRAY_SIZE(tests), argc, argv);
}
