// SPDX-License-Identifier: GPL-2.0-only
/* Time, and an order in which to visit things, for all programs here. */
#include "core.h"

#include <time.h>

double core_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

size_t core_visit(size_t i, size_t nr)
{
	uint64_t x = i * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	return (x ^ x >> 27) % nr;
}
