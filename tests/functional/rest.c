// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has nothing to merge comes to rest: it is neither looked at anew by every full scan nor in
 * the way of others, and wakes up when it changes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "swap.h"

#define HPAGE_PAGES (HPAGE_SIZE / PAGE_SIZE)
#define WITHIN_SECS 50

/* Is the condition met before this many full scans have begun and ended? */
static bool within(unsigned int scans, bool (*met)(void *arg), void *arg)
{
	struct limit limit = limit_begin(WITHIN_SECS * harness_slower());
	long began = engine_get("full_scans");

	for (;;) {
		bool last = engine_get("full_scans") > began + scans;

		if (met(arg))
			return true;
		if (last)
			return false;
		CHECK(!limit_passed(&limit), "%ld full scans after %u s, waiting for %u",
		      engine_get("full_scans") - began, WITHIN_SECS * harness_slower(), scans);
		usleep(2000);
	}
}

static bool has_skipped(void *before)
{
	return engine_get("pages_skipped") > *(long *)before;
}

/* With smart_scan, pages of unchanged memory are passed over sooner or later. */
static void check_skips(const char *where, size_t pages)
{
	long before;

	if (!engine_has("smart_scan") || !engine_has("pages_skipped"))
		test_skip("this engine has no smart_scan");
	engine_set("smart_scan", 1);
	before = engine_get("pages_skipped");
	CHECK(within(24, has_skipped, &before), "%s: nothing is skipped in 24 full scans", where);
	before = engine_get("pages_skipped");
	engine_wait_full_scans(10);
	test_note("%s: %ld of %zu pages skipped in about 10 full scans", where,
		  engine_get("pages_skipped") - before, pages * 10);
}

struct pages_child {
	size_t pages;
	uint64_t seed;
	char *area; /* shared with the parent */
};

static struct pages_child *pages_child_new(size_t pages, uint64_t seed)
{
	struct pages_child *c = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(c != MAP_FAILED, "mmap: %m");
	c->pages = pages;
	c->seed = seed;
	return c;
}

static void pages_child_run(struct helper *self, void *arg)
{
	struct pages_child *c = arg;

	helper_step(self);
	c->area = area_map_distinct(c->pages, c->seed);
	helper_step(self);
	area_check_distinct(c->area, c->pages, c->seed);
}

/* A process without any mergeable memory as yet. */
static void pages_child_fork(struct helper *h, struct pages_child *c)
{
	helper_start(h, pages_child_run, c);
	helper_wait(h);
}

static void pages_child_map(struct helper *h)
{
	helper_go(h);
	helper_wait(h);
}

struct twin {
	const char *page;
	struct helper child;
	struct pages_child *data;
};

static bool is_twin(void *arg)
{
	const struct twin *t = arg;
	uint64_t pfn = pfn_of(t->page);

	return pfn && pfn == pfn_of_other(t->child.pid, t->data->area);
}

#define TWIN_SEED 777777

static void twin_start(struct twin *t)
{
	t->data = pages_child_new(1, TWIN_SEED);
	pages_child_fork(&t->child, t->data);
	pages_child_map(&t->child);
}

static void twin_check_noticed(struct twin *t, char *page)
{
	t->page = page;
	page_fill(page, TWIN_SEED);
	/* A process with few pages is looked at in every eighth full scan, at worst. */
	CHECK(within(20, is_twin, t), "a page that changed at rest was not merged in 20 full scans");
	CHECK_PAGE(page, TWIN_SEED);
	helper_finish(&t->child);
}

static void test_one_page(void)
{
	struct twin twin;
	char *area;

	twin_start(&twin);
	area = area_map_same(1, 1);
	engine_start();
	check_skips("one page, and one of another process", 2);
	twin_check_noticed(&twin, area);
}

static void test_lone_page(void)
{
	area_map_same(1, 1);
	engine_start();
	check_skips("one page", 1);
}

