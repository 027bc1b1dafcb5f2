// SPDX-License-Identifier: GPL-2.0-only
/*
 * domains/merge_now: what a process or a domain has is merged at once, however slow the scanner
 * is set; who asks is told when it is done, or why it is not.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "module.h"

#define PAGES 512
#define MANY_PAGES 65536
#define CGROUP "merge-now"
/* One that maps memory ahead of the scanner: so much at a time, so often before it goes. */
#define AHEAD_PAGES 512
#define AHEAD_AREAS 16
#define AHEAD_SECS 60

/* One page a minute: what is merged meanwhile is so by request. */
static void engine_start_slow(void)
{
	engine_start();
	engine_set("smart_scan", 1);
	engine_set("pages_to_scan", 1);
	engine_set("sleep_millisecs", 60000);
}

static int ask(const char *who)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/domains", engine_dir());
	return knob_write(dir, "merge_now", who, strlen(who));
}

static int ask_process(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d\n", pid);
	return ask(text);
}

static void progress(char *text)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/domains", engine_dir());
	CHECK(!knob_read(dir, "merge_now", text), "merge_now cannot be read");
}

static void require_uksm(void)
{
	char text[KNOB_TEXT_MAX];

	if (engine_is_stock())
		test_skip("ksm has no merge_now");
	if (!module_loaded())
		module_load();
	progress(text);
	CHECK(!*text, "nobody has asked, and it says '%s'", text);
}

static void check_answer(const char *who, int expected)
{
	int err = ask(who);

	CHECK(err == expected, "'%s': %s, not %s", who, strerror(-err), strerror(-expected));
}

/**
 * struct tenant - a process whose pages are all alike, in steps
 * @pages: how many
 * @seed: of them
 * @plain: it never asks for merging
 * @cgroup: in which, or NULL
 * @area: filled in: known to the parent, which has not touched it
 * @helper: filled in
 */
struct tenant {
	size_t pages;
	uint64_t seed;
	bool plain;
	const char *cgroup;
	char *area;
	struct helper helper;
};

static void tenant_run(struct helper *self, void *arg)
{
	struct tenant *t = arg;
	size_t i;

	if (t->cgroup)
		cgroup_join(t->cgroup);
	for (i = 0; i < t->pages; i++)
		page_fill(t->area + i * PAGE_SIZE, t->seed);
	if (!t->plain)
		area_mergeable(t->area, t->pages);
	helper_step(self);
	area_check_same(t->area, t->pages, t->seed);
	/* All others than they were, and all alike again. */
	for (i = 0; i < t->pages; i++)
		page_fill(t->area + i * PAGE_SIZE, t->seed + 1);
	helper_step(self);
	area_check_same(t->area, t->pages, t->seed + 1);
}

static void tenant_start(struct tenant *t)
{
	if (t->cgroup)
		cgroup_make(t->cgroup);
	t->area = area_map(t->pages);
	helper_start(&t->helper, tenant_run, t);
	helper_wait(&t->helper);
}

/* It changes its memory. */
static void tenant_next(struct tenant *t)
{
	helper_go(&t->helper);
	helper_wait(&t->helper);
}

/* How many frames it has; one is what can be had, for up to max_page_sharing pages. */
static size_t frames(const struct tenant *t)
{
	uint64_t first = pfn_of_other(t->helper.pid, t->area);
	size_t i, others = 0;

	for (i = 1; i < t->pages; i++)
		others += pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE) != first;
	return 1 + others;
}

static void check_one_frame(const char *where, const struct tenant *t)
{
	size_t nr = frames(t);

	CHECK(nr == 1, "%s: the process has %zu frames", where, nr);
}

static void check_asked(const char *where, const struct tenant *t)
{
	int err = ask_process(t->helper.pid);

	CHECK(!err, "%s: %s", where, strerror(-err));
	check_one_frame(where, t);
}

/* New memory, and then what has changed in memory that was merged. */
static void ask_in_turn(bool automatic)
{
	struct tenant t = { .pages = PAGES, .seed = 10 }, other = { .pages = PAGES, .seed = 20 };

	tenant_start(&other);
	tenant_start(&t);
	usleep(300000);
	CHECK(frames(&t) > 1, "it has been merged before anybody has asked");
	check_asked("new memory", &t);
	/* Which the automatic pace does soon. */
	CHECK(automatic || frames(&other) > 1, "another process was merged as well");
	tenant_next(&t);
	check_asked("changed memory", &t);
	/* Resting, and nothing new: it ends, too. */
	check_asked("unchanged memory", &t);
	check_asked("another one", &other);
	helper_finish(&t.helper);
	tenant_next(&other);
	helper_finish(&other.helper);
}

