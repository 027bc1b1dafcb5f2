// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module comes and goes: refusals at load, unload in every state of the engine, and nothing
 * left behind after many rounds. Starts and ends with the module unloaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "kernel_amounts.h"
#include "klog.h"
#include "memory.h"
#include "module.h"
#include "swap.h"

#define CYCLES_DEFAULT 25

/* Every test begins without the module, whatever the one before left. */
static void begin(void)
{
	if (engine_is_stock())
		test_skip("stock ksm cannot be unloaded");
	if (module_loaded())
		module_unload();
}

static void test_load_unload(void)
{
	int round;

	begin();
	for (round = 0; round < 5; round++) {
		module_load();
		CHECK(module_loaded(), "not in /proc/modules after loading");
		CHECK(engine_get("run") == 0, "run is %ld after loading", engine_get("run"));
		CHECK(engine_get("pages_shared") == 0, "pages_shared is %ld after loading",
		      engine_get("pages_shared"));
		module_unload();
	}
}

static void test_load_twice(void)
{
	char *area;
	int err;

	begin();
	area = area_map_same(4, 1);
	module_load();
	err = module_try_load("");
	CHECK(err == -EEXIST, "the second load: %s", err ? strerror(-err) : "accepted");
	engine_start();
	engine_settle();
	check_merged("after the second load was refused", area, 4);
	module_unload();
	area_check_same(area, 4, 1);
}

/* Loads at once: one does the work; newer kernels let the others share its success. */
static void test_load_race(void)
{
	int round;

	begin();
	for (round = 0; round < 10; round++) {
		atomic_int *wins = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pids[3];
		size_t i;

		for (i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = CHECK_SYS(fork());
			if (!pids[i]) {
				int err = module_try_load("");

				CHECK(!err || err == -EEXIST || err == -EBUSY, "a load that lost: %s",
				      strerror(-err));
				atomic_fetch_add(wins, !err);
				_exit(0);
			}
		}
		for (i = 0; i < ARRAY_SIZE(pids); i++)
			child_finish(pids[i]);
		CHECK(*wins >= 1, "none of 3 loads at once succeeded");
		CHECK(module_loaded() && engine_has("run"), "the module is not there");
		module_unload();
		munmap(wins, PAGE_SIZE);
	}
}

static void test_bad_parameters(void)
{
	static const char *const bad[] = { "run=2", "run=3", "run=-1", "run=x" };
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int err = module_try_load(bad[i]);

		CHECK(err == -EINVAL, "loading with %s: %s", bad[i], err ? strerror(-err) : "accepted");
		CHECK(!module_loaded() && !engine_has("run"), "%s left something behind", bad[i]);
	}
	CHECK(!module_try_load("run=1"), "loading with run=1 failed");
	CHECK(engine_get("run") == 1, "run is %ld after loading with run=1", engine_get("run"));
	module_unload();
}

/* A kernel that does not match, as a debug build can rehearse it: one line, an errno for each. */
static void test_mismatch(void)
{
	static const char *const faults[] = { "symbol", "layout", "prototype", "hook" };
	int errors[ARRAY_SIZE(faults)];
	size_t i, j;

	begin();
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		char parameters[64];
		unsigned int lines;
		int log = klog_open();

		snprintf(parameters, sizeof(parameters), "fault=%s", faults[i]);
		errors[i] = module_debug_try_load(parameters);
		CHECK(errors[i], "loaded in spite of %s", parameters);
		CHECK(!module_loaded() && !engine_has("run"), "%s left something behind", parameters);
		lines = klog_count(log, "");
		close(log);
		test_note("%s: %s, %u line(s) in the log", parameters, strerror(-errors[i]), lines);
		CHECK(lines == 1, "%s: %u lines in the log", parameters, lines);
		for (j = 0; j < i; j++)
			CHECK(errors[i] != errors[j], "%s and %s give the same error, %s", faults[i],
			      faults[j], strerror(-errors[i]));
		CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "1", 1), "stock does not start after %s",
		      parameters);
		knob_write(ENGINE_DIR_STOCK, "run", "2", 1);
		knob_write(ENGINE_DIR_STOCK, "run", "0", 1);
		module_load();
		module_unload();
	}
}

