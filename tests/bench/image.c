// SPDX-License-Identifier: GPL-2.0-only
#include "image.h"

#include "content.h"

/*
 * Of the pages of a guest, in thousandths: in all three, in this and one certain other, in no other;
 * what is left are further copies of pages of the same guest, many of them zero.
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

		j = draw_below(i);
		content[i - 1] = content[j];
		content[j] = last;
	}
}

/* Copies of some pages are more than those of others. */
static void add_copies(struct guest *g, size_t from)
{
	size_t zeroes = thousandths(g->pages, ZERO), originals = from;

	for (; from < g->pages; from++) {
		size_t r = draw_below(originals);

		if (zeroes) {
			zeroes--;
			g->content[from] = CONTENT_ZERO;
		} else {
			g->content[from] = g->content[r * r / originals];
		}
	}
}

static void add_common(struct guest *guests, size_t nr)
{
	size_t i, g;

	for (i = 0; i < nr; i++) {
		uint64_t content = content_new();

		for (g = 0; g < IMAGES; g++)
			guests[g].content[i] = content;
	}
}

void images_init(struct guest guests[IMAGES], size_t pages)
{
	size_t pair = thousandths(pages, IN_PAIR);
	size_t own = thousandths(pages, OWN);
	size_t all = thousandths(pages, IN_ALL), at, i;
	unsigned int g, next;

	for (g = 0; g < IMAGES; g++)
		guest_init(&guests[g], pages);
	add_common(guests, all);
	for (g = 0; g < IMAGES; g++) {
		/* Shared with the next guest here, with the one before further on. */
		next = (g + 1) % IMAGES;
		for (i = 0; i < pair; i++) {
			uint64_t content = content_new();

			guests[g].content[all + i] = content;
			guests[next].content[all + pair + i] = content;
		}
	}
	for (g = 0; g < IMAGES; g++) {
		at = all + 2 * pair;
		for (i = 0; i < own; i++)
			guests[g].content[at++] = content_new();
		add_copies(&guests[g], at);
		/* Page 0 is one that all have, and stays. */
		shuffle(guests[g].content + 1, pages - 1);
	}
}