static void test_process(void)
{
	require_uksm();
	engine_set("max_page_sharing", 100000);
	engine_start_slow();
	ask_in_turn(false);
}

/* At the automatic pace memory is left alone that has just come. */
static void test_auto(void)
{
	require_uksm();
	engine_set("max_page_sharing", 100000);
	engine_start_slow();
	CHECK(!knob_write(engine_dir(), "advisor_mode", "auto", 4), "advisor_mode");
	ask_in_turn(true);
}

/* What may be used of a CPU holds for this as well. */
static void test_cpu_limit(void)
{
	struct tenant t = { .pages = 16384, .seed = 10 };
	long cpu_msecs, msecs;
	double began;

	require_uksm();
	engine_set("max_page_sharing", 100000);
	engine_start_slow();
	engine_set("max_cpu_percentage", 10);
	tenant_start(&t);
	cpu_msecs = engine_get("uksmd_cpu_msecs");
	began = now_secs();
	CHECK(!ask_process(t.helper.pid), "refused");
	msecs = (now_secs() - began) * 1000;
	cpu_msecs = engine_get("uksmd_cpu_msecs") - cpu_msecs;
	test_note("%ld ms of CPU time in %ld ms", cpu_msecs, msecs);
	/* Half a second of credit may have been there. */
	CHECK(cpu_msecs <= msecs / 10 + 50 + 20, "%ld ms of CPU time in %ld ms, at 10 %%",
	      cpu_msecs, msecs);
	helper_kill(&t.helper);
}

/* All processes of a domain, and of no other. */
static void test_domain(void)
{
	struct tenant a = { .pages = PAGES, .seed = 10, .cgroup = CGROUP "-a" };
	struct tenant a2 = { .pages = PAGES, .seed = 10, .cgroup = CGROUP "-a" };
	struct tenant b = { .pages = PAGES, .seed = 10, .cgroup = CGROUP "-b" };
	struct stat group;
	char name[64];

	require_uksm();
	engine_set("max_page_sharing", 100000);
	CHECK(!knob_write(engine_dir(), "isolation", "cgroup", 6), "isolation");
	tenant_start(&a);
	tenant_start(&a2);
	tenant_start(&b);
	engine_start();
	engine_settle();
	engine_start_slow();
	tenant_next(&a);
	tenant_next(&a2);
	tenant_next(&b);
	CHECK_SYS(stat("/sys/fs/cgroup/" CGROUP "-a", &group));
	snprintf(name, sizeof(name), "cgroup-%llu", (unsigned long long)group.st_ino);
	CHECK(!ask(name), "%s is refused", name);
	check_one_frame("first process", &a);
	check_one_frame("second process", &a2);
	CHECK(pfn_of_other(a.helper.pid, a.area) == pfn_of_other(a2.helper.pid, a2.area),
	      "two processes of a domain are not merged");
	CHECK(frames(&b) > PAGES / 2, "another domain was merged as well");
	check_answer("cgroup-1", -ESRCH);
	check_answer("user-1001", -ESRCH);
	helper_kill(&a.helper);
	helper_kill(&a2.helper);
	helper_kill(&b.helper);
}

static void test_answers(void)
{
	static const char *const wrong[] = {
		"0", "-1", "+5", "1x", "x", "99999999999", "all", "none-1", "user", "user-", "-",
		"user--1", "user-1x", "cgroup- 1", "process-99999999999999999999", "1 2", "\n",
		"process-0000000000000000000000000000000000000000000000000000000000000001",
	};
	struct tenant plain = { .pages = 16, .seed = 1, .plain = true };
	char self[32];
	size_t i;

	require_uksm();
	snprintf(self, sizeof(self), "%d", getpid());
	/* What is forked from one that has asked has asked, too. */
	tenant_start(&plain);
	area_map_same(16, 5);
	check_answer(self, -EAGAIN);
	engine_start_slow();
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		check_answer(wrong[i], -EINVAL);
	check_answer("4194303", -ESRCH);
	check_answer("user-1001", -ESRCH);
	check_answer("2", -ESRCH);
	check_answer("process-1", -ESRCH);
	check_answer(self, 0);
	CHECK(ask_process(plain.helper.pid) == -EPERM, "one that has not asked for merging");
	helper_kill(&plain.helper);
	CHECK(ask_process(plain.helper.pid) == -ESRCH, "one that is gone");
}

/* The first thread of a process may have exited, and then it has no memory any more. */
static void *second_thread(void *arg)
{
	struct helper *self = arg;

	area_map_same(PAGES, 30);
	helper_step(self);
	return NULL;
}

static void threads_run(struct helper *self, void *unused)
{
	pthread_t thread;

	(void)unused;
	CHECK(!pthread_create(&thread, NULL, second_thread, self), "pthread_create");
	syscall(SYS_exit, 0);
}

