// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory is short when merging is to end: the machine's, or that of a control group. Nobody is
 * to be killed for it, nothing to hang. And the engine is not to take all of it for its records.
 * Tests load the module themselves.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "klog.h"
#include "limit.h"
#include "memory.h"
#include "module.h"
#include "swap.h"
#include "uapi.h"

#define MIB_PAGES (1024 * 1024 / PAGE_SIZE)

/* What is merged in a machine that is short of memory, and what is left to it. */
#define MERGED_PAGES (112 * MIB_PAGES)
#define LEFT_PAGES (56 * MIB_PAGES)

/* What is merged in a group, and what is left to it. */
#define GROUP_PAGES 4096UL
#define GROUP_LEFT_BYTES (1L << 20)
#define FULL "uksm-full"
#define FULL_TOO "uksm-full-too"
#define ROOMY "uksm-roomy"

/* An unload waits for memory, but not for ever. */
#define UNLOAD_SECS 90

static void oom_adjust(const char *score)
{
	int err = file_write("/proc/self/oom_score_adj", score);

	CHECK(!err, "oom_score_adj: %s", strerror(-err));
}

/* The module freshly loaded, whatever the test before left. */
static void begin(void)
{
	if (engine_is_stock())
		test_skip("stock ksm cannot be unloaded");
	if (module_loaded())
		module_unload();
	module_load();
}

static long oom_kills(void)
{
	return sys_field("/proc/vmstat", "oom_kill");
}

static void check_alive(const char *who, const struct helper *h)
{
	CHECK(!waitpid(h->pid, NULL, WNOHANG), "%s is dead", who);
}

static long available_pages(void)
{
	return sys_field("/proc/meminfo", "MemAvailable:") / (long)(PAGE_SIZE >> 10);
}

/* Takes memory until so much is left to all others. */
static void eat(struct helper *self, void *arg)
{
	long left = *(long *)arg, more;

	oom_adjust("0");
	while ((more = available_pages() - left) > 0) {
		size_t pages = more > 512 ? more / 2 : more;
		char *area = area_map(pages);

		CHECK_SYS(madvise(area, pages * PAGE_SIZE, MADV_POPULATE_WRITE));
	}
	helper_step(self);
}

static void eater_start(struct helper *eater)
{
	static long left = LEFT_PAGES;

	if (available_pages() < (long)(MERGED_PAGES + LEFT_PAGES))
		test_skip("the machine has only %ld MiB left", available_pages() / MIB_PAGES);
	helper_start(eater, eat, &left);
	helper_wait(eater);
}

/* A process with memory of one content: zeroes with seed 0. */
static void hold_same(struct helper *self, void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	char *area;

	oom_adjust("0");
	area = area_map_same(MERGED_PAGES, seed);
	helper_step(self);
	area_check_same(area, MERGED_PAGES, seed);
	if (seed)
		CHECK(pages_max_sharers(area, MERGED_PAGES) == 1, "pages are still merged");
}

static void holder_start(struct helper *holder, uint64_t seed)
{
	helper_start(holder, hold_same, (void *)(uintptr_t)seed);
	helper_wait(holder);
}

static void check_refused(int log, int err, long kills)
{
	CHECK(oom_kills() == kills, "unloading: %s, and %ld processes were killed",
	      err ? strerror(-err) : "accepted", oom_kills() - kills);
	CHECK(err == -EWOULDBLOCK, "unloading: %s", err ? strerror(-err) : "accepted");
	CHECK(klog_count(log, "unload is refused for now"), "the log does not say so");
}

/* Whatever a refusal was for is over: it goes within a moment. */
static void check_unloads(const char *where, unsigned int secs)
{
	struct limit limit = limit_begin(secs * harness_slower());
	int err;

	while ((err = module_try_unload())) {
		CHECK(!limit_passed(&limit), "%s: after %u s unloading says %s", where,
		      secs * harness_slower(), strerror(-err));
		usleep(50000);
	}
}

/* What maps the zero page gets memory as well. */
static void test_zero_pages(void)
{
	struct helper holder, eater;
	long kills = oom_kills();
	int log = klog_open(), err;

	begin();
	if (access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK))
		test_skip("this kernel's zero pages stay where they are");
	engine_set("use_zero_pages", 1);
	holder_start(&holder, 0);
	engine_start();
	engine_settle();
	CHECK(engine_get("ksm_zero_pages") == MERGED_PAGES, "ksm_zero_pages is %ld, expected %ld",
	      engine_get("ksm_zero_pages"), (long)MERGED_PAGES);
	eater_start(&eater);
	engine_pause();
	err = module_try_unload();
	check_refused(log, err, kills);
	check_alive("the process with merged pages", &holder);
	check_alive("the other process", &eater);
	helper_finish(&eater);
	check_unloads("memory is back", 5);
	CHECK(oom_kills() == kills, "%ld processes were killed", oom_kills() - kills);
	helper_finish(&holder);
}

