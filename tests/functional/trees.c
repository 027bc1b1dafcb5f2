// SPDX-License-Identifier: GPL-2.0-only
/*
 * How merged pages are grouped: the cap on sharers with its chains, and one tree a memory node.
 */
#include <linux/mempolicy.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

/* Every frame has at most @cap sharers, and no more frames are in use than that takes. */
static void check_capped(const char *area, size_t pages, size_t cap)
{
	size_t frames = pages_distinct(area, pages), most = pages_max_sharers(area, pages);

	CHECK(most == cap, "a frame has %zu sharers, the cap is %zu", most, cap);
	CHECK(frames == (pages + cap - 1) / cap, "%zu pages under a cap of %zu lie in %zu frames",
	      pages, cap, frames);
}

static void test_cap(void)
{
	char *area = area_map_same(40, 1);

	engine_set("max_page_sharing", 4);
	engine_start();
	engine_wait_full_scans(4);
	check_capped(area, 40, 4);
	area_check_same(area, 40, 1);
	engine_check_counters("40 equal pages under a cap of 4", 10, 30, 0, 0);
	CHECK(engine_get("stable_node_chains") == 1, "stable_node_chains is %ld",
	      engine_get("stable_node_chains"));
	CHECK(engine_get("stable_node_dups") == 10, "stable_node_dups is %ld",
	      engine_get("stable_node_dups"));
}

static void test_cap_two(void)
{
	char *area = area_map_same(20, 2);

	engine_set("max_page_sharing", 2);
	engine_start();
	engine_wait_full_scans(4);
	check_capped(area, 20, 2);
	area_check_same(area, 20, 2);
	engine_check_counters("20 equal pages under a cap of 2", 10, 10, 0, 0);
}

static void test_default_cap(void)
{
	char *area = area_map_same(600, 3);
	char *few = area_map_same(100, 4);

	engine_set("max_page_sharing", 256);
	engine_start();
	engine_wait_full_scans(4);
	check_capped(area, 600, 256);
	check_merged("below the cap", few, 100);
	area_check_same(area, 600, 3);
	engine_check_counters("600 and 100 equal pages", 4, 696, 0, 0);
	CHECK(engine_get("stable_node_chains") == 1, "stable_node_chains is %ld",
	      engine_get("stable_node_chains"));
}

/* Room that leavers make is used by newcomers, and an empty chain goes away. */
static void test_chain_prune(void)
{
	char *area = area_map_same(40, 5), *late;
	size_t i;

	engine_set("max_page_sharing", 4);
	engine_set("stable_node_chains_prune_millisecs", 0);
	engine_start();
	engine_wait_full_scans(4);
	check_capped(area, 40, 4);
	for (i = 4; i < 40; i++)
		page_fill(area + i * PAGE_SIZE, 1000 + i);
	engine_wait_full_scans(3);
	CHECK(pages_distinct(area, 40) >= 37, "40 pages, 36 of them written, lie in %zu frames",
	      pages_distinct(area, 40));
	area_check_same(area, 4, 5);
	late = area_map_same(20, 5);
	engine_wait_full_scans(4);
	area_check_same(late, 20, 5);
	CHECK(pages_max_sharers(late, 20) <= 4, "a frame has %zu sharers after the prune",
	      pages_max_sharers(late, 20));
	CHECK(pages_distinct(late, 20) <= 8, "20 late pages lie in %zu frames",
	      pages_distinct(late, 20));
	CHECK_SYS(munmap(late, 20 * PAGE_SIZE));
	for (i = 0; i < 4; i++)
		page_fill(area + i * PAGE_SIZE, 1000 + i);
	engine_wait_full_scans(4);
	area_check_distinct(area, 40, 1000);
	engine_check_counters("all written", 0, 0, 40, 0);
	CHECK(engine_get("stable_node_dups") == 0, "stable_node_dups is %ld with nothing merged",
	      engine_get("stable_node_dups"));
	CHECK(engine_get("stable_node_chains") == 0, "stable_node_chains is %ld with nothing merged",
	      engine_get("stable_node_chains"));
}

