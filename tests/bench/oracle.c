// SPDX-License-Identifier: GPL-2.0-only
#include "oracle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "harness.h"
#include "memory.h"

/**
 * struct page_seen - one page of one guest
 * @hash: of its content
 * @guest: number of the guest
 * @page: number of the page
 */
struct page_seen {
	uint64_t hash[2];
	uint32_t guest;
	uint32_t page;
};

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void hash_page(const uint64_t *page, uint64_t hash[2])
{
	uint64_t a = 0x243f6a8885a308d3ULL, b = 0x13198a2e03707344ULL;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*page); i += 2) {
		a = fold(a ^ page[i], 0xa4093822299f31d1ULL) + page[i + 1];
		b = fold(b + page[i + 1], 0x082efa98ec4e6c8bULL) ^ page[i] ^ a >> 7;
	}
	hash[0] = fold(a, 0x452821e638d01379ULL) ^ b;
	hash[1] = fold(b, 0xbe5466cf34e90c6bULL) + a;
}

static int compare(const void *left, const void *right)
{
	const struct page_seen *l = left, *r = right;
	int order = memcmp(l->hash, r->hash, sizeof(l->hash));

	if (order)
		return order;
	return l->guest != r->guest ? (l->guest > r->guest) - (l->guest < r->guest) :
				      (l->page > r->page) - (l->page < r->page);
}

static struct page_seen *see_all(const struct guest *guests, size_t nr, size_t pages)
{
	static uint64_t copy[PAGE_SIZE / sizeof(uint64_t)];
	struct page_seen *seen = calloc(pages, sizeof(*seen)), *at = seen;
	size_t guest, page;

	CHECK(seen, "no memory to list %zu pages", pages);
	for (guest = 0; guest < nr; guest++) {
		for (page = 0; page < guests[guest].pages; page++, at++) {
			guest_read(&guests[guest], page, copy);
			hash_page(copy, at->hash);
			at->guest = guest;
			at->page = page;
		}
	}
	qsort(seen, pages, sizeof(*seen), compare);
	return seen;
}

/* Two contents with one hash would make a saving of what is none. */
static void verify_group(const struct guest *guests, const struct page_seen *group, size_t nr)
{
	static char first[PAGE_SIZE], other[PAGE_SIZE];
	size_t i;

	guest_read(&guests[group->guest], group->page, first);
	for (i = 1; i < nr; i++) {
		guest_read(&guests[group[i].guest], group[i].page, other);
		CHECK(!memcmp(first, other, PAGE_SIZE), "the oracle's hash collides");
	}
}

static bool group_is_zero(const struct guest *guests, const struct page_seen *group)
{
	static const char zeroes[PAGE_SIZE];
	static char copy[PAGE_SIZE];

	guest_read(&guests[group->guest], group->page, copy);
	return !memcmp(copy, zeroes, PAGE_SIZE);
}

static void add_group(struct oracle *o, const struct page_seen *group, size_t nr,
		      size_t max_sharing)
{
	bool first_two[2] = { false };
	size_t i, members = 0;

	for (i = 0; i < nr; i++) {
		members += !i || group[i].guest != group[i - 1].guest;
		if (group[i].guest < 2)
			first_two[group[i].guest] = true;
	}
	o->distinct++;
	o->within += nr - members;
	o->across += members - 1;
	o->pair += first_two[0] && first_two[1];
	o->limited += nr - (nr + max_sharing - 1) / max_sharing;
}

struct oracle oracle_ask(const struct guest *guests, size_t nr, size_t max_sharing)
{
	struct oracle o = { 0 };
	struct page_seen *seen;
	size_t i, size;

	for (i = 0; i < nr; i++)
		o.pages += guests[i].pages;
	seen = see_all(guests, nr, o.pages);
	for (i = 0; i < o.pages; i += size) {
		size = 1;
		while (i + size < o.pages &&
		       !memcmp(seen[i].hash, seen[i + size].hash, sizeof(seen[i].hash)))
			size++;
		verify_group(guests, &seen[i], size);
		if (group_is_zero(guests, &seen[i]))
			o.zero = size;
		add_group(&o, &seen[i], size, max_sharing);
	}
	free(seen);
	return o;
}