/* From a tile's start on, each with a page's gap to the next. */
static void test_small_vmas(void)
{
	enum { VMAS = 50 };
	char *area, *at[VMAS], *next;
	struct twin twin;
	size_t i, page, total = 0;

	twin_start(&twin);
	area = mmap(NULL, 2 * HPAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED, "mmap: %m");
	next = (char *)(((uintptr_t)area + HPAGE_SIZE - 1) & ~(HPAGE_SIZE - 1));
	for (i = 0; i < VMAS; i++) {
		size_t pages = 1 + i % 5;

		at[i] = next;
		CHECK_SYS(mprotect(next, pages * PAGE_SIZE, PROT_READ | PROT_WRITE));
		area_no_huge(next, pages * PAGE_SIZE);
		for (page = 0; page < pages; page++)
			page_fill(next + page * PAGE_SIZE, 1000 + total + page);
		area_mergeable(next, pages);
		next += (pages + 1) * PAGE_SIZE;
		total += pages;
	}
	engine_start();
	check_skips("50 small VMAs", total + 1);
	twin_check_noticed(&twin, at[17] + PAGE_SIZE);
}

/* One VMA from some page after a huge page's start on; a page changes at its very end. */
static void check_one_vma(size_t skew, size_t pages)
{
	struct twin twin;
	char *area, *start;
	size_t i;

	twin_start(&twin);
	area = area_map(pages + skew + HPAGE_PAGES);
	start = (char *)(((uintptr_t)area + HPAGE_SIZE - 1) & ~(HPAGE_SIZE - 1)) + skew * PAGE_SIZE;
	for (i = 0; i < pages; i++)
		page_fill(start + i * PAGE_SIZE, 2000 + i);
	area_mergeable(start, pages);
	engine_start();
	check_skips("one VMA", pages + 1);
	twin_check_noticed(&twin, start + (pages - 1) * PAGE_SIZE);
	area_check_distinct(start, pages - 1, 2000);
}

static bool all_shared(void *pages)
{
	return engine_get("pages_sharing") == *(long *)pages;
}

/* Small processes rest with what they have merged, and what is written there shows at once. */
static void test_small_merged(void)
{
	enum { PAGES = 16, SEED = 6000, SCANS = 16 };
	struct pages_child *data = pages_child_new(PAGES, SEED);
	long sharing = PAGES, skipped;
	struct helper child;
	char *area;
	int i;

	if (engine_is_stock())
		test_skip("stock looks at merged pages in every full scan");
	pages_child_fork(&child, data);
	pages_child_map(&child);
	area = area_map_distinct(PAGES, SEED);
	engine_start();
	engine_set("smart_scan", 1);
	CHECK(within(10, all_shared, &sharing), "after 10 full scans %ld pages of %d are merged",
	      engine_get("pages_sharing"), PAGES);
	engine_wait_full_scans(20);
	skipped = engine_get("pages_skipped");
	engine_wait_full_scans(SCANS);
	skipped = engine_get("pages_skipped") - skipped;
	test_note("%ld of %d pages skipped in about %d full scans", skipped, 2 * PAGES * SCANS, SCANS);
	CHECK(skipped >= PAGES * SCANS, "%ld of %d pages were skipped", skipped, 2 * PAGES * SCANS);
	for (i = 0; i < 4; i++) {
		page_fill(area + i * PAGE_SIZE, SEED + 100 + i);
		engine_wait_full_scans(2);
		CHECK(engine_get("pages_sharing") == --sharing,
		      "two full scans after %d pages were written pages_sharing is %ld",
		      i + 1, engine_get("pages_sharing"));
		engine_wait_full_scans(20);
	}
	area_check_distinct(area + i * PAGE_SIZE, PAGES - i, SEED + i);
	helper_finish(&child);
}

/* Two tiles and a part of a third. */
static void test_cut_end(void)
{
	if (engine_is_stock())
		test_skip("stock may pass over a page for longer than ten full scans");
	check_one_vma(0, 300);
}

/* A part of a tile and a part of the next. */
static void test_cut_both(void)
{
	check_one_vma(100, 56);
}

