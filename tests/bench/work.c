// SPDX-License-Identifier: GPL-2.0-only
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "engine.h"
#include "guest.h"
#include "harness.h"
#include "memory.h"
#include "oracle.h"
#include "phase.h"
#include "sample.h"

#define GUESTS 3

#define BOTH "ksmd uksm"
#define BOTH_SMART "ksmd uksm ksmd-smart uksm-smart"
#define ALL                                                                                        \
	"ksmd uksm ksmd-smart uksm-smart ksmd-default uksm-default ksmd-tuned uksm-tuned "         \
	"ksmd-advisor uksm-advisor"

static size_t work_pages(const struct run *run)
{
	return (size_t)run->settings->mib * 256;
}

static void start_all(struct guest *guests, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		guest_start(&guests[i]);
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
	guest_start(&guest);
	phase_oracle(run, &guest, 1);
	phase_start(run);
	phase_steady(run);
	if (!run->settings->profile)
		phase_detect(run, &guest, 1, 0);
	guest_end(&guest);
}

/*
 * Of the pages of each of three guests, in thousandths: in all three, in this and one certain
 * other, of no other; what is left are further copies of pages of the same guest, many of them
 * zero. That saves 24.5 % within a guest, 21 % between two and 29 % among three, of the memory of
 * the one, two or three.
 */
#define IN_ALL 390
#define IN_PAIR 30
#define OWN 305
#define ZERO 80

static size_t thousandths(size_t pages, unsigned int nr)
{
	return pages * nr / 1000;
}

static void shuffle(uint64_t *content, size_t nr)
{
	size_t i, j;

	for (i = nr; i > 1; i--) {
		uint64_t last = content[i - 1];

		j = random_below(i);
		content[i - 1] = content[j];
		content[j] = last;
	}
}

/* Copies of some pages are more than those of others. */
static void add_copies(struct guest *g, size_t from)
{
	size_t zeroes = thousandths(g->pages, ZERO), originals = from;

	for (; from < g->pages; from++) {
		size_t r = random_below(originals);

		if (zeroes) {
			zeroes--;
			g->content[from] = CONTENT_ZERO;
		} else {
			g->content[from] = g->content[r * r / originals];
		}
	}
}

static size_t add_common(struct guest *guests, size_t at, size_t nr, unsigned int a, unsigned int b,
			 unsigned int c)
{
	size_t end = at + nr;

	for (; at < end; at++) {
		uint64_t content = content_new();

		guests[a].content[at] = content;
		guests[b].content[at] = content;
		guests[c].content[at] = content;
	}
	return end;
}

/* The first page of the first two guests is the same, whatever else is. */
static void init_images(struct guest *guests, size_t pages)
{
	size_t pair = thousandths(pages, IN_PAIR);
	size_t own = thousandths(pages, OWN);
	size_t all, at, i;
	unsigned int g;

	for (g = 0; g < GUESTS; g++)
		guest_init(&guests[g], pages);
	all = add_common(guests, 0, thousandths(pages, IN_ALL), 0, 1, 2);
	for (g = 0; g < GUESTS; g++) {
		unsigned int next = (g + 1) % GUESTS, previous = (g + 2) % GUESTS;

		/* Shared with the next guest here, with the one before further on. */
		for (i = 0; i < pair; i++) {
			uint64_t content = content_new();

			guests[g].content[all + i] = content;
			guests[next].content[all + pair + i] = content;
		}
		(void)previous;
	}
	for (g = 0; g < GUESTS; g++) {
		at = all + 2 * pair;
		for (i = 0; i < own; i++)
			guests[g].content[at++] = content_new();
		add_copies(&guests[g], at);
		shuffle(guests[g].content + 1, pages - 1);
	}
}

static void measure_mix(struct run *run)
{
	struct guest guests[GUESTS];

	init_images(guests, work_pages(run) / GUESTS);
	start_all(guests, GUESTS);
	phase_oracle(run, guests, GUESTS);
	phase_start(run);
	phase_steady(run);
	if (!run->settings->profile)
		phase_detect(run, guests, GUESTS, 0);
	end_all(guests, GUESTS);
}

static void measure_images(struct run *run)
{
	struct guest guests[GUESTS];
	struct oracle o;

	init_images(guests, work_pages(run) / GUESTS);
	start_all(guests, GUESTS);
	o = phase_oracle(run, guests, GUESTS);
	phase_start(run);
	phase_converge(run, o.pages - o.distinct);
	end_all(guests, GUESTS);
}

/* As LTP's ksm tests begin: three processes of one byte each, c, a and a. */
static void measure_ltp(struct run *run)
{
	static const char bytes[GUESTS] = "caa";
	struct guest guests[GUESTS];
	struct oracle o;
	size_t g, i;

	for (g = 0; g < GUESTS; g++) {
		guest_init(&guests[g], work_pages(run) / GUESTS);
		for (i = 0; i < guests[g].pages; i++)
			guests[g].content[i] = content_of_byte(bytes[g]);
	}
	start_all(guests, GUESTS);
	o = phase_oracle(run, guests, GUESTS);
	phase_start(run);
	phase_converge(run, o.limited);
	end_all(guests, GUESTS);
}

static void measure_zeroes(struct run *run)
{
	bool zero_pages = !strcmp(run->variant, "zero-page");
	struct guest guest;
	struct oracle o;

	guest_init(&guest, work_pages(run));
	guest_start(&guest);
	o = phase_oracle(run, &guest, 1);
	engine_set("use_zero_pages", zero_pages);
	phase_start(run);
	phase_converge(run, zero_pages ? o.pages : o.limited);
	guest_end(&guest);
	engine_set("use_zero_pages", 0);
}

const struct work works[] = {
	{ "a", "steady state, unique pages", "", BOTH_SMART, measure_unique },
	{ "b", "steady state, settled mix", "", BOTH_SMART, measure_mix },
	{ "c", "images of three guests, until merged", "", ALL, measure_images },
	{ "d", "LTP's pattern, until merged", "", BOTH, measure_ltp },
	{ "e", "pages of zeroes, until merged", "ordinary zero-page", BOTH, measure_zeroes },
	{ NULL },
};
