// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds a copy of a known content is not to keep others who have it from merging: not when
 * it is dead, and not when nobody gets at its address space.
 */
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

#define KNOWN_PAGES 512UL
#define KNOWN_SEED 40000000UL
#define OTHER_SEED 50000000UL
#define BALLAST_PAGES 16384UL
#define HELD_PAGES 4096UL
#define LIMIT_SECS 20
#define VETO_TIMES 3

static void fill_known(void *page, size_t index)
{
	page_fill(page, KNOWN_SEED + index);
}

/* Two that come now, and the time until they are merged. */
static double pair_secs(unsigned int limit_secs)
{
	struct equals e;
	double secs;

	equals_init(&e, KNOWN_PAGES, fill_known);
	equals_start_pair(&e);
	secs = equals_wait(&e, 0, 1, limit_secs);
	equals_stop(&e);
	return secs;
}

/*
 * The ballast makes a full scan take some seconds, and the dead one is met again in the next one
 * only.
 */
void case_veto_dead(void)
{
	struct helper before, after, attacker;
	double alone, secs, worst = 0;
	int phase;

	scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
	start_distinct(&before, BALLAST_PAGES / 2, 1000);
	start_distinct(&after, BALLAST_PAGES / 2, 1000 + BALLAST_PAGES);
	engine_set("run", 1);
	engine_wait_full_scans(1);
	alone = pair_secs(60);
	figure("veto-dead.alone_secs", alone);
	for (phase = 0; phase < 2; phase++) {
		start_distinct(&attacker, KNOWN_PAGES, KNOWN_SEED);
		/* Until it has been looked at twice: all of it is known, and unshared. */
		engine_wait_full_scans(2);
		if (phase)
			sleep_secs(BALLAST_PAGES / 5000.0 / 2);
		helper_kill(&attacker);
		secs = pair_secs(LIMIT_SECS);
		worst = fmax(worst, secs);
	}
	figure("veto-dead.secs", worst);
	helper_kill(&before);
	helper_kill(&after);
	judge(worst <= VETO_TIMES * alone, "two with what a dead process held merge after %.1f s, alone after %.1f",
	      worst, alone);
	judge_end();
}

/* Hold the lock of the address space for writing nearly all of the time. */
static void *hold_lock(void *unused)
{
	char *area = mmap(NULL, HELD_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	char *page;

	CHECK(area != MAP_FAILED, "mmap: %m");
	for (;;) {
		CHECK_SYS(mprotect(area, HELD_PAGES * PAGE_SIZE, PROT_READ));
		page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		CHECK(page != MAP_FAILED, "mmap: %m");
		CHECK_SYS(mprotect(area, HELD_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE));
		CHECK_SYS(munmap(page, PAGE_SIZE));
	}
	return NULL;
}

static void locked_main(struct helper *self, void *arg)
{
	size_t seed = *(size_t *)arg;
	pthread_t thread;

	tenant_become();
	area_map_distinct(KNOWN_PAGES, seed);
	/* Its records are to be there before the lock is hard to get. */
	helper_step(self);
	CHECK(!pthread_create(&thread, NULL, hold_lock, NULL), "pthread_create");
	hold_lock(NULL);
}

static double locked_secs(size_t seed, unsigned int limit_secs)
{
	struct helper attacker;
	double secs;

	engine_set("run", 1);
	helper_start(&attacker, locked_main, &seed);
	helper_wait(&attacker);
	engine_wait_full_scans(2);
	helper_go(&attacker);
	sleep_secs(0.5);
	secs = pair_secs(limit_secs);
	helper_kill(&attacker);
	engine_unmerge();
	return secs;
}

/* The threads take CPU time from the scanner, with other contents just as much. */
void case_veto_locked(void)
{
	double alone, secs;

	scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
	alone = locked_secs(OTHER_SEED, 60);
	figure("veto-locked.alone_secs", alone);
	secs = locked_secs(KNOWN_SEED, LIMIT_SECS);
	figure("veto-locked.secs", secs);
	judge(secs <= VETO_TIMES * alone,
	      "two with what a locked process holds merge after %.1f s, with others after %.1f",
	      secs, alone);
	judge_end();
}