/* Ended with the test, as they are of its process group. */
static pid_t sleeper_fork(void)
{
	pid_t pid = CHECK_SYS(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

struct family {
	const char *area;
	size_t pages;
	const pid_t *children;
	size_t nr_children;
	const struct helper *newcomer;
	const struct pages_child *new_data;
	size_t strays;
};

/* Are all mappings, of the family and of the newcomer, on the frame that the parent has? */
static bool family_is_one(void *arg)
{
	struct family *f = arg;
	size_t i, c, strays = 0;

	for (i = 0; i < f->pages; i++) {
		uint64_t pfn = pfn_of(f->area + i * PAGE_SIZE);

		for (c = 0; c < f->nr_children; c++)
			strays += pfn_of_other(f->children[c], f->area + i * PAGE_SIZE) != pfn;
		strays += pfn_of_other(f->newcomer->pid, f->new_data->area + i * PAGE_SIZE) != pfn;
	}
	f->strays = strays;
	return !strays;
}

static void test_forked(void)
{
	enum { PAGES = 1024, CHILDREN = 6, NEW = 8, SEED = 3000 };
	struct pages_child *data = pages_child_new(NEW, SEED + 100);
	pid_t children[CHILDREN];
	struct helper newcomer;
	struct family family = { .pages = NEW, .children = children, .nr_children = CHILDREN,
				 .newcomer = &newcomer, .new_data = data };
	char *area;
	size_t i;

	if (engine_is_stock())
		test_skip("stock looks at them in every full scan");
	pages_child_fork(&newcomer, data);
	area = area_map_distinct(PAGES, SEED);
	family.area = area + 100 * PAGE_SIZE;
	for (i = 0; i < CHILDREN; i++)
		children[i] = sleeper_fork();
	engine_start();
	engine_wait_full_scans(5);
	test_note("parent and 6 children: %ld volatile, %ld unshared", engine_get("pages_volatile"),
		  engine_get("pages_unshared"));
	CHECK(engine_get("pages_volatile") <= 16, "after 5 full scans pages_volatile is %ld",
	      engine_get("pages_volatile"));
	check_skips("parent and children", PAGES * (CHILDREN + 1));
	pages_child_map(&newcomer);
	CHECK(within(10, family_is_one, &family),
	      "after 10 full scans %zu of %d mappings are not on the parent's frame",
	      family.strays, NEW * (CHILDREN + 1));
	area_check_distinct(area, PAGES, SEED);
	helper_finish(&newcomer);
}

#define MANY 1100
#define MANY_PAGES 16

static size_t crowd_frames(const char *area, const pid_t *children, size_t *shared)
{
	uint64_t entries[MANY_PAGES], first = pfn_of(area);
	size_t c, i, others = pages_distinct(area, MANY_PAGES) - 1;

	*shared = 0;
	for (c = 0; c < MANY; c++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/pagemap", children[c]);
		fd = CHECK_SYS(open(path, O_RDONLY));
		CHECK(pread(fd, entries, sizeof(entries), (uintptr_t)area / PAGE_SIZE * 8) ==
		      sizeof(entries), "%s: %m", path);
		close(fd);
		for (i = 0; i < MANY_PAGES; i++)
			*shared += (entries[i] & ((1ULL << 55) - 1)) == first;
	}
	return others;
}

/* More sharers than a folio's count tells from a pin. */
static void test_many_sharers(void)
{
	static pid_t children[MANY];
	size_t i, others, shared;
	char *area;

	area = area_map_same(MANY_PAGES, 5);
	for (i = 0; i < MANY; i++)
		children[i] = sleeper_fork();
	engine_set("max_page_sharing", 100000);
	engine_start();
	engine_wait_full_scans(10);
	others = crowd_frames(area, children, &shared);
	test_note("1100 children: %zu of %d on the parent's first frame, volatile %ld, shared %ld, sharing %ld",
		  shared, MANY * MANY_PAGES, engine_get("pages_volatile"),
		  engine_get("pages_shared"), engine_get("pages_sharing"));
	CHECK(!others && shared == MANY * MANY_PAGES,
	      "after 10 full scans %zu of %d pages of children are on the parent's first frame, which has %zu more (volatile %ld)",
	      shared, MANY * MANY_PAGES, others, engine_get("pages_volatile"));
	CHECK(engine_get("pages_volatile") == 0, "pages_volatile is %ld",
	      engine_get("pages_volatile"));
	/* Gone, and not merely going, when the harness unmerges everything. */
	for (i = 0; i < MANY; i++)
		kill(children[i], SIGKILL);
	for (i = 0; i < MANY; i++)
		waitpid(children[i], NULL, 0);
}

#define SHARED_CONTENT 256
#define CONTENT_SEED 40000

struct pair {
	size_t apart; /* as last looked at */
	struct helper child[2];
	struct pages_child *data[2];
};

static void pair_fork(struct pair *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		p->data[i] = pages_child_new(SHARED_CONTENT, CONTENT_SEED);
		pages_child_fork(&p->child[i], p->data[i]);
	}
}

static bool pair_is_one(void *arg)
{
	struct pair *p = arg;
	size_t i;

	p->apart = 0;
	for (i = 0; i < SHARED_CONTENT; i++)
		p->apart += pfn_of_other(p->child[0].pid, p->data[0]->area + i * PAGE_SIZE) !=
			    pfn_of_other(p->child[1].pid, p->data[1]->area + i * PAGE_SIZE);
	return !p->apart;
}

static void pair_check_merges(struct pair *p)
{
	long came;
	int i;

	for (i = 0; i < 2; i++)
		pages_child_map(&p->child[i]);
	came = engine_get("full_scans");
	CHECK(within(10, pair_is_one, p),
	      "after 10 full scans %zu of %d pages of two new processes are apart", p->apart, SHARED_CONTENT);
	test_note("merged %ld full scans after they came", engine_get("full_scans") - came);
	for (i = 0; i < 2; i++)
		helper_finish(&p->child[i]);
}

/* Records of a process that has gone are still there until the scanner comes by. */
static void test_dead_peer(void)
{
	struct pages_child *big_data = pages_child_new((64 << 20) / PAGE_SIZE, 1000000);
	struct pages_child *first_data = pages_child_new(SHARED_CONTENT, CONTENT_SEED);
	struct helper big, first;
	struct pair pair;

	pair_fork(&pair);
	pages_child_fork(&big, big_data);
	pages_child_map(&big);
	engine_start();
	engine_set("pages_to_scan", 1000);
	engine_settle();
	pages_child_fork(&first, first_data);
	pages_child_map(&first);
	engine_settle();
	CHECK(engine_get("pages_sharing") == 0, "distinct pages: pages_sharing is %ld",
	      engine_get("pages_sharing"));
	engine_set("sleep_millisecs", 20);
	helper_kill(&first);
	pair_check_merges(&pair);
	helper_finish(&big);
}

#define BUSY_SIZE (16UL << 20)

/* Hardly ever seen outside of a system call that has the mmap_lock, or waits for it to write. */
static void *mapper_run(void *arg)
{
	char *area = mmap(NULL, BUSY_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	CHECK(area != MAP_FAILED, "mmap: %m");
	for (;;) {
		char *p = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED, "mmap: %m");
		CHECK_SYS(munmap(p, PAGE_SIZE));
		CHECK_SYS(mprotect(area, BUSY_SIZE, PROT_READ));
		CHECK_SYS(mprotect(area, BUSY_SIZE, PROT_READ | PROT_WRITE));
	}
	return NULL;
}

static void busy_run(struct helper *self, void *arg)
{
	pthread_t thread;
	int i;

	area_map_distinct(SHARED_CONTENT, CONTENT_SEED);
	helper_step(self);
	for (i = 0; i < 4; i++)
		CHECK(!pthread_create(&thread, NULL, mapper_run, NULL), "pthread_create");
	helper_step(self);
}

/* One that maps and unmaps all the time, so that its mmap_lock is hard to get. */
static void test_busy_peer(void)
{
	struct helper busy;
	struct pair pair;

	pair_fork(&pair);
	helper_start(&busy, busy_run, NULL);
	helper_wait(&busy);
	engine_start();
	engine_settle();
	/* A full scan is to take longer than a look at the pair. */
	engine_set("sleep_millisecs", 200);
	helper_go(&busy);
	helper_wait(&busy);
	pair_check_merges(&pair);
	helper_kill(&busy);
}

static void test_pinned(void)
{
	char *area = area_map_same(4, 6), copy[PAGE_SIZE];
	struct iovec iov = { .iov_base = area, .iov_len = PAGE_SIZE };
	uint64_t pfn = pfn_of(area);
	int fds[2];

	if (engine_is_stock())
		test_skip("stock looks at it in every full scan");
	CHECK_SYS(pipe(fds));
	CHECK(CHECK_SYS(vmsplice(fds[1], &iov, 1, 0)) == PAGE_SIZE, "vmsplice: short");
	engine_start();
	engine_wait_full_scans(8);
	check_merged("pages that are not in the pipe", area + PAGE_SIZE, 3);
	CHECK(pfn_of(area) == pfn, "the page in the pipe moved");
	engine_wait_at_most("with a page in a pipe", "pages_volatile", 0, 5);
	CHECK(read(fds[0], copy, PAGE_SIZE) == PAGE_SIZE, "read of the pipe: %m");
	CHECK_PAGE(copy, 6);
	close(fds[0]);
	close(fds[1]);
	wait_merged("out of the pipe", area, 4, 24);
	area_check_same(area, 4, 6);
}

#define THP "/sys/kernel/mm/transparent_hugepage"

#define EMPTY_HPAGES 8
#define EMPTY_PAGES (EMPTY_HPAGES * HPAGE_PAGES)

static char *map_empty(void)
{
	char *area;

	if (access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK))
		test_skip("this kernel does not count ksm_zero_pages");
	test_needs("TRANSPARENT_HUGEPAGE");
	CHECK(!file_write(THP "/enabled", "always"), "cannot turn huge pages on");
	/* To khugepaged zero pages are nothing, and of them it makes a huge page again. */
	CHECK(!file_write(THP "/khugepaged/max_ptes_none", "0"), "cannot set khugepaged");
	area = huge_map(EMPTY_HPAGES, 0);
	area_mergeable(area, EMPTY_PAGES);
	return area;
}

