// SPDX-License-Identifier: GPL-2.0-only
#include "engine/chunk.h"

#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/stats.h"
#include "pure/policy.h"

#define TILE_GFP	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
/* All chunks have it: by a mark an xarray is searched in bitmaps, not entry by entry. */
#define CHUNK_MARK	XA_MARK_0

static_assert(__alignof__(struct uksm_chunk) >= UKSM_CHUNK_TILES);
/* A tile's bits are words of their own. */
static_assert(UKSM_TILE_PAGES % BITS_PER_LONG == 0);
/* As much as a slab has for it. */
static_assert(sizeof(struct uksm_chunk) <= 128);

static unsigned int tracked_tile(const struct uksm_tracked *t)
{
	return page_private(virt_to_page(t)) & UKSM_TILE_MASK;
}

/**
 * uksm_tracked_address() - the user virtual address of a tracked page
 * @t: tracked page
 */
unsigned long uksm_tracked_address(const struct uksm_tracked *t)
{
	unsigned long index = offset_in_page(t) / sizeof(*t);

	index += tracked_tile(t) * UKSM_TILE_PAGES;
	return uksm_tracked_chunk(t)->address + (index << PAGE_SHIFT);
}

static unsigned long chunk_page(unsigned long addr)
{
	return (addr & ~PMD_MASK) >> PAGE_SHIFT;
}

/**
 * uksm_chunk_of() - the chunk of an address, or NULL
 * @slot: address space
 * @addr: user virtual address
 */
struct uksm_chunk *uksm_chunk_of(struct uksm_mm_slot *slot, unsigned long addr)
{
	return xa_load(&slot->chunks, addr >> PMD_SHIFT);
}

/**
 * uksm_chunk_record() - the record of an address in a chunk
 * @chunk: chunk
 * @addr: user virtual address in it
 *
 * Return: the record, in any state; NULL when there are none in the tile.
 */
struct uksm_tracked *uksm_chunk_record(struct uksm_chunk *chunk, unsigned long addr)
{
	unsigned long n = chunk_page(addr);
	struct uksm_tracked *tile = chunk->tile[n / UKSM_TILE_PAGES];

	return tile ? &tile[n % UKSM_TILE_PAGES] : NULL;
}

/**
 * uksm_chunk_next_used() - the next address that is tracked
 * @chunk: chunk
 * @addr: user virtual address in it
 *
 * Return: @addr or one behind it; the end of the chunk if there is none.
 */
unsigned long uksm_chunk_next_used(const struct uksm_chunk *chunk, unsigned long addr)
{
	return chunk->address +
	       (find_next_bit(chunk->used, PTRS_PER_PTE, chunk_page(addr)) << PAGE_SHIFT);
}

static unsigned int tile_used(const struct uksm_chunk *chunk, unsigned int n)
{
	return bitmap_weight(chunk->used + n * BITS_TO_LONGS(UKSM_TILE_PAGES), UKSM_TILE_PAGES);
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
	uksm_mm_slot_meta_add(chunk->slot, -(long)sizeof(*chunk));
	kfree(chunk);
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
	xa_set_mark(&slot->chunks, addr >> PMD_SHIFT, CHUNK_MARK);
	uksm_mm_slot_meta_add(slot, sizeof(*chunk));
	return chunk;
}

static bool tile_add(struct uksm_chunk *chunk, unsigned int n)
{
	struct page *page = alloc_page(TILE_GFP | __GFP_ZERO);

	if (!page)
		return false;
	set_page_private(page, (unsigned long)chunk | n);
	chunk->tile[n] = page_address(page);
	uksm_mm_slot_meta_add(chunk->slot, PAGE_SIZE);
	return true;
}

