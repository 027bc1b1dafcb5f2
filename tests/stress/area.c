// SPDX-License-Identifier: GPL-2.0-only
#include "area.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"
#include "history.h"
#include "tally.h"

_Static_assert(!(sizeof(struct page_state) & (sizeof(struct page_state) - 1)), "a power of two");

void area_map(struct area *area, void *at, unsigned long pages, uint64_t seed)
{
	size_t size = pages * PAGE_SIZE;

	area->base = mmap(at, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (area->base == MAP_FAILED)
		die("mmap of %zu bytes at %p", size, at);
	area->pages = pages;
	area->seed = seed;
	area->salt = 0;
	area->state = aligned_alloc(PAGE_SIZE, pages * sizeof(*area->state));
	if (!area->state)
		die("no memory");
	memset(area->state, 0, pages * sizeof(*area->state));
	madvise(area->base, size, MADV_MERGEABLE);
}

void area_lock(struct area *area, unsigned long from, unsigned long n)
{
	unsigned long page;

	for (page = from; page < from + n; page++)
		while (__atomic_exchange_n(&area->state[page].locked, 1, __ATOMIC_ACQUIRE))
			usleep(100);
}

void area_unlock(struct area *area, unsigned long from, unsigned long n)
{
	unsigned long page;

	for (page = from; page < from + n; page++)
		__atomic_store_n(&area->state[page].locked, 0, __ATOMIC_RELEASE);
}

void area_map_over(struct area *area, unsigned long from, unsigned long n)
{
	if (mmap(area_page(area, from), n * PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap over %lu pages", n);
	madvise(area_page(area, from), n * PAGE_SIZE, MADV_MERGEABLE);
	area_forget(area, from, n);
}

void area_forget(struct area *area, unsigned long from, unsigned long n)
{
	unsigned long page;

	for (page = from; page < from + n; page++)
		area->state[page].content = (struct content){ 0 };
}

bool poison_announced(const void *bytes)
{
	unsigned int i, nr = __atomic_load_n(&tally->poisonings, __ATOMIC_ACQUIRE);
	uint64_t hash = content_hash(bytes);

	for (i = 0; i < nr && i < LOST_MAX; i++)
		if (tally->poisoned[i] == hash)
			return true;
	return false;
}

void area_announce_poison(const struct area *area, unsigned long page)
{
	unsigned char bytes[PAGE_SIZE];
	unsigned int i;

	content_fill(&area->state[page].content, area->seed, bytes);
	i = __atomic_fetch_add(&tally->poisonings, 1, __ATOMIC_ACQ_REL);
	if (i < LOST_MAX)
		tally->poisoned[i] = content_hash(bytes);
}

static void page_lost(struct area *area, unsigned long page)
{
	unsigned char bytes[PAGE_SIZE];

	content_fill(&area->state[page].content, area->seed, bytes);
	if (!poison_announced(bytes))
		complain("page %lu at %p is lost, and nobody has poisoned its content", page,
			 (void *)area_page(area, page));
	count_up(tally->lost_pages);
	area_map_over(area, page, 1);
}

/* A page in user space, and the same page in ordinary memory. */
struct copy {
	unsigned char *page;
	unsigned char *bytes;
	long at; /* where they differ, or -1 */
};

static void compare(void *arg)
{
	struct copy *c = arg;
	unsigned long i;

	c->at = -1;
	if (!memcmp(c->page, c->bytes, PAGE_SIZE))
		return;
	for (i = 0; i < PAGE_SIZE && c->page[i] == c->bytes[i]; i++)
		;
	/* Equal at a second look: it was not, a moment ago. */
	c->at = i;
}

static void store(void *arg)
{
	struct copy *c = arg;

	memcpy(c->page, c->bytes, PAGE_SIZE);
}

static void store_byte(void *arg)
{
	struct copy *c = arg;

	c->page[c->at] = *c->bytes;
}

static void complain_of(const struct area *area, unsigned long page, const struct copy *c)
{
	const struct content *want = &area->state[page].content;
	char got_hex[17] = "", want_hex[17] = "";
	int i;

	for (i = 0; i < 8 && c->at + i < (long)PAGE_SIZE; i++) {
		sprintf(got_hex + 2 * i, "%02x", c->page[c->at + i]);
		sprintf(want_hex + 2 * i, "%02x", c->bytes[c->at + i]);
	}
	complain("page %lu at %p (of %u, generation %u, %u patches) is wrong from byte %ld on: %s, not %s",
		 page, (void *)c->page, want->origin, want->generation, want->patches, c->at,
		 got_hex, want_hex);
	history_show(c->page, page, (uint16_t)want->origin);
}

void area_check(struct area *area, unsigned long page)
{
	unsigned char bytes[PAGE_SIZE];
	struct copy c = { (unsigned char *)area_page(area, page), bytes, -1 };

	content_fill(&area->state[page].content, area->seed, bytes);
	if (guard_run(compare, &c) == POISONED) {
		page_lost(area, page);
		return;
	}
	if (c.at >= 0) {
		complain_of(area, page, &c);
		/* Once is enough. */
		area_write(area, page, area->state[page].content.generation);
	}
	count_up(tally->checked);
}

void area_check_copy(const struct area *area, unsigned long page, const void *copy)
{
	unsigned char bytes[PAGE_SIZE];
	struct copy c = { (unsigned char *)copy, bytes, -1 };

	content_fill(&area->state[page].content, area->seed, bytes);
	compare(&c);
	if (c.at >= 0)
		complain_of(area, page, &c);
	count_up(tally->checked);
}

void area_expect(const struct area *area, unsigned long page, uint32_t generation,
		 struct content *content, void *bytes)
{
	*content = (struct content){ .origin = (uint32_t)area->salt << 16 | page,
				     .generation = generation };
	content_fill(content, area->seed, bytes);
}

void area_write(struct area *area, unsigned long page, uint32_t generation)
{
	unsigned char bytes[PAGE_SIZE];
	struct copy c = { (unsigned char *)area_page(area, page), bytes, -1 };
	struct content content;

	area_expect(area, page, generation, &content, bytes);
	while (guard_run(store, &c) == POISONED)
		page_lost(area, page);
	area->state[page].content = content;
}

void area_patch(struct area *area, unsigned long page, uint32_t generation)
{
	struct content *content = &area->state[page].content;
	struct copy c = { .page = (unsigned char *)area_page(area, page) };
	uint8_t byte;

	if (content->patches >= PATCHES_MAX) {
		area_write(area, page, generation);
		return;
	}
	c.at = content_patch(content, area->seed, &byte);
	c.bytes = &byte;
	if (guard_run(store_byte, &c) == POISONED)
		page_lost(area, page);
	else
		content->patches++;
}

/* In the order of addresses, which memcpy() does not promise. */
static void load(void *arg)
{
	const struct copy *c = arg;
	const volatile uint64_t *from = (const uint64_t *)c->page;
	uint64_t *to = (uint64_t *)c->bytes;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		to[i] = from[i];
}

/* The words from @i on are to be zero. */
static void check_zero_from(const struct area *area, unsigned long page, const uint64_t *seen,
			    unsigned int i)
{
	unsigned int zero = i;

	while (zero < PAGE_WORDS && !seen[zero])
		zero++;
	if (zero < PAGE_WORDS)
		complain("page %lu at %p was freed, is other than it was from word %u on, and %016lx in word %u",
			 page, (void *)area_page(area, page), i, (unsigned long)seen[zero], zero);
}

void area_check_freed(struct area *area, unsigned long page)
{
	uint64_t want[PAGE_WORDS], seen[PAGE_WORDS];
	struct copy c = { (unsigned char *)area_page(area, page), (unsigned char *)seen, -1 };
	unsigned int i = 0;

	content_fill(&area->state[page].content, area->seed, want);
	if (guard_run(load, &c) == POISONED) {
		page_lost(area, page);
		return;
	}
	while (i < PAGE_WORDS && seen[i] == want[i])
		i++;
	/* Reclaim may drop it while we look: then it is zeroes from there on, and for good. */
	check_zero_from(area, page, seen, i);
	if (i < PAGE_WORDS && guard_run(load, &c) != POISONED)
		check_zero_from(area, page, seen, 0);
}

void area_check_all(struct area *area)
{
	unsigned long page;

	for (page = 0; page < area->pages; page++) {
		area_lock(area, page, 1);
		area_check(area, page);
		area_unlock(area, page, 1);
	}
}

void area_adopt(struct area *area)
{
	unsigned long page;

	for (page = 0; page < area->pages; page++) {
		if (!area->state[page].locked)
			continue;
		area_map_over(area, page, 1);
		area_unlock(area, page, 1);
	}
}