static bool all_counted(void *arg)
{
	return engine_get("ksm_zero_pages") == (long)EMPTY_PAGES;
}

static void test_empty_huge_pages(void)
{
	char *area = map_empty();
	size_t distinct;

	if (engine_is_stock())
		test_skip("stock does not count what a split maps to the zero page");
	engine_set("use_zero_pages", 1);
	engine_start();
	CHECK(within(20, all_counted, NULL), "after 20 full scans ksm_zero_pages is %ld, expected %lu (%zu map the zero page)",
	      engine_get("ksm_zero_pages"), EMPTY_PAGES, pages_of_frame(area, EMPTY_PAGES, zero_pfn()));
	CHECK(pages_of_frame(area, EMPTY_PAGES, zero_pfn()) == EMPTY_PAGES,
	      "%zu pages map the zero page", pages_of_frame(area, EMPTY_PAGES, zero_pfn()));
	engine_unmerge();
	distinct = pages_distinct(area, EMPTY_PAGES);
	CHECK(distinct == EMPTY_PAGES,
	      "run=2: %zu frames for %lu pages, %zu of them map the zero page", distinct,
	      EMPTY_PAGES, pages_of_frame(area, EMPTY_PAGES, zero_pfn()));
	CHECK(engine_get("ksm_zero_pages") == 0, "run=2: ksm_zero_pages is %ld",
	      engine_get("ksm_zero_pages"));
	area_check_same(area, EMPTY_PAGES, 0);
}