/* @seed of what is merged, and refused to be unmerged. */
static void refuse(struct helper *holder, struct helper *eater, uint64_t seed)
{
	long kills = oom_kills();
	int log = klog_open();

	begin();
	holder_start(holder, seed);
	engine_start();
	engine_wait_full_scans(3);
	eater_start(eater);
	engine_pause();
	check_refused(log, module_try_unload(), kills);
	close(log);
}

static void test_memory_back(void)
{
	struct helper holder, eater;

	refuse(&holder, &eater, 1);
	helper_finish(&eater);
	engine_set("run", 0);
	check_unloads("memory is back", 3);
	helper_finish(&holder);
}

static void test_merged_gone(void)
{
	struct helper holder, eater;

	refuse(&holder, &eater, 2);
	helper_kill(&holder);
	check_unloads("nothing is merged", 5);
	helper_finish(&eater);
}

struct member {
	const char *group;
	const char *oom_score;
	uint64_t seed;
	bool unmerged;
	struct helper helper;
};

/* A process in a group, with memory of one content. */
static void member_run(struct helper *self, void *arg)
{
	const struct member *m = arg;
	char *area;
	size_t i;

	oom_adjust(m->oom_score);
	cgroup_join(m->group);
	area = area_map_same(GROUP_PAGES, m->seed);
	helper_step(self);
	area_check_same(area, GROUP_PAGES, m->seed);
	if (m->unmerged)
		check_unmerged(m->group, area, GROUP_PAGES);
	helper_step(self);
	for (i = 0; i < GROUP_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 1000 * m->seed + i);
	area_check_distinct(area, GROUP_PAGES, 1000 * m->seed);
}

static void members_start(struct member *members, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		cgroup_make(members[i].group);
		helper_start(&members[i].helper, member_run, &members[i]);
		helper_wait(&members[i].helper);
	}
}

/* Now that it has merged its pages the group gets no more. */
static void group_fill(const char *group)
{
	struct limit limit = limit_begin(20 * harness_slower());
	char text[32];

	while (cgroup_get(group, "memory.current") > (long)(GROUP_PAGES * PAGE_SIZE / 2)) {
		CHECK(!limit_passed(&limit), "%s still uses %ld bytes", group,
		      cgroup_get(group, "memory.current"));
		usleep(10000);
	}
	snprintf(text, sizeof(text), "%ld",
		 cgroup_get(group, "memory.current") + GROUP_LEFT_BYTES);
	cgroup_set(group, "memory.max", text);
}

static void members_check(const char *where, struct member *members, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		CHECK(!cgroup_oom_kills(members[i].group), "%s: killed in %s: %ld", where,
		      members[i].group, cgroup_oom_kills(members[i].group));
		check_alive(members[i].group, &members[i].helper);
	}
	for (i = 0; i < nr; i++) {
		helper_go(&members[i].helper);
		helper_wait(&members[i].helper);
	}
}

static void members_finish(struct member *members, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		cgroup_set(members[i].group, "memory.max", "max");
		helper_finish(&members[i].helper);
	}
}

/* Unloads in another process, as that may hang. Frees the groups if it does. */
static int unload_in_time(const struct member *members, size_t nr)
{
	struct limit limit = limit_begin(UNLOAD_SECS * harness_slower());
	pid_t pid = CHECK_SYS(fork());
	bool hangs = false;
	int status;
	size_t i;

	if (!pid)
		_exit(-module_try_unload());
	while (!waitpid(pid, &status, WNOHANG)) {
		if (!hangs && limit_passed(&limit)) {
			hangs = true;
			for (i = 0; i < nr; i++)
				cgroup_set(members[i].group, "memory.max", "max");
		}
		usleep(20000);
	}
	CHECK(!hangs, "unloading did not end within %u s", UNLOAD_SECS * harness_slower());
	CHECK(WIFEXITED(status), "unloading ended with status %#x", status);
	return -WEXITSTATUS(status);
}

/*
 * Groups have no memory for what was merged; the process of one of them may not be killed. That is
 * no reason to kill the other, nor to wait for ever.
 */
static void unload_with(struct member *members, size_t nr)
{
	size_t i;
	int err;

	begin();
	members_start(members, nr);
	engine_start();
	engine_wait_full_scans(3);
	for (i = 0; i < nr; i++)
		group_fill(members[i].group);
	err = unload_in_time(members, nr);
	CHECK(!err || err == -EWOULDBLOCK, "unloading: %s", strerror(-err));
	test_note("unloading: %s", err ? strerror(-err) : "done");
	members_check("unloading", members, nr);
	members_finish(members, nr);
}