static void test_unload_merged(void)
{
	char *same, *pairs[2], *zeros;

	begin();
	module_load();
	same = area_map_same(600, 2);
	pairs[0] = area_map_distinct(300, 3000);
	pairs[1] = area_map_distinct(300, 3000);
	zeros = area_map_same(50, 0);
	engine_set("use_zero_pages", 1);
	engine_start();
	engine_wait_full_scans(3);
	CHECK(pages_distinct(same, 600) <= 4, "600 equal pages lie in %zu frames",
	      pages_distinct(same, 600));
	module_unload();
	check_unmerged("equal pages", same, 600);
	CHECK(!pages_together(pairs[0], pairs[1], 300), "%zu pairs still share a frame",
	      pages_together(pairs[0], pairs[1], 300));
	area_check_same(same, 600, 2);
	area_check_distinct(pairs[0], 300, 3000);
	area_check_distinct(pairs[1], 300, 3000);
	area_check_same(zeros, 50, 0);
}

static void test_unload_in_first_scan(void)
{
	int round;
	char *area;

	begin();
	area = area_map_same(4000, 3);
	for (round = 0; round < 5; round++) {
		module_load();
		engine_set("pages_to_scan", 200);
		engine_set("sleep_millisecs", 1);
		engine_set("run", 1);
		usleep(2000 * round);
		module_unload();
	}
	check_unmerged("after unloading", area, 4000);
	area_check_same(area, 4000, 3);
}

static void unload_holder(struct helper *self, void *arg)
{
	char *area = area_map_same(100, 4);

	helper_step(self);
	area_check_same(area, 100, 4);
}

/* Unload while processes with merged memory end, fork and write. */
static void test_unload_while_exiting(void)
{
	enum { CHILDREN = 8 };
	int round;

	begin();
	for (round = 0; round < 5; round++) {
		struct helper children[CHILDREN];
		char *area = area_map_same(100, 4);
		pid_t killer;
		int c;

		module_load();
		for (c = 0; c < CHILDREN; c++) {
			helper_start(&children[c], unload_holder, NULL);
			helper_wait(&children[c]);
		}
		engine_start();
		engine_settle();
		killer = CHECK_SYS(fork());
		if (!killer) {
			for (c = 0; c < CHILDREN; c += 2) {
				kill(children[c].pid, SIGKILL);
				usleep(300);
			}
			_exit(0);
		}
		module_unload();
		child_finish(killer);
		for (c = 0; c < CHILDREN; c++) {
			if (c % 2)
				helper_finish(&children[c]);
			else
				helper_kill(&children[c]);
		}
		check_unmerged("in the parent", area, 100);
		area_check_same(area, 100, 4);
		CHECK_SYS(munmap(area, 100 * PAGE_SIZE));
	}
}

struct busy_writer {
	char *area;
	size_t pages;
	atomic_bool stop;
};

static void *busy_writer_run(void *arg)
{
	struct busy_writer *w = arg;
	size_t i = 0;

	while (!atomic_load(&w->stop))
		page_touch(w->area + i++ % w->pages * PAGE_SIZE);
	return NULL;
}

