// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages merge with those of their own domain only: that of a user, of a control group, or of a
 * process; those of an excluded group with none. What is shared is told by the frames, of which
 * no two domains may have one.
 */
#include <dirent.h>
#include <errno.h>
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
#include "swap.h"
#include "tenant.h"
#include "uapi.h"

#define PAGES TENANT_PAGES
/* Each is there twice, in each tenant the same. */
#define CONTENTS (PAGES / 2)

/* Where a tenant tells who its child is. */
#define CHILD_FILE "/tmp/isolation-child"

/* What a tenant only reads: 1 GiB of the zero page. */
#define READ_PAGES 262144

static int excluded_write(const char *text)
{
	return knob_write(domains_dir(), "excluded", text, strlen(text));
}

/* The first group in the list of those that are excluded, or "". */
static void first_excluded(char *text)
{
	CHECK(!knob_read(domains_dir(), "excluded", text), "no list of excluded groups");
}

/* A test that has failed may have left its groups there. */
static void include_all(void)
{
	char text[1 + KNOB_TEXT_MAX] = "-";

	for (first_excluded(text + 1); text[1]; first_excluded(text + 1))
		CHECK(!excluded_write(text), "%s", text);
}

static void require_uksm(void)
{
	if (engine_is_stock())
		test_skip("ksm has no isolation");
	include_all();
}

/* A group that has others below it. */
static void slice_make(const char *name)
{
	cgroup_make(name);
	cgroup_set(name, "cgroup.subtree_control", "+memory");
}

