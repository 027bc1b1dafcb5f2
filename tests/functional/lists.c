// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the lists in domains/ say of processes: whose they are by name, how they are hardened, and
 * how often they are scanned. And whom they say it of, if processes fork, execute something or exit.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "tenant.h"

/* Each content is there twice. */
#define CONTENTS (TENANT_PAGES / 2)

/* So many processes can have a name: NAMED_MAX of module/kernel/named.c. */
#define NAMED_MAX 100

/* Of module/engine/hold.c: nothing new merges across processes before, but for what we are late. */
#define HOLD_SECS 20

static int list_write(const char *list, const char *text)
{
	return knob_write(domains_dir(), list, text, strlen(text));
}

static void list_set(const char *list, const char *text)
{
	int err = list_write(list, text);

	CHECK(!err, "%s: \"%s\": %s", list, text, strerror(-err));
}

static void list_get(const char *list, char *text)
{
	CHECK(!knob_read(domains_dir(), list, text), "no %s", list);
}

static void list_check(const char *list, const char *shown)
{
	char text[KNOB_TEXT_MAX];

	list_get(list, text);
	CHECK(!strcmp(text, shown), "%s shows \"%s\", not \"%s\"", list, text, shown);
}

static void list_refuses(const char *list, const char *text, int err)
{
	int got = list_write(list, text);

	CHECK(got == err, "%s: \"%s\": %s, not %s", list, text, strerror(-got), strerror(-err));
}

/* A test that has failed may have left something there. */
static void list_clear(const char *list)
{
	char text[1 + KNOB_TEXT_MAX] = "-";

	for (list_get(list, text + 1); text[1]; list_get(list, text + 1)) {
		text[strcspn(text, " ")] = '\0';
		list_set(list, text);
	}
}

static void require_lists(void)
{
	if (engine_is_stock())
		test_skip("ksm has no lists");
	list_clear("named");
	list_clear("hardened");
	list_clear("weights");
}

/* Names */

static int try_name(pid_t pid, const char *name)
{
	char text[80];

	snprintf(text, sizeof(text), "+%d %s", pid, name);
	return list_write("named", text);
}

static void name_process(pid_t pid, const char *name)
{
	int err = try_name(pid, name);

	CHECK(!err, "name \"%s\": %s", name, strerror(-err));
}

static void unname(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "-%d", pid);
	list_set("named", text);
}

static void named_check(pid_t pid, const char *name)
{
	char shown[80];

	snprintf(shown, sizeof(shown), "%d %s", pid, name);
	list_check("named", shown);
}

static void *no_process(void *arg)
{
	CHECK(try_name(gettid(), "thread") == -ESRCH, "a thread gets a name");
	return NULL;
}

static void test_named_written(void)
{
	static const char *const bad[] = {
		"+", "-", "1 a", "+0 a", "+-1 a", "+x a", "+1", "+1 ", "+1x a", "+ 1 a",
		"-1 a", "+99999999999 a", "+1 ", "-0", " +1 a", " -1",
	};
	static const char *const bad_names[] = {
		"a b", " a", "a.b", "a/b", "..", "\xc3\xa4", "a\tb",
		"12345678901234567890123456789012",
	};
	pthread_t thread;
	char text[32];
	size_t i;

	require_lists();
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		list_refuses("named", bad[i], -EINVAL);
	for (i = 0; i < ARRAY_SIZE(bad_names); i++)
		CHECK(try_name(getpid(), bad_names[i]) == -EINVAL, "name \"%s\": %s", bad_names[i],
		      strerror(-try_name(getpid(), bad_names[i])));
	list_check("named", "");
	CHECK(!pthread_create(&thread, NULL, no_process, NULL) && !pthread_join(thread, NULL),
	      "no thread");
	CHECK(try_name(4194303, "nobody") == -ESRCH, "nobody gets a name");
	snprintf(text, sizeof(text), "-%d", getpid());
	list_refuses("named", text, -ENOENT);
	name_process(getpid(), "A-z_0123456789012345678901234-9");
	named_check(getpid(), "A-z_0123456789012345678901234-9");
	name_process(getpid(), "other\n");
	named_check(getpid(), "other");
	unname(getpid());
	list_check("named", "");
	list_refuses("named", text, -ENOENT);
}

