// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel takes merged pages away: to swap and back, to another frame by migration, compaction
 * and soft offline, for good by hard offline. Every sharer must follow.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "swap.h"
#include "uapi.h"

static void test_swap(void)
{
	char *same, *distinct;

	swap_start();
	cgroup_enter();
	same = area_map_same(64, 1);
	distinct = area_map_distinct(64, 100);
	engine_start();
	engine_settle();
	check_merged("at first", same, 64);
	engine_pause();
	push_out(same, 64);
	area_check_same(same, 64, 1);
	area_check_distinct(distinct, 64, 100);
	CHECK(count_swapped(same, 64) == 0, "pages are still in swap after reading");
	engine_set("run", 1);
	engine_wait_full_scans(3);
	check_merged("after swap-in", same, 64);
	area_check_same(same, 64, 1);
	engine_check_counters("after swap-in", 1, 63, 64, 0);
	swap_stop();
}

static void test_swap_write(void)
{
	char *area;

	swap_start();
	cgroup_enter();
	area = area_map_same(64, 2);
	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	push_out(area, 64);
	page_fill(area + 5 * PAGE_SIZE, 3);
	area_check_same(area, 5, 2);
	CHECK_PAGE(area + 5 * PAGE_SIZE, 3);
	area_check_same(area + 6 * PAGE_SIZE, 58, 2);
	engine_wait_full_scans(3);
	check_merged("pages not written", area + 6 * PAGE_SIZE, 58);
	area_check_same(area + 6 * PAGE_SIZE, 58, 2);
	engine_check_counters("one of 64 written", 1, 62, 1, 0);
	swap_stop();
}

static void swapped_child(struct helper *self, void *arg)
{
	char *area = area_map_same(32, 4);

	helper_step(self);
	area_check_same(area, 32, 4);
	area_check_same(arg, 32, 4);
	page_fill(area, 5);
	helper_step(self);
	CHECK_PAGE(area, 5);
}

/* A forked child and a page in swap that both once merged. */
static void test_swap_fork(void)
{
	struct helper child;
	char *area;

	swap_start();
	cgroup_enter();
	area = area_map_same(32, 4);
	engine_start();
	engine_settle();
	helper_start(&child, swapped_child, area);
	helper_wait(&child);
	engine_settle();
	check_merged("at first", area, 32);
	push_out(area, 32);
	helper_go(&child);
	helper_wait(&child);
	area_check_same(area, 32, 4);
	helper_finish(&child);
	engine_wait_full_scans(3);
	check_merged("after swap-in", area, 32);
	swap_stop();
}

static void map_equals(struct helper *self, void *unused)
{
	char *area;

	(void)unused;
	helper_step(self);
	area = area_map_same(2, 7);
	helper_step(self);
	check_merged("equals", area, 2);
	area_check_same(area, 2, 7);
}

/*
 * The scanner has just been by, and sleeps. Its next slice ends with two pages, those of the
 * next process: new ones come first. What is there now it will look at after another sleep.
 */
static void scanner_dozes(void)
{
	engine_start();
	engine_settle();
	engine_set("sleep_millisecs", 3000 * harness_slower());
	engine_wait_full_scans(0);
	engine_set("pages_to_scan", 2);
}

static void equals_merge(struct helper *equals)
{
	int tries;

	helper_go(equals);
	helper_wait(equals);
	for (tries = 0; tries < 6000 && !engine_get("pages_sharing"); tries++)
		usleep(5000 * harness_slower());
	CHECK(engine_get("pages_sharing") == 1, "the equals have not merged");
}

/* It is where it was before the scanner dozed. */
static void joins_equals(char *page, struct helper *equals)
{
	engine_set("sleep_millisecs", 1);
	engine_wait_full_scans(6);
	engine_check_counters("with the one that was away", 1, 2, 0, 0);
	CHECK_PAGE(page, 7);
	helper_finish(equals);
}

/* A page that is in swap while its equals merge with each other joins them when it is back. */
static void test_swapped_meanwhile(void)
{
	struct helper equals;
	char *page;

	swap_start();
	helper_start(&equals, map_equals, NULL);
	helper_wait(&equals);
	cgroup_enter();
	page = area_map_same(1, 7);
	scanner_dozes();
	push_out(page, 1);
	equals_merge(&equals);
	CHECK(count_swapped(page, 1) == 1, "the page is back too soon");
	CHECK_PAGE(page, 7);
	joins_equals(page, &equals);
	swap_stop();
}