static void test_none(void)
{
	struct tenant a = { .uid = 1001, .seed = 100 }, b = { .uid = 1002, .seed = 100 };

	require_uksm();
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	check_together("without isolation", &a, &b);
	CHECK(!count_domains(), "%u domains in sysfs", count_domains());
	engine_check_counters("without isolation", CONTENTS, 2 * PAGES - CONTENTS, 0, 0);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

static void test_user(void)
{
	struct tenant a = { .uid = 1001, .seed = 100 }, a2 = { .uid = 1001, .seed = 100 };
	struct tenant b = { .uid = 1002, .seed = 100 };

	require_uksm();
	isolate("user");
	tenant_start(&a, tenant_run);
	tenant_start(&a2, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	check_together("one user", &a, &a2);
	check_apart("two users", &a, &b);
	check_apart("two users", &a2, &b);
	wait_domains(2);
	check_sums("two users");
	CHECK(domain_counter("user-1001", "owner") == 1001, "owner of user-1001");
	CHECK(domain_counter("user-1001", "processes") == 2, "processes of user-1001");
	CHECK(domain_counter("user-1001", "pages_shared") == CONTENTS, "pages_shared of user-1001");
	CHECK(domain_counter("user-1002", "pages_sharing") == CONTENTS,
	      "pages_sharing of user-1002");
	engine_check_counters("two users", 2 * CONTENTS, 3 * PAGES - 2 * CONTENTS, 0, 0);
	helper_finish(&a.helper);
	helper_finish(&a2.helper);
	wait_domains(1);
	helper_finish(&b.helper);
	wait_domains(0);
}

static void test_cgroup(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant a2 = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	char path[256], text[KNOB_TEXT_MAX];
	struct stat stat_a;

	require_uksm();
	isolate("cgroup");
	tenant_start(&a, tenant_run);
	tenant_start(&a2, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	check_together("one group", &a, &a2);
	check_apart("two groups", &a, &b);
	check_apart("two groups", &a2, &b);
	wait_domains(2);
	check_sums("two groups");
	/* The ID of a group is the number of its inode. */
	CHECK_SYS(stat("/sys/fs/cgroup/tenant-a", &stat_a));
	snprintf(path, sizeof(path), "%s/domains/cgroup-%lu", engine_dir(), stat_a.st_ino);
	CHECK(!knob_read(path, "owner", text) && !strcmp(text, "/tenant-a"), "owner: \"%s\"", text);
	helper_finish(&a.helper);
	helper_finish(&a2.helper);
	helper_finish(&b.helper);
}

static void test_process(void)
{
	struct tenant a = { .seed = 100 }, b = { .seed = 100 };

	require_uksm();
	isolate("process");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	check_apart("two processes", &a, &b);
	wait_domains(2);
	check_sums("two processes");
	engine_check_counters("two processes", 2 * CONTENTS, 2 * PAGES - 2 * CONTENTS, 0, 0);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/* Moved from one group to another while the scanner runs, or is stopped. */
static void move(bool running)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	struct tenant m = { .cgroup = "tenant-a", .seed = 100 };

	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&m, tenant_run);
	engine_start();
	engine_settle();
	check_together("before", &m, &a);
	if (!running)
		engine_pause();
	tenant_move(&m, "tenant-b");
	wait_apart("moved", &m, &a);
	engine_set("run", 1);
	engine_wait_full_scans(3);
	check_apart("moved", &m, &a);
	check_together("moved", &m, &b);
	check_sums("moved");
	engine_check_counters("moved", 2 * CONTENTS, 3 * PAGES - 2 * CONTENTS, 0, 0);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
	helper_finish(&m.helper);
}

static void test_move(void)
{
	require_uksm();
	isolate("cgroup");
	move(true);
}

static void test_move_stopped(void)
{
	require_uksm();
	isolate("cgroup");
	move(false);
}

/* To and fro, so that it is met in the middle of leaving. */
static void test_move_often(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };
	struct tenant m = { .cgroup = "tenant-a", .seed = 100, .pages = 4096 };
	int i;

	require_uksm();
	isolate("cgroup");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&m, tenant_run);
	engine_start();
	engine_settle();
	for (i = 0; i < 40; i++) {
		tenant_move(&m, i % 2 ? "tenant-a" : "tenant-b");
		usleep(50000 + i * 20000);
	}
	wait_apart("at rest in tenant-a", &m, &b);
	engine_wait_full_scans(3);
	check_apart("at rest in tenant-a", &m, &b);
	check_apart("who never moved", &a, &b);
	check_sums("at rest in tenant-a");
	/* Ends in the middle of leaving. */
	tenant_move(&m, "tenant-b");
	usleep(300000);
	helper_finish(&m.helper);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

static void change_user(struct helper *self, void *arg)
{
	const struct tenant *t = arg;

	tenant_run(self, arg);
	/* Real and effective; the saved one lets us. */
	CHECK_SYS(setresuid(-1, 0, -1));
	CHECK_SYS(setresuid(1002, 1002, 0));
	helper_step(self);
	check_content(t);
}

static void test_setuid(void)
{
	struct tenant a = { .uid = 1001, .seed = 100 }, b = { .uid = 1002, .seed = 100 };
	struct tenant m = { .uid = 1001, .seed = 100 };

	require_uksm();
	isolate("user");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&m, change_user);
	engine_start();
	engine_settle();
	check_together("before", &m, &a);
	helper_go(&m.helper);
	helper_wait(&m.helper);
	wait_apart("another user's", &m, &a);
	engine_wait_full_scans(3);
	check_apart("another user's", &m, &a);
	check_together("another user's", &m, &b);
	helper_finish(&a.helper);
	helper_finish(&b.helper);
	helper_finish(&m.helper);
}

/* Its child shares the merged pages by fork, and is another domain's. */
static void fork_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	int report[2], done[2];
	pid_t child;
	char byte;
	FILE *f;

	tenant_run(self, arg);
	CHECK_SYS(pipe(report));
	CHECK_SYS(pipe(done));
	child = fork();
	CHECK(child >= 0, "fork: %m");
	if (!child) {
		CHECK(write(report[1], "", 1) == 1 && read(done[0], &byte, 1) == 1, "pipe: %m");
		check_content(t);
		_exit(0);
	}
	CHECK(read(report[0], &byte, 1) == 1, "pipe: %m");
	/* The parent of all wants to know who it is. */
	f = fopen(CHILD_FILE, "w");
	CHECK(f && fprintf(f, "%d\n", child) > 0 && !fclose(f), "telling of the child: %m");
	helper_step(self);
	CHECK(write(done[1], "", 1) == 1, "pipe: %m");
	child_finish(child);
	check_content(t);
}