/* Of two users who have one name, and of one of them without it. */
static void test_named_together(void)
{
	struct tenant a = { .uid = 1001, .seed = 100 }, b = { .uid = 1002, .seed = 100 };
	struct tenant c = { .uid = 1002, .seed = 100 };
	char path[256], text[KNOB_TEXT_MAX];

	require_lists();
	isolate("user");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&c, tenant_run);
	name_process(a.helper.pid, "customer-1");
	name_process(b.helper.pid, "customer-1");
	engine_start();
	engine_settle();
	check_together("one name", &a, &b);
	check_apart("one user, and a name", &b, &c);
	wait_domains(2);
	check_sums("a name and a user");
	CHECK(domain_counter("named-customer-1", "processes") == 2, "processes of that name");
	CHECK(domain_counter("user-1002", "pages_shared") == CONTENTS, "pages of the other");
	snprintf(path, sizeof(path), "%s/named-customer-1", domains_dir());
	CHECK(!knob_read(path, "owner", text) && !strcmp(text, "customer-1"), "owner \"%s\"", text);
	CHECK(!knob_read(path, "hardening", text) && !strcmp(text, "none"), "hardening \"%s\"", text);
	CHECK(!list_write("merge_now", "named-customer-1"), "merge_now of a name");
	CHECK(list_write("merge_now", "named-customer-2") == -ESRCH, "of a name that nobody has");
	CHECK(list_write("merge_now", "named-custo.mer") == -EINVAL, "of what is none");
	CHECK(list_write("merge_now", "user-1002.delay") == -ESRCH, "of a level that nobody has");
	CHECK(list_write("merge_now", "user-1002.none") == -EINVAL, "of what is no level");
	unname(b.helper.pid);
	wait_apart("the name is taken", &a, &b);
	wait_together("back with the user", &b, &c);
	check_sums("back with the user");
	helper_finish(&a.helper);
	wait_domains(1);
	list_check("named", "");
	helper_finish(&b.helper);
	helper_finish(&c.helper);
}

