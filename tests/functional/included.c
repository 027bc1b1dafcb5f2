// SPDX-License-Identifier: GPL-2.0-only
/*
 * domains/included: processes of a group take part in merging although they have never asked, for
 * as long as the administrator wants that, and unless they say no.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "module.h"
#include "swap.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

#define GROUP "taking-part"
#define SLICE "taking-part-below"
#define PAGES 64
#define SOON_SECS 10
#define HEAP_STEPS 200

/**
 * struct member - a process with equal pages
 * @group: the control group that it joins, or NULL
 * @name: what it calls itself, or NULL
 * @asks: for merging of these pages, by itself
 * @then: what it does in its second step, or NULL
 * @area: filled in: known to the parent, which has not touched it
 * @child: of its own; filled in by @then, shared with the parent
 * @helper: filled in
 */
struct member {
	const char *group;
	const char *name;
	bool asks;
	void (*then)(struct member *m);
	char *area;
	pid_t *child;
	struct helper helper;
};

static int list_write(const char *list, const char *text)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/domains", engine_dir());
	return knob_write(dir, list, text, strlen(text));
}

static void list_empty(const char *list)
{
	char dir[128], text[1 + KNOB_TEXT_MAX] = "-";

	snprintf(dir, sizeof(dir), "%s/domains", engine_dir());
	while (!knob_read(dir, list, text + 1) && text[1]) {
		text[1 + strcspn(text + 1, "\n")] = '\0';
		CHECK(!list_write(list, text), "%s", text);
	}
}

static void include(const char *group)
{
	char text[64];
	int err;

	snprintf(text, sizeof(text), "+/%s", group);
	err = list_write("included", text);
	CHECK(!err, "%s: %s", text, strerror(-err));
}

static void take_out(const char *group)
{
	char text[64];

	snprintf(text, sizeof(text), "-/%s", group);
	CHECK(!list_write("included", text), "%s", text);
}

static void require_uksm(void)
{
	if (engine_is_stock())
		test_skip("ksm has no list of groups");
	if (!module_loaded())
		module_load();
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) < 0)
		test_skip("this kernel has no PR_SET_MEMORY_MERGE");
	list_empty("included");
	list_empty("excluded");
	cgroup_make(GROUP);
	engine_set("max_page_sharing", 100000);
	engine_start();
}

static void member_run(struct helper *self, void *arg)
{
	struct member *m = arg;
	size_t i;

	if (m->group)
		cgroup_join(m->group);
	if (m->name)
		CHECK_SYS(prctl(PR_SET_NAME, m->name, 0, 0, 0));
	for (i = 0; i < PAGES; i++)
		page_fill(m->area + i * PAGE_SIZE, 7);
	if (m->asks)
		area_mergeable(m->area, PAGES);
	helper_step(self);
	area_check_same(m->area, PAGES, 7);
	if (m->then) {
		m->then(m);
		helper_step(self);
	}
	area_check_same(m->area, PAGES, 7);
}

static void member_start(struct member *m)
{
	m->area = area_map(PAGES);
	m->child = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(m->child != MAP_FAILED, "mmap");
	helper_start(&m->helper, member_run, m);
	helper_wait(&m->helper);
}

/* How many frames an area has. */
static size_t frames(pid_t pid, const char *area)
{
	size_t i, j, nr = 0;
	uint64_t pfn[PAGES];

	for (i = 0; i < PAGES; i++) {
		pfn[i] = pfn_of_other(pid, area + i * PAGE_SIZE);
		CHECK(pfn[i], "page %zu is not there", i);
		for (j = 0; j < i && pfn[j] != pfn[i]; j++)
			;
		nr += i == j;
	}
	return nr;
}

/* Wait for all of it to be merged, or none. */
static void wait_frames(const char *when, pid_t pid, const char *area, size_t wanted)
{
	struct limit limit = limit_begin(SOON_SECS * harness_slower());
	size_t nr;

	while ((nr = frames(pid, area)) != wanted) {
		CHECK(!limit_passed(&limit), "%s: %zu frames, not %zu", when, nr, wanted);
		usleep(20000);
	}
}

/* It stays so while the scanner goes on, and longer than groups are looked at. */
static void check_stays(const char *when, pid_t pid, const char *area, size_t wanted)
{
	size_t nr;
	int i;

	for (i = 0; i < 3; i++) {
		sleep(1);
		nr = frames(pid, area);
		CHECK(nr == wanted, "%s: %zu frames, not %zu", when, nr, wanted);
	}
}

