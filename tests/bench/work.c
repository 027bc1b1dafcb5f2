// SPDX-License-Identifier: GPL-2.0-only
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "engine.h"
#include "guest.h"
#include "harness.h"
#include "image.h"
#include "latency.h"
#include "memory.h"
#include "oracle.h"
#include "phase.h"
#include "sample.h"

#define CAP_KNOB "max_cpu_percentage"

/* Full scans of works in which nothing is to be learnt from more, and which take long. */
#define SHORT_SETTLE 6
#define SHORT_MEASURE 4

#define SPARSE_PAGES 2048

#define HUGE_SUBPAGES (HPAGE_SIZE / PAGE_SIZE)
/* Every fourth huge page holds one page that is not its own. */
#define HUGE_WITH_COPIES 4

/* Pages of a small process, and of what they have in common. */
#define SMALL_PAGES 64
#define SMALL_LIBRARY 128

/* Of the process that forks over and over. */
#define FORK_SERVER_PAGES 512

/* 2^3 processes each. */
#define FORK_ROOTS 4
#define FORKS 3

#define BOTH "ksmd uksm"
#define BOTH_SMART "ksmd uksm ksmd-smart uksm-smart"
#define ALL                                                                                        \
	"ksmd uksm ksmd-smart uksm-smart ksmd-default uksm-default ksmd-tuned uksm-tuned "         \
	"ksmd-advisor uksm-advisor uksm-auto"

static size_t work_pages(const struct run *run)
{
	return (size_t)run->settings->mib * 256;
}

/* Fill the memory, look at it, and let the engine loose. */
static struct oracle begin(struct run *run, struct guest *guests, size_t nr)
{
	struct oracle o;
	size_t i;

	for (i = 0; i < nr; i++)
		guest_start(&guests[i]);
	o = phase_oracle(run, guests, nr);
	phase_start(run);
	return o;
}

static void end_all(struct guest *guests, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		guest_end(&guests[i]);
}

static void fill_unique(struct guest *g, size_t from)
{
	size_t i;

	for (i = from; i < g->pages; i++)
		g->content[i] = content_new();
}

/* No two pages are equal but one pair, which pages can be made equal to later on. */
static void measure_unique(struct run *run)
{
	struct guest guest;

	guest_init(&guest, work_pages(run));
	guest.content[0] = guest.content[1] = content_new();
	fill_unique(&guest, 2);
	begin(run, &guest, 1);
	phase_steady(run);
	if (!run->settings->profile)
		phase_detect(run, &guest, 1, 0);
	guest_end(&guest);
}

static void measure_mix(struct run *run)
{
	struct guest guests[IMAGES];

	images_init(guests, work_pages(run) / IMAGES);
	begin(run, guests, IMAGES);
	phase_steady(run);
	if (!run->settings->profile)
		phase_detect(run, guests, IMAGES, 0);
	end_all(guests, IMAGES);
}

/* Three guests are merged; @phase has them all merged, and goes on from there. */
static void merge_images(struct run *run, bool machines,
			 void (*phase)(struct run *run, size_t wanted))
{
	struct guest guests[IMAGES];
	struct oracle o;
	size_t g;

	images_init(guests, work_pages(run) / IMAGES);
	for (g = 0; g < IMAGES; g++)
		guests[g].machine = machines;
	o = begin(run, guests, IMAGES);
	phase(run, o.pages - o.distinct);
	end_all(guests, IMAGES);
}

static void measure_images(struct run *run)
{
	merge_images(run, false, phase_converge);
}

/* As LTP's ksm tests begin: three processes of one byte each, c, a and a. */
static void measure_ltp(struct run *run)
{
	static const char bytes[IMAGES] = "caa";
	struct guest guests[IMAGES];
	struct oracle o;
	size_t g, i;

	for (g = 0; g < IMAGES; g++) {
		guest_init(&guests[g], work_pages(run) / IMAGES);
		for (i = 0; i < guests[g].pages; i++)
			guests[g].content[i] = content_of_byte(bytes[g]);
	}
	o = begin(run, guests, IMAGES);
	phase_converge(run, o.limited);
	end_all(guests, IMAGES);
}

static void measure_zeroes(struct run *run)
{
	bool zero_pages = !strcmp(run->variant, "zero-page");
	struct guest guest;
	struct oracle o;

	guest_init(&guest, work_pages(run));
	engine_set("use_zero_pages", zero_pages);
	o = begin(run, &guest, 1);
	phase_converge(run, zero_pages ? o.pages : o.limited);
	guest_end(&guest);
	engine_set("use_zero_pages", 0);
}

static void measure_churn(struct run *run)
{
	struct guest guests[IMAGES];

	images_init(guests, work_pages(run) / IMAGES);
	begin(run, guests, IMAGES);
	phase_churn(run, guests, IMAGES);
	end_all(guests, IMAGES);
}