/* Given, and changed, while all that there is has merged. */
static void test_named_late(void)
{
	struct tenant a = { .seed = 100 }, b = { .seed = 100 };

	require_lists();
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	name_process(a.helper.pid, "a");
	engine_start();
	engine_settle();
	check_together("without isolation a name means nothing", &a, &b);
	engine_unmerge();
	isolate("process");
	engine_set("run", 1);
	engine_settle();
	check_apart("one has a name", &a, &b);
	name_process(b.helper.pid, "a");
	wait_together("both have it", &a, &b);
	name_process(b.helper.pid, "b");
	wait_apart("another name", &a, &b);
	engine_wait_full_scans(3);
	check_apart("another name", &a, &b);
	wait_domains(2);
	unname(a.helper.pid);
	unname(b.helper.pid);
	wait_domains(2);
	engine_wait_full_scans(3);
	check_apart("no name", &a, &b);
	check_sums("no name");
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/* Tells who its child is in a pipe. */
static int child_pipe[2];

static void forking_run(struct helper *self, void *arg)
{
	pid_t child;

	tenant_run(self, arg);
	child = CHECK_SYS(fork());
	if (!child)
		for (;;)
			pause();
	CHECK(write(child_pipe[1], &child, sizeof(child)) == sizeof(child), "pipe: %m");
	helper_step(self);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check_content(arg);
}

static void test_named_fork(void)
{
	struct tenant a = { .seed = 100 }, child;

	require_lists();
	CHECK_SYS(pipe(child_pipe));
	isolate("process");
	tenant_start(&a, forking_run);
	name_process(a.helper.pid, "parent");
	engine_start();
	engine_settle();
	helper_go(&a.helper);
	helper_wait(&a.helper);
	child = a;
	CHECK(read(child_pipe[0], &child.helper.pid, sizeof(pid_t)) == sizeof(pid_t), "pipe: %m");
	named_check(a.helper.pid, "parent");
	wait_domains(2);
	wait_apart("a child has no name", &a, &child);
	helper_finish(&a.helper);
}

static void *execute(void *arg)
{
	execlp("sleep", "sleep", "1000", NULL);
	return NULL;
}

/* By a thread that is not the first, which gets the process ID. */
static void executing_run(struct helper *self, void *arg)
{
	pthread_t thread;

	helper_step(self);
	pthread_create(&thread, NULL, execute, NULL);
	pause();
}

static void test_named_exec(void)
{
	struct helper sleeper;
	char path[64], comm[64] = "";
	struct limit limit = limit_begin(10 * harness_slower());
	FILE *f;

	require_lists();
	helper_start(&sleeper, executing_run, NULL);
	helper_wait(&sleeper);
	name_process(sleeper.pid, "sleeper");
	helper_go(&sleeper);
	snprintf(path, sizeof(path), "/proc/%d/comm", sleeper.pid);
	while (strcmp(comm, "sleep\n")) {
		CHECK(!limit_passed(&limit), "it does not execute anything: %s", comm);
		f = fopen(path, "r");
		CHECK(f && fgets(comm, sizeof(comm), f), "%s: %m", path);
		fclose(f);
		usleep(10000);
	}
	named_check(sleeper.pid, "sleeper");
	helper_kill(&sleeper);
	list_check("named", "");
}

static void test_named_full(void)
{
	pid_t pids[NAMED_MAX + 1];
	size_t i;

	require_lists();
	for (i = 0; i <= NAMED_MAX; i++) {
		pids[i] = CHECK_SYS(fork());
		if (!pids[i])
			for (;;)
				pause();
	}
	for (i = 0; i < NAMED_MAX; i++)
		name_process(pids[i], "0123456789012345678901234567890");
	CHECK(try_name(pids[NAMED_MAX], "last") == -ENOSPC, "one more than can be");
	name_process(pids[1], "another");
	kill(pids[0], SIGKILL);
	waitpid(pids[0], NULL, 0);
	name_process(pids[NAMED_MAX], "last");
	for (i = 1; i <= NAMED_MAX; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	list_check("named", "");
}

/* Renamed while it is scanned, and met in the middle of leaving. */
static void test_named_often(void)
{
	struct tenant a = { .uid = 1001, .seed = 100 }, b = { .uid = 1002, .seed = 100 };
	struct tenant m = { .uid = 1001, .seed = 100, .pages = 1024 };
	int i;

	require_lists();
	isolate("user");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&m, tenant_run);
	name_process(b.helper.pid, "b");
	engine_start();
	for (i = 0; i <= 100; i++) {
		if (i % 3)
			name_process(m.helper.pid, i % 2 ? "a" : "b");
		else if (i)
			unname(m.helper.pid);
		usleep(i * 1000);
	}
	unname(m.helper.pid);
	wait_apart("at rest without a name", &m, &b);
	engine_wait_full_scans(3);
	check_apart("at rest without a name", &m, &b);
	check_apart("who was never renamed", &a, &b);
	wait_together("its user's", &a, &m);
	check_sums("at rest without a name");
	wait_domains(2);
	/* Ends in the middle of leaving. */
	name_process(m.helper.pid, "b");
	helper_finish(&m.helper);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
	wait_domains(0);
}

/* Hardening */

static void test_hardened_written(void)
{
	static const char *const bad[] = {
		"+", "+/tenant-a", "+/tenant-a none", "+/tenant-a del", "+/tenant-a 1",
		"/tenant-a delay", "+tenant-a delay", "+ /tenant-a delay", "+/tenant-a ",
		" +/tenant-a delay", "\t-/tenant-a", "\n+/tenant-a frame",
	};
	size_t i;

	require_lists();
	cgroup_make("tenant-a");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		list_refuses("hardened", bad[i], -EINVAL);
	list_refuses("hardened", "+/no-such-group delay", -ENOENT);
	list_refuses("hardened", "-/tenant-a", -ENOENT);
	list_check("hardened", "");
	list_set("hardened", "+/tenant-a delay\n");
	list_check("hardened", "/tenant-a delay");
	list_set("hardened", "+/tenant-a frame");
	list_check("hardened", "/tenant-a frame");
	list_refuses("hardened", "-/tenant-a frame", -ENOENT);
	list_set("hardened", "-/tenant-a");
	list_check("hardened", "");
}

static void check_hardening(const char *domain, const char *level)
{
	char path[256], text[KNOB_TEXT_MAX];

	snprintf(path, sizeof(path), "%s/%s", domains_dir(), domain);
	CHECK(!knob_read(path, "hardening", text) && !strcmp(text, level), "hardening of %s is %s",
	      domain, text);
}

/*
 * Two processes of one user in a group that is hardened, and two in one that is not: these merge at
 * once, those each within itself only; until they are not hardened any more.
 */
static void test_hardened_delay(void)
{
	struct tenant a = { .cgroup = "tenant-a", .uid = 1001, .seed = 100 };
	struct tenant a2 = { .cgroup = "tenant-a", .uid = 1001, .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .uid = 1001, .seed = 100 };
	struct tenant b2 = { .cgroup = "tenant-b", .uid = 1001, .seed = 100 };
	double began;

	require_lists();
	isolate("user");
	cgroup_make("tenant-a");
	list_set("hardened", "+/tenant-a delay");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	began = now_secs();
	tenant_start(&a2, tenant_run);
	tenant_start(&b2, tenant_run);
	wait_together("not hardened", &b, &b2);
	wait_merged_of("hardened", &a2);
	wait_domains(2);
	check_hardening("user-1001", "none");
	check_hardening("user-1001.delay", "delay");
	check_sums("one hardened");
	while (now_secs() - began < HOLD_SECS) {
		CHECK(!frames_common(&a, &a2), "hardened: %zu frames are shared after %.1f s",
		      frames_common(&a, &a2), now_secs() - began);
		usleep(200000);
	}
	check_apart("a level of one user", &a, &b);
	list_set("hardened", "-/tenant-a");
	wait_together("not hardened any more", &a, &a2);
	wait_together("not hardened any more", &a, &b);
	wait_domains(1);
	check_sums("none hardened");
	helper_finish(&a.helper);
	helper_finish(&a2.helper);
	helper_finish(&b.helper);
	helper_finish(&b2.helper);
}

static void frames_note(const struct tenant *t, uint64_t *frames)
{
	size_t i;

	for (i = 0; i < t->pages; i++)
		frames[i] = pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE);
}

