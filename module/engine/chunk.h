/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the records lie: in arrays for 2 MiB of address space each. */
#ifndef UKSM_CHUNK_H
#define UKSM_CHUNK_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/types.h>

#include "engine/record.h"

struct uksm_tile_news;
struct uksm_mm_slot;

#define UKSM_TILE_PAGES		(PAGE_SIZE / sizeof(struct uksm_tracked))
#define UKSM_TILE_BYTES		(UKSM_TILE_PAGES * PAGE_SIZE)
#define UKSM_CHUNK_TILES	(PTRS_PER_PTE / UKSM_TILE_PAGES)

/**
 * struct uksm_chunk - the tracked pages of PMD_SIZE bytes of address space
 * @slot: the address space
 * @address: first address, PMD_SIZE aligned
 * @tile: one page full of struct uksm_tracked for each UKSM_TILE_PAGES pages,
 *	allocated when the first of them is tracked
 * @used: which records are in use, by page
 * @tile_merged: those of them that share a merged page, per tile
 * @tile_quiet: per tile, for how many visits nothing has happened there: see
 *	uksm_policy_quiet()
 */
struct uksm_chunk {
	struct uksm_mm_slot *slot;
	unsigned long address;
	struct uksm_tracked *tile[UKSM_CHUNK_TILES];
	DECLARE_BITMAP(used, PTRS_PER_PTE);
	u16 tile_merged[UKSM_CHUNK_TILES];
	u8 tile_quiet[UKSM_CHUNK_TILES];
};

/*
 * A tile is one page, and its struct page says which chunk it belongs to: the
 * chunk's address with the tile's number in the low bits. So a record needs no
 * pointer of its own to find its address space and its address.
 */
#define UKSM_TILE_MASK	(UKSM_CHUNK_TILES - 1)

/* uksm_tracked_chunk() - the chunk that a record is in */
static inline struct uksm_chunk *uksm_tracked_chunk(const struct uksm_tracked *t)
{
	return (struct uksm_chunk *)(page_private(virt_to_page(t)) & ~UKSM_TILE_MASK);
}

/* uksm_tracked_slot() - the address space of a tracked page */
static inline struct uksm_mm_slot *uksm_tracked_slot(const struct uksm_tracked *t)
{
	return uksm_tracked_chunk(t)->slot;
}

/* uksm_chunk_tile() - the number of an address's tile in its chunk */
static inline unsigned int uksm_chunk_tile(unsigned long addr)
{
	return (addr & ~PMD_MASK) / UKSM_TILE_BYTES;
}

struct uksm_tracked *uksm_tracked_row(struct uksm_mm_slot *slot, unsigned long addr);
struct uksm_tracked *uksm_tracked_find(struct uksm_mm_slot *slot, unsigned long addr);
struct uksm_tracked *uksm_tracked_add(struct uksm_mm_slot *slot, unsigned long addr,
				      u32 checksum);
void uksm_tracked_del(struct uksm_tracked *t);
void uksm_tracked_count_merged(struct uksm_tracked *t, int n);
unsigned long uksm_tracked_address(const struct uksm_tracked *t);

struct uksm_chunk *uksm_chunk_next(struct uksm_mm_slot *slot, unsigned long addr,
				   unsigned long end);
unsigned long uksm_chunk_next_used(const struct uksm_chunk *chunk, unsigned long addr);
struct uksm_chunk *uksm_chunk_of(struct uksm_mm_slot *slot, unsigned long addr);
struct uksm_tracked *uksm_chunk_record(struct uksm_chunk *chunk, unsigned long addr);
void uksm_chunk_shrink(struct uksm_chunk *chunk);

unsigned int uksm_tile_resting(const struct uksm_chunk *chunk, unsigned long addr,
			       unsigned long seq);
void uksm_tile_visited(struct uksm_mm_slot *slot, unsigned long addr,
		       const struct uksm_tile_news *news);

#endif