static void exclude(const char *group)
{
	char text[128];
	int err;

	cgroup_make(group);
	snprintf(text, sizeof(text), "+/%s", group);
	err = excluded_write(text);
	CHECK(!err, "%s: %s", text, strerror(-err));
}

/* @child_merges: else it goes to a group that is excluded then, and run is 0 from before the fork. */
static void forked_to(const char *mode, bool moved, bool child_merges)
{
	long domains = child_merges ? 2 : 1;
	struct tenant parent = { .cgroup = "tenant-a", .seed = 100 }, child;
	FILE *f;
	int pid;

	isolate(mode);
	tenant_start(&parent, fork_run);
	engine_start();
	engine_settle();
	if (!child_merges)
		engine_pause();
	helper_go(&parent.helper);
	helper_wait(&parent.helper);
	f = fopen(CHILD_FILE, "r");
	CHECK(f && fscanf(f, "%d", &pid) == 1 && !fclose(f), "who is the child: %m");
	child = parent;
	child.helper.pid = pid;
	if (moved)
		tenant_move(&child, "tenant-b");
	if (!child_merges)
		exclude("tenant-b");
	wait_apart("after fork", &child, &parent);
	engine_set("run", 1);
	engine_wait_full_scans(3);
	check_apart("after fork", &child, &parent);
	engine_check_counters("after fork", domains * CONTENTS, domains * (PAGES - CONTENTS), 0, 0);
	helper_finish(&parent.helper);
}

static void test_fork_process(void)
{
	require_uksm();
	forked_to("process", false, true);
}

static void test_fork_moved(void)
{
	require_uksm();
	forked_to("cgroup", true, true);
}

static void zero_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	CHECK_SYS(setresuid(t->uid, t->uid, 0));
	memset(t->area, 1, t->pages * PAGE_SIZE);
	memset(t->area, 0, t->pages * PAGE_SIZE);
	area_mergeable(t->area, t->pages);
	helper_step(self);
	for (i = 0; i < t->pages * PAGE_SIZE; i++)
		CHECK(!t->area[i], "byte %zu is no zero", i);
}

static size_t zero_pages_of(const struct tenant *t)
{
	size_t i, zero = 0;

	for (i = 0; i < t->pages; i++)
		zero += pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE) == zero_pfn();
	return zero;
}

