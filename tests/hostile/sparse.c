// SPDX-License-Identifier: GPL-2.0-only
/*
 * Big address spaces in which there is nothing to merge: the zero page everywhere, page tables
 * with next to nothing in them, pages in swap.
 */
#include <stdio.h>
#include <sys/mman.h>
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

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define TABLE_PAGES 512UL
#define WRITTEN_PAGES 16384UL
#define SWAPPED_PAGES 32768UL
#define SWAPPED_SHARERS 12
#define REFERENCE_PAGES 16384UL
#define SHARE_SECS 10.0
#define REFERENCE_SECS 4.0

/*
 * A scan at the defaults looks at 5000 pages a second, which is less than one percent of a CPU
 * in emulation that counts an instruction as a nanosecond. What maps no page is to cost about
 * as much; several entries may pass for one page, so that they are not to be paid for as dearly.
 */
#define SHARE_MAX_PERCENT 10.0
#define SHARE_MAX_TIMES 3

#define LIMIT_PERCENT 5
#define LIMIT_TOLERANCE 1.1

/* Zero page everywhere but for one page. */
static void reader_main(struct helper *self, void *arg)
{
	size_t pages = *(size_t *)arg;
	char *area;

	tenant_become();
	area = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED, "mmap of %zu pages: %m", pages);
	area_no_huge(area, pages * PAGE_SIZE);
	CHECK_SYS(madvise(area, pages * PAGE_SIZE, MADV_MERGEABLE));
	page_touch(area);
	CHECK_SYS(madvise(area, pages * PAGE_SIZE, MADV_POPULATE_READ));
	helper_step(self);
}

/*
 * Page tables with an entry each, which keeps the kernel from taking them back: of some, pages
 * were written there and given back, in the others one was read.
 */
static void emptied_main(struct helper *self, void *arg)
{
	size_t pages = *(size_t *)arg, i;
	volatile char *area;

	tenant_become();
	area = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED, "mmap of %zu pages: %m", pages);
	area_no_huge((void *)area, pages * PAGE_SIZE);
	CHECK_SYS(madvise((void *)area, pages * PAGE_SIZE, MADV_MERGEABLE));
	for (i = 0; i < WRITTEN_PAGES; i++)
		page_touch((void *)(area + i * PAGE_SIZE));
	for (i = 0; i < WRITTEN_PAGES; i += TABLE_PAGES)
		CHECK_SYS(madvise((void *)(area + (i + 1) * PAGE_SIZE),
				  (TABLE_PAGES - 1) * PAGE_SIZE, MADV_DONTNEED));
	for (; i < pages; i += TABLE_PAGES)
		(void)area[i * PAGE_SIZE];
	helper_step(self);
}

/* It does not matter to it who goes first. */
static void idle_main(struct helper *self, void *unused)
{
	const char ready = 1;

	CHECK_SYS(write(self->fd, &ready, 1));
	for (;;)
		pause();
}

/* Children that share what is in swap. Each page is one word over and over, which takes no room. */
static void swapped_main(struct helper *self, void *unused)
{
	char *area;
	size_t i, k;
	int child;

	tenant_become();
	area = area_map(SWAPPED_PAGES);
	for (i = 0; i < SWAPPED_PAGES; i++)
		for (k = 0; k < PAGE_SIZE / sizeof(size_t); k++)
			((volatile size_t *)(area + i * PAGE_SIZE))[k] = i + 1;
	area_mergeable(area, SWAPPED_PAGES);
	CHECK_SYS(madvise(area, SWAPPED_PAGES * PAGE_SIZE, MADV_PAGEOUT));
	for (child = 1; child < SWAPPED_SHARERS; child++) {
		struct helper idle;

		helper_start(&idle, idle_main, NULL);
		helper_wait(&idle);
	}
	helper_step(self);
}

static long page_tables(void)
{
	return sys_field("/proc/vmstat", "nr_page_table_pages");
}

