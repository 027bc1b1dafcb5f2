// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces of many small mappings, and big ones that go away at once.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

#define SMALL_VMAS 20000UL
#define BIG_PAGES 65536UL
#define BIG_MERGES (BIG_PAGES / 4)

/*
 * "A few milliseconds", says docs/design.md of what others wait for. An instruction counts as a
 * nanosecond; in mmap() there may be a time slice or two of others in between.
 */
#define MMAP_SECS 0.03
#define WRITE_SECS 0.004

/* The host's load makes single rounds long where the clock is its. */
#define CLOCK_SECS 0.1

/**
 * struct tenancy - what a tenant with big memory is told and tells
 * @rounds: of its second thread
 * @area: the big memory
 */
struct tenancy {
	struct rounds rounds;
	char *area;
};

static double limit_of(double secs)
{
	return getenv("HOSTILE_CLOCK") ? fmax(secs, CLOCK_SECS) : secs;
}

static void second_thread(struct tenancy *t)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, rounds_of_mmap, &t->rounds), "pthread_create");
}

static void small_vmas_main(struct helper *self, void *arg)
{
	struct tenancy *t = arg;
	char *area;
	size_t i;

	tenant_become();
	area = area_map_distinct(SMALL_VMAS, 90000000);
	for (i = 0; i < SMALL_VMAS; i += 2)
		CHECK_SYS(mprotect(area + i * PAGE_SIZE, PAGE_SIZE, PROT_READ));
	second_thread(t);
	helper_step(self);
}

static double write_secs(const char *knob, long value)
{
	double began = now_secs();
	int err = engine_try_set(knob, value);

	CHECK(!err || err == -EBUSY, "%s=%ld: %d", knob, value, err);
	return now_secs() - began;
}

/* The longest of writes to several knobs, over some seconds. */
static double writes_longest_secs(double secs)
{
	double longest = 0, began = now_secs();

	while (now_secs() - began < secs) {
		longest = fmax(longest, write_secs("pages_to_scan", engine_get("pages_to_scan")));
		longest = fmax(longest, write_secs("max_page_sharing",
						   engine_get("max_page_sharing")));
		longest = fmax(longest, write_secs("run", 1));
		if (engine_has("max_cpu_percentage"))
			longest = fmax(longest, write_secs("max_cpu_percentage", 100));
		sleep_secs(0.02);
	}
	return longest;
}

static void rounds_end(struct tenancy *t)
{
	atomic_store(&t->rounds.stop, 1);
}

void case_many_vmas(void)
{
	struct tenancy *t = shared_memory(sizeof(*t));
	struct helper tenant;
	double longest, cpu;
	long skipped, scanned;

	scanner_tempo(2000, DEFAULT_MSECS);
	helper_start(&tenant, small_vmas_main, t);
	helper_wait(&tenant);
	engine_set("run", 1);
	rounds_reset(&t->rounds);
	longest = writes_longest_secs(4);
	figure("many-vmas.mmap_secs", rounds_longest_secs(&t->rounds));
	figure("many-vmas.write_secs", longest);
	judge(rounds_longest_secs(&t->rounds) <=
		      fmax(limit_of(MMAP_SECS), 2 * figure_of_ksmd("many-vmas.mmap_secs", 0)),
	      "mmap takes %.3f s", rounds_longest_secs(&t->rounds));
	judge(longest <= fmax(limit_of(WRITE_SECS), 2 * figure_of_ksmd("many-vmas.write_secs", 0)),
	      "a write to a knob takes %.3f s", longest);

	rounds_end(t);
	scanner_smart();
	engine_wait_full_scans(12);
	skipped = engine_get_or("pages_skipped", 0);
	scanned = engine_get_or("pages_scanned", 0);
	cpu = scanner_cpu_secs();
	engine_wait_full_scans(7);
	skipped = engine_get_or("pages_skipped", 0) - skipped;
	scanned = engine_get_or("pages_scanned", 0) - scanned;
	figure("many-vmas.skipped_pages", skipped);
	figure("many-vmas.scanned_pages", scanned);
	figure("many-vmas.cpu_secs_per_scan", (scanner_cpu_secs() - cpu) / 8);
	judge(skipped > scanned, "at rest %ld pages are scanned and %ld skipped", scanned, skipped);
	helper_kill(&tenant);
	judge_end();
}

/* Every second page has an equal two pages from it. */
static void fill_big(char *area)
{
	size_t i;

	for (i = 0; i < BIG_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, i % 2 ? 200000000 + i : 300000000 + i / 4);
	area_mergeable(area, BIG_PAGES);
}

