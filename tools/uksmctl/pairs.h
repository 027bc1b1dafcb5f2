/* SPDX-License-Identifier: GPL-2.0-only */
/* Which processes have merged pages in common, and how many. */
#ifndef UKSMCTL_PAIRS_H
#define UKSMCTL_PAIRS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct pairs - of processes, by their numbers
 * @processes: how many processes there are
 * @common: for each pair, how many merged pages both have; the first number by @processes and
 *	the second added, which is the same in either order, and for one with itself: how many
 *	it has
 * @addresses: for each process, at how many addresses it has one
 */
struct pairs {
	size_t processes;
	uint32_t *common;
	long long *addresses;
};

/**
 * pairs_count() - fill it in
 * @pairs: receives it; pairs_free() it
 * @processes: how many processes there are
 * @places: of merged pages, as page_place() makes them; is sorted
 * @count: how many
 *
 * Takes 4 bytes for a pair of processes; and for each page time for all pairs that have it.
 */
void pairs_count(struct pairs *pairs, size_t processes, uint64_t *places,
		 size_t count);

void pairs_free(struct pairs *pairs);

/** pairs_common() - pages that both processes have */
static inline uint32_t pairs_common(const struct pairs *pairs, size_t one,
				    size_t other)
{
	return pairs->common[one * pairs->processes + other];
}

#endif /* UKSMCTL_PAIRS_H */