static void test_empty_split(void)
{
	char *area = map_empty();
	long zero, merged, split;

	engine_set("use_zero_pages", 0);
	engine_set("max_page_sharing", 100000);
	engine_start();
	engine_wait_full_scans(12);
	engine_pause();
	zero = pages_of_frame(area, EMPTY_PAGES, zero_pfn());
	merged = engine_get("pages_shared") + engine_get("pages_sharing");
	split = engine_get_or("split_zero_pages", -1);
	test_note("use_zero_pages=0: %ld of %lu map the zero page, split_zero_pages %ld, ksm_zero_pages %ld, %ld merged",
		  zero, EMPTY_PAGES, split, engine_get("ksm_zero_pages"), merged);
	if (split < 0)
		test_skip("this engine has no split_zero_pages");
	CHECK(split == zero, "%ld addresses map the zero page, split_zero_pages is %ld", zero, split);
	CHECK(zero + merged == (long)EMPTY_PAGES, "%ld zero and %ld merged of %lu pages", zero, merged,
	      EMPTY_PAGES);
	area_check_same(area, EMPTY_PAGES, 0);
}

static const struct test tests[] = {
	{ "lone-page", test_lone_page },
	{ "one-page", test_one_page },
	{ "small-vmas", test_small_vmas },
	{ "small-merged", test_small_merged },
	{ "cut-end", test_cut_end },
	{ "cut-both", test_cut_both },
	{ "forked", test_forked, .timeout_secs = 120 },
	{ "many-sharers", test_many_sharers, .timeout_secs = 180 },
	{ "dead-peer", test_dead_peer, .timeout_secs = 120 },
	{ "busy-peer", test_busy_peer },
	{ "pinned", test_pinned },
	{ "empty-huge-pages", test_empty_huge_pages },
	{ "empty-split", test_empty_split },
};

int main(int argc, char **argv)
{
	return harness_main("rest", tests, ARRAY_SIZE(tests), argc, argv);
}