static void big_main(struct helper *self, void *arg)
{
	struct tenancy *t = arg;

	tenant_become();
	t->area = area_map(BIG_PAGES);
	fill_big(t->area);
	/* Something stays, so that the address space does. */
	area_map_distinct(64, 95000000);
	second_thread(t);
	helper_step(self);
	CHECK_SYS(munmap(t->area, BIG_PAGES * PAGE_SIZE));
	helper_step(self);
}

/* A process of BIG_PAGES, all of it known to the engine, and what can be merged is. */
static void big_start(struct helper *h, struct tenancy *t)
{
	struct limit limit;

	scanner_tempo(20000, 1);
	rounds_reset(&t->rounds);
	helper_start(h, big_main, t);
	helper_wait(h);
	engine_set("run", 1);
	limit = limit_begin(60 * harness_slower());
	while (engine_get("pages_sharing") < (long)BIG_MERGES) {
		CHECK(!limit_passed(&limit), "only %ld of %lu pages merged",
		      engine_get("pages_sharing"), BIG_MERGES);
		sleep_secs(0.05);
	}
	engine_wait_full_scans(1);
}

/* Two full scans, at a tempo at which they last. */
static void two_scans(void)
{
	long scans = engine_get("full_scans");
	struct limit limit = limit_begin(20 * harness_slower());

	while (engine_get("full_scans") < scans + 3 && !limit_passed(&limit))
		sleep_secs(0.01);
}

void case_big_munmap(void)
{
	struct tenancy *t = shared_memory(sizeof(*t));
	struct helper tenant;
	double quiet, longest;

	big_start(&tenant, t);
	scanner_tempo(1000, DEFAULT_MSECS);
	rounds_reset(&t->rounds);
	two_scans();
	quiet = rounds_longest_secs(&t->rounds);
	helper_go(&tenant);
	helper_wait(&tenant);
	/* The munmap itself is the tenant's own doing. */
	rounds_reset(&t->rounds);
	two_scans();
	longest = rounds_longest_secs(&t->rounds);
	figure("big-munmap.quiet_mmap_secs", quiet);
	figure("big-munmap.mmap_secs", longest);
	judge(longest <= fmax(limit_of(MMAP_SECS), 2 * quiet),
	      "after munmap of %lu MiB a thread waits %.3f s, before it %.3f", BIG_PAGES >> 8,
	      longest, quiet);
	helper_kill(&tenant);
	judge_end();
}

void case_big_death(void)
{
	struct tenancy *t = shared_memory(sizeof(*t));
	double longest = 0, gone = NEVER, began, used, share;
	struct helper tenant, other;
	long metadata;

	/* Without anybody, the engine has nothing to go through. */
	start_distinct(&other, 1000, 1000);
	engine_start();
	engine_wait_full_scans(1);
	metadata = metadata_bytes();
	big_start(&tenant, t);
	figure("big-death.metadata_bytes", metadata_bytes());
	scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
	helper_kill(&tenant);
	began = now_secs();
	while (now_secs() - began < 5) {
		longest = fmax(longest, write_secs("run", 1));
		if (engine_has("max_cpu_percentage"))
			longest = fmax(longest, write_secs("max_cpu_percentage", 50));
		if (gone == NEVER && !engine_get("pages_sharing") &&
		    metadata_bytes() <= metadata * 1.2 + 65536)
			gone = now_secs() - began;
		sleep_secs(0.01);
	}
	figure("big-death.write_secs", longest);
	figure("big-death.gone_secs", gone);
	judge(gone <= 2, "a dead process of %lu MiB is forgotten after %.1f s: pages_sharing %ld, %ld bytes of metadata",
	      BIG_PAGES >> 8, gone, engine_get("pages_sharing"), metadata_bytes());
	judge(longest <= fmax(limit_of(WRITE_SECS), 2 * figure_of_ksmd("big-death.write_secs", 0)),
	      "a write to run takes %.3f s after a process of %lu MiB has died", longest,
	      BIG_PAGES >> 8);

	if (!engine_is_stock()) {
		engine_set("max_cpu_percentage", 100);
		big_start(&tenant, t);
		scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
		engine_set("max_cpu_percentage", 5);
		sleep_secs(1);
		used = scanner_cpu_secs();
		began = now_secs();
		helper_kill(&tenant);
		/* Any second of them, not only the ten. */
		share = scanner_share(1);
		sleep_secs(9);
		figure("big-death.limited_percent_of_first_sec", share);
		used = (scanner_cpu_secs() - used) / (now_secs() - began) * 100;
		figure("big-death.limited_percent", used);
		judge(used <= 5.5, "%.1f %% of a CPU with a limit of 5", used);
		judge(share <= 10, "%.1f %% of a CPU in the second after with a limit of 5", share);
		engine_set("max_cpu_percentage", 100);
	}
	helper_kill(&other);
	judge_end();
}