/* How many contents lie in one of the two frames that they had before. */
static size_t frames_kept(const struct tenant *t, const uint64_t *frames)
{
	size_t i, kept = 0;

	for (i = 0; i < CONTENTS; i++) {
		uint64_t pfn = pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE);

		kept += pfn == frames[i] || pfn == frames[CONTENTS + i];
	}
	return kept;
}

/* The pool has 64 frames at least when one is taken; all else that there is here is less. */
#define POOL_BYTES (64 * (long)PAGE_SIZE)

/* The level of a group holds for all below it, and the higher one where there are two. */
static void test_hardened_frame(void)
{
	struct tenant a = { .cgroup = "outer/inner", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	uint64_t frames_a[TENANT_PAGES], frames_b[TENANT_PAGES];

	require_lists();
	isolate("cgroup");
	cgroup_make("outer");
	cgroup_set("outer", "cgroup.subtree_control", "+memory");
	cgroup_make("outer/inner");
	list_set("hardened", "+/outer frame");
	list_set("hardened", "+/outer/inner delay");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	frames_note(&a, frames_a);
	frames_note(&b, frames_b);
	engine_start();
	wait_merged_of("hardened", &a);
	wait_merged_of("not hardened", &b);
	CHECK(!frames_kept(&a, frames_a), "hardened: %zu contents lie where they were",
	      frames_kept(&a, frames_a));
	CHECK(frames_kept(&b, frames_b) == CONTENTS, "not hardened: %zu contents lie where they were",
	      frames_kept(&b, frames_b));
	CHECK(engine_get("metadata_bytes") > POOL_BYTES, "there is no pool of frames");
	helper_finish(&a.helper);
	/* With the last who wants them. */
	engine_wait_at_most("the pool goes", "metadata_bytes", POOL_BYTES, 5);
	helper_finish(&b.helper);
}

/* On a list and off it, while all is scanned. */
static void test_hardened_often(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100, .pages = 512 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100, .pages = 512 };
	int i;

	require_lists();
	isolate("cgroup");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	for (i = 0; i < 60; i++) {
		list_set("hardened", i % 3 == 0 ? "+/tenant-a delay" : i % 3 == 1 ?
			 "+/tenant-a frame" : "-/tenant-a");
		usleep(i * 2000);
	}
	wait_merged_of("at rest", &a);
	wait_merged_of("at rest", &b);
	wait_domains(2);
	check_apart("at rest", &a, &b);
	check_sums("at rest");
	helper_finish(&a.helper);
	helper_finish(&b.helper);
	wait_domains(0);
}

/* Weights */

static void test_weights_written(void)
{
	static const char *const bad[] = {
		"+/tenant-a", "+/tenant-a 0", "+/tenant-a 10001", "+/tenant-a -1", "+/tenant-a 1.5",
		"+/tenant-a x", "+/tenant-a 0x10", "+/tenant-a 4294967396", "/tenant-a 1", "+ 1",
	};
	size_t i;

	require_lists();
	cgroup_make("tenant-a");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		list_refuses("weights", bad[i], -EINVAL);
	list_refuses("weights", "+/no-such-group 1", -ENOENT);
	list_set("weights", "+/tenant-a 1");
	list_check("weights", "/tenant-a 1");
	list_set("weights", "+/tenant-a 10000\n");
	list_check("weights", "/tenant-a 10000");
	list_set("weights", "-/tenant-a");
	list_check("weights", "");
}

