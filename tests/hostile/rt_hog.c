// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task of real-time priority that does not leave its CPU, whose lists of pages nobody can drain
 * meanwhile. Nothing else is to stand still for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "module.h"
#include "scanner.h"
#include "swap.h"
#include "tenant.h"

#define HOG_SECS 15
#define ANSWER_SECS 2
#define HOG_CPU 1
#define HOG_PRIORITY 50
#define TOUCHED 5

static void pin_to(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	CHECK_SYS(sched_setaffinity(0, sizeof(cpus), &cpus));
}

/* Fresh pages are on the list of the CPU that touched them. */
static void hog_main(struct helper *self, void *unused)
{
	struct sched_param param = { .sched_priority = HOG_PRIORITY };
	char *area = area_map(TOUCHED);
	double began;
	int i;

	pin_to(HOG_CPU);
	CHECK_SYS(sched_setscheduler(0, SCHED_FIFO, &param));
	for (i = 0; i < TOUCHED; i++)
		page_touch(area + i * PAGE_SIZE);
	began = now_secs();
	/* The one byte for the parent, without waiting for an answer. */
	CHECK(write(self->fd, "", 1) == 1, "write: %m");
	while (now_secs() - began < HOG_SECS)
		;
}

static void write_run(void)
{
	engine_set("run", 0);
}

/* Of pages that are merged it is no, but no answer takes long. */
static void write_sharing(void)
{
	int value;

	for (value = 2; value <= 3; value++) {
		int err = engine_try_set("max_page_sharing", value);

		CHECK(!err || err == -EBUSY, "max_page_sharing=%d: %s", value, strerror(-err));
	}
}

static void unload(void)
{
	int err = module_try_unload();

	CHECK(!err, "unloading: %s", strerror(-err));
}

/*
 * Is it the kernel that has to do something on every CPU, as at the end of each hook that ftrace
 * has had? No module can do without.
 */
static bool kernel_waits(pid_t pid)
{
	static const char *const waits[] = { "synchronize_rcu_tasks", "schedule_on_each_cpu",
					     "ftrace_shutdown", "stop_machine" };
	char path[64], text[4096];
	size_t i, len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		if (strstr(text, waits[i])) {
			test_note("the kernel waits in %s", waits[i]);
			return true;
		}
	}
	return false;
}

/*
 * How long an action takes while CPU 1 is taken, up to where the kernel itself has to wait for that
 * CPU; the engine has run before.
 */
static double hogged_secs(void (*action)(void))
{
	struct helper hog, pair[2];
	struct limit limit;
	double began, secs = 0;
	pid_t pid;

	start_distinct(&pair[0], 2000, 1000);
	start_distinct(&pair[1], 2000, 1000);
	scanner_tempo(1000, DEFAULT_MSECS);
	engine_set("run", 1);
	engine_wait_full_scans(2);

	helper_start(&hog, hog_main, NULL);
	helper_wait(&hog);
	/* The scanner comes to the end of a full scan, or to a newcomer. */
	sleep_secs(0.5);
	began = now_secs();
	limit = limit_begin(HOG_SECS + 10);
	pid = CHECK_SYS(fork());
	if (!pid) {
		action();
		_exit(0);
	}
	while (!waitpid(pid, NULL, WNOHANG)) {
		if (limit_passed(&limit))
			test_fail("no answer %d s after the CPU is free again", 10);
		sleep_secs(0.005);
		if (!secs && now_secs() - began > ANSWER_SECS - 0.5 && kernel_waits(pid))
			secs = now_secs() - began;
	}
	secs = secs ?: now_secs() - began;
	helper_kill(&hog);
	helper_kill(&pair[0]);
	helper_kill(&pair[1]);
	return secs;
}

static void hog_case(const char *what, void (*action)(void))
{
	double secs = hogged_secs(action);
	char name[64];

	snprintf(name, sizeof(name), "rt-hog.%s_secs", what);
	figure(name, secs);
	judge(secs <= ANSWER_SECS, "%s takes %.1f s", what, secs);
}

/* No part of the CPU is kept for others. 6.12 takes it once in a boot, and it stays. */
static void keep_nothing(void)
{
	char text[KNOB_TEXT_MAX];
	int err = knob_read("/proc/sys/kernel", "sched_rt_runtime_us", text);

	CHECK(!err, "sched_rt_runtime_us: %s", strerror(-err));
	if (!strcmp(text, "-1"))
		return;
	err = file_write("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	CHECK(!err, "sched_rt_runtime_us: %s", strerror(-err));
	file_write("/sys/kernel/debug/sched/fair_server/cpu1/runtime", "0");
}

void case_rt_hog(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("needs a second CPU");
	pin_to(0);
	keep_nothing();
	hog_case("run", write_run);
	engine_unmerge();
	hog_case("max_page_sharing", write_sharing);
	engine_unmerge();
	/* Memory offline is left out: the kernel itself drains every CPU's list for it. */
	if (!engine_is_stock())
		hog_case("rmmod", unload);
	judge_end();
}
