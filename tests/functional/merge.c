// SPDX-License-Identifier: GPL-2.0-only
/*
 * What merges, what does not, and what reading and writing do to a merged page.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"

static void test_equal_pages(void)
{
	char *pair = area_map_same(2, 1);
	char *other = area_map_distinct(3, 10);

	check_unmerged("before run=1", pair, 2);
	engine_start();
	engine_settle();
	check_merged("two equal pages", pair, 2);
	check_unmerged("three different pages", other, 3);
	area_check_same(pair, 2, 1);
	area_check_distinct(other, 3, 10);
	engine_check_counters("two equal, three different", 1, 1, 3, 0);
}

/* Every page differs from every other in one byte only, at places all over the page. */
static void test_one_byte_apart(void)
{
	enum { PAGES = 257 };
	char *area = area_map_same(PAGES, 2);
	size_t i;

	for (i = 1; i < PAGES; i++)
		area[i * PAGE_SIZE + (i - 1) * 16 + i % 16] ^= 1;
	engine_start();
	engine_wait_full_scans(4);
	check_unmerged("pages that differ in one byte", area, PAGES);
	for (i = 1; i < PAGES; i++)
		area[i * PAGE_SIZE + (i - 1) * 16 + i % 16] ^= 1;
	area_check_same(area, PAGES, 2);
	engine_wait_full_scans(3);
	CHECK(pages_distinct(area, PAGES) <= 2, "pages made equal lie in %zu frames",
	      pages_distinct(area, PAGES));
}

static void test_across_processes_child(struct helper *self, void *arg)
{
	char *area = area_map_same(4, 3);
	uint64_t pfn;

	helper_step(self);
	pfn = pfn_of(area);
	CHECK(pfn == *(uint64_t *)arg, "the other process has frame %#llx, this one %#llx",
	      (unsigned long long)*(uint64_t *)arg, (unsigned long long)pfn);
	check_merged("in the child", area, 4);
	area_check_same(area, 4, 3);
	area[0]++;
	helper_step(self);
	area[0]--;
	area_check_same(area, 4, 3);
}

static void test_across_processes(void)
{
	char *area = area_map_same(4, 3);
	uint64_t *pfn = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	struct helper child;

	helper_start(&child, test_across_processes_child, pfn);
	helper_wait(&child);
	engine_start();
	engine_settle();
	*pfn = pfn_of(area);
	check_merged("in the parent", area, 4);
	helper_go(&child);
	helper_wait(&child);
	area_check_same(area, 4, 3);
	check_merged("after the child wrote to its copy", area, 4);
	helper_finish(&child);
}

static void test_reading_keeps_merge(void)
{
	char *area = area_map_same(8, 4);
	uint64_t pfn;
	int round;

	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	pfn = pfn_of(area);
	for (round = 0; round < 100; round++)
		area_check_same(area, 8, 4);
	check_merged("after reading", area, 8);
	CHECK(pfn_of(area) == pfn, "reading moved the page");
	engine_wait_full_scans(3);
	CHECK(pfn_of(area) == pfn, "further scans moved the page");
	check_merged("after further scans", area, 8);
}

static void test_writing_breaks_one(void)
{
	char *area = area_map_same(8, 5);
	uint64_t pfn;

	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	pfn = pfn_of(area);
	engine_pause();
	page_fill(area + 3 * PAGE_SIZE, 6);
	CHECK(pfn_of(area + 3 * PAGE_SIZE) != pfn, "the written page kept the shared frame");
	check_page_ksm("the written page", area + 3 * PAGE_SIZE, false);
	check_merged("pages before the written one", area, 3);
	check_merged("pages after the written one", area + 4 * PAGE_SIZE, 4);
	CHECK(pfn_of(area) == pfn && pfn_of(area + 7 * PAGE_SIZE) == pfn,
	      "a page that was not written moved");
	area_check_same(area, 3, 5);
	CHECK_PAGE(area + 3 * PAGE_SIZE, 6);
	area_check_same(area + 4 * PAGE_SIZE, 4, 5);
	engine_set("run", 1);
	engine_settle();
	engine_check_counters("one of eight written", 1, 6, 1, 0);
}

static void test_joins_stable_page(void)
{
	char *pair = area_map_same(2, 7), *third;
	uint64_t pfn;

	engine_start();
	engine_settle();
	check_merged("the pair", pair, 2);
	pfn = pfn_of(pair);
	third = area_map_same(1, 7);
	engine_settle();
	CHECK(pfn_of(third) == pfn, "a third equal page did not join the merged one");
	CHECK(pfn_of(pair) == pfn, "the merged page moved");
	area_check_same(third, 1, 7);
	engine_check_counters("three equal pages", 1, 2, 0, 0);
}

