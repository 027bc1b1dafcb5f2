// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who wants a page table that the scanner has locked, or the CPU on which it has locked one. The
 * debug build has the scanner take its time there. Loads the module itself.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"
#include "module.h"

#define PARAMETERS "/sys/module/uksm/parameters/"

/* A page table: so many pages are scanned, and the rest is somebody's. */
#define SCANNED_PAGES 448
#define TABLE_PAGES 512

/* The scanner looks around after every few pages, and here each time takes so long for these. */
#define SPIN_MSECS 50
/* Twice that is what the bystander may have to wait; it was sixteen times. */
#define LATEST_MSECS 400
#define WATCH_SECS 4
/* So often at least the scanner has been in the way. */
#define HITS_LEAST 15

static long hits(void)
{
	FILE *file = fopen(PARAMETERS "race_hits", "r");
	long nr = -1;

	CHECK(file && fscanf(file, "%ld", &nr) == 1, "no race_hits: %m");
	fclose(file);
	return nr;
}

static void stay_on(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_SYS(sched_setaffinity(pid, sizeof(set), &set));
}

/* The rest of the page table that is scanned: fresh memory of a VMA that is not mergeable. */
static char *table_map(void)
{
	char *area = mmap(NULL, 2 * TABLE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *table;
	size_t i;

	CHECK(area != MAP_FAILED, "mmap: %m");
	table = (char *)(((uintptr_t)area + HPAGE_SIZE - 1) & ~(HPAGE_SIZE - 1));
	CHECK_SYS(madvise(table, HPAGE_SIZE, MADV_NOHUGEPAGE));
	for (i = 0; i < SCANNED_PAGES; i++)
		page_fill(table + i * PAGE_SIZE, 1000 + i);
	CHECK_SYS(madvise(table, SCANNED_PAGES * PAGE_SIZE, MADV_MERGEABLE));
	return table;
}

/* A page a millisecond: by how many milliseconds is it late, at the most? */
static double watch(char *rest)
{
	double until = now_secs() + WATCH_SECS * harness_slower(), due, late, latest = 0;
	size_t len = (TABLE_PAGES - SCANNED_PAGES) * PAGE_SIZE, i;

	while (now_secs() < until) {
		CHECK_SYS(madvise(rest, len, MADV_DONTNEED));
		for (i = 0; i < len; i += PAGE_SIZE) {
			due = now_secs() + 1e-3;
			usleep(1000);
			*(volatile char *)&rest[i] = 1;
			late = 1e3 * (now_secs() - due);
			latest = late > latest ? late : latest;
		}
	}
	return latest;
}

static void check_bystander(int cpu)
{
	char parameters[64], *table;
	double latest;
	long came;
	int err;

	test_needs("SMP");
	if (module_loaded())
		module_unload();
	snprintf(parameters, sizeof(parameters), "race=hash-next:%d", SPIN_MSECS);
	err = module_debug_try_load(parameters);
	CHECK(!err, "the debug build: %s", strerror(-err));
	table = table_map();
	stay_on(engine_get("kthread_pid"), 0);
	stay_on(0, cpu);
	engine_set("sleep_millisecs", 0);
	engine_set("pages_to_scan", 100000);
	engine_set("max_cpu_percentage", 100);
	engine_set("smart_scan", 0);
	engine_set("run", 1);
	latest = watch(table + SCANNED_PAGES * PAGE_SIZE);
	came = hits();
	engine_set("run", 0);
	module_unload();
	test_note("%.1f ms late at the latest; the scanner took its time %ld times", latest, came);
	CHECK(came >= HITS_LEAST, "the scanner was in the way %ld times only", came);
	CHECK(latest < LATEST_MSECS * harness_slower(), "%.1f ms late", latest);
}

static void test_other_cpu(void)
{
	check_bystander(1);
}

static void test_same_cpu(void)
{
	check_bystander(0);
}

static const struct test tests[] = {
	{ "other-cpu", test_other_cpu },
	{ "same-cpu", test_same_cpu },
};

int main(int argc, char **argv)
{
	return module_main("bystander", tests, ARRAY_SIZE(tests), argc, argv);
}