static char *area_on_node(size_t pages, uint64_t seed, int node)
{
	char *area = area_map(pages);
	unsigned long mask = 1UL << node;
	size_t i;

	CHECK_SYS(syscall(SYS_mbind, area, pages * PAGE_SIZE, MPOL_BIND, &mask, 64UL, 0));
	for (i = 0; i < pages; i++)
		page_fill(area + i * PAGE_SIZE, seed);
	area_mergeable(area, pages);
	return area;
}

static int node_of(void *page)
{
	int status = -1;

	CHECK_SYS(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0));
	return status;
}

static void test_per_node(void)
{
	char *near, *far;

	engine_set("merge_across_nodes", 0);
	near = area_on_node(4, 6, 0);
	far = area_on_node(4, 6, 1);
	engine_start();
	engine_settle();
	check_merged("node 0", near, 4);
	check_merged("node 1", far, 4);
	CHECK(pfn_of(near) != pfn_of(far), "merged across nodes with merge_across_nodes=0");
	CHECK(node_of(near) == 0 && node_of(far) == 1, "pages on nodes %d and %d, expected 0 and 1",
	      node_of(near), node_of(far));
	area_check_same(near, 4, 6);
	area_check_same(far, 4, 6);
	engine_check_counters("a tree a node", 2, 6, 0, 0);
}

static void test_across_nodes(void)
{
	char *near, *far;

	engine_set("merge_across_nodes", 1);
	near = area_on_node(4, 7, 0);
	far = area_on_node(4, 7, 1);
	engine_start();
	engine_settle();
	check_merged("node 0", near, 4);
	CHECK(pfn_of(near) == pfn_of(far), "not merged across nodes with merge_across_nodes=1");
	check_merged("node 1", far, 4);
	area_check_same(near, 4, 7);
	area_check_same(far, 4, 7);
	engine_check_counters("one tree", 1, 7, 0, 0);
}

static void test_node_switch(void)
{
	char *near = area_on_node(4, 8, 0), *far = area_on_node(4, 8, 1);

	engine_set("merge_across_nodes", 1);
	engine_start();
	engine_settle();
	CHECK(pfn_of(near) == pfn_of(far), "not merged across nodes");
	engine_unmerge();
	engine_set("merge_across_nodes", 0);
	engine_set("run", 1);
	engine_settle();
	check_merged("node 0", near, 4);
	CHECK(pfn_of(near) != pfn_of(far), "still merged across nodes after the switch");
	engine_unmerge();
	engine_set("merge_across_nodes", 1);
	engine_set("run", 1);
	engine_settle();
	CHECK(pfn_of(near) == pfn_of(far), "not merged across nodes after the switch back");
	area_check_same(near, 4, 8);
	area_check_same(far, 4, 8);
}

/* With the engine at rest, so that it finds the page moved and not on the way. */
static void move_to_node(char *page, int node)
{
	int status = -1;

	engine_pause();
	CHECK_SYS(syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE_ALL));
	CHECK(status == node && node_of(page) == node, "move_pages says %d, the page is on node %d",
	      status, node_of(page));
}

/* A merged page that moves to the other node must be found, or merged anew, in that node's tree. */
static void test_node_migration(void)
{
	char *area, *there;
	int scans;

	engine_set("merge_across_nodes", 0);
	area = area_on_node(4, 9, 0);
	engine_start();
	engine_settle();
	check_merged("before", area, 4);
	move_to_node(area, 1);
	engine_set("run", 1);
	check_merged("after the move", area, 4);
	area_check_same(area, 4, 9);
	there = area_on_node(4, 9, 1);
	engine_settle();
	check_merged("pages born on node 1", there, 4);
	for (scans = 0; scans < 16 && pfn_of(area) != pfn_of(there); scans++)
		engine_wait_full_scans(1);
	CHECK(pfn_of(area) == pfn_of(there), "moved and native pages did not merge");
	check_merged("the moved pages", area, 4);
	area_check_same(there, 4, 9);
	area_check_same(area, 4, 9);
}

