// SPDX-License-Identifier: GPL-2.0-only
#include "engine/record.h"

#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "engine/mm_slot.h"
#include "engine/rmap_item.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "engine/unstable.h"
#include "pure/policy.h"

/*
 * A tile is one page, and its struct page says which chunk it belongs to: the
 * chunk's address with the tile's number in the low bits. So a record needs no
 * pointer of its own to find its address space and its address.
 */
#define TILE_MASK	(UKSM_CHUNK_TILES - 1)
#define TILE_GFP	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

static_assert(sizeof(struct uksm_tracked) == 32);
static_assert(__alignof__(struct uksm_chunk) >= UKSM_CHUNK_TILES);

static struct uksm_chunk *tracked_chunk(const struct uksm_tracked *t)
{
	return (struct uksm_chunk *)(page_private(virt_to_page(t)) & ~TILE_MASK);
}

static unsigned int tracked_tile(const struct uksm_tracked *t)
{
	return page_private(virt_to_page(t)) & TILE_MASK;
}

/**
 * uksm_tracked_slot() - the address space of a tracked page
 * @t: tracked page
 */
struct uksm_mm_slot *uksm_tracked_slot(const struct uksm_tracked *t)
{
	return tracked_chunk(t)->slot;
}

/**
 * uksm_tracked_address() - the user virtual address of a tracked page
 * @t: tracked page
 */
unsigned long uksm_tracked_address(const struct uksm_tracked *t)
{
	unsigned long index = offset_in_page(t) / sizeof(*t);

	index += tracked_tile(t) * UKSM_TILE_PAGES;
	return tracked_chunk(t)->address + (index << PAGE_SHIFT);
}

static unsigned long chunk_page(unsigned long addr)
{
	return (addr & ~PMD_MASK) >> PAGE_SHIFT;
}

static struct uksm_tracked *chunk_record(struct uksm_chunk *chunk, unsigned long addr)
{
	unsigned long n = chunk_page(addr);
	struct uksm_tracked *tile = chunk->tile[n / UKSM_TILE_PAGES];

	return tile ? &tile[n % UKSM_TILE_PAGES] : NULL;
}

static bool chunk_empty(const struct uksm_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < UKSM_CHUNK_TILES; i++)
		if (chunk->tile[i])
			return false;
	return true;
}

static void chunk_del(struct uksm_chunk *chunk)
{
	xa_erase(&chunk->slot->chunks, chunk->address >> PMD_SHIFT);
	kfree(chunk);
	uksm_stats_sub(meta_bytes, sizeof(*chunk));
}

static struct uksm_chunk *chunk_add(struct uksm_mm_slot *slot, unsigned long addr)
{
	struct uksm_chunk *chunk = kzalloc(sizeof(*chunk), TILE_GFP);

	if (!chunk)
		return NULL;
	chunk->slot = slot;
	chunk->address = addr & PMD_MASK;
	if (xa_err(xa_store(&slot->chunks, addr >> PMD_SHIFT, chunk, TILE_GFP))) {
		kfree(chunk);
		return NULL;
	}
	uksm_stats_add(meta_bytes, sizeof(*chunk));
	return chunk;
}

static bool tile_add(struct uksm_chunk *chunk, unsigned int n)
{
	struct page *page = alloc_page(TILE_GFP | __GFP_ZERO);

	if (!page)
		return false;
	set_page_private(page, (unsigned long)chunk | n);
	chunk->tile[n] = page_address(page);
	uksm_stats_add(meta_bytes, PAGE_SIZE);
	return true;
}

static void tile_del(struct uksm_chunk *chunk, unsigned int n)
{
	struct page *page = virt_to_page(chunk->tile[n]);

	chunk->tile[n] = NULL;
	set_page_private(page, 0);
	__free_page(page);
	uksm_stats_sub(meta_bytes, PAGE_SIZE);
}