static void tile_del(struct uksm_chunk *chunk, unsigned int n)
{
	struct page *page = virt_to_page(chunk->tile[n]);

	chunk->tile[n] = NULL;
	set_page_private(page, 0);
	__free_page(page);
	uksm_mm_slot_meta_add(chunk->slot, -(long)PAGE_SIZE);
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
	struct uksm_chunk *chunk = uksm_chunk_of(slot, addr);

	return chunk ? uksm_chunk_record(chunk, addr) : NULL;
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
 * uksm_tracked_add() - begin a record for an address that has none
 * @slot: address space
 * @addr: user virtual address
 * @checksum: of the page there
 *
 * Context: the caller holds uksm_mutex; may sleep for memory.
 * Return: the record, %UKSM_VOLATILE; or NULL: memory is short, or the address space
 * has too much already.
 */
struct uksm_tracked *uksm_tracked_add(struct uksm_mm_slot *slot, unsigned long addr, u32 checksum)
{
	unsigned int n = uksm_chunk_tile(addr);
	struct uksm_chunk *chunk;
	struct uksm_tracked *t;

	lockdep_assert_held(&uksm_mutex);

	chunk = uksm_chunk_of(slot, addr);
	if ((!chunk || !chunk->tile[n]) && !uksm_mm_slot_may_grow(slot))
		return NULL;
	if (!chunk)
		chunk = chunk_add(slot, addr);
	if (!chunk)
		return NULL;

	if (!chunk->tile[n] && !tile_add(chunk, n)) {
		if (chunk_empty(chunk))
			chunk_del(chunk);
		return NULL;
	}

	t = uksm_chunk_record(chunk, addr);
	__set_bit(chunk_page(addr), chunk->used);
	slot->records++;
	uksm_mm_rmap_items_add(slot->mm, 1);
	uksm_tracked_set_seen(t, checksum);
	return t;
}

/**
 * uksm_tracked_del() - end a record
 * @t: tracked page, %UKSM_VOLATILE
 *
 * Its tile and chunk stay, until uksm_tile_visited() or uksm_chunk_shrink().
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_tracked_del(struct uksm_tracked *t)
{
	struct uksm_chunk *chunk = uksm_tracked_chunk(t);

	lockdep_assert_held(&uksm_mutex);

	uksm_tracked_set_untracked(t);
	if (chunk->slot->mm)
		uksm_mm_rmap_items_add(chunk->slot->mm, -1);
	__clear_bit(chunk_page(uksm_tracked_address(t)), chunk->used);
	chunk->slot->records--;
}

/**
 * uksm_tracked_count_merged() - a record has become, or ceased to be, %UKSM_MERGED
 * @t: tracked page
 * @n: 1 or -1
 */
void uksm_tracked_count_merged(struct uksm_tracked *t, int n)
{
	struct uksm_chunk *chunk = uksm_tracked_chunk(t);

	lockdep_assert_held(&uksm_mutex);
	chunk->tile_merged[tracked_tile(t)] += n;
	chunk->slot->merged += n;
}

/**
 * uksm_chunk_shrink() - free the tiles of a chunk that have no records
 * @chunk: chunk; gone on return if none is left
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_chunk_shrink(struct uksm_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < UKSM_CHUNK_TILES; i++)
		if (chunk->tile[i] && !tile_used(chunk, i))
			tile_del(chunk, i);
	if (chunk_empty(chunk))
		chunk_del(chunk);
}

/**
 * uksm_chunk_next() - the first chunk with records of a range of addresses
 * @slot: address space
 * @addr: first address
 * @end: end of the range, exclusive
 *
 * Return: a chunk, of which the range may cover a part without records; or NULL.
 */
struct uksm_chunk *uksm_chunk_next(struct uksm_mm_slot *slot, unsigned long addr,
				   unsigned long end)
{
	unsigned long index = addr >> PMD_SHIFT;

	return addr < end ? xa_find(&slot->chunks, &index, (end - 1) >> PMD_SHIFT, CHUNK_MARK) :
			    NULL;
}

/**
 * uksm_tile_resting() - may this full scan pass over a tile?
 * @chunk: chunk
 * @addr: first address of a tile in it
 * @seq: number of the visit to the address space
 *
 * Context: the caller holds uksm_mutex.
 * Return: the number of pages that are passed over; 0 when the tile's turn has
 * come, or nothing in it is known.
 */
unsigned int uksm_tile_resting(const struct uksm_chunk *chunk, unsigned long addr,
			       unsigned long seq)
{
	unsigned int n = uksm_chunk_tile(addr);

	if (!chunk->tile[n] ||
	    uksm_policy_due(chunk->tile_quiet[n], seq, addr / UKSM_TILE_BYTES))
		return 0;
	return tile_used(chunk, n);
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
	struct uksm_chunk *chunk = uksm_chunk_of(slot, addr);
	unsigned int n = uksm_chunk_tile(addr);

	lockdep_assert_held(&uksm_mutex);
	if (!chunk)
		return;
	chunk->tile_quiet[n] = uksm_policy_quiet(chunk->tile_quiet[n], tile_used(chunk, n), news);
	if (!chunk->tile_quiet[n])
		memset(chunk->tile_quiet, 0, sizeof(chunk->tile_quiet));
	if (!tile_used(chunk, n))
		uksm_chunk_shrink(chunk);
}