/* A merged page that every sharer has left is forgotten, and its content merges anew. */
static void test_content_returns(void)
{
	char *area = area_map_same(4, 8);
	int round;

	engine_start();
	for (round = 0; round < 3; round++) {
		size_t i;

		engine_settle();
		check_merged("equal again", area, 4);
		for (i = 0; i < 4; i++)
			page_fill(area + i * PAGE_SIZE, 100 * (round + 1) + i);
		engine_settle();
		check_unmerged("each its own", area, 4);
		engine_check_counters("each its own", 0, 0, 4, 0);
		engine_set("run", 1);
		for (i = 0; i < 4; i++)
			page_fill(area + i * PAGE_SIZE, 8);
	}
	engine_settle();
	check_merged("at the end", area, 4);
	area_check_same(area, 4, 8);
}

static void test_many_pairs(void)
{
	enum { PAIRS = 2000 };
	char *left = area_map_distinct(PAIRS, 10000);
	char *right = area_map_distinct(PAIRS, 10000);

	engine_start();
	engine_settle();
	CHECK(pages_together(left, right, PAIRS) == PAIRS, "%zu of %d pairs have merged",
	      pages_together(left, right, PAIRS), PAIRS);
	CHECK(pages_distinct(left, PAIRS) == PAIRS, "%d different pages lie in %zu frames", PAIRS,
	      pages_distinct(left, PAIRS));
	area_check_distinct(left, PAIRS, 10000);
	area_check_distinct(right, PAIRS, 10000);
	engine_check_counters("many pairs", PAIRS, PAIRS, 0, 0);
}

struct writer {
	char *page;
	atomic_bool stop;
	unsigned long writes;
};

/*
 * Makes its page equal to the neighbour's and different again, on and on, and looks for a write
 * that was lost to a merge.
 */
static void *writer_run(void *arg)
{
	struct writer *w = arg;
	volatile uint64_t *last = (volatile uint64_t *)(w->page + PAGE_SIZE) - 1;
	uint64_t equal = *last;

	while (!atomic_load(&w->stop)) {
		uint64_t value = w->writes % 2 ? equal : equal + w->writes;
		unsigned int spin;

		*last = value;
		for (spin = 0; spin < 2000; spin++)
			CHECK(*last == value, "write %lu was lost: %#llx in place of %#llx", w->writes,
			      (unsigned long long)*last, (unsigned long long)value);
		w->writes++;
	}
	*last = equal;
	return NULL;
}

static void test_writers_race_merge(void)
{
	enum { WRITERS = 4 };
	char *area = area_map_same(2 * WRITERS, 9);
	struct writer writers[WRITERS] = { 0 };
	pthread_t threads[WRITERS];
	size_t i;

	for (i = 0; i < WRITERS; i++) {
		writers[i].page = area + (2 * i + 1) * PAGE_SIZE;
		CHECK(!pthread_create(&threads[i], NULL, writer_run, &writers[i]),
		      "pthread_create: %m");
	}
	engine_start();
	engine_wait_full_scans(60);
	for (i = 0; i < WRITERS; i++)
		atomic_store(&writers[i].stop, true);
	for (i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		CHECK(writers[i].writes > 10, "writer %zu came to %lu writes only", i,
		      writers[i].writes);
	}
	area_check_same(area, 2 * WRITERS, 9);
	/* An engine may have learnt that merging these pages is in vain. */
	wait_merged("after the writers stopped", area, 2 * WRITERS, 20);
	check_merged("after the writers stopped", area, 2 * WRITERS);
	area_check_same(area, 2 * WRITERS, 9);
}

/* A page that changes before every scan counts as volatile and stays where it is. */
static void test_volatile_page(void)
{
	char *area = area_map_same(3, 11);
	uint64_t seed = 1000;
	int round;

	engine_start();
	engine_settle();
	check_merged("at first", area, 3);
	for (round = 0; round < 5; round++) {
		page_fill(area, ++seed);
		engine_wait_full_scans(1);
		CHECK_PAGE(area, seed);
		check_page_ksm("a page that keeps changing", area, false);
		check_merged("the steady pages", area + PAGE_SIZE, 2);
	}
}

