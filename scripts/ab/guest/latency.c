// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histograms of how long operations took: sixteen buckets for each power of two
 * nanoseconds, so that a percentile read from one is right to 6 %.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent.h"

#define SUB_BITS	4
#define SUB_BUCKETS	(1 << SUB_BITS)
#define BUCKETS		(40 * SUB_BUCKETS)

static const char * const names[LATENCIES] = {
	[LATENCY_MEMORY] = "memory",
	[LATENCY_WEB] = "web",
	[LATENCY_DATABASE] = "database",
};

static uint32_t counts[LATENCIES][BUCKETS];

uint64_t latency_now_nsecs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* scripts/ab/latency.py undoes it. */
static unsigned int bucket_of(uint64_t nsecs)
{
	unsigned int bits, bucket;

	if (nsecs < SUB_BUCKETS)
		return nsecs;
	bits = 63 - __builtin_clzll(nsecs);
	bucket = (bits - SUB_BITS + 1) * SUB_BUCKETS +
		 ((nsecs >> (bits - SUB_BITS)) - SUB_BUCKETS);

	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

void latency_add(enum latency kind, uint64_t nsecs)
{
	counts[kind][bucket_of(nsecs)]++;
}

/* A line of "bucket:count" for each kind that has any, and begin anew. */
void latency_report(void)
{
	for (unsigned int kind = 0; kind < LATENCIES; kind++) {
		bool any = false;

		for (unsigned int i = 0; i < BUCKETS; i++) {
			if (!counts[kind][i])
				continue;
			if (!any)
				printf("latency %s", names[kind]);
			any = true;
			printf(" %u:%u", i, counts[kind][i]);
		}
		if (any)
			putchar('\n');
	}
	memset(counts, 0, sizeof(counts));
	puts("end");
}