static void test_unload_while_written(void)
{
	struct busy_writer w = { .pages = 500 };
	pthread_t thread;
	int round;

	begin();
	w.area = area_map_same(w.pages, 5);
	CHECK(!pthread_create(&thread, NULL, busy_writer_run, &w), "pthread_create: %m");
	for (round = 0; round < 5; round++) {
		module_load();
		engine_start();
		engine_settle();
		module_unload();
		area_check_same(w.area, w.pages, 5);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	check_unmerged("at the end", w.area, w.pages);
}

static void test_unload_with_forks(void)
{
	char *area;
	pid_t forker;
	int round;

	begin();
	area = area_map_same(100, 6);
	for (round = 0; round < 3; round++) {
		module_load();
		engine_start();
		engine_settle();
		forker = CHECK_SYS(fork());
		if (!forker) {
			int i;

			/* For as long as the module is there, whatever time unloading takes. */
			for (i = 0; i < 50 || !access("/sys/module/uksm", F_OK); i++) {
				pid_t pid = CHECK_SYS(fork());

				if (!pid) {
					page_touch(area + i % 100 * PAGE_SIZE);
					area_check_same(area, 100, 6);
					_exit(0);
				}
				child_finish(pid);
			}
			check_unmerged("in the process that forked", area, 100);
			_exit(0);
		}
		usleep(20000);
		module_unload();
		child_finish(forker);
		area_check_same(area, 100, 6);
	}
}

static void unmerge_all(struct helper *self, void *unused)
{
	int err;

	(void)unused;
	helper_step(self);
	err = engine_try_set("run", 2);
	test_note("run=2, when the module is unloaded: %s", err ? strerror(-err) : "done");
}

/* Somebody is waiting for all pages to be unmerged. */
static void test_unload_in_unmerge(void)
{
	enum { PAGES = 16384 };
	struct helper unmerger;
	long sharing;
	char *area;

	begin();
	module_load();
	area = area_map_same(PAGES, 15);
	CHECK_SYS(madvise(area, PAGES * PAGE_SIZE, MADV_DONTFORK));
	engine_start();
	engine_settle();
	sharing = engine_get("pages_sharing");
	CHECK(sharing > PAGES / 2, "pages_sharing is %ld", sharing);
	helper_start(&unmerger, unmerge_all, NULL);
	helper_wait(&unmerger);
	helper_go(&unmerger);
	while (engine_get("pages_sharing") == sharing)
		usleep(500);
	test_note("%ld of %ld pages are merged yet", engine_get("pages_sharing"), sharing);
	module_unload();
	child_finish(unmerger.pid);
	CHECK(pages_max_sharers(area, PAGES) == 1, "pages are still merged");
	area_check_same(area, PAGES, 15);
}

/* Somebody starts stock again and again while uksm is unloaded; in the end stock runs. */
static void test_unload_against_stock(void)
{
	char *area;
	int round;

	begin();
	area = area_map_same(50, 7);
	for (round = 0; round < 5; round++) {
		int tries, status;
		pid_t starter;

		module_load();
		engine_start();
		engine_settle();
		check_merged("uksm", area, 50);
		starter = CHECK_SYS(fork());
		if (!starter) {
			for (tries = 0; tries < 100000; tries++)
				if (!knob_write(ENGINE_DIR_STOCK, "run", "1", 1))
					_exit(0);
			_exit(1);
		}
		usleep(1000);
		module_unload();
		CHECK_SYS(waitpid(starter, &status, 0));
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "stock never started");
		area_check_same(area, 50, 7);
		CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "2", 1), "stock's run=2");
		CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "0", 1), "stock's run=0");
		area_check_same(area, 50, 7);
	}
}

/* Loading while stock runs is allowed; starting is not. */
static void test_load_while_stock_runs(void)
{
	char *area;
	int err;

	begin();
	area = area_map_same(8, 8);
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "1", 1), "stock's run=1");
	err = module_try_load("");
	if (!err) {
		err = engine_try_set("run", 1);
		CHECK(err == -EBUSY, "run=1 while stock runs: %s", err ? strerror(-err) : "accepted");
		module_unload();
	} else {
		test_note("loading while stock runs: %s", strerror(-err));
		CHECK(err == -EBUSY, "loading while stock runs: %s", strerror(-err));
	}
	CHECK(module_try_load("run=1") == -EBUSY, "loaded with run=1 while stock runs");
	CHECK(!module_loaded(), "a refused load left the module");
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "2", 1), "stock's run=2");
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "0", 1), "stock's run=0");
	area_check_same(area, 8, 8);
}

/* A file of the directory held open outlives neither the module nor the kernel. */
static void test_unload_with_open_file(void)
{
	char path[128], c;
	int knob, counter;

	begin();
	module_load();
	snprintf(path, sizeof(path), "%s/run", engine_dir());
	knob = CHECK_SYS(open(path, O_RDWR));
	snprintf(path, sizeof(path), "%s/pages_shared", engine_dir());
	counter = CHECK_SYS(open(path, O_RDONLY));
	CHECK(read(counter, &c, 1) == 1, "read: %m");
	module_unload();
	CHECK(write(knob, "1", 1) < 0 && errno == ENODEV, "writing a file of the unloaded module: %m");
	CHECK(pread(counter, &c, 1, 0) < 0 && errno == ENODEV,
	      "reading a file of the unloaded module: %m");
	close(knob);
	close(counter);
	module_load();
	module_unload();
}

static void test_unload_swapped(void)
{
	char *area;

	begin();
	swap_start();
	cgroup_enter();
	module_load();
	area = area_map_same(64, 9);
	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	engine_pause();
	push_out(area, 64);
	module_unload();
	area_check_same(area, 64, 9);
	page_fill(area, 10);
	area_check_same(area + PAGE_SIZE, 63, 9);
	swap_stop();
	area_check_same(area + PAGE_SIZE, 63, 9);
}