static void test_unsuitable_mappings(void)
{
	char name[] = "/tmp/uksm-merge-XXXXXX";
	int fd = CHECK_SYS(mkstemp(name));
	char *shared, *file, buf[PAGE_SIZE];
	size_t i;

	unlink(name);
	page_fill(buf, 12);
	for (i = 0; i < 4; i++)
		CHECK(write(fd, buf, PAGE_SIZE) == PAGE_SIZE, "write: %m");
	shared = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(shared != MAP_FAILED && file != MAP_FAILED, "mmap: %m");
	for (i = 0; i < 4; i++)
		page_fill(shared + i * PAGE_SIZE, 12);
	area_mergeable(shared, 4);
	area_mergeable(file, 4);
	area_check_same(file, 4, 12);
	/* Copied on write, two pages of the file mapping become anonymous and may merge. */
	page_touch(file);
	page_touch(file + PAGE_SIZE);
	engine_start();
	engine_wait_full_scans(3);
	check_unmerged("a shared mapping", shared, 4);
	check_unmerged("page cache", file + 2 * PAGE_SIZE, 2);
	check_merged("private copies of file pages", file, 2);
	area_check_same(shared, 4, 12);
	area_check_same(file, 4, 12);
	engine_check_counters("two private copies", 1, 1, 0, 0);
}

static void test_never_advised(void)
{
	char *area = area_map(4);
	char *advised = area_map_same(2, 13);
	size_t i;

	for (i = 0; i < 4; i++)
		page_fill(area + i * PAGE_SIZE, 13);
	engine_start();
	engine_wait_full_scans(3);
	check_merged("advised memory", advised, 2);
	check_unmerged("memory that never asked", area, 4);
}

static void test_locked_memory(void)
{
	char *area = area_map_same(8, 14);

	CHECK_SYS(mlock(area, 8 * PAGE_SIZE));
	engine_start();
	engine_settle();
	check_merged("locked memory", area, 8);
	CHECK(smaps_kib(area, "Locked:") > 0, "smaps shows no locked memory");
	page_touch(area + 2 * PAGE_SIZE);
	CHECK_SYS(munlock(area, 8 * PAGE_SIZE));
	area_check_same(area, 8, 14);
	engine_settle();
	check_merged("after munlock", area, 8);
}

static void test_run_2_unmerges(void)
{
	char *area = area_map_same(300, 15);

	engine_start();
	engine_settle();
	CHECK(pages_distinct(area, 300) <= 2, "300 equal pages lie in %zu frames",
	      pages_distinct(area, 300));
	engine_unmerge();
	check_unmerged("after run=2", area, 300);
	area_check_same(area, 300, 15);
	CHECK(engine_get("run") == 2, "run reads %ld", engine_get("run"));
	engine_set("run", 1);
	engine_settle();
	CHECK(pages_distinct(area, 300) <= 2, "merged again: %zu frames", pages_distinct(area, 300));
	area_check_same(area, 300, 15);
}

/* Whoever waits for full_scans must not wait for ever because nothing has been written yet. */
static void test_untouched_memory(void)
{
	volatile char *area = area_map(4);

	area_mergeable((char *)area, 4);
	engine_start();
	engine_wait_full_scans(2);
	CHECK(!area[0], "fresh memory is not empty");
	engine_wait_full_scans(2);
	engine_check_counters("nothing but fresh memory", 0, 0, 0, 0);
}

/* With run=0 nothing merges, what is merged stays, and full_scans stands still. */
static void test_run_0_holds(void)
{
	char *area = area_map_same(2, 16), *late;
	long scans;

	engine_start();
	engine_settle();
	engine_pause();
	late = area_map_same(2, 17);
	scans = engine_get("full_scans");
	usleep(300000);
	CHECK(engine_get("full_scans") == scans, "full_scans moved with run=0");
	check_merged("merged before", area, 2);
	check_unmerged("mapped after run=0", late, 2);
	engine_set("run", 1);
	engine_settle();
	check_merged("after run=1 again", late, 2);
}

static const struct test tests[] = {
	{ "equal-pages", test_equal_pages },
	{ "one-byte-apart", test_one_byte_apart },
	{ "across-processes", test_across_processes },
	{ "reading-keeps-merge", test_reading_keeps_merge },
	{ "writing-breaks-one", test_writing_breaks_one },
	{ "joins-stable-page", test_joins_stable_page },
	{ "content-returns", test_content_returns },
	{ "many-pairs", test_many_pairs },
	{ "writers-race-merge", test_writers_race_merge },
	{ "volatile-page", test_volatile_page },
	{ "unsuitable-mappings", test_unsuitable_mappings },
	{ "never-advised", test_never_advised },
	{ "locked-memory", test_locked_memory },
	{ "run-2-unmerges", test_run_2_unmerges },
	{ "untouched-memory", test_untouched_memory },
	{ "run-0-holds", test_run_0_holds },
};

int main(int argc, char **argv)
{
	return harness_main("merge", tests, ARRAY_SIZE(tests), argc, argv);
}