/* One of a group of the list, all of whose pages are merged. */
static void member_included(struct member *m)
{
	require_uksm();
	include(GROUP);
	member_start(m);
	wait_frames("included", m->helper.pid, m->area, 1);
}

static void member_next(struct member *m)
{
	helper_go(&m->helper);
	helper_wait(&m->helper);
}

/* Into the list and out of it, and again; and what is in no group of it is left alone. */
static void test_group(void)
{
	struct member in = { .group = GROUP }, out = { 0 };

	require_uksm();
	member_start(&in);
	member_start(&out);
	check_stays("before", in.helper.pid, in.area, PAGES);
	include(GROUP);
	wait_frames("included", in.helper.pid, in.area, 1);
	check_stays("not included", out.helper.pid, out.area, PAGES);
	take_out(GROUP);
	wait_frames("taken out", in.helper.pid, in.area, PAGES);
	check_stays("taken out", in.helper.pid, in.area, PAGES);
	CHECK(!engine_get("pages_shared"), "pages_shared is %ld", engine_get("pages_shared"));
	include(GROUP);
	wait_frames("included again", in.helper.pid, in.area, 1);
	list_empty("included");
	helper_finish(&in.helper);
	helper_finish(&out.helper);
}

/* One that comes later, and one below a group of the list. */
static void test_later(void)
{
	struct member late = { .group = GROUP }, below = { .group = SLICE "/below" };

	require_uksm();
	cgroup_make(SLICE);
	cgroup_set(SLICE, "cgroup.subtree_control", "+memory");
	cgroup_make(SLICE "/below");
	include(GROUP);
	include(SLICE);
	member_start(&late);
	member_start(&below);
	wait_frames("late", late.helper.pid, late.area, 1);
	wait_frames("below", below.helper.pid, below.area, 1);
	list_empty("included");
	helper_finish(&late.helper);
	helper_finish(&below.helper);
}

static void fork_child(struct member *m)
{
	size_t i;
	pid_t pid = CHECK_SYS(fork());

	if (!pid) {
		/* Its own copies, alike again. */
		for (i = 0; i < PAGES; i++)
			page_touch(m->area + i * PAGE_SIZE);
		for (;;)
			pause();
	}
	*m->child = pid;
}

static void fork_child_only(struct member *m)
{
	pid_t pid = CHECK_SYS(fork());

	while (!pid)
		pause();
	*m->child = pid;
}

/* What it forks belongs to it, and goes with it. */
static void test_child(void)
{
	struct member m = { .group = GROUP, .then = fork_child };

	member_included(&m);
	member_next(&m);
	wait_frames("child", *m.child, m.area, 1);
	take_out(GROUP);
	wait_frames("parent taken out", m.helper.pid, m.area, PAGES);
	wait_frames("child taken out", *m.child, m.area, PAGES);
	check_stays("child taken out", *m.child, m.area, PAGES);
	CHECK_SYS(kill(*m.child, SIGKILL));
	helper_finish(&m.helper);
}

/* What it forks when it has been taken out belongs to nobody's list either, whatever marks it has. */
static void test_child_later(void)
{
	struct member m = { .group = GROUP, .then = fork_child };

	member_included(&m);
	take_out(GROUP);
	wait_frames("taken out", m.helper.pid, m.area, PAGES);
	member_next(&m);
	check_stays("child", *m.child, m.area, PAGES);
	/* Nor when all is forgotten that was known of them. */
	engine_unmerge();
	engine_start();
	check_stays("parent, anew", m.helper.pid, m.area, PAGES);
	check_stays("child, anew", *m.child, m.area, PAGES);
	CHECK_SYS(kill(*m.child, SIGKILL));
	helper_finish(&m.helper);
}

/* What it has forked while nothing is scanned goes with it. */
static void test_child_unseen(void)
{
	struct member m = { .group = GROUP, .then = fork_child_only };

	member_included(&m);
	engine_set("run", 0);
	member_next(&m);
	CHECK(frames(*m.child, m.area) == 1, "the child has pages of its own");
	take_out(GROUP);
	wait_frames("parent", m.helper.pid, m.area, PAGES);
	wait_frames("child", *m.child, m.area, PAGES);
	CHECK_SYS(kill(*m.child, SIGKILL));
	helper_finish(&m.helper);
}

static void refuse_all(struct member *m)
{
	(void)m;
	CHECK(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) == 1, "it has no mark");
	CHECK_SYS(prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0));
}

/* And then asks for these pages itself. */
static void refuse_and_ask(struct member *m)
{
	refuse_all(m);
	area_mergeable(m->area, PAGES);
}

static void refuse_area(struct member *m)
{
	CHECK_SYS(madvise(m->area, PAGES * PAGE_SIZE, MADV_UNMERGEABLE));
}