/*
 * The same few pages: side by side; in blocks that fill page tables of their own, far apart; or each
 * far from the next, in a page table that holds nothing else.
 */
static void measure_sparse(struct run *run)
{
	size_t gib = run->settings->sparse_gib;
	struct guest guest;

	guest_init(&guest, SPARSE_PAGES);
	if (!strcmp(run->variant, "blocks"))
		guest.block = HUGE_SUBPAGES;
	else if (!strcmp(run->variant, "scattered"))
		guest.block = 1;
	guest.gap = (gib << 30) / (SPARSE_PAGES / guest.block) / HPAGE_SIZE * HPAGE_SIZE;
	CHECK(guest.gap, "--sparse-gib is at least %lu", SPARSE_PAGES * HPAGE_SIZE >> 30);
	fill_unique(&guest, 0);
	begin(run, &guest, 1);
	wait_full_scans(SHORT_SETTLE);
	phase_between(run, SHORT_MEASURE);
	guest_end(&guest);
}

/* Huge pages of which some hold pages that others have too. */
static void measure_huge(struct run *run)
{
	size_t huge_pages = work_pages(run) / HUGE_SUBPAGES, with_copies = 0, i;
	bool copies = !strcmp(run->variant, "copies");
	struct guest guest;

	guest_init(&guest, huge_pages * HUGE_SUBPAGES);
	guest.huge = true;
	fill_unique(&guest, 0);
	for (i = 0; copies && i < huge_pages; i += HUGE_WITH_COPIES) {
		guest.content[i * HUGE_SUBPAGES + 7] = guest.content[0];
		with_copies++;
	}
	fprintf(run->out, ",\"huge\":{\"pages\":%zu,\"with_copies\":%zu}", huge_pages, with_copies);
	begin(run, &guest, 1);
	wait_full_scans(SHORT_SETTLE);
	phase_between(run, SHORT_MEASURE);
	guest_end(&guest);
}

/* Half of a process is in all others (a library), a quarter in some. */
static void init_small(struct guest *g, const uint64_t *library)
{
	size_t i;

	guest_init(g, SMALL_PAGES);
	for (i = 0; i < SMALL_PAGES / 2; i++)
		g->content[i] = library[i];
	for (; i < SMALL_PAGES * 3 / 4; i++)
		g->content[i] = library[SMALL_PAGES / 2 + draw_below(SMALL_LIBRARY -
								       SMALL_PAGES / 2)];
	fill_unique(g, i);
}

/* A quarter it has twice, and nothing is in others: isolation takes nothing away. */
static void init_apart(struct guest *g)
{
	size_t i;

	guest_init(g, SMALL_PAGES);
	fill_unique(g, 0);
	for (i = 0; i < SMALL_PAGES / 4; i++)
		g->content[SMALL_PAGES / 4 + i] = g->content[i];
}

static void measure_processes(struct run *run, const uint64_t *library)
{
	size_t nr = work_pages(run) / SMALL_PAGES, i;
	struct guest *guests = calloc(nr, sizeof(*guests));

	CHECK(guests, "no memory for %zu processes", nr);
	for (i = 0; i < nr; i++) {
		if (library)
			init_small(&guests[i], library);
		else
			init_apart(&guests[i]);
	}
	begin(run, guests, nr);
	phase_steady(run);
	end_all(guests, nr);
	free(guests);
}

static void measure_small(struct run *run)
{
	uint64_t library[SMALL_LIBRARY];
	size_t i;

	for (i = 0; i < SMALL_LIBRARY; i++)
		library[i] = content_new();
	measure_processes(run, library);
}

static void measure_apart(struct run *run)
{
	measure_processes(run, NULL);
}

/* Each root has forked a tree of processes that share its pages; the roots share some content. */
static void measure_forks(struct run *run)
{
	struct guest guests[FORK_ROOTS];
	size_t pages = (work_pages(run) >> FORKS) / FORK_ROOTS, i;
	unsigned int g;

	for (g = 0; g < FORK_ROOTS; g++) {
		guest_init(&guests[g], pages);
		guests[g].forks = FORKS;
		fill_unique(&guests[g], 0);
		for (i = 0; g && i < pages / 4; i++)
			guests[g].content[i] = guests[0].content[i];
	}
	fprintf(run->out, ",\"mapped\":%zu", (pages * FORK_ROOTS) << FORKS);
	begin(run, guests, FORK_ROOTS);
	phase_steady(run);
	end_all(guests, FORK_ROOTS);
}

