// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardening: what is new merges with another process only after a while, and looks until then as
 * if it had no equal; a merged page lies in a frame that neither of its first two users had.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "swap.h"

#define PAIRS 256

/* Of a page. */
#define LINES 64
#define LINE_BYTES 64

/* Each content a tenant has once, and these many it has twice. */
#define SINGLES 48
#define TWICE 16
#define TENANT_PAGES (SINGLES + 2 * TWICE)

/* Of module/engine/hold.c: nothing new merges across processes before, and all by then. */
#define HOLD_SECS 30
#define HOLD_SECS_MAX 120
/* So much of it the tests can be late. */
#define SLACK_SECS 10

static int try_harden(const char *level)
{
	return knob_write(engine_dir(), "hardening", level, strlen(level));
}

static void harden(const char *level)
{
	int err;

	if (engine_is_stock())
		test_skip("ksm has no hardening");
	err = try_harden(level);
	CHECK(!err, "hardening=%s: %s", level, strerror(-err));
}

static void check_level(const char *shown)
{
	char text[KNOB_TEXT_MAX];

	CHECK(!knob_read(engine_dir(), "hardening", text), "no hardening");
	CHECK(!strcmp(text, shown), "hardening shows \"%s\", not \"%s\"", text, shown);
}

static void test_knob(void)
{
	static const char *const bad[] = { "", "0", "fra", "frames", "none delay", "[frame]", " frame" };
	char *area;
	size_t i;

	harden("none");
	check_level("[none] delay frame");
	harden("delay");
	check_level("none [delay] frame");
	harden("frame\n");
	check_level("none delay [frame]");
	/* An empty write is sysfs's, and changes nothing. */
	for (i = 1; i < ARRAY_SIZE(bad); i++)
		CHECK(try_harden(bad[i]) == -EINVAL, "\"%s\": %s", bad[i],
		      strerror(-try_harden(bad[i])));
	check_level("none delay [frame]");
	area = area_map_same(4, 1);
	engine_start();
	engine_settle();
	check_merged("at once", area, 4);
	CHECK(try_harden("none") == -EBUSY, "changed with pages merged");
	CHECK(!try_harden("frame"), "what is set already is refused");
	engine_unmerge();
	harden("none");
	check_level("[none] delay frame");
}

/* Delay */

/**
 * struct tenant - a process with pages
 * @seed: of the first content; others have the same
 * @later: content of a page that it writes in its second step
 * @area: filled in: known to the parent, which has not touched it
 * @helper: filled in
 */
struct tenant {
	uint64_t seed;
	uint64_t later;
	char *area;
	struct helper helper;
};

static uint64_t content(const struct tenant *t, size_t i)
{
	return t->seed + (i < SINGLES + TWICE ? i : i - TWICE);
}

static void tenant_check(const struct tenant *t, size_t from)
{
	size_t i;

	for (i = from; i < TENANT_PAGES; i++)
		CHECK_PAGE(t->area + i * PAGE_SIZE, content(t, i));
}

static void tenant_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	for (i = 0; i < TENANT_PAGES; i++)
		page_fill(t->area + i * PAGE_SIZE, content(t, i));
	area_mergeable(t->area, TENANT_PAGES);
	helper_step(self);
	tenant_check(t, 0);
	page_fill(t->area, t->later);
	helper_step(self);
	CHECK_PAGE(t->area, t->later);
	tenant_check(t, 1);
}

static void tenant_start(struct tenant *t)
{
	t->area = area_map(TENANT_PAGES);
	helper_start(&t->helper, tenant_run, t);
	helper_wait(&t->helper);
}

static void tenant_write(struct tenant *t)
{
	helper_go(&t->helper);
	helper_wait(&t->helper);
}

/* How many pages of both, from one on, are in one frame. */
static size_t frames_common(const struct tenant *a, const struct tenant *b, size_t from)
{
	size_t i, common = 0;

	for (i = from; i < TENANT_PAGES; i++)
		common += pfn_of_other(a->helper.pid, a->area + i * PAGE_SIZE) ==
			  pfn_of_other(b->helper.pid, b->area + i * PAGE_SIZE);
	return common;
}

