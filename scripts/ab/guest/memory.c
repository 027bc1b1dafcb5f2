// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of known content in a guest.
 *
 * What a page must hold follows from the seed, the page's number and how often
 * it was rewritten, so nothing but that count has to be remembered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent.h"

#define PAGE_SIZE	4096
#define PAGE_WORDS	(PAGE_SIZE / 8)

/* Percentages; the rest is unique to its place. */
#define PERCENT_ZERO		5
#define PERCENT_WITHIN		25
#define PERCENT_ACROSS		20

/* So many pages of a guest hold the same, of those alike within a guest. */
#define WITHIN_COPIES		8

enum kind {
	KIND_ZERO,	/* as freed and ballooned memory */
	KIND_WITHIN,	/* alike within a guest, in no other guest */
	KIND_ACROSS,	/* once in every guest, as a library's text */
	KIND_UNIQUE,
};

static uint64_t guest_seed;
static uint64_t pages;
static uint64_t (*memory)[PAGE_WORDS];
static uint32_t *rewrites;

/* One page in so many is rewritten now and then, some of them at each tick. */
static unsigned int stride;
static unsigned int rewrites_per_tick;

bool memory_init(uint64_t seed, uint64_t mebibytes, unsigned int one_in,
		 unsigned int per_tick)
{
	guest_seed = seed;
	pages = mebibytes * (1 << 20) / PAGE_SIZE;
	stride = one_in;
	rewrites_per_tick = per_tick;
	memory = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rewrites = calloc(pages, sizeof(*rewrites));

	return stride && memory != MAP_FAILED && rewrites;
}

/* Every guest has the same kinds at the same places. */
static enum kind page_kind(uint64_t page)
{
	unsigned int percent = hash(page) % 100;

	if (percent < PERCENT_ZERO)
		return KIND_ZERO;
	percent -= PERCENT_ZERO;
	if (percent < PERCENT_WITHIN)
		return KIND_WITHIN;
	percent -= PERCENT_WITHIN;
	if (percent < PERCENT_ACROSS)
		return KIND_ACROSS;
	return KIND_UNIQUE;
}

/* The seed of a page's first content. */
static uint64_t content_seed(uint64_t page, enum kind kind)
{
	uint64_t contents;

	switch (kind) {
	case KIND_WITHIN:
		contents = pages * PERCENT_WITHIN / 100 / WITHIN_COPIES;
		return hash(hash(guest_seed) + hash(page) % contents);
	case KIND_ACROSS:
		return hash(page);
	default:
		return hash(guest_seed ^ hash(page));
	}
}

static void fill(uint64_t *words, uint64_t seed)
{
	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		words[i] = hash(seed + i);
}

static void write_first(uint64_t *words, uint64_t page)
{
	enum kind kind = page_kind(page);

	if (kind == KIND_ZERO)
		memset(words, 0, PAGE_SIZE);
	else
		fill(words, content_seed(page, kind));
}

/* Rewriting number n of a page: what a guest does to it. */
static void rewrite(uint64_t *words, uint64_t page, uint32_t n)
{
	uint64_t random = hash(hash(guest_seed ^ page) + n);

	if (page / stride % 2)
		words[random % PAGE_WORDS] = random;	/* one word of it */
	else if (n % 2)
		fill(words, random);			/* all of it */
	else
		write_first(words, page);		/* back to what may merge */
}

static bool is_intact(uint64_t page)
{
	static uint64_t expected[PAGE_WORDS];

	write_first(expected, page);
	for (uint32_t n = 1; n <= rewrites[page]; n++)
		rewrite(expected, page, n);

	return !memcmp(expected, memory[page], PAGE_SIZE);
}

void memory_fill(void)
{
	for (uint64_t page = 0; page < pages; page++)
		write_first(memory[page], page);
}

/* What memory_verify() is there to find: to try whether a run fails then. */
void memory_damage(void)
{
	uint64_t page = hash(guest_seed) % pages;

	memory[page][hash(page) % PAGE_WORDS] ^= 1ULL << 42;
}

bool memory_verify(void)
{
	uint64_t damaged = 0, first = 0, written = 0;

	for (uint64_t page = 0; page < pages; page++) {
		written += rewrites[page];
		if (is_intact(page))
			continue;
		if (!damaged++)
			first = page;
	}
	if (damaged)
		printf("DAMAGED %lu pages of %lu, the first is %lu, of kind %d, rewritten %u times\n",
		       damaged, pages, first, page_kind(first), rewrites[first]);
	else
		printf("intact %lu bytes in %lu pages, %lu rewrites\n",
		       pages * PAGE_SIZE, pages, written);
	return !damaged;
}

/* A write to a merged page waits until the host has given the guest its own. */
void memory_tick(void)
{
	static uint64_t next;

	for (unsigned int i = 0; i < rewrites_per_tick; i++) {
		uint64_t began = latency_now_nsecs();

		rewrite(memory[next], next, ++rewrites[next]);
		latency_add(LATENCY_MEMORY, latency_now_nsecs() - began);
		next += stride;
		if (next >= pages)
			next = 0;
	}
}
