// SPDX-License-Identifier: GPL-2.0-only
#include "equals.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
#include "figures.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

#define POLL_SECS 0.01
#define BYSTANDER_PAGES 1000
#define BYSTANDER_SEED 700000000UL
#define VICTIM_SEED 800000000UL
#define ALONE_LIMIT_SECS 40

void equals_init(struct equals *e, size_t pages, void (*fill)(void *page, size_t index))
{
	*e = (struct equals){ .area = area_map(pages), .pages = pages, .fill = fill };
}

static void side_main(struct helper *self, void *arg)
{
	const struct equals *e = arg;
	size_t i;

	tenant_become();
	for (i = 0; i < e->pages; i++)
		e->fill(e->area + i * PAGE_SIZE, i);
	area_mergeable(e->area, e->pages);
	helper_step(self);
}

void equals_start(struct equals *e, unsigned int side)
{
	helper_start(&e->sides[side], side_main, e);
	helper_wait(&e->sides[side]);
}

void equals_start_pair(struct equals *e)
{
	equals_start(e, 0);
	equals_start(e, 1);
}

void equals_stop(struct equals *e)
{
	size_t i;

	for (i = 0; i < EQUALS_MAX; i++) {
		if (e->sides[i].pid)
			helper_kill(&e->sides[i]);
		e->sides[i].pid = 0;
	}
}

static uint64_t *read_pagemap(const struct equals *e, unsigned int side)
{
	size_t bytes = e->pages * sizeof(uint64_t);
	uint64_t *entries = malloc(bytes);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", e->sides[side].pid);
	fd = CHECK_SYS(open(path, O_RDONLY));
	CHECK(entries && pread(fd, entries, bytes, (uintptr_t)e->area / PAGE_SIZE * sizeof(*entries)) ==
	      (ssize_t)bytes, "%s: %m", path);
	close(fd);
	return entries;
}

size_t equals_merged(const struct equals *e, unsigned int one, unsigned int other)
{
	uint64_t *a = read_pagemap(e, one), *b = read_pagemap(e, other);
	const uint64_t frame = (1ULL << 55) - 1;
	size_t i, merged = 0;

	for (i = 0; i < e->pages; i++)
		merged += (a[i] & PM_PRESENT) && (b[i] & PM_PRESENT) &&
			  (a[i] & frame) == (b[i] & frame);
	free(a);
	free(b);
	return merged;
}

double equals_wait(const struct equals *e, unsigned int one, unsigned int other,
		   unsigned int limit_secs)
{
	struct limit limit = limit_begin(limit_secs * harness_slower());
	double began = now_secs(), told = began;

	while (equals_merged(e, one, other) < e->pages) {
		/* What it hangs on, where it takes long. */
		if (now_secs() - told >= 5) {
			told = now_secs();
			test_note("after %.0f s: %zu of %zu pages merged, full_scans %ld, pages_scanned %ld",
				  told - began, equals_merged(e, one, other), e->pages,
				  engine_get("full_scans"), engine_get_or("pages_scanned", -1));
		}
		if (limit_passed(&limit))
			return NEVER;
		sleep_secs(POLL_SECS);
	}
	return now_secs() - began;
}

struct distinct {
	size_t pages, seed;
};

static void distinct_main(struct helper *self, void *arg)
{
	const struct distinct *d = arg;

	tenant_become();
	area_map_distinct(d->pages, d->seed);
	helper_step(self);
}

void start_distinct(struct helper *h, size_t pages, size_t seed)
{
	struct distinct d = { .pages = pages, .seed = seed };

	helper_start(h, distinct_main, &d);
	helper_wait(h);
}

void victim_fill(void *page, size_t index)
{
	page_fill(page, VICTIM_SEED + index);
}

void victims_start(struct victims *v)
{
	start_distinct(&v->bystander, BYSTANDER_PAGES, BYSTANDER_SEED);
	equals_init(&v->pair, VICTIM_PAGES, victim_fill);
	equals_start_pair(&v->pair);
}

void victims_stop(struct victims *v)
{
	helper_kill(&v->bystander);
	equals_stop(&v->pair);
}

double victims_alone_secs(void)
{
	struct victims v;
	double secs;

	victims_start(&v);
	engine_set("run", 1);
	secs = equals_wait(&v.pair, 0, 1, ALONE_LIMIT_SECS);
	CHECK(secs != NEVER, "alone, a pair does not merge in %u s: %zu of %lu pages",
	      ALONE_LIMIT_SECS, equals_merged(&v.pair, 0, 1), VICTIM_PAGES);
	victims_stop(&v);
	engine_unmerge();
	return secs;
}

double allowed_secs(double alone)
{
	return 3 * alone + 1;
}
