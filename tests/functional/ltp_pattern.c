// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pattern of LTP's ksm01, with its figures: three processes fill SIZE MiB each with one letter,
 * in four steps, and the counters must come to exact values within two full scans of each step.
 *
 * As LTP does: the memory is one mapping a MiB, advised before it is touched, huge pages as the
 * system has them; the cap on sharers is lifted, one round covers everything, no sleep between
 * rounds, no page left out because of its age. SIZE is 128, and less on kernels whose checkers
 * make all slower; LTP_PATTERN_MIB is another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"

/* Of 98304 pages. */
#define LATE_MAX 2
#define LATE_SCANS 16
#define PROCESSES 3
#define MIB (1UL << 20)

/**
 * struct step - what the processes hold, and what the engine must make of it
 * @letters: the letter of each process
 * @odd: this process has another letter in its very last byte, -1 for none
 * @shared: pages_shared
 * @spare: pages that pages_sharing lacks to the total
 * @unshared: pages_unshared
 */
struct step {
	char letters[PROCESSES + 1];
	int odd;
	long shared;
	long spare;
	long unshared;
};

static const struct step steps[] = {
	{ "caa", -1, 2, 2, 0 },
	{ "cba", -1, 3, 3, 0 },
	{ "ddd", -1, 1, 1, 0 },
	{ "ddd", 1, 1, 2, 1 },
};

static unsigned long mib_each;

static void fill(char *area[], const struct step *step, int process)
{
	unsigned long m;

	for (m = 0; m < mib_each; m++)
		memset(area[m], step->letters[process], MIB);
	if (step->odd == process)
		area[mib_each - 1][MIB - 1] = 'e';
}

static void verify(char *area[], const struct step *step, int process)
{
	static char expected[PAGE_SIZE];
	unsigned long m, offset;

	memset(expected, step->letters[process], PAGE_SIZE);
	for (m = 0; m < mib_each; m++) {
		for (offset = 0; offset < MIB; offset += PAGE_SIZE) {
			bool last = m == mib_each - 1 && offset == MIB - PAGE_SIZE;

			if (last && step->odd == process)
				expected[PAGE_SIZE - 1] = 'e';
			CHECK(!memcmp(area[m] + offset, expected, PAGE_SIZE),
			      "process %d: wrong content in MiB %lu at %#lx", process, m, offset);
		}
	}
}

static void process_run(struct helper *self, void *arg)
{
	int process = *(int *)arg;
	char *area[mib_each];
	unsigned long m;
	size_t s;

	for (m = 0; m < mib_each; m++) {
		area[m] = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(area[m] != MAP_FAILED, "mmap: %m");
		area_mergeable(area[m], MIB / PAGE_SIZE);
	}
	helper_step(self);
	for (s = 0; s < ARRAY_SIZE(steps); s++) {
		fill(area, &steps[s], process);
		helper_step(self);
		verify(area, &steps[s], process);
	}
	helper_step(self);
	verify(area, &steps[ARRAY_SIZE(steps) - 1], process);
}

static void all_wait(struct helper *processes)
{
	int p;

	for (p = 0; p < PROCESSES; p++)
		helper_wait(&processes[p]);
}

static void all_go(struct helper *processes)
{
	int p;

	for (p = 0; p < PROCESSES; p++)
		helper_go(&processes[p]);
}

static void report(const char *what, double since)
{
	test_note("%-5s shared %ld sharing %ld volatile %ld unshared %ld, %.1f s", what,
		  engine_get("pages_shared"), engine_get("pages_sharing"),
		  engine_get("pages_volatile"), engine_get("pages_unshared"), now_secs() - since);
}

/*
 * On a busy host a page may be met in the middle of being filled, merged, and written again. When
 * that comes on top of the steps before, the guard against merging in vain has it wait longer.
 */
static void wait_for_late(const char *where)
{
	long late = engine_get("pages_volatile");

	if (!late)
		return;
	CHECK(late <= LATE_MAX, "%s: pages_volatile is %ld", where, late);
	test_note("%s: %ld pages are late", where, late);
	engine_set("run", 1);
	engine_wait_full_scans(LATE_SCANS);
	engine_pause();
}

static void test_pattern(void)
{
	unsigned long pages = mib_each * PROCESSES * MIB / PAGE_SIZE;
	struct helper processes[PROCESSES];
	int p, numbers[PROCESSES];
	size_t s;

	for (p = 0; p < PROCESSES; p++) {
		numbers[p] = p;
		helper_start(&processes[p], process_run, &numbers[p]);
	}
	all_wait(processes);
	engine_unmerge();
	engine_set("max_page_sharing", pages);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
	engine_set("run", 1);
	engine_set("pages_to_scan", pages);
	engine_set("sleep_millisecs", 0);
	for (s = 0; s < ARRAY_SIZE(steps); s++) {
		double since = now_secs();
		char where[160];

		all_go(processes);
		all_wait(processes);
		engine_settle();
		engine_pause();
		report(steps[s].letters, since);
		snprintf(where, sizeof(where), "step %zu, %s", s + 1, steps[s].letters);
		wait_for_late(where);
		engine_check_counters(where, steps[s].shared, pages - steps[s].spare,
				      steps[s].unshared, 0);
		engine_set("run", 1);
	}
	engine_unmerge();
	report("run=2", now_secs());
	all_go(processes);
	all_wait(processes);
	engine_check_counters("after run=2", 0, 0, 0, 0);
	for (p = 0; p < PROCESSES; p++)
		helper_finish(&processes[p]);
}

static const struct test tests[] = {
	{ "pattern", test_pattern, .timeout_secs = 280 },
};

int main(int argc, char **argv)
{
	const char *size = getenv("LTP_PATTERN_MIB");

	mib_each = size ? strtoul(size, NULL, 10) : 128 / harness_slower();
	if (!mib_each) {
		fprintf(stderr, "LTP_PATTERN_MIB must be a number of MiB\n");
		return 2;
	}
	return harness_main("ltp_pattern", tests, ARRAY_SIZE(tests), argc, argv);
}