static void zero_page(int across)
{
	struct tenant a = { .uid = 1001 }, b = { .uid = 1002 };

	engine_set("use_zero_pages", 1);
	isolate("user");
	engine_set("zero_page_across_domains", across);
	tenant_start(&a, zero_run);
	tenant_start(&b, zero_run);
	engine_start();
	engine_settle();
	CHECK(zero_pages_of(&a) == (across ? PAGES : 0), "%zu zero pages", zero_pages_of(&a));
	CHECK(zero_pages_of(&b) == (across ? PAGES : 0), "%zu zero pages", zero_pages_of(&b));
	if (!across) {
		check_apart("pages of zeroes", &a, &b);
		engine_check_counters("pages of zeroes", 2, 2 * PAGES - 2, 0, 0);
	}
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

static void test_zero_page_kept(void)
{
	require_uksm();
	zero_page(0);
}

static void test_zero_page_allowed(void)
{
	require_uksm();
	zero_page(1);
}

static int groups_write(const char *text)
{
	return knob_write(domains_dir(), "cgroups", text, strlen(text));
}

static void test_groups(void)
{
	struct tenant a = { .cgroup = "customer/guest-a", .seed = 100 };
	struct tenant b = { .cgroup = "customer/guest-b", .seed = 100 };
	struct tenant c = { .cgroup = "tenant-a", .seed = 100 };
	char text[KNOB_TEXT_MAX];

	require_uksm();
	slice_make("customer");
	isolate("cgroup");
	CHECK(!groups_write("+/customer\n"), "+/customer");
	CHECK(!groups_write("+/customer"), "twice is no harm");
	CHECK(!knob_read(domains_dir(), "cgroups", text) && !strcmp(text, "/customer"),
	      "cgroups: \"%s\"", text);
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	tenant_start(&c, tenant_run);
	engine_start();
	engine_settle();
	check_together("one customer's", &a, &b);
	check_apart("another's", &a, &c);
	CHECK(!groups_write("-/customer"), "-/customer");
	wait_apart("each for itself", &a, &b);
	engine_wait_full_scans(3);
	check_apart("each for itself", &a, &b);
	wait_domains(3);
	CHECK(groups_write("-/customer") == -ENOENT, "-/customer is taken twice");
	CHECK(groups_write("+/no-such-group") == -ENOENT, "+/no-such-group is taken");
	CHECK(groups_write("/customer") == -EINVAL, "/customer is taken");
	CHECK(groups_write("+customer") == -EINVAL, "+customer is taken");
	CHECK(groups_write("+") == -EINVAL, "+ is taken");
	helper_finish(&a.helper);
	helper_finish(&b.helper);
	helper_finish(&c.helper);
}

static void wait_unmerged(const char *where, const struct tenant *t)
{
	struct limit limit = limit_begin(TENANT_LEAVE_SECS * harness_slower());
	size_t merged;

	while ((merged = count_merged_of(t))) {
		CHECK(!limit_passed(&limit), "%s: %zu contents are merged after %d s", where, merged,
		      TENANT_LEAVE_SECS);
		usleep(20000);
	}
}

/* From a moment on it may merge again; how soon is not asked. */
/* Excluded while the scanner runs, or is stopped; and taken back. */
static void exclude_and_take_back(bool running)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant m = { .cgroup = "apart/guest", .seed = 100 };
	struct tenant late = { .cgroup = "apart/late", .seed = 100 };

	require_uksm();
	slice_make("apart");
	tenant_start(&a, tenant_run);
	tenant_start(&m, tenant_run);
	engine_start();
	engine_settle();
	check_together("before", &m, &a);
	if (!running)
		engine_pause();
	exclude("apart");
	wait_apart("excluded", &m, &a);
	wait_unmerged("excluded", &m);
	engine_set("run", 1);
	tenant_start(&late, tenant_run);
	engine_wait_full_scans(3);
	check_apart("excluded", &m, &a);
	CHECK(!count_merged_of(&m), "%zu contents of an excluded process are merged",
	      count_merged_of(&m));
	check_apart("excluded from the start", &late, &a);
	CHECK(!count_merged_of(&late), "%zu contents of one excluded from the start are merged",
	      count_merged_of(&late));
	engine_check_counters("excluded", CONTENTS, PAGES - CONTENTS, 0, 0);
	/* All that is found is walked through, and still nothing of them is merged afterwards. */
	engine_unmerge();
	engine_set("run", 1);
	engine_wait_full_scans(3);
	engine_check_counters("after run=2", CONTENTS, PAGES - CONTENTS, 0, 0);
	engine_set("run", 1);
	CHECK(!excluded_write("-/apart"), "-/apart");
	CHECK(excluded_write("-/apart") == -ENOENT, "-/apart is taken twice");
	wait_together("taken back", &m, &a);
	wait_together("taken back", &late, &a);
	helper_finish(&m.helper);
	helper_finish(&a.helper);
	helper_finish(&late.helper);
}

static void test_excluded(void)
{
	exclude_and_take_back(true);
}

static void test_excluded_stopped(void)
{
	exclude_and_take_back(false);
}