/* Until what has just come has been looked at as often as it is whatever its weight. */
static void wait_settled(void)
{
	engine_settle();
	sleep(2);
	engine_settle();
}

static char domain_a[64], domain_b[64];

static void name_domain(char *name, size_t size, const char *cgroup)
{
	char path[128];
	struct stat group;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", cgroup);
	CHECK_SYS(stat(path, &group));
	snprintf(name, size, "cgroup-%lu", (unsigned long)group.st_ino);
}

/* Of two tenants of equal size: over many full scans, how often each is looked at in one. */
static void check_looks(const char *where, double wanted_a, double wanted_b)
{
	long scans, a, b;
	double in_a, in_b;

	engine_pause();
	scans = engine_get("full_scans");
	a = domain_counter(domain_a, "pages_scanned");
	b = domain_counter(domain_b, "pages_scanned");
	engine_set("run", 1);
	engine_wait_full_scans(40);
	engine_pause();
	scans = engine_get("full_scans") - scans;
	in_a = (double)(domain_counter(domain_a, "pages_scanned") - a) / TENANT_PAGES / scans;
	in_b = (double)(domain_counter(domain_b, "pages_scanned") - b) / TENANT_PAGES / scans;
	engine_set("run", 1);
	/* The full scans at both ends are not whole. */
	CHECK(in_a > wanted_a - 0.06 && in_a < wanted_a + 0.06,
	      "%s: the first is looked at %.2f times in a full scan, not %.2f", where, in_a, wanted_a);
	CHECK(in_b > wanted_b - 0.06 && in_b < wanted_b + 0.06,
	      "%s: the second is looked at %.2f times in a full scan, not %.2f", where, in_b,
	      wanted_b);
}

static void test_weights_share(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "outer/inner", .seed = 100 };

	require_lists();
	isolate("cgroup");
	cgroup_make("outer");
	cgroup_set("outer", "cgroup.subtree_control", "+memory");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	name_domain(domain_a, sizeof(domain_a), "tenant-a");
	name_domain(domain_b, sizeof(domain_b), "outer/inner");
	engine_start();
	wait_settled();
	wait_domains(2);
	check_looks("no weights", 1, 1);
	list_set("weights", "+/tenant-a 400");
	check_looks("400 and 100", 1, 0.25);
	list_set("weights", "+/outer 1000");
	check_looks("400 and 1000", 0.4, 1);
	list_set("weights", "+/outer/inner 400");
	check_looks("the nearest counts", 1, 1);
	list_set("weights", "+/outer/inner 1");
	list_set("weights", "+/tenant-a 1");
	check_looks("light, but equal", 1, 1);
	list_set("weights", "-/tenant-a");
	list_set("weights", "+/outer/inner 10");
	check_looks("100 and 10", 1, 0.1);
	/* Who is asked for does not wait for his turn. */
	CHECK(!list_write("merge_now", domain_b), "merge_now");
	check_looks("100 and 10", 1, 0.1);
	helper_finish(&a.helper);
	/* Nobody is heavier now. */
	engine_wait_full_scans(3);
	domain_counter(domain_b, "pages_scanned");
	memcpy(domain_a, domain_b, sizeof(domain_a));
	check_looks("the heavy one has gone", 1, 1);
	helper_finish(&b.helper);
}

/* Without isolation, too: the two have one domain, and weights of their own. */
static void test_weights_not_isolated(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	long scans, scanned;
	double looks;

	require_lists();
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	list_set("weights", "+/tenant-b 25");
	engine_start();
	wait_settled();
	check_together("one domain", &a, &b);
	engine_pause();
	scans = engine_get("full_scans");
	scanned = engine_get("pages_scanned");
	engine_set("run", 1);
	engine_wait_full_scans(40);
	engine_pause();
	looks = (double)(engine_get("pages_scanned") - scanned) / TENANT_PAGES /
		(engine_get("full_scans") - scans);
	CHECK(looks > 1.19 && looks < 1.31, "%.2f looks in a full scan, not 1.25", looks);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/* Who comes beside those that are much heavier does not wait for them. */
static void test_weights_newcomer(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 1000 };

	require_lists();
	cgroup_make("tenant-a");
	list_set("weights", "+/tenant-a 10000");
	tenant_start(&a, tenant_run);
	engine_start();
	engine_settle();
	engine_pause();
	/* Found by the walk with which the next full scan begins. */
	tenant_start(&b, tenant_run);
	engine_set("run", 1);
	engine_wait_full_scans(5);
	CHECK(count_merged_of(&b) == CONTENTS, "after 5 full scans %zu contents of %d are merged",
	      count_merged_of(&b), CONTENTS);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/* It has asked for merging, and has nothing. */
static void empty_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;

	tenant_run(self, arg);
	CHECK_SYS(munmap(t->area, t->pages * PAGE_SIZE));
	helper_step(self);
}