static void test_leader_exited(void)
{
	struct helper helper;

	require_uksm();
	engine_set("max_page_sharing", 100000);
	engine_start_slow();
	helper_start(&helper, threads_run, NULL);
	helper_wait(&helper);
	CHECK(!ask_process(helper.pid), "a process whose first thread has exited");
	CHECK(engine_get("pages_sharing") >= PAGES - 1, "pages_sharing %ld",
	      engine_get("pages_sharing"));
	helper_kill(&helper);
}

static void test_excluded(void)
{
	static const char list[] = "domains/excluded";
	struct tenant t = { .pages = 16, .seed = 1, .cgroup = CGROUP "-x" };
	int err;

	require_uksm();
	engine_start_slow();
	tenant_start(&t);
	CHECK(!knob_write(engine_dir(), list, "+/" CGROUP "-x", strlen("+/" CGROUP "-x")), "list");
	/* Until that is noticed: then it waits for nothing. */
	err = ask_process(t.helper.pid);
	CHECK(err == -EPERM || err == -EAGAIN, "an excluded process: %s", strerror(-err));
	sleep(2);
	err = ask_process(t.helper.pid);
	CHECK(err == -EPERM, "an excluded process: %s", strerror(-err));
	CHECK(frames(&t) == t.pages, "it has been merged");
	CHECK(!knob_write(engine_dir(), list, "-/" CGROUP "-x", strlen("-/" CGROUP "-x")), "list");
	sleep(2);
	check_asked("included again", &t);
	helper_kill(&t.helper);
}

/* Somebody asks in a process of his own, whose exit status is the errno. */
static pid_t asker_start(const char *who)
{
	pid_t pid = CHECK_SYS(fork());

	if (!pid)
		_exit(-ask(who));
	return pid;
}

static int asker_answer(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "status %#x", status);
	return -WEXITSTATUS(status);
}

/* Until the request is under way, and so many pages have been looked at. */
static void wait_looked(long pages)
{
	struct limit limit = limit_begin(10 * harness_slower());
	char text[KNOB_TEXT_MAX];

	do {
		CHECK(!limit_passed(&limit), "no progress is shown");
		usleep(1000);
		progress(text);
	} while (!*text || atol(text) < pages);
}

static void wait_under_way(void)
{
	wait_looked(0);
}

/* A process large enough that all that follows comes in time, at a hundredth of a CPU. */
static pid_t big_start(struct tenant *t)
{
	char who[32];

	require_uksm();
	engine_start_slow();
	engine_set("max_cpu_percentage", harness_slower());
	*t = (struct tenant){ .pages = MANY_PAGES, .seed = 3 };
	tenant_start(t);
	snprintf(who, sizeof(who), "%d", t->helper.pid);
	return asker_start(who);
}

static void test_progress(void)
{
	unsigned long looked, pages, before = 0, steps = 0;
	char text[KNOB_TEXT_MAX];
	struct limit limit;
	struct tenant t;
	pid_t asker = big_start(&t);

	wait_under_way();
	limit = limit_begin(30 * harness_slower());
	while (steps < 3) {
		CHECK(!limit_passed(&limit), "%lu pages looked at, in %lu steps", before, steps);
		progress(text);
		CHECK(sscanf(text, "%lu %lu", &looked, &pages) == 2, "'%s'", text);
		CHECK(looked <= pages && looked >= before, "%lu of %lu after %lu", looked, pages,
		      before);
		CHECK(pages >= 2 * MANY_PAGES && pages < 2 * MANY_PAGES + 4096, "of %lu", pages);
		steps += looked > before;
		before = looked;
		usleep(10000);
	}
	engine_set("max_cpu_percentage", 100);
	CHECK(!asker_answer(asker), "not done");
	progress(text);
	CHECK(!*text, "it is done, and says '%s'", text);
	helper_kill(&t.helper);
}

/* A signal ends the wait, and the hurry. */
static void test_killed(void)
{
	char text[KNOB_TEXT_MAX];
	struct limit limit;
	struct tenant t;
	pid_t asker = big_start(&t);
	int status;

	wait_under_way();
	limit = limit_begin(2 * harness_slower());
	CHECK_SYS(kill(asker, SIGTERM));
	CHECK(waitpid(asker, &status, 0) == asker && WIFSIGNALED(status), "status %#x", status);
	CHECK(!limit_passed(&limit), "it went on for seconds");
	progress(text);
	CHECK(!*text, "nobody asks any more, and it says '%s'", text);
	helper_kill(&t.helper);
}