/* From the signal until the page tables are free; 0 where they are too few to tell. */
static double kill_secs(struct helper *h, long tables)
{
	struct limit limit = limit_begin(20 * harness_slower());
	long before = page_tables();
	double began = now_secs();

	helper_kill(h);
	if (tables < 500)
		return 0;
	while (page_tables() > before - tables * 9 / 10) {
		if (limit_passed(&limit))
			return NEVER;
		sleep_secs(0.001);
	}
	return now_secs() - began;
}

static double reference_share(void)
{
	struct helper h;
	double share;

	start_distinct(&h, REFERENCE_PAGES, 10000);
	engine_set("run", 1);
	engine_wait_full_scans(1);
	share = scanner_share(REFERENCE_SECS);
	helper_kill(&h);
	engine_unmerge();
	return share;
}

#define FIGURE(what, value)                                      \
	do {                                                     \
		char key_[128];                                  \
		snprintf(key_, sizeof(key_), "%s.%s", name, what); \
		figure(key_, value);                             \
	} while (0)

/* Two tenants run @run; @tables page tables belong to each. */
static void sparse_case(const char *name, void (*run)(struct helper *self, void *arg), size_t pages,
			long tables)
{
	double reference, alone, secs, share, killed;
	struct helper tenants[2];
	struct victims v;
	long scanned;

	scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
	reference = reference_share();
	FIGURE("reference_percent", reference);
	alone = victims_alone_secs();
	FIGURE("alone_secs", alone);

	helper_start(&tenants[0], run, &pages);
	helper_start(&tenants[1], run, &pages);
	helper_wait(&tenants[0]);
	helper_wait(&tenants[1]);
	victims_start(&v);
	engine_set("run", 1);
	secs = equals_wait(&v.pair, 0, 1, 20);
	FIGURE("merge_secs", secs);
	judge(secs <= allowed_secs(alone), "a pair merges after %.1f s, alone after %.1f", secs,
	      alone);
	/* A full scan of nothing else: what takes no page is not to be taken without any pause. */
	victims_stop(&v);
	sleep_secs(1);
	scanned = engine_get_or("pages_scanned", 0);
	share = scanner_share(SHARE_SECS);
	FIGURE("pages_per_sec", (engine_get_or("pages_scanned", 0) - scanned) / SHARE_SECS);
	FIGURE("percent", share);
	judge(share <= SHARE_MAX_PERCENT || share <= SHARE_MAX_TIMES * reference,
	      "%.1f %% of a CPU, for as many present pages %.1f %%", share, reference);

	if (!engine_is_stock()) {
		engine_set("max_cpu_percentage", LIMIT_PERCENT);
		sleep_secs(1);
		share = scanner_share(SHARE_SECS);
		FIGURE("limited_percent", share);
		judge(share <= LIMIT_PERCENT * LIMIT_TOLERANCE, "%.1f %% of a CPU with a limit of %d",
		      share, LIMIT_PERCENT);
		engine_set("max_cpu_percentage", 100);
		sleep_secs(1);
	}
	killed = kill_secs(&tenants[0], tables);
	sleep_secs(0.35);
	secs = kill_secs(&tenants[1], tables);
	killed = secs > killed ? secs : killed;
	if (tables)
		FIGURE("kill_secs", killed);
	secs = 2 * figure_of_ksmd("zero-readers.kill_secs", 0);
	judge(killed <= 0.2 || killed <= secs, "a killed process takes %.2f s to go", killed);
	judge_end();
}

void case_zero_readers(void)
{
	size_t gib = hostile_long() ? 8 : 4;

	sparse_case("zero-readers", reader_main, gib << 18, gib << 9);
}

void case_emptied(void)
{
	sparse_case("emptied", emptied_main, 8UL << 18, 8 << 9);
}

void case_swapped(void)
{
	swap_start();
	sparse_case("swapped", swapped_main, 0, 0);
	swap_stop();
}