static void test_full_group_unload(void)
{
	struct member members[] = {
		{ FULL, "0", 3 },
		{ FULL_TOO, "-1000", 4 },
	};

	unload_with(members, ARRAY_SIZE(members));
}

/* One full group does not keep the rest merged. */
static void test_full_group_unmerge(void)
{
	struct member members[] = {
		{ FULL, "0", 5 },
		{ ROOMY, "0", 6, .unmerged = true },
	};
	int err;

	begin();
	members_start(members, ARRAY_SIZE(members));
	engine_start();
	engine_wait_full_scans(3);
	group_fill(FULL);
	err = engine_try_set("run", 2);
	CHECK(!cgroup_oom_kills(FULL), "run=2: %s, and killed %ld", err ? strerror(-err) : "accepted",
	      cgroup_oom_kills(FULL));
	CHECK(err == -ENOMEM, "run=2: %s", err ? strerror(-err) : "accepted");
	CHECK(engine_get("run") == 0, "run is %ld", engine_get("run"));
	CHECK(engine_get("pages_sharing") > 0 && engine_get("pages_sharing") < (long)GROUP_PAGES,
	      "pages_sharing is %ld", engine_get("pages_sharing"));
	members_check("run=2", members, ARRAY_SIZE(members));
	cgroup_set(FULL, "memory.max", "max");
	engine_set("run", 2);
	engine_check_counters("with memory for it", 0, 0, 0, 0);
	members_finish(members, ARRAY_SIZE(members));
}

struct sparse {
	size_t pages;
};

/* A page here and there makes as many records as a full mapping. */
static void hold_sparse(struct helper *self, void *arg)
{
	const struct sparse *s = arg;
	size_t step = 512 << 10, i;
	char *area = mmap(NULL, s->pages * step, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(area != MAP_FAILED, "mmap: %m");
	CHECK_SYS(madvise(area, s->pages * step, MADV_NOHUGEPAGE));
	for (i = 0; i < s->pages; i++)
		page_fill(area + i * step, 7000 + i);
	CHECK_SYS(madvise(area, s->pages * step, MADV_MERGEABLE));
	helper_step(self);
	for (i = 0; i < s->pages; i++)
		CHECK_PAGE(area + i * step, 7000 + i);
}

/* One process cannot have all the memory that there is for records. */
static void test_metadata_limit(void)
{
	struct sparse sparse = { .pages = 5000 };
	struct helper greedy;
	long most, used;
	char *area;

	begin();
	if (!engine_has("max_metadata_percentage"))
		test_skip("no max_metadata_percentage");
	most = sys_field("/proc/meminfo", "MemTotal:") * 1024 / 100;
	engine_set("max_metadata_percentage", 1);
	helper_start(&greedy, hold_sparse, &sparse);
	helper_wait(&greedy);
	engine_start();
	engine_wait_full_scans(3);
	used = engine_get("metadata_bytes");
	test_note("%ld of %ld bytes used for %zu scattered pages, %ld of them tracked", used, most,
		  sparse.pages, engine_get("pages_unshared"));
	CHECK(used <= most + most / 20, "metadata_bytes is %ld, 1 %% are %ld", used, most);
	CHECK(used > most / 8, "metadata_bytes is %ld, so the limit is not tried", used);
	area = area_map_same(200, 8);
	engine_wait_full_scans(3);
	check_merged("another process", area, 200);
	engine_set("max_metadata_percentage", 20);
	engine_wait_full_scans(3);
	CHECK(engine_get("pages_unshared") == (long)sparse.pages, "%ld of %zu pages are tracked",
	      engine_get("pages_unshared"), sparse.pages);
	helper_finish(&greedy);
	engine_wait_at_most("the greedy one has exited", "pages_unshared", 0, 5);
	if (engine_has("dead_metadata_bytes"))
		engine_wait_at_most("the greedy one has exited", "dead_metadata_bytes", 0, 5);
	CHECK(engine_get("metadata_bytes") < most / 8, "metadata_bytes is %ld afterwards",
	      engine_get("metadata_bytes"));
	area_check_same(area, 200, 8);
}

static const struct test tests[] = {
	{ "memory-back", test_memory_back },
	{ "merged-gone", test_merged_gone },
	{ "full-group-unmerge", test_full_group_unmerge },
	{ "metadata-limit", test_metadata_limit },
	{ "zero-pages", test_zero_pages },
	{ "full-group-unload", test_full_group_unload, .timeout_secs = 180 },
};

int main(int argc, char **argv)
{
	/* Who judges is not to be killed. */
	file_write("/proc/self/oom_score_adj", "-1000");
	return harness_main("shortage", tests, ARRAY_SIZE(tests), argc, argv);
}
