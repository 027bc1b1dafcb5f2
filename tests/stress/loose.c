// SPDX-License-Identifier: GPL-2.0-only
/*
 * All threads of a process map, unmap, move, free, protect and write one range without regard for
 * each other. What a page holds then nobody knows; but every word of it must be a zero, or what
 * one of the common contents has in its place.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"
#include "ops.h"
#include "worker.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

struct spot {
	uint64_t *page;
	uint64_t bytes[PAGE_WORDS];
};

static void look(void *arg)
{
	struct spot *spot = arg;

	memcpy(spot->bytes, spot->page, PAGE_SIZE);
}

static void put(void *arg)
{
	struct spot *spot = arg;

	memcpy(spot->page, spot->bytes, PAGE_SIZE);
}

static bool legal_word(uint64_t word, unsigned int at)
{
	unsigned int value;

	for (value = 1; value <= COMMON_VALUES; value++)
		if (word == common_word(value, at))
			return true;
	return !word;
}

static void map(struct area *loose, unsigned long from, unsigned long n)
{
	if (mmap(area_page(loose, from), n * PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap of loose memory");
	madvise(area_page(loose, from), n * PAGE_SIZE, MADV_MERGEABLE);
}

/* Only a common content can have been here when the frame was destroyed. */
static void page_lost(struct area *loose, unsigned long page)
{
	uint64_t bytes[PAGE_WORDS];
	unsigned int value;

	for (value = 1; value <= COMMON_VALUES; value++) {
		common_fill(value, bytes);
		if (poison_announced(bytes))
			break;
	}
	if (value > COMMON_VALUES)
		complain("loose page %lu is lost, and no common content was poisoned", page);
	count_up(tally->lost_pages);
	map(loose, page, 1);
}

static void check(struct area *loose, unsigned long page)
{
	struct spot spot = { (uint64_t *)area_page(loose, page) };
	unsigned int i;

	switch (guard_loose(look, &spot)) {
	case POISONED:
		page_lost(loose, page);
		return;
	case UNMAPPED:
		return;
	case TOUCHED:
		break;
	}
	for (i = 0; i < PAGE_WORDS; i++) {
		if (legal_word(spot.bytes[i], i))
			continue;
		complain("loose page %lu at %p has %016llx in word %u", page, (void *)spot.page,
			 (unsigned long long)spot.bytes[i], i);
		map(loose, page, 1);
		return;
	}
	count_up(tally->checked);
}

void loose_check(struct area *loose)
{
	unsigned long page;

	for (page = 0; page < loose->pages; page++)
		check(loose, page);
}

static void write_some(struct actor *a, unsigned long from, unsigned long n)
{
	struct spot spot;
	unsigned long i;

	common_fill(1 + rnd(&a->rng, COMMON_VALUES), spot.bytes);
	for (i = from; i < from + n; i++) {
		spot.page = (uint64_t *)area_page(a->loose, i);
		if (guard_loose(put, &spot) == POISONED)
			page_lost(a->loose, i);
	}
}

static void move(struct actor *a, unsigned long from, unsigned long n)
{
	unsigned long to = rnd(&a->rng, a->loose->pages - n + 1);

	mremap(area_page(a->loose, from), n * PAGE_SIZE, n * PAGE_SIZE,
	       MREMAP_MAYMOVE | MREMAP_FIXED, area_page(a->loose, to));
}

enum outcome op_loose(struct actor *a)
{
	unsigned long n = 1 + rnd(&a->rng, 24);
	unsigned long from = rnd(&a->rng, a->loose->pages - n + 1), i;
	char *start = area_page(a->loose, from);
	size_t size = n * PAGE_SIZE;
	int err = 0;

	switch (rnd(&a->rng, 12)) {
	case 0:
		err = madvise(start, size, MADV_DONTNEED);
		break;
	case 1:
		err = madvise(start, size, MADV_FREE);
		break;
	case 2:
		err = munmap(start, size);
		break;
	case 3:
		move(a, from, n);
		break;
	case 4:
		err = mprotect(start, size, rnd(&a->rng, 2) ? PROT_READ : PROT_NONE);
		break;
	case 5:
		err = madvise(start, size, MADV_UNMERGEABLE);
		break;
	case 6:
		err = madvise(start, size, MADV_PAGEOUT);
		break;
	case 7:
	case 8:
		map(a->loose, from, n);
		break;
	case 9:
		for (i = from; i < from + n; i++)
			check(a->loose, i);
		break;
	default:
		write_some(a, from, n);
		break;
	}
	return err ? REFUSED : DONE;
}