/**
 * uksm_tracked_row() - the records from an address to the end of its tile
 * @slot: address space
 * @addr: user virtual address
 *
 * Return: the record of @addr, in any state, which those of the following pages
 * follow; NULL when nothing is tracked in the tile. Valid until uksm_tile_visited().
 */
struct uksm_tracked *uksm_tracked_row(struct uksm_mm_slot *slot, unsigned long addr)
{
	struct uksm_chunk *chunk = xa_load(&slot->chunks, addr >> PMD_SHIFT);

	return chunk ? chunk_record(chunk, addr) : NULL;
}

/**
 * uksm_tracked_find() - the record of an address, if the scanner knows it
 * @slot: address space
 * @addr: user virtual address
 *
 * Return: the record, in a state other than %UKSM_UNTRACKED, or NULL.
 */
struct uksm_tracked *uksm_tracked_find(struct uksm_mm_slot *slot, unsigned long addr)
{
	struct uksm_tracked *t = uksm_tracked_row(slot, addr);

	return t && uksm_tracked_state(t) != UKSM_UNTRACKED ? t : NULL;
}

/**
 * uksm_tracked_add() - the record of an address, made if need be
 * @slot: address space
 * @addr: user virtual address
 *
 * A new record is %UKSM_VOLATILE with checksum 0.
 *
 * Context: the caller holds uksm_mutex; may sleep for memory.
 * Return: the record, or NULL when memory is short.
 */
struct uksm_tracked *uksm_tracked_add(struct uksm_mm_slot *slot, unsigned long addr)
{
	unsigned int n = chunk_page(addr) / UKSM_TILE_PAGES;
	struct uksm_chunk *chunk;
	struct uksm_tracked *t;

	lockdep_assert_held(&uksm_mutex);

	chunk = xa_load(&slot->chunks, addr >> PMD_SHIFT);
	if (!chunk)
		chunk = chunk_add(slot, addr);
	if (!chunk)
		return NULL;

	if (!chunk->tile[n] && !tile_add(chunk, n)) {
		if (chunk_empty(chunk))
			chunk_del(chunk);
		return NULL;
	}

	t = chunk_record(chunk, addr);
	if (uksm_tracked_state(t) == UKSM_UNTRACKED) {
		chunk->tile_used[n]++;
		uksm_mm_rmap_items_add(slot->mm, 1);
		t->key.state = UKSM_VOLATILE;
		uksm_stats_inc(pages_volatile);
	}
	return t;
}

static unsigned long *state_counter(enum uksm_page_state state)
{
	switch (state) {
	case UKSM_VOLATILE:
		return &uksm_stats.pages_volatile;
	case UKSM_UNSHARED:
		return &uksm_stats.pages_unshared;
	case UKSM_ZERO:
		return &uksm_stats.zero_pages;
	default:
		/* Merged pages are counted by their stable node. */
		return NULL;
	}
}

/**
 * uksm_tracked_set_state() - move a record and the counters to another state
 * @t: tracked page
 * @state: the new state; what it implies (membership in a tree, an rmap_item)
 *	is the caller's business
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_tracked_set_state(struct uksm_tracked *t, enum uksm_page_state state)
{
	unsigned long *from = state_counter(uksm_tracked_state(t));
	unsigned long *to = state_counter(state);

	lockdep_assert_held(&uksm_mutex);

	if (from)
		WRITE_ONCE(*from, *from - 1);
	if (to)
		WRITE_ONCE(*to, *to + 1);
	t->key.state = state;
	if (state == UKSM_VOLATILE)
		t->still = 0;
}

/**
 * uksm_tracked_clear() - forget a page: out of the trees, record free
 * @t: tracked page, in any state but %UKSM_UNTRACKED
 *
 * Its tile and chunk stay, until uksm_tile_visited().
 *
 * Context: the caller holds uksm_mutex. Sleeps: a merged page's folio is
 * locked to unlink its rmap_item.
 */
