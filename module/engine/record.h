/* SPDX-License-Identifier: GPL-2.0-only */
/* Compact records of the pages seen, in arrays per 2 MiB of address space. */
#ifndef UKSM_RECORD_H
#define UKSM_RECORD_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/types.h>

#include "pure/index.h"

struct uksm_tile_news;
struct uksm_mm_slot;
struct uksm_rmap_item;

/**
 * enum uksm_page_state - what is known of the page at one address
 * @UKSM_UNTRACKED: nothing; the record is free
 * @UKSM_VOLATILE: seen, but in no tree: new, changed since the last full scan,
 *	or not searchable just now (counted as pages_volatile)
 * @UKSM_UNSHARED: in the unstable tree (counted as pages_unshared)
 * @UKSM_MERGED: maps a merged page; the record points to its rmap_item
 *	(counted as pages_shared or pages_sharing)
 * @UKSM_ZERO: mapped to the kernel's zero page by us
 */
enum uksm_page_state {
	UKSM_UNTRACKED,
	UKSM_VOLATILE,
	UKSM_UNSHARED,
	UKSM_MERGED,
	UKSM_ZERO,
};

/*
 * Flags of a tracked page, the low bits of key.flags. Those of UKSM_F_THRASH
 * count how often the page was written soon after it had been merged. The bits
 * above UKSM_NID_SHIFT hold the number of the unstable tree that holds the page.
 */
#define UKSM_F_COLLIDES		BIT(0)	/* another page has this checksum: search again */
#define UKSM_THRASH_SHIFT	1
#define UKSM_F_THRASH		GENMASK(3, UKSM_THRASH_SHIFT)
#define UKSM_NID_SHIFT		4

/**
 * struct uksm_tracked - a page that the scanner has seen (32 bytes)
 * @key: checksum, state and flags; the tree node while @UKSM_UNSHARED
 * @rmap: the rmap_item while @UKSM_MERGED, in place of the tree node
 * @merged_at: the full scan in which it was merged, while @UKSM_MERGED
 * @merged_jiffies: the time when it was merged, while @UKSM_MERGED
 * @still: how many times it was found unchanged, while @UKSM_VOLATILE
 */
struct uksm_tracked {
	union {
		struct uksm_key key;
		struct {
			struct uksm_rmap_item *rmap;
			u32 merged_at;
			u32 merged_jiffies;
		};
		u32 still;
	};
};

#define UKSM_TILE_PAGES		(PAGE_SIZE / sizeof(struct uksm_tracked))
#define UKSM_TILE_BYTES		(UKSM_TILE_PAGES * PAGE_SIZE)
#define UKSM_CHUNK_TILES	(PTRS_PER_PTE / UKSM_TILE_PAGES)

/**
 * struct uksm_chunk - the tracked pages of PMD_SIZE bytes of address space
 * @slot: the address space
 * @address: first address, PMD_SIZE aligned
 * @tile: one page full of struct uksm_tracked for each UKSM_TILE_PAGES pages,
 *	allocated when the first of them is tracked
 * @tile_used: records in use, per tile
 * @tile_quiet: per tile, for how many visits nothing has happened there: see
 *	uksm_policy_quiet()
 */
struct uksm_chunk {
	struct uksm_mm_slot *slot;
	unsigned long address;
	struct uksm_tracked *tile[UKSM_CHUNK_TILES];
	u16 tile_used[UKSM_CHUNK_TILES];
	u8 tile_quiet[UKSM_CHUNK_TILES];
};

struct uksm_tracked *uksm_tracked_row(struct uksm_mm_slot *slot, unsigned long addr);
struct uksm_tracked *uksm_tracked_find(struct uksm_mm_slot *slot, unsigned long addr);
struct uksm_tracked *uksm_tracked_add(struct uksm_mm_slot *slot, unsigned long addr);
void uksm_tracked_set_state(struct uksm_tracked *t, enum uksm_page_state state);
void uksm_tracked_clear(struct uksm_tracked *t);
void uksm_tracked_del_range(struct uksm_mm_slot *slot, unsigned long start, unsigned long end);
struct uksm_mm_slot *uksm_tracked_slot(const struct uksm_tracked *t);
unsigned long uksm_tracked_address(const struct uksm_tracked *t);

unsigned int uksm_tile_resting(struct uksm_mm_slot *slot, unsigned long addr,
			       unsigned long seq);
void uksm_tile_visited(struct uksm_mm_slot *slot, unsigned long addr,
		       const struct uksm_tile_news *news);

static inline enum uksm_page_state uksm_tracked_state(const struct uksm_tracked *t)
{
	return t->key.state;
}

/* uksm_tracked_nid() - which unstable tree holds an %UKSM_UNSHARED page */
static inline unsigned int uksm_tracked_nid(const struct uksm_tracked *t)
{
	return t->key.flags >> UKSM_NID_SHIFT;
}

#endif