static void test_excluded_isolated(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant b = { .cgroup = "tenant-b", .seed = 100 };

	require_uksm();
	isolate("cgroup");
	tenant_start(&a, tenant_run);
	tenant_start(&b, tenant_run);
	engine_start();
	engine_settle();
	wait_domains(2);
	exclude("tenant-b");
	wait_unmerged("excluded", &b);
	wait_domains(1);
	engine_wait_full_scans(3);
	check_sums("excluded");
	/* From an excluded group to one that is not. */
	tenant_move(&b, "tenant-a");
	wait_together("moved", &b, &a);
	CHECK(!excluded_write("-/tenant-b"), "-/tenant-b");
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

/* A child that is excluded has the parent's merged pages by fork() alone. */
static void test_excluded_fork(void)
{
	require_uksm();
	forked_to("none", true, false);
	CHECK(!excluded_write("-/tenant-b"), "-/tenant-b");
}

/* In and out, so that it is met in the middle of leaving. */
static void test_excluded_often(void)
{
	struct tenant a = { .cgroup = "tenant-a", .seed = 100 };
	struct tenant m = { .cgroup = "tenant-b", .seed = 100, .pages = 4096 };
	int i;

	require_uksm();
	tenant_start(&a, tenant_run);
	tenant_start(&m, tenant_run);
	engine_start();
	engine_settle();
	for (i = 0; i < 30; i++) {
		exclude("tenant-b");
		usleep(50000 + i * 20000);
		CHECK(!excluded_write("-/tenant-b"), "-/tenant-b");
		usleep(50000 + i * 20000);
	}
	wait_merged_of("at rest", &m);
	exclude("tenant-b");
	wait_unmerged("at rest", &m);
	engine_wait_at_most("at rest", "pages_shared", CONTENTS, TENANT_LEAVE_SECS);
	engine_wait_full_scans(3);
	engine_check_counters("at rest", CONTENTS, PAGES - CONTENTS, 0, 0);
	engine_set("run", 1);
	CHECK(!excluded_write("-/tenant-b"), "-/tenant-b");
	/* Ends as soon as it begins to leave. */
	wait_merged_of("taken back", &m);
	exclude("tenant-b");
	while (engine_get("pages_sharing") >= CONTENTS + 2048)
		;
	helper_finish(&m.helper);
	helper_finish(&a.helper);
	engine_wait_at_most("all have ended", "pages_shared", 0, TENANT_LEAVE_SECS);
	CHECK(!excluded_write("-/tenant-b"), "-/tenant-b");
}

/* Memory that was only read, which is as much to go through as it likes. */
static void reader_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	volatile char *area = area_map(READ_PAGES);
	size_t i;

	cgroup_join(t->cgroup);
	for (i = 0; i < READ_PAGES; i++)
		(void)area[i * PAGE_SIZE];
	tenant_run(self, arg);
}

/*
 * At ksm's pace, which says how fast to scan and not how fast to leave; and one that leaves does
 * not wait for another that takes long.
 */
static void test_excluded_slowly(void)
{
	struct tenant big = { .cgroup = "tenant-a", .seed = 100, .pages = 16384 };
	struct tenant reader = { .cgroup = "tenant-b", .seed = 50000 };
	struct tenant small = { .cgroup = "apart/small", .seed = 60000 };

	require_uksm();
	slice_make("apart");
	tenant_start(&big, tenant_run);
	tenant_start(&reader, reader_run);
	tenant_start(&small, tenant_run);
	engine_start();
	engine_settle();
	engine_check_counters("before", 8192 + 2 * CONTENTS, 8192 + 2 * (PAGES - CONTENTS), 0, 0);
	engine_set("pages_to_scan", 100);
	engine_set("sleep_millisecs", 200);
	engine_set("run", 1);
	exclude("tenant-b");
	exclude("tenant-a");
	usleep(700000);
	exclude("apart");
	wait_unmerged("small", &small);
	wait_unmerged("big", &big);
	engine_wait_at_most("all are excluded", "pages_shared", 0, TENANT_LEAVE_SECS);
	include_all();
	helper_finish(&big.helper);
	helper_finish(&reader.helper);
	helper_finish(&small.helper);
}

/* Groups that are gone take up no room in the list. */
static void test_excluded_gone(void)
{
	char text[KNOB_TEXT_MAX], name[32], path[64];
	int i;

	require_uksm();
	for (i = 0; i < 70; i++) {
		snprintf(name, sizeof(name), "gone-%d", i);
		exclude(name);
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
		CHECK_SYS(rmdir(path));
	}
	exclude("tenant-a");
	first_excluded(text);
	CHECK(!strcmp(text, "/tenant-a"), "excluded: \"%s\"", text);
	for (i = 1; i < 64; i++) {
		snprintf(name, sizeof(name), "there-%d", i);
		exclude(name);
	}
	cgroup_make("there-64");
	CHECK(excluded_write("+/there-64") == -ENOSPC, "+/there-64 is taken");
	CHECK(!excluded_write("+/there-63"), "+/there-63");
	include_all();
	for (i = 1; i <= 64; i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/there-%d", i);
		CHECK_SYS(rmdir(path));
	}
}