enum { CHAINS = 8, CHAIN_PAGES = 128, CHAIN_SEED = 16 };

/* What all links of all chains see. */
struct chains {
	atomic_bool stop;
	atomic_int links;
	atomic_int ended;
	atomic_int merged;
	atomic_int wrong;
};

/* How many pages still share a frame with another of the area, which is one process's. */
static size_t pages_still_merged(const char *area, size_t pages)
{
	return pages - pages_distinct(area, pages) - count_swapped(area, pages);
}

/* The last link of a chain looks at what it has inherited. */
static void chain_end(struct chains *chains, char *area)
{
	size_t i, merged;

	for (i = 0; i < CHAIN_PAGES; i++)
		if (!page_holds(area + i * PAGE_SIZE, CHAIN_SEED))
			atomic_fetch_add(&chains->wrong, 1);
	merged = pages_still_merged(area, CHAIN_PAGES);
	if (!merged && smaps_kib(area, "KSM:") > 0)
		merged = smaps_kib(area, "KSM:") / 4;
	atomic_fetch_add(&chains->merged, merged);
	if (!merged)
		for (i = 0; i < CHAIN_PAGES; i++)
			check_page_ksm("in the last of a chain", area + i * PAGE_SIZE, false);
	for (i = 0; i < CHAIN_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, i);
	for (i = 0; i < CHAIN_PAGES; i++)
		if (!page_holds(area + i * PAGE_SIZE, i))
			atomic_fetch_add(&chains->wrong, 1);
	atomic_fetch_add(&chains->ended, 1);
}

/* Each link reads all there is, forks the next one and ends; the last one waits for the unload. */
static void chain_run(struct chains *chains, char *area, int unloaded)
{
	size_t i;
	char c;

	while (!atomic_load(&chains->stop)) {
		for (i = 0; i < CHAIN_PAGES; i++)
			if (!page_holds(area + i * PAGE_SIZE, CHAIN_SEED))
				atomic_fetch_add(&chains->wrong, 1);
		atomic_fetch_add(&chains->links, 1);
		if (CHECK_SYS(fork()))
			_exit(0);
	}
	CHECK(!read(unloaded, &c, 1), "read: %m");
	chain_end(chains, area);
	_exit(0);
}

static void shrink_again_and_again(struct chains *chains)
{
	while (!atomic_load(&chains->stop))
		cgroup_shrink("256K");
	_exit(0);
}

/*
 * Merged memory goes to swap and comes back, and is handed from process to process, faster than
 * any round of unmerging; nothing stays merged in those that live when the module is gone.
 */
static void test_unload_swap_fork(void)
{
	struct chains *chains = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int unloaded[2], i, tries;
	long swapped;
	pid_t stopper, shrinker;
	char *area;

	begin();
	swap_start();
	cgroup_enter();
	module_load();
	CHECK(chains != MAP_FAILED, "mmap: %m");
	area = area_map_same(CHAIN_PAGES, CHAIN_SEED);
	engine_start();
	engine_settle();
	check_merged("at first", area, CHAIN_PAGES);
	CHECK_SYS(pipe(unloaded));
	for (i = 0; i < CHAINS; i++) {
		if (!CHECK_SYS(fork())) {
			close(unloaded[1]);
			/* Links are reaped by nobody. */
			signal(SIGCHLD, SIG_IGN);
			chain_run(chains, area, unloaded[0]);
		}
	}
	shrinker = CHECK_SYS(fork());
	if (!shrinker)
		shrink_again_and_again(chains);
	stopper = CHECK_SYS(fork());
	if (!stopper) {
		close(unloaded[1]);
		sleep(3 * harness_slower());
		atomic_store(&chains->stop, true);
		_exit(0);
	}
	usleep(200000);
	swapped = sys_field("/proc/vmstat", "pswpin");
	module_unload();
	swapped = sys_field("/proc/vmstat", "pswpin") - swapped;
	test_note("%d links, %ld pages came back from swap, unloaded %s", atomic_load(&chains->links),
		  swapped, atomic_load(&chains->stop) ? "after the last link" : "before the last link");
	close(unloaded[1]);
	for (tries = 0; atomic_load(&chains->ended) < CHAINS; tries++) {
		CHECK(tries < 1000 * (int)harness_slower(), "%d of %d chains have ended",
		      atomic_load(&chains->ended), CHAINS);
		usleep(10000);
	}
	CHECK(swapped > 0, "nothing came back from swap while the module was unloaded");
	CHECK(!atomic_load(&chains->wrong), "%d pages had a wrong content",
	      atomic_load(&chains->wrong));
	CHECK(!atomic_load(&chains->merged), "%d pages of %d are merged in living processes",
	      atomic_load(&chains->merged), CHAINS * CHAIN_PAGES);
	area_check_same(area, CHAIN_PAGES, CHAIN_SEED);
	CHECK(!pages_still_merged(area, CHAIN_PAGES), "%zu pages are merged in the parent",
	      pages_still_merged(area, CHAIN_PAGES));
	/* A page that stayed merged would not go there. */
	push_out(area, CHAIN_PAGES);
	area_check_same(area, CHAIN_PAGES, CHAIN_SEED);
	page_fill(area, 10);
	swap_stop();
	area_check_same(area + PAGE_SIZE, CHAIN_PAGES - 1, CHAIN_SEED);
}

