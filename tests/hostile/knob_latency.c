// SPDX-License-Identifier: GPL-2.0-only
/*
 * A writer that unmerges everything and hardly ever gets the CPU: nobody is to be stuck behind
 * it.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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
#include "scanner.h"
#include "swap.h"
#include "tenant.h"

#define PAIR_PAGES 24576UL
#define HUNG_SECS 2
#define BUSY_SECS 4
#define SYSCTL "/proc/sys/kernel/"
#define HANG_EVENT "/sys/kernel/tracing/events/sched/sched_process_hang/enable"
#define TRACE "/sys/kernel/tracing/trace"

static void fill(void *page, size_t index)
{
	page_fill(page, 400000000 + index);
}

static void sysctl(const char *name, long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), SYSCTL "%s", name);
	snprintf(text, sizeof(text), "%ld", value);
	CHECK(!file_write(path, text), "%s=%s", path, text);
}

static long sysctl_get(const char *name)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), SYSCTL "%s", name);
	file = fopen(path, "r");
	CHECK(file && fscanf(file, "%ld", &value) == 1, "%s: %m", path);
	fclose(file);
	return value;
}

/* A write in a process of its own, with a policy. */
static pid_t writer(const char *knob, const char *text, int policy)
{
	struct sched_param param = { 0 };
	pid_t pid = CHECK_SYS(fork());

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK_SYS(sched_setscheduler(0, policy, &param));
	_exit(knob_write(engine_dir(), knob, text, strlen(text)) ? 1 : 0);
}

static pid_t busy_loop(void)
{
	pid_t pid = CHECK_SYS(fork());

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		;
}

/* The tasks that the kernel has found hung since, by their names. */
static void hung_tasks(char *names, size_t len)
{
	FILE *trace = fopen(TRACE, "r");
	char line[512], *comm;

	CHECK(trace, TRACE ": %m");
	names[0] = '\0';
	while (fgets(line, sizeof(line), trace)) {
		comm = strstr(line, "sched_process_hang: comm=");
		if (!comm)
			continue;
		comm += strlen("sched_process_hang: comm=");
		comm[strcspn(comm, "\n ")] = '\0';
		if (!strstr(names, comm))
			snprintf(names + strlen(names), len - strlen(names), "%s%s",
				 names[0] ? ", " : "", comm);
	}
	fclose(trace);
}

static double end_secs(pid_t pid)
{
	struct limit limit = limit_begin(20 * harness_slower());
	double began = now_secs();

	kill(pid, SIGKILL);
	while (!waitpid(pid, NULL, WNOHANG)) {
		if (limit_passed(&limit))
			return NEVER;
		sleep_secs(0.001);
	}
	return now_secs() - began;
}

void case_knob_latency(void)
{
	long panic = sysctl_get("hung_task_panic"), timeout = sysctl_get("hung_task_timeout_secs");
	pid_t unmerger, second, busy;
	struct limit limit;
	char names[200];
	struct equals e;
	double secs;

	/* The report is to be counted here, not to end the machine nor to soil its log. */
	sysctl("hung_task_panic", 0);
	sysctl("hung_task_warnings", 0);
	sysctl("hung_task_check_interval_secs", 1);
	CHECK(!file_write(HANG_EVENT, "1"), HANG_EVENT);
	CHECK(!file_write(TRACE, "0"), TRACE);

	equals_init(&e, PAIR_PAGES, fill);
	equals_start_pair(&e);
	engine_start();
	/* Cheaper to ask for. */
	limit = limit_begin(60 * harness_slower());
	while (engine_get("pages_sharing") < (long)PAIR_PAGES && !limit_passed(&limit))
		sleep_secs(0.02);
	CHECK(equals_wait(&e, 0, 1, 5) != NEVER, "%zu pages merged", equals_merged(&e, 0, 1));

	sysctl("hung_task_timeout_secs", HUNG_SECS);
	unmerger = writer("run", "2", SCHED_IDLE);
	/* It is to be at work before somebody takes the CPU. */
	sleep_secs(0.03);
	busy = busy_loop();
	second = writer("max_page_sharing", "100", SCHED_OTHER);
	sleep_secs(BUSY_SECS);
	test_note("%zu of %lu pages are still merged", equals_merged(&e, 0, 1), PAIR_PAGES);
	hung_tasks(names, sizeof(names));
	CHECK(equals_merged(&e, 0, 1), "all was unmerged before anybody could hang");
	secs = end_secs(second);
	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
	waitpid(unmerger, NULL, 0);
	figure("knob-latency.kill_secs", secs);
	judge(!names[0], "found hung after %d s: %s", HUNG_SECS, names);
	judge(secs <= 0.2, "a killed writer ends after %.2f s", secs);

	equals_stop(&e);
	file_write(HANG_EVENT, "0");
	sysctl("hung_task_timeout_secs", timeout);
	sysctl("hung_task_panic", panic);
	judge_end();
}