static void test_swapoff(void)
{
	char *area;

	swap_start();
	cgroup_enter();
	area = area_map_same(64, 6);
	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	push_out(area, 64);
	swap_stop();
	CHECK(count_swapped(area, 64) == 0, "pages are in swap after swapoff");
	area_check_same(area, 64, 6);
	engine_wait_full_scans(3);
	check_merged("after swapoff", area, 64);
	area_check_same(area, 64, 6);
}

/* Unmerging what is in swap: nothing to break, and nothing left of the counters. */
/* What reclaim drops is not in swap either, so there is no waiting for it. */
static void reclaim_hard(void)
{
	int round;

	for (round = 0; round < 10; round++)
		cgroup_shrink("16M");
}

/*
 * A merged page with one user left is freed lazily by that user, so that reclaim may drop it. It
 * may no longer once somebody else relies on it for its content.
 */
static void test_freed_page_joined(void)
{
	char *area, *late;

	swap_start();
	cgroup_enter();
	area = area_map_same(2, 9);
	engine_start();
	engine_settle();
	check_merged("at first", area, 2);
	CHECK_SYS(munmap(area + PAGE_SIZE, PAGE_SIZE));
	CHECK_SYS(madvise(area, PAGE_SIZE, MADV_FREE));
	late = area_map_same(1, 9);
	engine_wait_full_scans(4);
	test_note("the late page %s", pfn_of(late) == pfn_of(area) ? "joined" : "did not join");
	engine_pause();
	reclaim_hard();
	CHECK_PAGE(late, 9);
	swap_stop();
}

static void unmerged_holder(struct helper *self, void *area)
{
	helper_step(self);
	area_check_distinct(area, 64, 200);
}

/*
 * The copy that unmerging makes is as good as a page that was written: a child's view of it
 * survives that the parent frees it lazily.
 */
static void test_unmerged_page_freed(void)
{
	char *area, *twin;
	struct helper child;

	swap_start();
	cgroup_enter();
	area = area_map_distinct(64, 200);
	twin = area_map_distinct(64, 200);
	engine_start();
	engine_settle();
	CHECK(pfn_of(area) == pfn_of(twin), "equal pages did not merge");
	engine_unmerge();
	CHECK(pfn_of(area) != pfn_of(twin), "still merged after run=2");
	helper_start(&child, unmerged_holder, area);
	helper_wait(&child);
	CHECK_SYS(madvise(area, 64 * PAGE_SIZE, MADV_FREE));
	reclaim_hard();
	helper_finish(&child);
	swap_stop();
}

static void test_swap_unmerge(void)
{
	char *area;

	swap_start();
	cgroup_enter();
	area = area_map_same(64, 7);
	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	engine_pause();
	push_out(area, 64);
	engine_unmerge();
	engine_check_counters("run=2 with all pages in swap", 0, 0, 0, 0);
	area_check_same(area, 64, 7);
	swap_stop();
	area_check_same(area, 64, 7);
}

static void test_swap_while_scanned(void)
{
	char *same, *distinct;
	int round;

	swap_start();
	cgroup_enter();
	same = area_map_same(256, 8);
	distinct = area_map_distinct(256, 1000);
	engine_start();
	for (round = 0; round < 25; round++) {
		cgroup_shrink("4M");
		if (round % 5 == 4) {
			area_check_same(same, 256, 8);
			area_check_distinct(distinct, 256, 1000);
		}
		if (round % 3 == 0)
			page_touch(same + round * PAGE_SIZE);
	}
	area_check_same(same, 256, 8);
	area_check_distinct(distinct, 256, 1000);
	swap_stop();
	engine_wait_full_scans(3);
	check_merged("at the end", same, 256);
	area_check_same(same, 256, 8);
	area_check_distinct(distinct, 256, 1000);
}

/* Moves a page with all its sharers; returns where move_pages() says it is. */
static int move_page(void *page, int node)
{
	int status = -1;

	CHECK_SYS(syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE_ALL));
	return status;
}

static int node_of(void *page)
{
	int status = -1;

	CHECK_SYS(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0));
	return status;
}

struct sharers {
	char *area;
	uint64_t *pfn;
};