/* VARIANT is MEMORY-PERCENT. The rest of the knobs would have the scanner run all the time. */
static void measure_cap(struct run *run)
{
	bool unique = !strncmp(run->variant, "unique", 6);
	bool rewritten = !strncmp(run->variant, "churn", 5);
	long percent = strtol(strchr(run->variant, '-') + 1, NULL, 10);
	struct guest guests[IMAGES];
	long before;
	size_t g;

	images_init(guests, work_pages(run) / IMAGES);
	for (g = 0; unique && g < IMAGES; g++)
		fill_unique(&guests[g], 0);
	before = engine_get(CAP_KNOB);
	engine_set(CAP_KNOB, percent);
	begin(run, guests, IMAGES);
	engine_set("pages_to_scan", 20000);
	engine_set("sleep_millisecs", 0);
	fprintf(run->out, ",\"percent\":%ld", percent);
	phase_cap(run, guests, rewritten ? IMAGES : 0);
	engine_set(CAP_KNOB, before);
	end_all(guests, IMAGES);
}

/* Half of a process is in another as well, page by page. VARIANT is what it does. */
static void measure_latency(struct run *run)
{
	size_t pages = work_pages(run) / 2, i;
	struct guest guests[2];

	if (!strcmp(run->variant, "fork"))
		pages = FORK_SERVER_PAGES;
	guest_init(&guests[0], pages);
	guest_init(&guests[1], work_pages(run) - pages);
	fill_unique(&guests[0], 0);
	fill_unique(&guests[1], 0);
	for (i = 0; i < pages; i++) {
		if (draw_below(2))
			guests[1].content[i] = guests[0].content[i];
	}
	latency_prepare(&guests[0], operation_find(run->variant));
	guest_start(&guests[0]);
	guest_start(&guests[1]);
	phase_oracle(run, guests, 2);
	phase_latency(run, &guests[0]);
	end_all(guests, 2);
}

static void measure_holds(struct run *run)
{
	merge_images(run, true, phase_holds);
}

static void measure_idle(struct run *run)
{
	merge_images(run, false, phase_idle);
}

/*
 * A machine boots beside others: it fills its memory page by page, computes, and writes now and then
 * to a page that it has filled before.
 */
#define BOOT_COMPUTE 200000
#define BOOT_WRITE_ONE_IN 4

static void boot(const struct guest *g)
{
	volatile unsigned int turn;
	size_t i;

	for (i = 0; i < g->pages; i++) {
		content_write((void *)guest_address(g, i), g->content[i]);
		for (turn = 0; turn < BOOT_COMPUTE / 4; turn++)
			;
		if (i % BOOT_WRITE_ONE_IN == 0)
			*(volatile char *)guest_address(g, draw_below(i + 1)) ^= 0;
	}
}

static void measure_start(struct run *run)
{
	struct guest guests[IMAGES];

	images_init(guests, work_pages(run) / IMAGES);
	guests[IMAGES - 1].boot = boot;
	begin(run, guests, IMAGES - 1);
	phase_boot(run, &guests[IMAGES - 1]);
	end_all(guests, IMAGES);
}

const struct work works[] = {
	{ "a", "steady state, unique pages", "", BOTH_SMART, NULL, measure_unique },
	{ "b", "steady state, settled mix", "", BOTH_SMART, NULL, measure_mix },
	{ "c", "images of three guests, until merged", "", ALL, NULL, measure_images },
	{ "d", "LTP's pattern, until merged", "", BOTH, NULL, measure_ltp },
	{ "e", "pages of zeroes, until merged", "ordinary zero-page", BOTH, NULL, measure_zeroes },
	{ "f", "pages rewritten every second", "", BOTH_SMART, NULL, measure_churn },
	{ "g", "a mapping with holes", "dense blocks scattered", BOTH, NULL, measure_sparse },
	{ "h", "huge pages", "unique copies", BOTH, NULL, measure_huge },
	{ "i", "many small processes", "", BOTH_SMART, NULL, measure_small },
	{ "j", "trees of forks", "", BOTH_SMART, NULL, measure_forks },
	{ "k", "latency of a process that is merged", "write read fault fork",
	  "none ksmd-default uksm-default", NULL, measure_latency, true },
	{ "l", "processes that have nothing in common", "", "uksm uksm-process", NULL, measure_apart },
	{ "m", "what the scanner holds of virtual machines", "page-table mmap-lock notifier",
	  "ksmd-default uksm-default", NULL, measure_holds },
	{ "n", "a virtual machine starts", "",
	  "ksmd-default uksm-default ksmd-tuned uksm-tuned uksm-auto", NULL,
	  measure_start },
	{ "o", "nothing is left to be found", "",
	  "ksmd-default uksm-default ksmd-advisor uksm-advisor uksm-auto", NULL, measure_idle },
	{ "cap", "limit on CPU time",
	  "unique-5 unique-20 unique-50 images-5 images-20 images-50 churn-5 churn-20 churn-50",
	  "uksm", CAP_KNOB, measure_cap },
	{ NULL },
};