/* A page that nobody shares moves to the other node, and meets its equals there. */
static void test_unshared_migration(void)
{
	char *area, *there;

	engine_set("merge_across_nodes", 0);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
	area = area_on_node(1, 9, 0);
	engine_start();
	engine_settle();
	move_to_node(area, 1);
	there = area_on_node(2, 9, 1);
	engine_set("run", 1);
	engine_settle();
	check_merged("pages born on node 1", there, 2);
	CHECK(pfn_of(area) == pfn_of(there), "the page that has moved did not merge");
	CHECK_PAGE(area, 9);
	area_check_same(there, 2, 9);
}

/* A merged page moves to the other node, where an equal one has been alone. */
static void test_migration_to_unshared(void)
{
	char *area, *there;

	engine_set("merge_across_nodes", 0);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
	area = area_on_node(4, 9, 0);
	there = area_on_node(1, 9, 1);
	engine_start();
	engine_settle();
	move_to_node(area, 1);
	engine_set("run", 1);
	engine_wait_full_scans(3);
	check_merged("the moved pages", area, 4);
	CHECK(pfn_of(area) == pfn_of(there), "the one that was there has not joined them");
	area_check_same(area, 4, 9);
	CHECK_PAGE(there, 9);
}

/* Has what its parent had, and does nothing until it is killed. */
static void sleeper(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/*
 * So many that the count of a page's users looks as if it were pinned. Who has a frame by fork, when
 * it becomes a merged one, has it over and above the cap. With all nodes full those who share the
 * last frame have nobody to join, and have one frame already.
 */
static void test_fork_chain(void)
{
	enum { CHILDREN = 1100, PAGES = 16, CAP = 256 };
	const long all = (CHILDREN + 1) * PAGES;
	static pid_t children[CHILDREN];
	char *area = area_map_same(PAGES, 12);
	long merged;
	int i, scans;

	engine_set("max_page_sharing", CAP);
	for (i = 0; i < CHILDREN; i++) {
		children[i] = CHECK_SYS(fork());
		if (!children[i])
			sleeper();
	}
	engine_start();
	for (scans = 0; scans < 20; scans++) {
		merged = engine_get("pages_shared") + engine_get("pages_sharing");
		if (merged + engine_get("pages_unshared") == all)
			break;
		engine_wait_full_scans(1);
	}
	engine_pause();
	test_note("%ld of %ld pages merged, %ld not, in %d full scans; %ld nodes", merged, all,
		  engine_get("pages_unshared"), scans, engine_get("pages_shared"));
	CHECK(merged + engine_get("pages_unshared") == all, "%ld of %ld pages are merged or unshared",
	      merged + engine_get("pages_unshared"), all);
	CHECK(engine_get("pages_volatile") == 0, "pages_volatile is %ld",
	      engine_get("pages_volatile"));
	CHECK(merged >= all / PAGES * (PAGES - 1), "only %ld of %ld pages have merged", merged, all);
	CHECK(engine_get("stable_node_chains") == 1, "stable_node_chains is %ld",
	      engine_get("stable_node_chains"));
	area_check_same(area, PAGES, 12);
	for (i = 0; i < CHILDREN; i++)
		kill(children[i], SIGKILL);
	for (i = 0; i < CHILDREN; i++)
		waitpid(children[i], NULL, 0);
}

static const struct test tests[] = {
	{ "cap", test_cap },
	{ "cap-two", test_cap_two },
	{ "default-cap", test_default_cap },
	{ "chain-prune", test_chain_prune },
	{ "fork-chain", test_fork_chain, .timeout_secs = 180 },
	{ "per-node", test_per_node, .numa = true },
	{ "across-nodes", test_across_nodes, .numa = true },
	{ "node-switch", test_node_switch, .numa = true },
	{ "node-migration", test_node_migration, .numa = true },
	{ "unshared-migration", test_unshared_migration, .numa = true },
	{ "migration-to-unshared", test_migration_to_unshared, .numa = true },
};

int main(int argc, char **argv)
{
	return harness_main("trees", tests, ARRAY_SIZE(tests), argc, argv);
}
