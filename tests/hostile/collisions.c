// SPDX-License-Identifier: GPL-2.0-only
/*
 * Families of pages that differ in one cache line only, which a checksum over samples does not
 * tell apart, after others that have used up what the engine keeps to tell such families.
 */
#include <math.h>
#include <stdint.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

#define LINE_WORDS 8
#define LINES 64
#define FAMILIES 4
#define FILLERS 8192UL

/* Of what unrelated pages cost; about three, and 20 where the whole family is compared. */
#define FAMILY_TIMES 4

/* One line of a page of a family is its own. The family is that of the seed. */
static void fill_relative(void *page, uint64_t seed, size_t nr)
{
	uint64_t *line = (uint64_t *)page + nr % LINES * LINE_WORDS;
	size_t i;

	page_fill(page, seed);
	for (i = 0; i < LINE_WORDS; i++)
		line[i] = ~line[i] ^ nr;
}

static void fill_family(void *page, size_t index)
{
	fill_relative(page, 500 + index % FAMILIES, index / FAMILIES);
}

static void fill_unrelated(void *page, size_t index)
{
	page_fill(page, 600000000 + index);
}

/* Thousands of small families. */
static void filler_main(struct helper *self, void *unused)
{
	char *area;
	size_t i;

	tenant_become();
	area = area_map(2 * FILLERS);
	for (i = 0; i < 2 * FILLERS; i++)
		fill_relative(area + i * PAGE_SIZE, 900000000 + i / 2, i % 2 * 17 + 1);
	area_mergeable(area, 2 * FILLERS);
	helper_step(self);
}

/**
 * struct digest - what the engine took to merge pairs
 * @cpu_secs: its CPU time
 * @secs: until all were merged
 * @write_secs: the longest write to run meanwhile
 */
struct digest {
	double cpu_secs, secs, write_secs;
};

static double run_write_secs(void)
{
	double began = now_secs(), half;

	engine_set("run", 0);
	half = now_secs();
	engine_set("run", 1);
	return fmax(half - began, now_secs() - half);
}

static struct digest digest_run(void (*fill)(void *page, size_t index), size_t pairs,
				unsigned int limit_secs)
{
	struct digest d = { .secs = NEVER };
	struct limit limit;
	struct equals e;
	double began, cpu;

	equals_init(&e, pairs, fill);
	equals_start_pair(&e);
	cpu = scanner_cpu_secs();
	began = now_secs();
	limit = limit_begin(limit_secs * harness_slower());
	while (!limit_passed(&limit)) {
		if (equals_merged(&e, 0, 1) == pairs) {
			d.secs = now_secs() - began;
			break;
		}
		d.write_secs = fmax(d.write_secs, run_write_secs());
		sleep_secs(0.1);
	}
	d.cpu_secs = scanner_cpu_secs() - cpu;
	equals_stop(&e);
	return d;
}

void case_collisions(void)
{
	size_t pairs = hostile_long() ? 20000 : 3000;
	unsigned int limit_secs = hostile_long() ? 300 : 30;
	struct digest unrelated, family;
	struct helper filler;

	scanner_tempo(1000, DEFAULT_MSECS);
	helper_start(&filler, filler_main, NULL);
	helper_wait(&filler);
	engine_set("run", 1);
	engine_wait_full_scans(2);
	unrelated = digest_run(fill_unrelated, pairs, limit_secs);
	engine_wait_full_scans(1);
	family = digest_run(fill_family, pairs, limit_secs);
	helper_kill(&filler);

	figure("collisions.unrelated_cpu_secs", unrelated.cpu_secs);
	figure("collisions.unrelated_secs", unrelated.secs);
	figure("collisions.unrelated_write_secs", unrelated.write_secs);
	figure("collisions.cpu_secs", family.cpu_secs);
	figure("collisions.secs", family.secs);
	figure("collisions.write_secs", family.write_secs);
	figure("collisions.cpu_times", family.cpu_secs / unrelated.cpu_secs);
	judge(family.secs != NEVER, "%zu pairs of one family do not merge in %u s", pairs,
	      limit_secs);
	judge(family.cpu_secs <= FAMILY_TIMES * unrelated.cpu_secs,
	      "pairs of one family cost %.2f s of CPU, unrelated ones %.2f", family.cpu_secs,
	      unrelated.cpu_secs);
	judge(family.write_secs <=
		      fmax(0.1, 2 * figure_of_ksmd("collisions.write_secs", 0)),
	      "a write to run takes %.2f s", family.write_secs);
	judge_end();
}
