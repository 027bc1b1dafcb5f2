/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two sides of the comparison share: pages, an order in which to visit things, and time.
 */
#ifndef UKSM_BENCH_CORE_H
#define UKSM_BENCH_CORE_H

#include <stddef.h>
#include <stdint.h>

#define CORE_PAGE_BYTES 4096UL

/**
 * struct arena - pages of different contents, many more than caches hold
 * @pages: the first of them
 * @nr: how many
 */
struct arena {
	char *pages;
	size_t nr;
};

static inline const char *arena_page(const struct arena *arena, size_t nr)
{
	return arena->pages + nr * CORE_PAGE_BYTES;
}

/** core_now() - seconds of CPU time: other processes take none of it */
double core_now(void);

/** core_visit() - item number @i of a walk over @nr items that no hardware foresees */
size_t core_visit(size_t i, size_t nr);

/**
 * core_hash() - time a hash over pages, the best of some passes, and print it
 * @side: "uksm" or "ksmd"
 * @what: name of the hash
 * @arena: the pages, in no order that hardware foresees
 * @hash: the function
 */
void core_hash(const char *side, const char *what, const struct arena *arena,
	       uint64_t (*hash)(const void *page));

/** core_print() - one figure, as a line of JSON: ns for one of @nr operations */
void core_print(const char *side, const char *what, size_t size, double seconds, size_t nr);

/** core_use() - keep the compiler from leaving out, or doing but once, what computes @value */
static inline void core_use(uint64_t value)
{
	asm volatile("" : : "r"(value) : "memory");
}

/** measure_limit() - do no more than read some lines of each page */
void measure_limit(const struct arena *arena);

/** measure_uksm() - checksums over the arena, and an index of up to 2^@order keys */
void measure_uksm(const struct arena *arena, unsigned int order);

/** measure_reference() - what ksmd does: a hash of the page, and trees ordered by content */
void measure_reference(const struct arena *arena);

#endif
