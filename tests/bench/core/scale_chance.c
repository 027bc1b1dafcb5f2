// SPDX-License-Identifier: GPL-2.0-only
/*
 * Among many different pages some have one checksum by chance. Each such pair was given an entry
 * of the remedy for weak samples, until it was full; now it is asked whether the samples agree.
 */
#include "scale.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../module/pure/checksum.h"
#include "../../../module/pure/index.h"

/* The remedy as it was: a table with one place for each checksum. */
#define OLD_SLOTS 4096u
/* Families that there are besides: each is to have its entry. */
#define FAMILIES 100u

static struct {
	uint32_t slot[OLD_SLOTS];
	unsigned int used, refused;
} old;

static unsigned long nr_collisions;

static void old_rule(uint32_t checksum)
{
	uint32_t *slot = &old.slot[checksum % OLD_SLOTS];

	if (*slot) {
		old.refused++;
	} else {
		*slot = checksum;
		old.used++;
	}
}

/* Two pages of one checksum have met. */
static void meet(const void *a, const void *b)
{
	if (uksm_checksum_samples_agree(a, b))
		uksm_checksum_strengthen(a, uksm_checksum(a));
}

static void *new_page(void)
{
	void *page = aligned_alloc(SCALE_LINE_BYTES, SCALE_PAGE_BYTES);

	if (!page)
		err(1, "a page");
	return memset(page, 0, SCALE_PAGE_BYTES);
}

static void report(unsigned long gib)
{
	printf("| %lu | %lu | %.0f %% | %u | %u | %.2f %% |\n", gib, nr_collisions,
	       old.used * 100.0 / OLD_SLOTS, old.refused, uksm_checksum_nr_weak(),
	       uksm_checksum_nr_weak() * 100.0 / UKSM_WEAK_MAX);
	fflush(stdout);
}

static void add_pages(struct uksm_index *index, struct uksm_key *keys, unsigned long gib)
{
	char *page = new_page(), *other = new_page();
	struct uksm_key *peer;
	unsigned long i;

	for (i = 0; i < gib * SCALE_GIB_PAGES; i++) {
		scale_page(page, i);
		keys[i].checksum = uksm_checksum(page);
		peer = uksm_index_first(index, keys[i].checksum);
		for (; peer; peer = uksm_index_next_equal(peer)) {
			nr_collisions++;
			old_rule(keys[i].checksum);
			scale_page(other, peer - keys);
			meet(page, other);
		}
		uksm_index_add(index, &keys[i]);
		/* Powers of two, in GiB. */
		if (!((i + 1) % SCALE_GIB_PAGES) && !((i + 1) & i))
			report((i + 1) / SCALE_GIB_PAGES);
	}
	free(page);
	free(other);
}

static unsigned int add_families(void)
{
	char *page = new_page(), *other = new_page();
	unsigned int i, before = uksm_checksum_nr_weak();

	for (i = 0; i < FAMILIES; i++) {
		scale_page(page, ~0UL - i);
		memcpy(other, page, SCALE_PAGE_BYTES);
		other[scale_unsampled(page) * SCALE_LINE_BYTES] ^= 1;
		meet(page, other);
	}
	free(page);
	free(other);
	return uksm_checksum_nr_weak() - before;
}

void scale_chance(unsigned long gib)
{
	size_t size = gib * SCALE_GIB_PAGES * sizeof(struct uksm_key);
	struct uksm_index index;
	struct uksm_key *keys;
	unsigned int by_chance, families;

	keys = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (keys == MAP_FAILED ||
	    uksm_index_init(&index, uksm_index_order(gib * SCALE_GIB_PAGES), NULL))
		err(1, "%lu GiB of keys", gib);
	madvise(keys, size, MADV_HUGEPAGE);

	printf("\nDifferent pages, %u lines sampled:\n\n"
	       "| GiB | collide by chance | old table in use | refused by it | entries used now |"
	       " of the cap |\n|---|---|---|---|---|---|\n", SCALE_SAMPLED);
	add_pages(&index, keys, gib);
	by_chance = uksm_checksum_nr_weak();
	families = add_families();
	printf("| and %u families | | | | %u | |\n\n", FAMILIES, uksm_checksum_nr_weak());
	scale_verdict(by_chance < UKSM_WEAK_MAX / 100, "chance-takes-no-entries",
		      "%u of %u entries used by %lu GiB of different pages", by_chance,
		      UKSM_WEAK_MAX, gib);
	scale_verdict(families == FAMILIES, "families-are-strengthened", "%u of %u", families,
		      FAMILIES);
	munmap(keys, size);
	uksm_checksum_set_lines(SCALE_SAMPLED);
}