static void test_answers(void)
{
	static const char *const bad[] = { "users", "0", "1", " user", "user cgroup", "none\n\n" };
	char text[KNOB_TEXT_MAX];
	char *area;
	size_t i;

	require_uksm();
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(knob_write(engine_dir(), "isolation", bad[i], strlen(bad[i])) == -EINVAL,
		      "\"%s\" is taken", bad[i]);
	CHECK(!knob_read(engine_dir(), "isolation", text) &&
	      !strcmp(text, "[none] user cgroup process"), "isolation: \"%s\"", text);
	isolate("cgroup\n");
	CHECK(!knob_read(engine_dir(), "isolation", text) &&
	      !strcmp(text, "none user [cgroup] process"), "isolation: \"%s\"", text);
	area = area_map_same(16, 1);
	engine_start();
	engine_settle();
	check_merged("merged", area, 16);
	CHECK(knob_write(engine_dir(), "isolation", "user", 4) == -EBUSY,
	      "isolation is changed while pages are merged");
	/* The same as before is no change. */
	isolate("cgroup");
	check_merged("after that", area, 16);
	engine_unmerge();
	isolate("user");
	engine_set("run", 1);
	engine_wait_full_scans(3);
	check_merged("as a user's", area, 16);
	CHECK(engine_try_set("zero_page_across_domains", 2) == -EINVAL, "2 is taken");
}

#define FAMILIES 8
#define LINES 64

/* One of a family of pages, each of which differs from a common base in one line. */
static void member_fill(char *page, unsigned int family, unsigned int line)
{
	page_fill(page, 70 + family);
	memset(page + line * 64, 1, 64);
}

/* All families twice: of those that differ in lines that no sample reads there are many. */
static void family_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	CHECK_SYS(setresuid(t->uid, t->uid, 0));
	for (i = 0; i < t->pages; i++)
		member_fill(t->area + i * PAGE_SIZE, i / 2 / LINES, i / 2 % LINES);
	area_mergeable(t->area, t->pages);
	helper_step(self);
}

/* Of each family one, so that they do not meet here; twice, and later a third time. */
static void members_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	CHECK_SYS(setresuid(t->uid, t->uid, 0));
	area_mergeable(t->area, t->pages);
	for (i = 0; i < t->pages; i++) {
		if (i == 2 * FAMILIES)
			helper_step(self);
		member_fill(t->area + i * PAGE_SIZE, i % FAMILIES, 5 + 7 * (i % FAMILIES));
	}
	helper_step(self);
}

/*
 * What is merged in one domain stays where it is found when another domain has its like told
 * apart by stronger checksums.
 */
static void test_families(void)
{
	enum { ALL = FAMILIES * LINES };
	struct tenant a = { .uid = 1001, .pages = 2 * ALL };
	struct tenant b = { .uid = 1002, .pages = 3 * FAMILIES };

	require_uksm();
	isolate("user");
	engine_start();
	tenant_start(&b, members_run);
	engine_wait_full_scans(3);
	CHECK(domain_counter("user-1002", "pages_shared") == FAMILIES, "few are not merged");
	tenant_start(&a, family_run);
	engine_wait_full_scans(10);
	CHECK(domain_counter("user-1001", "pages_shared") == ALL &&
	      domain_counter("user-1001", "pages_sharing") == ALL, "many are not merged");
	helper_go(&b.helper);
	helper_wait(&b.helper);
	engine_wait_full_scans(5);
	check_apart("families", &a, &b);
	CHECK(domain_counter("user-1002", "pages_shared") == FAMILIES &&
	      domain_counter("user-1002", "pages_sharing") == 2 * FAMILIES,
	      "%ld shared, %ld sharing", domain_counter("user-1002", "pages_shared"),
	      domain_counter("user-1002", "pages_sharing"));
	helper_finish(&a.helper);
	helper_finish(&b.helper);
}

#define GUESSES 512

/*
 * Guesses what another has: tries many contents at once, and reads in its own files in /proc whether
 * one of them has merged. No privilege is needed for that, nor a clock.
 */
static void guess_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	CHECK_SYS(setresuid(t->uid, t->uid, 0));
	for (i = 0; i < t->pages; i++)
		page_fill(t->area + i * PAGE_SIZE, t->seed + i);
	area_mergeable(t->area, t->pages);
	helper_step(self);
}