/* A process may say no, once it is asked, for all or for a part, and that holds. */
static void test_refusal(void)
{
	struct member all = { .group = GROUP, .then = refuse_all };
	struct member part = { .group = GROUP, .then = refuse_area };

	require_uksm();
	include(GROUP);
	member_start(&all);
	member_start(&part);
	wait_frames("before prctl()", all.helper.pid, all.area, 1);
	wait_frames("before madvise()", part.helper.pid, part.area, 1);
	member_next(&all);
	member_next(&part);
	check_stays("prctl()", all.helper.pid, all.area, PAGES);
	check_stays("madvise()", part.helper.pid, part.area, PAGES);
	list_empty("included");
	helper_finish(&all.helper);
	helper_finish(&part.helper);
}

/* What is asked for after a refusal is a wish of one's own. */
static void test_wish_after_refusal(void)
{
	struct member m = { .group = GROUP, .then = refuse_and_ask };

	member_included(&m);
	member_next(&m);
	wait_frames("asked for itself", m.helper.pid, m.area, 1);
	take_out(GROUP);
	check_stays("taken out", m.helper.pid, m.area, 1);
	helper_finish(&m.helper);
}

static void move_to(const char *group, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	if (*group)
		cgroup_set(group, "cgroup.procs", text);
	else
		CHECK(!file_write("/sys/fs/cgroup/cgroup.procs", text), "%d stays", pid);
}

static bool is_marked(pid_t pid)
{
	char path[32], line[512];
	bool marked = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "r");
	CHECK(file, "%s", path);
	while (fgets(line, sizeof(line), file))
		marked |= !strncmp(line, "VmFlags:", 8) && strstr(line, " mg");
	fclose(file);
	return marked;
}

/* All others would inherit it. */
static void test_init(void)
{
	struct member m = { .group = GROUP };

	require_uksm();
	move_to(GROUP, 1);
	member_included(&m);
	CHECK(is_marked(m.helper.pid), "a process that is merged has no mark");
	sleep(2);
	CHECK(!is_marked(1), "process 1 is marked");
	move_to("", 1);
	helper_finish(&m.helper);
}

static size_t mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t nr = 0;
	int c;

	CHECK(file, "/proc/self/maps");
	while ((c = fgetc(file)) != EOF)
		nr += c == '\n';
	fclose(file);
	return nr;
}

static bool log_says(const char *what)
{
	int len = CHECK_SYS(klogctl(10, NULL, 0));
	char *text = calloc(1, len + 1);
	bool says;

	CHECK(text, "calloc");
	CHECK_SYS(klogctl(3, text, len));
	says = strstr(text, what);
	free(text);
	return says;
}

/* A heap that grows in steps, as malloc() has it grow. */
static void grow_heap(struct member *m)
{
	size_t before = mappings(), i;

	(void)m;
	for (i = 0; i < HEAP_STEPS; i++) {
		char *step = sbrk(16 * PAGE_SIZE);

		CHECK(step != (void *)-1, "sbrk");
		*step = 1;
	}
	before = mappings() - before;
	test_note("%zu more mappings after %d steps of a heap", before, HEAP_STEPS);
	CHECK((before > HEAP_STEPS / 2) == log_says("mind vm.max_map_count"),
	      "%zu more mappings, and the log says otherwise", before);
}

/* On some kernels the steps remain mappings of their own, and then the administrator is told. */
static void test_heap(void)
{
	struct member m = { .group = GROUP, .then = grow_heap };

	member_included(&m);
	member_next(&m);
	take_out(GROUP);
	helper_finish(&m.helper);
}

/* QEMU says yes itself, where it is not told to say no. */
static void test_qemu(void)
{
	struct member qemu = { .group = GROUP, .name = "qemu-system-x86" };
	struct member kvm = { .group = GROUP, .name = "kvm" };
	struct member other = { .group = GROUP, .name = "kvm-something" };

	require_uksm();
	member_start(&qemu);
	member_start(&kvm);
	member_start(&other);
	include(GROUP);
	wait_frames("another name", other.helper.pid, other.area, 1);
	check_stays("QEMU", qemu.helper.pid, qemu.area, PAGES);
	check_stays("kvm", kvm.helper.pid, kvm.area, PAGES);
	list_empty("included");
	helper_finish(&qemu.helper);
	helper_finish(&kvm.helper);
	helper_finish(&other.helper);
}

/* Who has asked himself takes part whether he is in the list or not. */
static void test_own_wish(void)
{
	struct member m = { .group = GROUP, .asks = true };

	member_included(&m);
	take_out(GROUP);
	check_stays("taken out", m.helper.pid, m.area, 1);
	helper_finish(&m.helper);
}