static bool first_shared(const struct tenant *a, const struct tenant *b)
{
	return pfn_of_other(a->helper.pid, a->area) == pfn_of_other(b->helper.pid, b->area);
}

/* For so long two tenants must have nothing in common. */
static void stay_apart(const char *where, const struct tenant *a, const struct tenant *b,
		       double began)
{
	size_t common;

	while (now_secs() - began < HOLD_SECS - SLACK_SECS) {
		common = frames_common(a, b, 0);
		/* Had the look been too late, it says nothing. */
		CHECK(!common || now_secs() - began > HOLD_SECS, "%s: %zu pages shared after %.1f s",
		      where, common, now_secs() - began);
		usleep(200000);
	}
}

/*
 * Two processes with equal pages: what each has twice is merged at once within it, and nothing
 * shows that there is more to merge. Then all of it merges; and a process that has been there for
 * long waits for what it writes as a new one does.
 */
static void test_delay(void)
{
	struct tenant a = { .seed = 100, .later = 500 }, b = { .seed = 100, .later = 500 };
	double began;

	harden("delay");
	tenant_start(&a);
	engine_start();
	engine_settle();
	began = now_secs();
	tenant_start(&b);
	engine_settle();
	engine_check_counters("at once", 2 * TWICE, 2 * TWICE, 2 * SINGLES, 0);
	engine_set("run", 1);
	stay_apart("new processes", &a, &b, began);
	test_note("pages_unshared %ld, pages_volatile %ld", engine_get("pages_unshared"),
		  engine_get("pages_volatile"));
	while (frames_common(&a, &b, 0) < TENANT_PAGES) {
		CHECK(now_secs() - began < HOLD_SECS_MAX + 3 * SLACK_SECS,
		      "%zu of %d pages are shared after %.1f s", frames_common(&a, &b, 0),
		      TENANT_PAGES, now_secs() - began);
		usleep(100000);
	}
	test_note("all merged after %.1f s", now_secs() - began);
	tenant_write(&a);
	engine_settle();
	began = now_secs();
	tenant_write(&b);
	while (now_secs() - began < HOLD_SECS - SLACK_SECS) {
		CHECK(!first_shared(&a, &b), "a guess of an old process is answered after %.1f s",
		      now_secs() - began);
		usleep(200000);
	}
	CHECK(frames_common(&a, &b, 1) == TENANT_PAGES - 1, "what was not written is not shared");
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/**
 * struct contents - pages of distinct contents in a process of their own
 * @seed: of the first one
 * @pages: how many
 * @copies: of each content
 */
struct contents {
	uint64_t seed;
	size_t pages;
	unsigned int copies;
};

static void contents_run(struct helper *self, void *arg)
{
	const struct contents *c = arg;
	char *area[2];
	unsigned int i;

	for (i = 0; i < c->copies; i++)
		area[i] = area_map_distinct(c->pages, c->seed);
	helper_step(self);
	for (i = 0; i < c->copies; i++)
		area_check_distinct(area[i], c->pages, c->seed);
}

/* The four counters after a guess of what another process has. */
static void guess_counters(uint64_t seed, unsigned int copies, long counters[4])
{
	static const char *const names[] = {
		"pages_shared", "pages_sharing", "pages_unshared", "pages_volatile",
	};
	struct contents guess = { .seed = seed, .pages = SINGLES, .copies = copies };
	struct helper guesser;
	size_t i;

	helper_start(&guesser, contents_run, &guess);
	helper_wait(&guesser);
	engine_wait_full_scans(6);
	engine_pause();
	for (i = 0; i < ARRAY_SIZE(names); i++)
		counters[i] = engine_get(names[i]);
	engine_set("run", 1);
	helper_finish(&guesser);
	engine_settle();
}

/* Nothing that everybody can read tells a right guess from a wrong one meanwhile. */
static void test_delay_hides(void)
{
	struct contents secret = { .seed = 1000, .pages = 2 * SINGLES, .copies = 1 };
	long right[4], wrong[4];
	struct helper victim;
	unsigned int copies;

	harden("delay");
	helper_start(&victim, contents_run, &secret);
	helper_wait(&victim);
	engine_start();
	engine_settle();
	for (copies = 1; copies <= 2; copies++) {
		guess_counters(1000, copies, right);
		guess_counters(9000, copies, wrong);
		CHECK(!memcmp(right, wrong, sizeof(right)),
		      "shared/sharing/unshared/volatile are %ld/%ld/%ld/%ld, and %ld/%ld/%ld/%ld with %u wrong guesses",
		      right[0], right[1], right[2], right[3], wrong[0], wrong[1], wrong[2],
		      wrong[3], copies);
		CHECK(right[1] == (copies - 1) * SINGLES && !right[3], "%ld sharing, %ld volatile",
		      right[1], right[3]);
	}
	helper_finish(&victim);
}

/* Frame */

struct pairs {
	char *a, *b;
	uint64_t pfn_a[PAIRS], pfn_b[PAIRS];
};

static void pairs_map(struct pairs *p, uint64_t seed)
{
	size_t i;

	p->a = area_map_distinct(PAIRS, seed);
	p->b = area_map_distinct(PAIRS, seed);
	for (i = 0; i < PAIRS; i++) {
		p->pfn_a[i] = pfn_of(p->a + i * PAGE_SIZE);
		p->pfn_b[i] = pfn_of(p->b + i * PAGE_SIZE);
		CHECK(p->pfn_a[i] && p->pfn_b[i], "page %zu has no frame", i);
	}
}

static void pairs_check(const struct pairs *p, uint64_t seed)
{
	area_check_distinct(p->a, PAIRS, seed);
	area_check_distinct(p->b, PAIRS, seed);
}

static void pairs_check_merged(const char *where, const struct pairs *p)
{
	size_t i;

	for (i = 0; i < PAIRS; i++)
		CHECK(pfn_of(p->a + i * PAGE_SIZE) == pfn_of(p->b + i * PAGE_SIZE),
		      "%s: pair %zu is not merged", where, i);
}

/* The pool is to be filled before the first pages merge: a few scans more. */
static void pairs_start(struct pairs *p, uint64_t seed)
{
	pairs_map(p, seed);
	engine_start();
	engine_wait_full_scans(4);
	pairs_check_merged("at first", p);
}

/* How many of some pages, each changed in another one of its lines, are seen to be. */
static long changes_seen(const char *level, uint64_t seed)
{
	char *area = area_map_distinct(LINES, seed);
	struct limit limit;
	long seen, most = 0;
	size_t i;

	harden(level);
	engine_start();
	engine_set("smart_scan", 0);
	engine_set("pages_to_scan", 100000);
	engine_set("sleep_millisecs", 500);
	engine_wait_full_scans(4);
	CHECK(engine_get("pages_volatile") == 0, "pages_volatile %ld of pages that hold still",
	      engine_get("pages_volatile"));
	for (i = 0; i < LINES; i++)
		area[i * PAGE_SIZE + i * LINE_BYTES]++;
	limit = limit_begin(5 * harness_slower());
	while (!limit_passed(&limit)) {
		seen = engine_get("pages_volatile");
		most = seen > most ? seen : most;
		usleep(10000);
	}
	engine_unmerge();
	CHECK_SYS(munmap(area, LINES * PAGE_SIZE));
	return most;
}

/*
 * A page that has waited, and changes where nobody looks, would have waited for what it holds
 * now as well.
 */
static void test_delay_lines(void)
{
	long seen = changes_seen("none", 1);

	CHECK(seen < LINES / 2, "%ld of %d changes are seen without hardening", seen, LINES);
	seen = changes_seen("delay", 1000);
	CHECK(seen == LINES, "%ld of %d changes are seen", seen, LINES);
	harden("none");
}

static void test_frame(void)
{
	static struct pairs p;
	size_t i, j, known = 0;

	harden("frame");
	pairs_start(&p, 2000);
	for (i = 0; i < PAIRS; i++) {
		uint64_t pfn = pfn_of(p.a + i * PAGE_SIZE);

		CHECK(pfn != p.pfn_a[i] && pfn != p.pfn_b[i],
		      "pair %zu has stayed in frame %#llx, which one had before", i,
		      (unsigned long long)pfn);
		for (j = 0; j < PAIRS; j++)
			known += pfn == p.pfn_a[j] || pfn == p.pfn_b[j];
	}
	test_note("%zu of %d merged pages lie in frames that other pairs have given back", known, PAIRS);
	pairs_check(&p, 2000);
	engine_check_counters("pairs", PAIRS, PAIRS, 0, 0);
	/* The next frame is not the next one in a row, or it could be told. */
	for (i = 1, known = 0; i < PAIRS; i++)
		known += llabs((long long)(pfn_of(p.a + i * PAGE_SIZE) -
					   pfn_of(p.a + (i - 1) * PAGE_SIZE))) == 1;
	CHECK(known < PAIRS / 8, "%zu of %d merged pages lie beside the one before", known, PAIRS);
}

static void frame_child(struct helper *self, void *arg)
{
	struct pairs *p = arg;
	size_t i;

	pairs_check(p, 3000);
	for (i = 0; i < PAIRS; i += 2)
		page_fill(p->a + i * PAGE_SIZE, 77);
	helper_step(self);
	for (i = 0; i < PAIRS; i++)
		CHECK_PAGE(p->a + i * PAGE_SIZE, i % 2 ? 3000 + i : 77);
	area_check_distinct(p->b, PAIRS, 3000);
}

/* A child writes half of what its parent has merged, and the parent some. */
static void test_frame_fork(void)
{
	static struct pairs p;
	struct helper child;

	harden("frame");
	pairs_start(&p, 3000);
	helper_start(&child, frame_child, &p);
	helper_wait(&child);
	pairs_check(&p, 3000);
	page_fill(p.b, 78);
	CHECK_PAGE(p.a, 3000);
	engine_settle();
	helper_finish(&child);
	CHECK_PAGE(p.b, 78);
	area_check_distinct(p.a, PAIRS, 3000);
	area_check_distinct(p.b + PAGE_SIZE, PAIRS - 1, 3001);
	engine_wait_full_scans(3);
	/* What is left of the pair stays as it is. */
	engine_check_counters("a page written", PAIRS, PAIRS - 1, 1, 0);
}

static void test_frame_unmerge(void)
{
	static struct pairs p;
	long metadata;

	harden("frame");
	pairs_start(&p, 4000);
	metadata = engine_get("metadata_bytes");
	engine_unmerge();
	engine_check_counters("run=2", 0, 0, 0, 0);
	check_unmerged("run=2", p.a, PAIRS);
	pairs_check(&p, 4000);
	CHECK(engine_get("metadata_bytes") <= metadata - 64 * (long)PAGE_SIZE,
	      "metadata_bytes was %ld, is %ld: the frames are still kept", metadata,
	      engine_get("metadata_bytes"));
	engine_set("run", 1);
	engine_wait_full_scans(4);
	pairs_check_merged("again", &p);
	pairs_check(&p, 4000);
}

static void test_frame_swap(void)
{
	static struct pairs p;

	harden("frame");
	swap_start();
	cgroup_enter();
	pairs_start(&p, 5000);
	push_out(p.a, PAIRS);
	push_out(p.b, PAIRS);
	pairs_check(&p, 5000);
	CHECK(!count_swapped(p.a, PAIRS), "pages are still in swap after reading");
	engine_wait_full_scans(3);
	pairs_check_merged("after swap-in", &p);
	engine_check_counters("after swap-in", PAIRS, PAIRS, 0, 0);
	pairs_check(&p, 5000);
	swap_stop();
}

/* Locked memory: the new page must be where reclaim does not look, and be freed in the end. */
static void test_frame_mlock(void)
{
	static struct pairs p;
	long locked = sys_field("/proc/vmstat", "nr_mlock");

	harden("frame");
	swap_start();
	cgroup_enter();
	pairs_map(&p, 6000);
	CHECK_SYS(mlock(p.a, PAIRS * PAGE_SIZE));
	CHECK_SYS(mlock(p.b, PAIRS * PAGE_SIZE));
	engine_start();
	engine_wait_full_scans(4);
	pairs_check_merged("locked", &p);
	cgroup_shrink("4M");
	CHECK(!count_swapped(p.a, PAIRS) && !count_swapped(p.b, PAIRS), "locked pages are in swap");
	pairs_check(&p, 6000);
	CHECK_SYS(munmap(p.a, PAIRS * PAGE_SIZE));
	CHECK_SYS(munmap(p.b, PAIRS * PAGE_SIZE));
	sleep(1);
	CHECK(sys_field("/proc/vmstat", "nr_mlock") <= locked + PAIRS / 8,
	      "nr_mlock was %ld, is %ld", locked, sys_field("/proc/vmstat", "nr_mlock"));
	swap_stop();
}

#define GROUP "hardening-test"

static long group_anon(void)
{
	long anon = sys_field("/sys/fs/cgroup/" GROUP "/memory.stat", "anon");

	CHECK(anon >= 0, "no anon in memory.stat");
	return anon / (long)PAGE_SIZE;
}

static void memcg_run(struct helper *self, void *arg)
{
	struct pairs *p = arg;

	cgroup_join(GROUP);
	pairs_map(p, 7000);
	helper_step(self);
	pairs_check_merged("in a group", p);
	pairs_check(p, 7000);
	helper_step(self);
	pairs_check(p, 7000);
}

static void wait_anon(const char *where, long least, long most)
{
	struct limit limit = limit_begin(20 * harness_slower());

	/* The kernel brings the figures of its CPUs together every two seconds. */
	while (group_anon() < least || group_anon() > most) {
		CHECK(!limit_passed(&limit), "%s: anon is %ld pages, not %ld to %ld", where,
		      group_anon(), least, most);
		usleep(100000);
	}
}

/* Each merged page is charged once, to the group that had the pages; with the group at its limit. */
static void test_frame_memcg(void)
{
	struct helper child;
	struct pairs *p;
	long began, current;
	char limit[32];

	harden("frame");
	cgroup_make(GROUP);
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	began = group_anon();
	helper_start(&child, memcg_run, p);
	helper_wait(&child);
	wait_anon("at first", began + 2 * PAIRS, began + 2 * PAIRS + 64);
	current = cgroup_get(GROUP, "memory.current");
	snprintf(limit, sizeof(limit), "%ld", current);
	cgroup_set(GROUP, "memory.max", limit);
	engine_start();
	engine_wait_full_scans(4);
	helper_go(&child);
	helper_wait(&child);
	wait_anon("merged", began + PAIRS, began + PAIRS + 64);
	CHECK(!cgroup_oom_kills(GROUP), "somebody was killed");
	cgroup_set(GROUP, "memory.max", "max");
	engine_unmerge();
	wait_anon("unmerged", began + 2 * PAIRS, began + 2 * PAIRS + 64);
	engine_set("run", 1);
	engine_wait_full_scans(4);
	wait_anon("merged again", began + PAIRS, began + PAIRS + 64);
	helper_finish(&child);
	wait_anon("after exit", began, began + 16);
}

static const struct test tests[] = {
	{ "knob", test_knob },
	{ "delay", test_delay, 300 },
	{ "delay-hides", test_delay_hides },
	{ "delay-lines", test_delay_lines },
	{ "frame", test_frame },
	{ "frame-fork", test_frame_fork },
	{ "frame-unmerge", test_frame_unmerge },
	{ "frame-swap", test_frame_swap },
	{ "frame-mlock", test_frame_mlock },
	{ "frame-memcg", test_frame_memcg, 120 },
};

int main(int argc, char **argv)
{
	return harness_main("hardening", tests, ARRAY_SIZE(tests), argc, argv);
}