void uksm_tracked_clear(struct uksm_tracked *t)
{
	lockdep_assert_held(&uksm_mutex);

	if (uksm_tracked_state(t) == UKSM_UNSHARED)
		uksm_unstable_del(t);
	else if (uksm_tracked_state(t) == UKSM_MERGED)
		uksm_rmap_item_del(t);

	uksm_tracked_set_state(t, UKSM_UNTRACKED);
	memset(t, 0, sizeof(*t));
	uksm_mm_rmap_items_add(uksm_tracked_slot(t)->mm, -1);
	tracked_chunk(t)->tile_used[tracked_tile(t)]--;
}

static void chunk_shrink(struct uksm_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < UKSM_CHUNK_TILES; i++)
		if (chunk->tile[i] && !chunk->tile_used[i])
			tile_del(chunk, i);
	if (chunk_empty(chunk))
		chunk_del(chunk);
}

/**
 * uksm_tracked_del_range() - forget all pages of an address range
 * @slot: address space
 * @start: first address, page aligned
 * @end: end of the range, exclusive, page aligned
 *
 * Costs nothing for address space where nothing is tracked.
 *
 * Context: as uksm_tracked_clear().
 */
void uksm_tracked_del_range(struct uksm_mm_slot *slot, unsigned long start, unsigned long end)
{
	struct uksm_chunk *chunk;
	unsigned long index;

	lockdep_assert_held(&uksm_mutex);
	if (start >= end)
		return;

	xa_for_each_range(&slot->chunks, index, chunk, start >> PMD_SHIFT,
			  (end - 1) >> PMD_SHIFT) {
		unsigned long addr = max(start, chunk->address);
		unsigned long last = min(end - 1, chunk->address + (PMD_SIZE - 1));

		for (; addr <= last; addr += PAGE_SIZE) {
			struct uksm_tracked *t = chunk_record(chunk, addr);

			if (!t)
				addr |= (UKSM_TILE_PAGES - 1) << PAGE_SHIFT;
			else if (uksm_tracked_state(t) != UKSM_UNTRACKED)
				uksm_tracked_clear(t);
		}
		chunk_shrink(chunk);
		cond_resched();
	}
}

/**
 * uksm_tile_resting() - may this full scan pass over a tile?
 * @slot: address space
 * @addr: first address of a tile
 * @seq: number of the full scan
 *
 * Context: the caller holds uksm_mutex.
 * Return: the number of pages that are passed over; 0 when the tile's turn has
 * come, or nothing in it is known.
 */
unsigned int uksm_tile_resting(struct uksm_mm_slot *slot, unsigned long addr,
			       unsigned long seq)
{
	struct uksm_chunk *chunk = xa_load(&slot->chunks, addr >> PMD_SHIFT);
	unsigned int n = chunk_page(addr) / UKSM_TILE_PAGES;

	if (!chunk || !chunk->tile[n])
		return 0;
	if (uksm_policy_due(chunk->tile_quiet[n], seq, addr / UKSM_TILE_BYTES))
		return 0;
	return chunk->tile_used[n];
}

/**
 * uksm_tile_visited() - tell how a visit to a tile went
 * @slot: address space
 * @addr: an address in the tile
 * @news: what was found there
 *
 * News in a tile end the rest of its neighbours, too. A tile without records is
 * freed.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_tile_visited(struct uksm_mm_slot *slot, unsigned long addr,
		       const struct uksm_tile_news *news)
{
	struct uksm_chunk *chunk = xa_load(&slot->chunks, addr >> PMD_SHIFT);
	unsigned int n = chunk_page(addr) / UKSM_TILE_PAGES;

	lockdep_assert_held(&uksm_mutex);
	if (!chunk)
		return;
	chunk->tile_quiet[n] = uksm_policy_quiet(chunk->tile_quiet[n], chunk->tile_used[n], news);
	if (!chunk->tile_quiet[n])
		memset(chunk->tile_quiet, 0, sizeof(chunk->tile_quiet));
	if (!chunk->tile_used[n])
		chunk_shrink(chunk);
}