/* Nothing is merged of who is in both lists. */
static void test_excluded(void)
{
	struct member m = { .group = GROUP };

	require_uksm();
	CHECK(!list_write("excluded", "+/" GROUP), "excluded");
	include(GROUP);
	member_start(&m);
	check_stays("in both lists", m.helper.pid, m.area, PAGES);
	CHECK(!list_write("excluded", "-/" GROUP), "excluded");
	wait_frames("included only", m.helper.pid, m.area, 1);
	CHECK(!list_write("excluded", "+/" GROUP), "excluded");
	wait_frames("excluded again", m.helper.pid, m.area, PAGES);
	list_empty("excluded");
	list_empty("included");
	helper_finish(&m.helper);
}

/* Merged pages that mremap() moves can be found where they are then, and moved on. */
static void move_area(struct member *m)
{
	char *to = area_map(PAGES);

	CHECK(mremap(m->area, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     to) == to, "mremap");
	*(char **)(m->child + 2) = to;
	m->area = to;
}

static void test_mremap(void)
{
	struct member m = { .group = GROUP, .then = move_area };
	char *to;

	member_included(&m);
	member_next(&m);
	to = *(char **)(m.child + 2);
	/* The kernel unmerges what it moves; then it merges again. */
	wait_frames("moved", m.helper.pid, to, 1);
	engine_check_counters("moved", 1, PAGES - 1, -1, -1);
	list_empty("included");
	helper_finish(&m.helper);
}

static void check_unmarked(struct member *m)
{
	(void)m;
	CHECK(!prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), "it has been marked");
}

/* A module that goes leaves nothing merged of those that it had taken in. */
static void test_unload(void)
{
	struct member m = { .group = GROUP };

	member_included(&m);
	module_unload();
	CHECK(frames(m.helper.pid, m.area) == PAGES, "merged with the module unloaded");
	module_load();
	helper_finish(&m.helper);
}

/* Nobody is marked while the module goes, nor while it is stopped. */
static void test_unload_stopped(void)
{
	struct member m = { .group = GROUP, .then = check_unmarked };

	require_uksm();
	engine_set("run", 0);
	member_start(&m);
	include(GROUP);
	CHECK(!list_write("excluded", "+/" GROUP), "excluded");
	CHECK(!list_write("excluded", "-/" GROUP), "excluded");
	sleep(2);
	module_unload();
	member_next(&m);
	module_load();
	helper_finish(&m.helper);
}

static void test_list(void)
{
	require_uksm();
	CHECK(list_write("included", "/" GROUP) == -EINVAL, "no sign");
	CHECK(list_write("included", "+" GROUP) == -EINVAL, "no path");
	CHECK(list_write("included", "+/no-such-group") == -ENOENT, "a group that is not there");
	CHECK(list_write("included", "-/" GROUP) == -ENOENT, "one that is not in the list");
	include(GROUP);
	include(GROUP);
	take_out(GROUP);
	CHECK(list_write("included", "-/" GROUP) == -ENOENT, "it is there twice");
}

/* Kernels that cannot have it say so, whatever else is wrong. */
static void test_not_known(void)
{
	if (engine_is_stock())
		test_skip("ksm has no list of groups");
	if (!module_loaded())
		module_load();
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) >= 0)
		test_skip("this kernel has PR_SET_MEMORY_MERGE");
	cgroup_make(GROUP);
	CHECK(list_write("included", "+/" GROUP) == -EOPNOTSUPP, "it is taken");
	CHECK(list_write("included", "+x") == -EINVAL, "no path");
}

static const struct test tests[] = {
	{ "group", test_group },
	{ "later", test_later },
	{ "child", test_child },
	{ "child-later", test_child_later },
	{ "child-unseen", test_child_unseen },
	{ "refusal", test_refusal },
	{ "wish-after-refusal", test_wish_after_refusal },
	{ "init", test_init },
	{ "heap", test_heap },
	{ "qemu", test_qemu },
	{ "own-wish", test_own_wish },
	{ "excluded", test_excluded },
	{ "mremap", test_mremap },
	{ "list", test_list },
	/* A module that is loaded anew has never had a list, for the tests that follow. */
	{ "unload", test_unload, .timeout_secs = 120 },
	{ "unload-stopped", test_unload_stopped, .timeout_secs = 120 },
	{ "not-known", test_not_known },
};

int main(int argc, char **argv)
{
	return module_main("included", tests, ARRAY_SIZE(tests), argc, argv);
}