static void test_stock_after_unload(void)
{
	char *area;
	int tries;

	begin();
	area = area_map_same(20, 11);
	module_load();
	engine_start();
	engine_settle();
	check_merged("uksm", area, 20);
	module_unload();
	CHECK(!knob_write(ENGINE_DIR_STOCK, "sleep_millisecs", "1", 1), "stock's sleep_millisecs");
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "1", 1), "stock does not start");
	for (tries = 0; pages_max_sharers(area, 20) < 20; tries++) {
		CHECK(tries < 1000, "stock does not merge after uksm was unloaded");
		usleep(10000);
	}
	check_merged("stock", area, 20);
	area_check_same(area, 20, 11);
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "2", 1), "stock's run=2");
	CHECK(!knob_write(ENGINE_DIR_STOCK, "run", "0", 1), "stock's run=0");
	knob_write(ENGINE_DIR_STOCK, "sleep_millisecs", "20", 2);
	check_unmerged("after stock's run=2", area, 20);
}

static void cycle_child(struct helper *self, void *arg)
{
	area_map_distinct(64, 7000);
	helper_step(self);
}

/* Load, merge 128 pairs and a pile of equal pages, one process of which ends early, unload. */
static void cycle(void)
{
	char *pairs[2], *same;
	struct helper child;

	if (!engine_is_stock())
		module_load();
	engine_start();
	pairs[0] = area_map_distinct(128, 7000);
	pairs[1] = area_map_distinct(128, 7000);
	same = area_map_same(300, 12);
	helper_start(&child, cycle_child, NULL);
	helper_wait(&child);
	engine_settle();
	CHECK(pages_together(pairs[0], pairs[1], 128) == 128, "%zu of 128 pairs have merged",
	      pages_together(pairs[0], pairs[1], 128));
	helper_kill(&child);
	if (engine_is_stock()) {
		engine_unmerge();
		engine_pause();
	} else {
		module_unload();
	}
	check_unmerged("after unloading", same, 300);
	area_check_same(same, 300, 12);
	area_check_distinct(pairs[0], 128, 7000);
	CHECK_SYS(munmap(pairs[0], 128 * PAGE_SIZE));
	CHECK_SYS(munmap(pairs[1], 128 * PAGE_SIZE));
	CHECK_SYS(munmap(same, 300 * PAGE_SIZE));
}

/* How often a cache must grow before that is a leak. */
#define ROUNDS 3

static void cycles(long nr)
{
	long i;

	for (i = 0; i < nr; i++)
		cycle();
}

static long grown(const struct kernel_amounts *before, const struct kernel_amounts *after, size_t a)
{
	return after->amounts[a].value - kernel_amount(before, after->amounts[a].name);
}

/* Print what has grown; tell whether a cache that matters has, by an object every other cycle. */
static bool any_grown(const struct kernel_amounts *before, const struct kernel_amounts *after, long nr)
{
	bool found = false;
	size_t a;

	for (a = 0; a < after->nr; a++) {
		const char *name = after->amounts[a].name;
		long by = grown(before, after, a);

		if (by && strchr(name, ':'))
			test_note("%s %+ld KiB", name, by);
		if (strchr(name, ':') || !kernel_cache_matters(name))
			continue;
		if (by > 5)
			test_note("%s %+ld objects", name, by);
		found |= by > nr / 2;
	}
	return found;
}

