// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that have ended: what the engine knew of them goes soon, whether it scans, stands or
 * has unmerged everything, and keeps nobody else from merging. Nor does one that is busy.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "swap.h"
#include "uapi.h"

/* A full scan of so much takes a minute and more with slow_scan(), and one 20 ms with engine_start(). */
#define BULK_PAGES 8192UL

/* A record is not smaller. */
#define RECORD_BYTES 24

/* How soon the counters follow. */
#define FOLLOW_SECS 2

static void slow_scan(void)
{
	engine_set("pages_to_scan", 50);
	engine_set("sleep_millisecs", 500);
}

static void bulk(struct helper *self, void *seed)
{
	area_map_distinct(BULK_PAGES, (uintptr_t)seed);
	helper_step(self);
}

static void bulk_start(struct helper *h, uint64_t seed)
{
	helper_start(h, bulk, (void *)(uintptr_t)seed);
	helper_wait(h);
}

#define STRANGER_PAGES 64UL
#define VICTIM_PAGES 1000UL

static void victim(struct helper *self, void *unused)
{
	area_map_same(VICTIM_PAGES, 3);
	area_map_distinct(VICTIM_PAGES, 300000);
	helper_step(self);
}

static void victim_start(struct helper *h)
{
	helper_start(h, victim, NULL);
	helper_wait(h);
}

/* All that is merged was the victim's, and @metadata what was used while it lived. */
static void check_victim_gone(const char *where, long metadata)
{
	engine_wait_at_most(where, "pages_sharing", 0, FOLLOW_SECS);
	engine_wait_at_most(where, "pages_shared", 0, FOLLOW_SECS);
	engine_wait_at_most(where, "metadata_bytes", metadata - 2 * VICTIM_PAGES * RECORD_BYTES,
			    FOLLOW_SECS);
}