static void sharer_child(struct helper *self, void *arg)
{
	struct sharers *s = arg;
	char *own = area_map_same(4, 9);

	helper_step(self);
	CHECK(pfn_of(own) == *s->pfn, "a sharer's own mapping did not follow the page");
	CHECK(pfn_of(s->area) == *s->pfn, "a sharer's inherited mapping did not follow the page");
	area_check_same(own, 4, 9);
	area_check_same(s->area, 8, 9);
	page_fill(own, 10);
	helper_step(self);
	CHECK_PAGE(own, 10);
	area_check_same(s->area, 8, 9);
}

/*
 * A merged page with sharers in two processes, one of them by fork, changes its frame. All must
 * see the new one, and so must the engine: a newcomer of the same content joins it.
 */
static void check_move(const char *how, void (*move)(char *page))
{
	struct sharers s = { .area = area_map_same(8, 9) };
	struct helper child;
	char *newcomer;
	uint64_t before;

	s.pfn = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	helper_start(&child, sharer_child, &s);
	helper_wait(&child);
	engine_start();
	engine_wait_full_scans(3);
	check_merged(how, s.area, 8);
	engine_pause();
	before = pfn_of(s.area);
	move(s.area);
	*s.pfn = pfn_of(s.area);
	CHECK(*s.pfn && *s.pfn != before, "%s left the page in frame %#llx", how,
	      (unsigned long long)before);
	check_merged(how, s.area, 8);
	area_check_same(s.area, 8, 9);
	helper_go(&child);
	helper_wait(&child);
	newcomer = area_map_same(1, 9);
	engine_set("run", 1);
	engine_settle();
	CHECK(pfn_of(newcomer) == pfn_of(s.area), "%s: a newcomer does not find the page", how);
	check_merged(how, s.area, 8);
	helper_finish(&child);
	engine_settle();
	area_check_same(s.area, 8, 9);
	engine_check_counters(how, 1, 8, 0, 0);
}

static void move_to_other_node(char *page)
{
	int target = !node_of(page), got = move_page(page, target);

	CHECK(got == target, "move_pages() to node %d: %d", target, got);
}

/* As with swap; and on another node, without a tree for all nodes, it is not one to merge with. */
static void test_moved_meanwhile(void)
{
	struct helper equals;
	char *page;
	int home;

	engine_set("merge_across_nodes", 0);
	helper_start(&equals, map_equals, NULL);
	helper_wait(&equals);
	page = area_map_same(1, 7);
	home = node_of(page);
	scanner_dozes();
	move_to_other_node(page);
	equals_merge(&equals);
	CHECK(node_of(page) != home, "the page is back too soon");
	/* NUMA balancing may have made it inaccessible: 6.1 does not move such, but a read does. */
	CHECK_PAGE(page, 7);
	if (node_of(page) != home)
		move_to_other_node(page);
	CHECK(node_of(page) == home, "the page is not back");
	joins_equals(page, &equals);
}

static void test_move_pages(void)
{
	check_move("move_pages", move_to_other_node);
}

static void migrate_process(char *page)
{
	unsigned long from = 1UL << node_of(page), to = from ^ 3;
	int target = !node_of(page), try;

	/* It passes over pages that it cannot isolate at that moment. */
	for (try = 0; try < 20 && node_of(page) != target; try++)
		CHECK_SYS(syscall(SYS_migrate_pages, 0, 64UL, &from, &to));
	CHECK(node_of(page) == target, "migrate_pages() left the page on node %d", node_of(page));
}

static void test_migrate_pages(void)
{
	check_move("migrate_pages", migrate_process);
}

static void test_migrate_while_scanned(void)
{
	char *area = area_map_same(64, 11);
	int round, moved = 0;

	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	for (round = 0; round < 200; round++) {
		int target = round % 2;

		moved += move_page(area, target) == target;
		if (round % 7 == 0)
			page_touch(area + (round % 64) * PAGE_SIZE);
	}
	test_note("%d of %d moves succeeded while scanned", moved, round);
	CHECK(moved > 20, "%d of %d moves succeeded", moved, round);
	area_check_same(area, 64, 11);
	engine_settle();
	check_merged("at the end", area, 64);
	engine_check_counters("at the end", 1, 63, 0, 0);
}

/*
 * Huge pages move to the other node and back while they are scanned. What is known of their small
 * pages is true of them still.
 */