/* No cache that matters has grown in each of the rounds. */
static void check_no_leak(const struct kernel_amounts snapshots[ROUNDS + 1], long nr)
{
	long by[ROUNDS];
	size_t a, round, grew;

	for (a = 0; a < snapshots[ROUNDS].nr; a++) {
		const char *name = snapshots[ROUNDS].amounts[a].name;

		if (strchr(name, ':') || !kernel_cache_matters(name))
			continue;
		for (round = 0, grew = 0; round < ROUNDS; round++) {
			by[round] = kernel_amount(&snapshots[round + 1], name) -
				    kernel_amount(&snapshots[round], name);
			grew += by[round] > nr / 2;
		}
		CHECK(grew < ROUNDS, "%s has grown by %ld, %ld and %ld objects in %ld cycles each",
		      name, by[0], by[1], by[2], nr);
	}
}

/*
 * What a cycle leaks, it leaks every time: at least one object of a cache, or one page. The kernel
 * counts all objects of the CPUs' current slabs as used, so a reading may be high by some slabs; a
 * cache that seems to have grown must do so twice again, in as many more cycles each. Free memory may not fall by a
 * page every other cycle beyond half a MiB that the kernel's own lists come and go with.
 */
static void test_cycles(void)
{
	static struct kernel_amounts snapshots[ROUNDS + 1];
	const char *wanted = getenv("UKSM_CYCLES");
	long nr = wanted ? strtol(wanted, NULL, 10) : CYCLES_DEFAULT;
	long free_kib, anon_kib;
	size_t round;

	if (access("/proc/slabinfo", F_OK))
		test_skip("the kernel has no slabinfo");
	if (!engine_is_stock())
		begin();
	cycles(3);
	kernel_amounts_take(&snapshots[0]);
	cycles(nr);
	kernel_amounts_take(&snapshots[1]);
	if (any_grown(&snapshots[0], &snapshots[1], nr)) {
		test_note("%ld cycles more, twice, to see whether that goes on", nr);
		for (round = 2; round <= ROUNDS; round++) {
			cycles(nr);
			kernel_amounts_take(&snapshots[round]);
			any_grown(&snapshots[round - 1], &snapshots[round], nr);
		}
		check_no_leak(snapshots, nr);
	}
	free_kib = 4 * (kernel_amount(&snapshots[0], KERNEL_FREE_PAGES) -
			kernel_amount(&snapshots[1], KERNEL_FREE_PAGES));
	anon_kib = kernel_amount(&snapshots[1], "AnonPages:") -
		   kernel_amount(&snapshots[0], "AnonPages:");
	test_note("free memory fell by %ld KiB", free_kib);
	CHECK(free_kib < 512 + 4 * nr / 2, "free memory fell by %ld KiB in %ld cycles", free_kib, nr);
	CHECK(anon_kib < 4 * nr / 2, "anonymous memory grew by %ld KiB in %ld cycles", anon_kib, nr);
}

static const struct test tests[] = {
	{ "load-unload", test_load_unload },
	{ "load-twice", test_load_twice },
	{ "load-race", test_load_race },
	{ "bad-parameters", test_bad_parameters },
	{ "mismatch", test_mismatch },
	{ "load-while-stock-runs", test_load_while_stock_runs },
	{ "unload-merged", test_unload_merged },
	{ "unload-in-first-scan", test_unload_in_first_scan },
	{ "unload-while-exiting", test_unload_while_exiting },
	{ "unload-while-written", test_unload_while_written },
	{ "unload-with-forks", test_unload_with_forks },
	{ "unload-in-unmerge", test_unload_in_unmerge },
	{ "unload-against-stock", test_unload_against_stock },
	{ "unload-with-open-file", test_unload_with_open_file },
	{ "unload-swapped", test_unload_swapped },
	{ "unload-swap-fork", test_unload_swap_fork, 120 },
	{ "stock-after-unload", test_stock_after_unload },
	{ "cycles", test_cycles, .timeout_secs = 240 },
};

int main(int argc, char **argv)
{
	return module_main("modload", tests, ARRAY_SIZE(tests), argc, argv);
}
