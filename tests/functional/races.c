// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of one process change its mappings at the same time, and processes fork without end, on
 * memory that is being merged. Where other engines have crashed or lost what was there.
 */
#include <errno.h>
#include <pthread.h>
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

#define THREADS 3
#define ROUNDS 80 /* at least */
#define PAGES 24
#define SCANS 12

/* All have mapped what they need before the first makes holes that a mapping could come into. */
static pthread_barrier_t mapped;

/* Each thread has a part of its own of what all of them work on. */
struct part {
	unsigned int number;
	char *area;
	pthread_t thread;
};

/* Until the engine has been by a number of times. */
static bool go_on(int round)
{
	return round < ROUNDS || (round < 50 * ROUNDS && engine_get("full_scans") < SCANS);
}

static void run_threads(void *(*run)(void *part), char *area)
{
	struct part parts[THREADS];
	unsigned int i;

	/* Without anything to scan the engine would idle. */
	area_map_same(2, 999999);
	engine_start();
	CHECK(!pthread_barrier_init(&mapped, NULL, THREADS), "pthread_barrier_init");
	for (i = 0; i < THREADS; i++) {
		parts[i] = (struct part){ i, area ? area + i * PAGES * PAGE_SIZE : NULL };
		CHECK(!pthread_create(&parts[i].thread, NULL, run, &parts[i]), "pthread_create: %m");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(parts[i].thread, NULL);
	test_note("%ld full scans meanwhile", engine_get("full_scans"));
}

static void *move_about(void *arg)
{
	char *area = area_map_same(PAGES, 1), *places[2] = { area_map(PAGES), area_map(PAGES) };
	size_t size = PAGES * PAGE_SIZE;
	int round;

	pthread_barrier_wait(&mapped);
	for (round = 0; go_on(round); round++) {
		char *to = places[round % 2];

		CHECK(mremap(area, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap: %m");
		area = to;
		page_touch(area + round % PAGES * PAGE_SIZE);
		area_check_same(area, PAGES, 1);
	}
	return NULL;
}

static void test_mremap(void)
{
	run_threads(move_about, NULL);
	/* Nothing is left of the threads' memory but where they moved it to. */
	engine_settle();
	CHECK(engine_get("pages_sharing") > 0, "nothing is merged after all those moves");
}

static void *map_and_unmap(void *arg)
{
	int round;

	for (round = 0; go_on(round); round++) {
		char *area = area_map_same(PAGES, 2);

		usleep(1000 * (round % 8));
		area_check_same(area, PAGES, 2);
		CHECK_SYS(munmap(area + PAGE_SIZE * (round % 3), PAGE_SIZE));
		CHECK_SYS(munmap(area, PAGES * PAGE_SIZE));
	}
	return NULL;
}

static void test_munmap(void)
{
	run_threads(map_and_unmap, NULL);
	engine_settle();
	engine_check_counters("all unmapped", 1, 1, 0, 0);
}

/* Pages of one VMA are protected and released one by one, so that it splits and joins again. */
static void *split_and_join(void *arg)
{
	struct part *part = arg;
	int round;

	for (round = 0; go_on(round); round++) {
		char *page = part->area + round * 5 % PAGES * PAGE_SIZE;

		CHECK_SYS(mprotect(page, PAGE_SIZE, round % 2 ? PROT_READ : PROT_READ | PROT_EXEC));
		area_check_same(part->area, PAGES, 3);
		CHECK_SYS(mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE));
		page_touch(page);
	}
	area_check_same(part->area, PAGES, 3);
	return NULL;
}

static void test_vma_split(void)
{
	char *area = area_map_same(THREADS * PAGES, 3);

	run_threads(split_and_join, area);
	wait_merged("after splitting and joining", area, THREADS * PAGES, 16);
	area_check_same(area, THREADS * PAGES, 3);
}

/* Every process writes its own, sees its parent's, and has children until the depth is reached. */
static void storm(char *area, int depth)
{
	pid_t pids[3];
	size_t i;

	area_check_same(area, PAGES, 4);
	page_touch(area + depth * PAGE_SIZE);
	for (i = 0; depth && i < ARRAY_SIZE(pids); i++) {
		pids[i] = CHECK_SYS(fork());
		if (!pids[i]) {
			storm(area, depth - 1);
			_exit(0);
		}
	}
	for (i = 0; depth && i < ARRAY_SIZE(pids); i++)
		child_finish(pids[i]);
	area_check_same(area, PAGES, 4);
}

static void test_fork_storm(void)
{
	char *area = area_map_same(PAGES, 4);
	int round;

	/* Children map the page as well: with less, a second one would be right. */
	engine_set("max_page_sharing", 10000);
	engine_start();
	for (round = 0; round < 5 || engine_get("full_scans") < SCANS; round++)
		storm(area, 3);
	/* A page that was written again and again may have to hold still for a while. */
	wait_merged("after the storm", area, PAGES, 20);
	/* What the last children to end had counts until the scanner has been by their slots. */
	engine_settle();
	check_merged("after the storm", area, PAGES);
	engine_check_counters("after the storm", 1, PAGES - 1, 0, 0);
}

static const struct test tests[] = {
	{ "mremap", test_mremap, .timeout_secs = 120 },
	{ "munmap", test_munmap, .timeout_secs = 120 },
	{ "vma-split", test_vma_split, .timeout_secs = 120 },
	{ "fork-storm", test_fork_storm, .timeout_secs = 120 },
};

int main(int argc, char **argv)
{
	return harness_main("races", tests, ARRAY_SIZE(tests), argc, argv);
}