static void test_exits(void)
{
	struct tenant t;
	pid_t asker = big_start(&t);
	int err;

	wait_under_way();
	helper_kill(&t.helper);
	err = asker_answer(asker);
	CHECK(err == -ESRCH, "of a process that has exited: %s", strerror(-err));
}

/* Who goes over to another domain would have to be gone through anew, as often as he likes. */
static void test_moves(void)
{
	struct tenant t = { .pages = MANY_PAGES, .seed = 3, .cgroup = CGROUP "-from" };
	char who[32];
	pid_t asker;
	int err;

	require_uksm();
	cgroup_make(CGROUP "-to");
	CHECK(!knob_write(engine_dir(), "isolation", "cgroup", 6), "isolation");
	engine_start_slow();
	engine_set("max_cpu_percentage", harness_slower());
	tenant_start(&t);
	snprintf(who, sizeof(who), "%d", t.helper.pid);
	asker = asker_start(who);
	/* Before its first scan it belongs nowhere, and would not leave anything. */
	wait_looked(1);
	cgroup_set(CGROUP "-to", "cgroup.procs", who);
	err = asker_answer(asker);
	CHECK(err == -EAGAIN, "of a process that has gone elsewhere: %s", strerror(-err));
	helper_kill(&t.helper);
}

/*
 * A process that always has new memory ahead of the scanner, and gives back what is behind, is
 * not followed to the end of its address space.
 */
static void ahead_run(struct helper *self, void *arg)
{
	char *at = arg;
	uint64_t seed = 1;
	size_t i;

	helper_step(self);
	for (;; at += AHEAD_PAGES * PAGE_SIZE) {
		CHECK(mmap(at, AHEAD_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "mmap");
		CHECK_SYS(madvise(at, AHEAD_PAGES * PAGE_SIZE, MADV_MERGEABLE));
		CHECK_SYS(madvise(at, AHEAD_PAGES * PAGE_SIZE, MADV_NOHUGEPAGE));
		for (i = 0; i < AHEAD_PAGES; i++)
			*(uint64_t *)(at + i * PAGE_SIZE) = seed++;
		CHECK_SYS(munmap(at - AHEAD_AREAS * AHEAD_PAGES * PAGE_SIZE, AHEAD_PAGES * PAGE_SIZE));
	}
}

static void test_ahead(void)
{
	/* Below all that the process has, with much room above. */
	char *at = (char *)0x100000000000;
	struct limit limit = limit_begin(AHEAD_SECS * harness_slower());
	double began = now_secs();
	struct helper helper;
	int status, err;
	char who[32];
	pid_t asker;

	require_uksm();
	engine_start_slow();
	helper_start(&helper, ahead_run, at);
	helper_wait(&helper);
	snprintf(who, sizeof(who), "%d", helper.pid);
	helper_go(&helper);
	usleep(200000);
	asker = asker_start(who);
	while (!CHECK_SYS(waitpid(asker, &status, WNOHANG))) {
		CHECK(!limit_passed(&limit), "it is still followed");
		usleep(10000);
	}
	err = WEXITSTATUS(status);
	test_note("answer: %s, after %.1f s", err ? strerror(err) : "done", now_secs() - began);
	CHECK(!err || err == EAGAIN, "%s", strerror(err));
	helper_kill(&helper);
}

static void test_stopped(void)
{
	struct tenant t;
	pid_t asker = big_start(&t);
	int err;

	wait_under_way();
	engine_set("run", 0);
	err = asker_answer(asker);
	CHECK(err == -EAGAIN, "run is 0: %s", strerror(-err));
	engine_set("run", 1);
	asker = asker_start("1");
	CHECK(asker_answer(asker) == -EPERM, "init has memory to merge");
	helper_kill(&t.helper);
}

static void test_unload(void)
{
	struct tenant t;
	pid_t asker = big_start(&t);
	int err;

	wait_under_way();
	module_unload();
	err = asker_answer(asker);
	CHECK(err == -ENODEV, "the module is unloaded: %s", strerror(-err));
	module_load();
	helper_kill(&t.helper);
}

static const struct test tests[] = {
	{ "process", test_process },
	{ "auto", test_auto },
	{ "cpu-limit", test_cpu_limit },
	{ "domain", test_domain },
	{ "answers", test_answers },
	{ "leader-exited", test_leader_exited },
	{ "excluded", test_excluded },
	{ "progress", test_progress, .timeout_secs = 120 },
	{ "killed", test_killed },
	{ "exits", test_exits },
	{ "moves", test_moves },
	{ "ahead", test_ahead, .timeout_secs = 180 },
	{ "stopped", test_stopped },
	{ "unload", test_unload, .timeout_secs = 120 },
};

int main(int argc, char **argv)
{
	return harness_main("merge_now", tests, ARRAY_SIZE(tests), argc, argv);
}