/* What the scanner takes, in milliseconds, for 400 full scans that count: that meet something. */
static long msecs_of_scans(void)
{
	long before = engine_get("uksmd_cpu_msecs");

	engine_wait_full_scans(400);
	return engine_get("uksmd_cpu_msecs") - before;
}

static void test_weights_empty(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	long with, without;

	require_lists();
	isolate("cgroup");
	tenant_start(&a, empty_run);
	tenant_start(&b, tenant_run);
	list_set("weights", "+/tenant-a 10000");
	engine_start();
	wait_settled();
	wait_domains(2);
	name_domain(domain_a, sizeof(domain_a), "tenant-a");
	name_domain(domain_b, sizeof(domain_b), "tenant-b");
	check_looks("the heavy one has memory", 1, 0.01);
	helper_go(&a.helper);
	helper_wait(&a.helper);
	engine_wait_full_scans(3);
	with = msecs_of_scans();
	helper_finish(&a.helper);
	wait_domains(1);
	without = msecs_of_scans();
	test_note("400 full scans take %ld ms beside who has nothing, and %ld ms alone", with, without);
	CHECK(with < 4 * without, "400 full scans take %ld ms beside who has nothing, and %ld ms alone",
	      with, without);
	helper_finish(&b.helper);
}

#define MANY_PAGES 4096UL
/* Of each content the first page is written, of one in so many: more than one in each tile. */
#define WRITE_EACH 32UL

static void writing_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	tenant_run(self, arg);
	for (i = 0; i < t->pages / 2; i += WRITE_EACH)
		page_touch(t->area + i * PAGE_SIZE);
	helper_step(self);
	check_content(t);
}

/* What rests by tiles, each in its turn, and is scanned in each fourth full scan, is all found. */
static void test_weights_at_rest(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100, .pages = MANY_PAGES };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100, .pages = MANY_PAGES };

	require_lists();
	isolate("cgroup");
	tenant_start(&a, tenant_run);
	tenant_start(&b, writing_run);
	list_set("weights", "+/tenant-a 400");
	engine_start();
	engine_set("smart_scan", 1);
	wait_settled();
	wait_merged_of("at first", &b);
	/* Eight visits are the longest rest. */
	engine_wait_full_scans(100);
	name_domain(domain_b, sizeof(domain_b), "tenant-b");
	wait_domains(2);
	CHECK(!domain_counter(domain_b, "cow_breaks"), "written already");
	CHECK(engine_get("pages_skipped"), "nothing rests");
	helper_go(&b.helper);
	helper_wait(&b.helper);
	engine_wait_full_scans(50);
	CHECK(domain_counter(domain_b, "cow_breaks") == MANY_PAGES / 2 / WRITE_EACH,
	      "%ld of %lu writes are found", domain_counter(domain_b, "cow_breaks"),
	      MANY_PAGES / 2 / WRITE_EACH);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

static const struct test tests[] = {
	{ "named-written", test_named_written },
	{ "named-together", test_named_together },
	{ "named-late", test_named_late },
	{ "named-fork", test_named_fork },
	{ "named-exec", test_named_exec },
	{ "named-full", test_named_full },
	{ "named-often", test_named_often, 120 },
	{ "hardened-written", test_hardened_written },
	{ "hardened-delay", test_hardened_delay, 120 },
	{ "hardened-frame", test_hardened_frame },
	{ "hardened-often", test_hardened_often, 120 },
	{ "weights-written", test_weights_written },
	{ "weights-share", test_weights_share, 120 },
	{ "weights-not-isolated", test_weights_not_isolated },
	{ "weights-newcomer", test_weights_newcomer },
	{ "weights-empty", test_weights_empty },
	{ "weights-at-rest", test_weights_at_rest, 120 },
};

int main(int argc, char **argv)
{
	return harness_main("lists", tests, ARRAY_SIZE(tests), argc, argv);
}