/* Seconds until the guess is answered, or @scans full scans have gone by: -1. */
static double guess(unsigned int scans)
{
	struct tenant victim = { .uid = 1001, .seed = 100 };
	/* Of these the victim has the first half of its own. */
	struct tenant guesser = { .uid = 1002, .seed = 100 + CONTENTS / 2, .pages = GUESSES };
	long until;
	double began;

	tenant_start(&victim, tenant_run);
	engine_start();
	engine_settle();
	began = now_secs();
	tenant_start(&guesser, guess_run);
	until = engine_get("full_scans") + scans;
	while (!proc_number(guesser.helper.pid, "ksm_merging_pages") &&
	       engine_get("full_scans") < until)
		usleep(1000);
	began = now_secs() - began;
	if (!proc_number(guesser.helper.pid, "ksm_merging_pages"))
		began = -1;
	helper_finish(&guesser.helper);
	helper_finish(&victim.helper);
	return began;
}

/* The same with ksmd, for the figure. */
static void test_oracle_open(void)
{
	double secs = guess(20);

	CHECK(secs >= 0, "what is shared does not show: the test sees nothing");
	test_note("%d guesses were answered in %.2f s: %.0f a second", GUESSES, secs,
		  GUESSES / secs);
}

static void test_oracle_user(void)
{
	require_uksm();
	isolate("user");
	CHECK(guess(20) < 0, "a guess of what another user has is answered");
}

static void test_oracle_process(void)
{
	require_uksm();
	isolate("process");
	CHECK(guess(20) < 0, "a guess of what another process has is answered");
}

static void small_run(struct helper *self, void *arg)
{
	char *area = area_map_same(4, 9);

	helper_step(self);
	area_check_same(area, 4, 9);
}

/* Many domains come and go, and leave nothing. */
static void test_many(void)
{
	enum { MANY = 300 };
	static struct helper many[MANY];
	long before = engine_get("metadata_bytes");
	struct limit limit;
	int round, i;

	require_uksm();
	isolate("process");
	engine_start();
	for (round = 0; round < 2; round++) {
		for (i = 0; i < MANY; i++) {
			helper_start(&many[i], small_run, NULL);
			helper_wait(&many[i]);
		}
		engine_wait_full_scans(3);
		wait_domains(MANY);
		engine_check_counters("many", MANY, 3 * MANY, 0, 0);
		check_sums("many");
		for (i = 0; i < MANY; i++)
			helper_finish(&many[i]);
		wait_domains(0);
	}
	limit = limit_begin(20 * harness_slower());
	while (engine_get("metadata_bytes") > before) {
		CHECK(!limit_passed(&limit), "metadata_bytes %ld, before %ld",
		      engine_get("metadata_bytes"), before);
		usleep(20000);
	}
}

static const struct test tests[] = {
	{ "none", test_none },
	{ "user", test_user },
	{ "cgroup", test_cgroup },
	{ "process", test_process },
	{ "move", test_move },
	{ "move-stopped", test_move_stopped },
	{ "move-often", test_move_often, 120 },
	{ "setuid", test_setuid },
	{ "fork-process", test_fork_process },
	{ "fork-moved", test_fork_moved },
	{ "zero-page-kept", test_zero_page_kept },
	{ "zero-page-allowed", test_zero_page_allowed },
	{ "groups", test_groups },
	{ "excluded", test_excluded },
	{ "excluded-stopped", test_excluded_stopped },
	{ "excluded-isolated", test_excluded_isolated },
	{ "excluded-fork", test_excluded_fork },
	{ "excluded-often", test_excluded_often, 120 },
	{ "excluded-slowly", test_excluded_slowly },
	{ "excluded-gone", test_excluded_gone },
	{ "answers", test_answers },
	{ "families", test_families, 120 },
	{ "oracle-open", test_oracle_open },
	{ "oracle-user", test_oracle_user },
	{ "oracle-process", test_oracle_process },
	{ "many", test_many, 180 },
};

int main(int argc, char **argv)
{
	return harness_main("isolation", tests, ARRAY_SIZE(tests), argc, argv);
}