static void test_huge_migration(void)
{
	enum { HPAGES = 8, PAGES = HPAGES * HPAGE_SIZE / PAGE_SIZE, ROUNDS = 20 };
	char *area = huge_map(HPAGES, 700000);
	long split = -sys_field("/proc/vmstat", "thp_migration_split");
	const unsigned long both_nodes = 3;
	int round, moved = 0;
	long least = PAGES, most = 0;
	size_t i;

	/* NUMA balancing, which makes pages unreadable for a while, leaves alone what is bound. */
	CHECK_SYS(syscall(SYS_mbind, area, PAGES * PAGE_SIZE, MPOL_BIND, &both_nodes, 3, 0));
	area_mergeable(area, PAGES);
	engine_start();
	engine_wait_full_scans(3);
	CHECK(engine_get("pages_unshared") == PAGES, "pages_unshared is %ld of %d",
	      engine_get("pages_unshared"), PAGES);
	engine_set("sleep_millisecs", 0);
	for (round = 0; round < ROUNDS; round++) {
		void *pages[HPAGES];
		int nodes[HPAGES], status[HPAGES];
		long unshared, is_volatile;

		for (i = 0; i < HPAGES; i++) {
			pages[i] = area + i * HPAGE_SIZE;
			nodes[i] = round % 2;
		}
		CHECK_SYS(syscall(SYS_move_pages, 0, (unsigned long)HPAGES, pages, nodes, status,
				  MPOL_MF_MOVE));
		unshared = engine_get("pages_unshared");
		is_volatile = engine_get("pages_volatile");
		least = unshared < least ? unshared : least;
		most = is_volatile > most ? is_volatile : most;
		for (i = 0; i < HPAGES; i++)
			moved += status[i] == nodes[i];
		usleep(5000);
	}
	test_note("%d of %d moves; pages_unshared at least %ld of %d, pages_volatile at most %ld", moved,
		  ROUNDS * HPAGES, least, PAGES, most);
	split += sys_field("/proc/vmstat", "thp_migration_split");
	if (split)
		test_skip("the kernel had no room for %ld huge pages, and split them", split);
	CHECK(smaps_kib(area, "AnonHugePages:") == HPAGES * (long)(HPAGE_SIZE >> 10),
	      "AnonHugePages is %ld KiB", smaps_kib(area, "AnonHugePages:"));
	CHECK(moved > ROUNDS, "%d of %d moves succeeded", moved, ROUNDS * HPAGES);
	CHECK(least >= PAGES - 16, "pages_unshared fell to %ld of %d", least, PAGES);
	CHECK(most <= 16, "pages_volatile rose to %ld", most);
	area_check_distinct(area, PAGES, 700000);
}

static void offline_softly(char *page)
{
	int try;

	/* A page on its way through a per-CPU list is busy for a moment. */
	for (try = 0; madvise(page, PAGE_SIZE, MADV_SOFT_OFFLINE); try++)
		CHECK((errno == EBUSY || errno == EIO) && try < 10, "soft offline: %m");
}

static void test_soft_offline(void)
{
	test_needs("MEMORY_FAILURE");
	check_move("soft offline", offline_softly);
}

/* Through sysfs, by physical address, as a daemon that watches for memory errors does. */
static void offline_by_address(char *page)
{
	char address[32];
	int err;

	snprintf(address, sizeof(address), "%#llx", (unsigned long long)pfn_of(page) * PAGE_SIZE);
	err = file_write("/sys/devices/system/memory/soft_offline_page", address);
	CHECK(!err, "soft_offline_page: %s", strerror(-err));
}

static void test_soft_offline_address(void)
{
	test_needs("MEMORY_FAILURE");
	check_move("soft_offline_page", offline_by_address);
}

static void test_compaction(void)
{
	enum { CONTENTS = 64, EACH = 8, FILLER = 16384 };
	char *areas[CONTENTS], *filler = area_map(FILLER);
	long moved = -sys_field("/proc/vmstat", "compact_migrate_scanned");
	int round;
	size_t i;

	test_needs("COMPACTION");
	for (i = 0; i < FILLER; i++)
		page_touch(filler + i * PAGE_SIZE);
	for (i = 0; i < CONTENTS; i++)
		areas[i] = area_map_same(EACH, 2000 + i);
	engine_start();
	engine_settle();
	/* Holes all over the memory below, which compaction fills from there. */
	for (i = 0; i < FILLER; i += 2)
		CHECK_SYS(madvise(filler + i * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED));
	for (round = 0; round < 3; round++) {
		int err = file_write("/proc/sys/vm/compact_memory", "1");

		CHECK(!err, "compact_memory: %s", strerror(-err));
		for (i = 0; i < CONTENTS; i++) {
			check_merged("after compaction", areas[i], EACH);
			area_check_same(areas[i], EACH, 2000 + i);
		}
	}
	moved += sys_field("/proc/vmstat", "compact_migrate_scanned");
	test_note("compaction looked at %ld pages", moved);
	CHECK(moved > 0, "compaction did nothing");
	engine_settle();
	engine_check_counters("after compaction", CONTENTS, CONTENTS * (EACH - 1), 0, 0);
}

