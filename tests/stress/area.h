/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that several threads of a process work on, whose every byte is known.
 *
 * What changes a page's content takes the page's lock. What must not change it (protection,
 * consent, swap, migration and so on) takes none, and so runs against everything else.
 */
#ifndef STRESS_AREA_H
#define STRESS_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "content.h"

/**
 * struct page_state - what is known of a page; a power of two, so that no fork sees half of it
 * @content: what it must hold; under the lock
 * @locked: a thread is changing it
 */
struct page_state {
	struct content content;
	uint8_t locked;
} __attribute__((aligned(16)));

/**
 * struct area - a range of private anonymous memory
 * @base: its address, aligned to a huge page
 * @pages: its size
 * @seed: of its contents
 * @salt: what tells this process's writes from those of its forks
 * @state: of each page
 */
struct area {
	char *base;
	unsigned long pages;
	uint64_t seed;
	uint16_t salt;
	struct page_state *state;
};

/** area_map() - map it, mergeable and untouched, at an address where nothing else comes */
void area_map(struct area *area, void *at, unsigned long pages, uint64_t seed);

static inline char *area_page(const struct area *area, unsigned long page)
{
	return area->base + page * PAGE_SIZE;
}

/** area_lock() - lock pages, in rising order; area_unlock() lets them go */
void area_lock(struct area *area, unsigned long from, unsigned long n);
void area_unlock(struct area *area, unsigned long from, unsigned long n);

/*
 * The callers of these hold the page's lock. Where a page turns out to be poisoned
 * it is replaced by an empty one, and that must have been announced.
 */

/** area_check() - compare a page with what it must hold; complains */
void area_check(struct area *area, unsigned long page);

/** area_check_copy() - compare what somebody else has read of a page; complains */
void area_check_copy(const struct area *area, unsigned long page, const void *copy);

/** area_write() - write a whole page with the content of a new generation */
void area_write(struct area *area, unsigned long page, uint32_t generation);

/** area_patch() - change one byte of a page */
void area_patch(struct area *area, unsigned long page, uint32_t generation);

/** area_expect() - a page will hold this: for writers other than the CPU; into ordinary memory */
void area_expect(const struct area *area, unsigned long page, uint32_t generation,
		 struct content *content, void *bytes);

/** area_forget() - pages were given back to the kernel and hold zeroes */
void area_forget(struct area *area, unsigned long from, unsigned long n);

/** area_map_over() - replace pages by empty ones */
void area_map_over(struct area *area, unsigned long from, unsigned long n);

/** area_check_freed() - a page after MADV_FREE holds what it held, or zeroes */
void area_check_freed(struct area *area, unsigned long page);

/** area_check_all() - compare each page */
void area_check_all(struct area *area);

/**
 * area_adopt() - in a child just forked: pages that another thread of the parent was changing are
 * nobody's business here and become empty
 */
void area_adopt(struct area *area);

/** area_announce_poison() - the content of a page will be lost for all who have it */
void area_announce_poison(const struct area *area, unsigned long page);

/** poison_announced() - may this content be lost? */
bool poison_announced(const void *bytes);

#endif
