/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers in their order.
 */
#ifndef UKSM_BENCH_ORDER_H
#define UKSM_BENCH_ORDER_H

#include <stddef.h>
#include <stdint.h>

/** by_number() - for qsort(), of uint64_t */
static inline int by_number(const void *left, const void *right)
{
	const uint64_t *l = left, *r = right;

	return (*l > *r) - (*l < *r);
}

/** permille_of() - the least that so many of 1000 do not exceed; of one number at least */
static inline uint64_t permille_of(const uint64_t *sorted, size_t nr, size_t permille)
{
	return sorted[(nr * permille + 999) / 1000 - 1];
}

#endif