/* The scanner has just been there, and will take a long time to come by again. */
static void test_while_scanned(void)
{
	struct helper front, dead, back;
	long metadata;

	if (engine_is_stock())
		test_skip("stock has no metadata_bytes");
	bulk_start(&front, 100000);
	victim_start(&dead);
	bulk_start(&back, 200000);
	engine_start();
	engine_wait_full_scans(3);
	slow_scan();
	CHECK(engine_get("pages_sharing") >= (long)VICTIM_PAGES - 10, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	metadata = engine_get("metadata_bytes");
	helper_kill(&dead);
	check_victim_gone("killed while another process is scanned", metadata);
	helper_finish(&front);
	helper_finish(&back);
}

static void test_while_stopped(void)
{
	struct helper other, dead;
	long metadata;

	if (engine_is_stock())
		test_skip("stock has no metadata_bytes");
	bulk_start(&other, 100000);
	victim_start(&dead);
	engine_start();
	engine_wait_full_scans(3);
	engine_pause();
	CHECK(engine_get("pages_sharing") >= (long)VICTIM_PAGES - 10, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	metadata = engine_get("metadata_bytes");
	helper_kill(&dead);
	check_victim_gone("killed while run is 0", metadata);
	if (engine_has("dead_metadata_bytes"))
		engine_wait_at_most("killed while run is 0", "dead_metadata_bytes", 0, FOLLOW_SECS);
	helper_finish(&other);
}

/* The scanner sleeps between two batches, for as long as the test lasts. */
static void test_while_asleep(void)
{
	struct helper other, dead;
	long metadata;

	if (engine_is_stock())
		test_skip("stock has no metadata_bytes");
	bulk_start(&other, 100000);
	victim_start(&dead);
	engine_start();
	engine_wait_full_scans(3);
	engine_set("sleep_millisecs", 600000);
	usleep(100000);
	CHECK(engine_get("pages_sharing") >= (long)VICTIM_PAGES - 10, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	metadata = engine_get("metadata_bytes");
	helper_kill(&dead);
	check_victim_gone("killed while the scanner sleeps", metadata);
	if (engine_has("dead_metadata_bytes"))
		engine_wait_at_most("killed while the scanner sleeps", "dead_metadata_bytes", 0,
				    FOLLOW_SECS);
	helper_finish(&other);
}

/* Address spaces that the kernel keeps, those of dead processes included. */
static long mm_structs(void)
{
	FILE *file;
	char line[256];
	long active = -1, n;

	/* Of a CPU's own slabs all objects are taken for used. */
	file_write("/sys/kernel/slab/mm_struct/shrink", "1");
	file = fopen("/proc/slabinfo", "r");
	if (!file)
		test_skip("no /proc/slabinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "mm_struct %ld", &n) == 1)
			active = n;
	fclose(file);
	if (active < 0)
		test_skip("mm_struct has no slab cache of its own");
	return active;
}

#define LIVES 120

/* A slab's worth, and whatever runs beside. */
#define LIVES_SPARE 40

static void check_mm_structs(const char *where, long before)
{
	struct limit limit = limit_begin(FOLLOW_SECS * harness_slower());
	long now;

	while ((now = mm_structs()) > before + LIVES_SPARE) {
		CHECK(!limit_passed(&limit), "%s: %ld address spaces, %ld before", where, now, before);
		usleep(50000);
	}
	test_note("%s: %ld address spaces, %ld before", where, now, before);
}

static void life(struct helper *self, void *seed)
{
	area_map_same(2, (uintptr_t)seed);
	helper_step(self);
}

static void lives_start(struct helper *lives, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		helper_start(&lives[i], life, (void *)(uintptr_t)(50000 + i));
		helper_wait(&lives[i]);
	}
}

static void lives_end(struct helper *lives, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		helper_kill(&lives[i]);
}

/* Many processes that are seen once by the scanner and end. */
static void test_short_lives(void)
{
	static struct helper lives[LIVES];
	struct helper front, back;
	long before;
	int batch;

	bulk_start(&front, 100000);
	bulk_start(&back, 200000);
	engine_start();
	engine_wait_full_scans(3);
	slow_scan();
	before = mm_structs();
	for (batch = 0; batch < 3; batch++) {
		lives_start(lives, LIVES / 3);
		/* Twice as long as it takes until newcomers are looked for. */
		usleep(700000);
		lives_end(lives, LIVES / 3);
	}
	check_mm_structs("short lives are over", before);
	helper_finish(&front);
	helper_finish(&back);
}

/* After run=2 nothing of anybody is held. */
static void test_unmerged(void)
{
	static struct helper lives[LIVES];
	char *area = area_map_same(10, 4);
	long before;

	before = mm_structs();
	lives_start(lives, LIVES);
	engine_start();
	engine_wait_full_scans(3);
	engine_pause();
	CHECK(engine_get("pages_sharing") >= LIVES, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	lives_end(lives, LIVES);
	engine_unmerge();
	check_mm_structs("run=2", before);
	area_check_same(area, 10, 4);
}

#define SHARED_SEED 77

/* Maps the one page that others have too; where it is, the parent knows. */
static void owner(struct helper *self, void *page)
{
	page_fill(page, SHARED_SEED);
	area_mergeable(page, 1);
	helper_step(self);
	CHECK_PAGE(page, SHARED_SEED);
}

static bool merged_in(const struct helper *a, const struct helper *b, const char *page)
{
	uint64_t pfn = pfn_of_other(a->pid, page);

	return pfn && pfn == pfn_of_other(b->pid, page);
}

/* Two newcomers merge, although a dead process was the first to have what they have. */
static void test_dead_owner(void)
{
	struct helper front, back, first, heirs[2];
	char *page = area_map(1);
	long scans;
	size_t i;

	bulk_start(&front, 100000);
	helper_start(&first, owner, page);
	helper_wait(&first);
	bulk_start(&back, 200000);
	engine_start();
	engine_wait_full_scans(3);
	/* Four seconds a full scan. */
	engine_set("pages_to_scan", 100);
	engine_set("sleep_millisecs", 20);
	helper_kill(&first);
	for (i = 0; i < ARRAY_SIZE(heirs); i++) {
		helper_start(&heirs[i], owner, page);
		helper_wait(&heirs[i]);
	}
	scans = engine_get("full_scans");
	while (!merged_in(&heirs[0], &heirs[1], page)) {
		CHECK(engine_get("full_scans") - scans <= 2,
		      "not merged after %ld full scans", engine_get("full_scans") - scans);
		usleep(10000);
	}
	test_note("merged after %ld full scans", engine_get("full_scans") - scans);
	for (i = 0; i < ARRAY_SIZE(heirs); i++)
		helper_finish(&heirs[i]);
	helper_finish(&front);
	helper_finish(&back);
}

#define LOCKED_PAGES 16384UL

static void *lock_again_and_again(void *arg)
{
	char *area = arg;

	for (;;) {
		mprotect(area, LOCKED_PAGES * PAGE_SIZE, PROT_READ);
		mprotect(area, LOCKED_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* Has had the page first, and nearly always holds the lock on its address space. */
static void locked_owner(struct helper *self, void *page)
{
	char *area = area_map(LOCKED_PAGES);
	pthread_t thread;
	int i;

	CHECK_SYS(madvise(area, LOCKED_PAGES * PAGE_SIZE, MADV_POPULATE_WRITE));
	page_fill(page, SHARED_SEED);
	area_mergeable(page, 1);
	helper_step(self);
	for (i = 0; i < 3; i++)
		CHECK(!pthread_create(&thread, NULL, lock_again_and_again, area),
		      "pthread_create: %m");
	usleep(200000);
	helper_step(self);
	_exit(0);
}

static void test_locked_owner(void)
{
	char *page = area_map(1);
	struct helper first, heirs[2];
	size_t i;

	helper_start(&first, locked_owner, page);
	helper_wait(&first);
	engine_start();
	engine_settle();
	helper_go(&first);
	helper_wait(&first);
	for (i = 0; i < ARRAY_SIZE(heirs); i++) {
		helper_start(&heirs[i], owner, page);
		helper_wait(&heirs[i]);
	}
	engine_wait_full_scans(3);
	CHECK(merged_in(&heirs[0], &heirs[1], page), "not merged after three full scans");
	test_note("the first owner %s", merged_in(&first, &heirs[0], page) ? "too" : "not");
	helper_kill(&first);
	for (i = 0; i < ARRAY_SIZE(heirs); i++)
		helper_finish(&heirs[i]);
}

#define RELAY_PAGES 256UL

/* One forks the next and exits, over and over: each time the merged pages are somebody else's. */
static void relay(struct helper *self, void *arg)
{
	volatile bool *stop = arg;
	char *area = area_map_same(RELAY_PAGES, 5);

	helper_step(self);
	while (!*stop) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		usleep(200);
	}
	area_check_same(area, RELAY_PAGES, 5);
	_exit(0);
}

/* Whoever is told that everything is unmerged finds it so, however quickly somebody forks. */
static void test_unmerged_relay(void)
{
	volatile bool *stop = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int done = 0, busy = 0, i;
	struct helper h;
	size_t frames;
	int err;

	CHECK(stop != MAP_FAILED, "mmap: %m");
	CHECK(!ksm_frames(), "%zu merged pages at first", ksm_frames());
	helper_start(&h, relay, (void *)stop);
	helper_wait(&h);
	engine_start();
	engine_settle();
	helper_go(&h);
	for (i = 0; i < 8; i++) {
		err = engine_try_set("run", 2);
		frames = err ? 0 : ksm_frames();
		done += !err;
		busy += err == -EBUSY;
		if (frames || (err && err != -EBUSY))
			*stop = true;
		CHECK(!err || err == -EBUSY, "run=2: %s", strerror(-err));
		CHECK(!frames, "run=2 is done, and %zu merged pages are left", frames);
		engine_start();
		usleep(300000);
	}
	*stop = true;
	test_note("%u times done, %u times not", done, busy);
	/* It has exited long ago. */
	child_finish(h.pid);
	close(h.fd);
	/* With nobody in the way. */
	usleep(300000);
	engine_set("run", 2);
	CHECK(!ksm_frames(), "%zu merged pages are left", ksm_frames());
}

/* What the test itself maps, that never asks for merging, and has in common with a child that does. */
static void stranger_child(struct helper *self, void *area)
{
	area_mergeable(area, STRANGER_PAGES);
	helper_step(self);
}

/* One that never asked shares, by fork() alone, pages that were merged for another. */
static void test_unmerged_stranger(void)
{
	char *area = area_map(STRANGER_PAGES);
	double began;
	struct helper child;
	size_t i;

	for (i = 0; i < STRANGER_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 7000 + i / 2);
	helper_start(&child, stranger_child, area);
	helper_wait(&child);
	engine_start();
	engine_settle();
	test_note("%zu frames for %lu pages, %ld shared, %ld sharing", pages_distinct(area, STRANGER_PAGES),
		  STRANGER_PAGES, engine_get("pages_shared"), engine_get("pages_sharing"));
	began = now_secs();
	engine_unmerge();
	test_note("unmerged in %.1f s", now_secs() - began);
	CHECK(now_secs() - began < 10 * harness_slower(), "run=2 took %.1f s", now_secs() - began);
	engine_check_counters("after run=2", 0, 0, 0, 0);
	/* Nothing is left of it, or this would be refused. */
	CHECK(!engine_try_set("max_page_sharing", 17), "max_page_sharing cannot be set");
	for (i = 0; i < STRANGER_PAGES; i++)
		CHECK_PAGE(area + i * PAGE_SIZE, 7000 + i / 2);
	helper_finish(&child);
}

static const struct test tests[] = {
	{ "unmerged", test_unmerged },
	{ "unmerged-relay", test_unmerged_relay, 120 },
	{ "while-scanned", test_while_scanned },
	{ "while-stopped", test_while_stopped },
	{ "while-asleep", test_while_asleep },
	{ "short-lives", test_short_lives },
	{ "dead-owner", test_dead_owner },
	{ "locked-owner", test_locked_owner },
	{ "unmerged-stranger", test_unmerged_stranger, 120 },
};

int main(int argc, char **argv)
{
	return harness_main("exits", tests, ARRAY_SIZE(tests), argc, argv);
}