static sigjmp_buf bus_jump;
static volatile sig_atomic_t bus_expected;

static void on_bus_error(int sig)
{
	if (bus_expected)
		siglongjmp(bus_jump, 1);
}

static bool read_raises_sigbus(const char *page)
{
	bool raised = sigsetjmp(bus_jump, 1);

	bus_expected = 1;
	if (!raised)
		(void)*(volatile const char *)page;
	bus_expected = 0;
	return raised;
}

/* Does memory_failure() find the sharers of a KSM page? It learnt to after 6.1. */
static bool failure_finds_sharers(void)
{
	return !system("grep -q ' collect_procs_ksm$' /proc/kallsyms");
}

/*
 * The frame under a merged page fails. Where the kernel can, it takes the page from every sharer.
 * Where not, a sharer never reads other content than its own, and the engine does not merge into
 * the frame again.
 */
static void hard_offline_child(struct helper *self, void *arg)
{
	char *area = area_map_same(4, 12);
	int err, i, lost = 0;
	uint64_t pfn;

	helper_step(self);
	check_merged("at first", area, 4);
	pfn = pfn_of(area);
	/* The signal may come at once, or with the next access, or never. */
	signal(SIGBUS, on_bus_error);
	err = madvise(area, PAGE_SIZE, MADV_HWPOISON) ? errno : 0;
	CHECK(err != EINVAL && err != EPERM, "hard offline: %s", strerror(err));
	for (i = 0; i < 4; i++) {
		if (read_raises_sigbus(area + i * PAGE_SIZE))
			lost++;
		else
			CHECK_PAGE(area + i * PAGE_SIZE, 12);
	}
	test_note("hard offline of a merged page: %s, %d of 4 sharers lost it", strerror(err), lost);
	CHECK(!failure_finds_sharers() || (!err && lost == 4),
	      "hard offline of a merged page: %s, %d of 4 sharers lost it", strerror(err), lost);
	*(uint64_t *)arg = pfn;
	helper_step(self);
}

static void test_hard_offline(void)
{
	uint64_t *poisoned = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *bystander = area_map_same(4, 13), *later;
	struct helper child;

	test_needs("MEMORY_FAILURE");
	helper_start(&child, hard_offline_child, poisoned);
	helper_wait(&child);
	engine_start();
	engine_settle();
	helper_go(&child);
	helper_wait(&child);
	later = area_map_same(4, 12);
	engine_settle();
	check_merged("the same content, later", later, 4);
	if (engine_is_stock() && pfn_of(later) == *poisoned)
		test_skip("stock ksm merges new pages into a frame that failed");
	CHECK(pfn_of(later) != *poisoned, "new pages were merged into the failed frame");
	area_check_same(later, 4, 12);
	check_merged("other content", bystander, 4);
	area_check_same(bystander, 4, 13);
	helper_kill(&child);
	engine_settle();
	check_merged("after the process that lost its page ended", later, 4);
}

static const struct test tests[] = {
	{ "swap", test_swap },
	{ "swap-write", test_swap_write },
	{ "swap-fork", test_swap_fork },
	{ "swapped-meanwhile", test_swapped_meanwhile },
	{ "swapoff", test_swapoff },
	{ "freed-page-joined", test_freed_page_joined },
	{ "unmerged-page-freed", test_unmerged_page_freed },
	{ "swap-unmerge", test_swap_unmerge },
	{ "swap-while-scanned", test_swap_while_scanned },
	{ "moved-meanwhile", test_moved_meanwhile, .numa = true },
	{ "move-pages", test_move_pages, .numa = true },
	{ "migrate-pages", test_migrate_pages, .numa = true },
	{ "migrate-while-scanned", test_migrate_while_scanned, .numa = true },
	{ "huge-migration", test_huge_migration, .numa = true },
	{ "soft-offline", test_soft_offline },
	{ "soft-offline-address", test_soft_offline_address },
	{ "compaction", test_compaction },
	{ "hard-offline", test_hard_offline },
};

int main(int argc, char **argv)
{
	return harness_main("reclaim", tests, ARRAY_SIZE(tests), argc, argv);
}
