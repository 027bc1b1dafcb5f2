// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory rests when several visits have found nothing new there. A large address space rests
 * by tiles; a small one as a whole, for most of what it takes is to enter it.
 *
 * Users of ksmd expect that a merged page that is written shows in the counters after the next
 * full scan. So where that counts, in small mappings, what is merged is asked for without
 * entering the address space: a merged page that has fewer mappings than rmap_items has been
 * left by one of those that had it.
 */
#include "engine/rest.h"

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/mm.h>

#include "engine/chunk.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "pure/policy.h"

/* An address space with so many tiles of pages is a small one. */
#define SMALL_TILES	4u

static bool slot_small(const struct uksm_mm_slot *slot)
{
	return slot->records <= SMALL_TILES * UKSM_TILE_PAGES;
}

/*
 * Has a merged page that records of a range share been left by one of those that shared it?
 * The range is of one chunk. Only records in use are looked at.
 */
static bool range_left(struct uksm_chunk *chunk, unsigned long addr, unsigned long end,
		       unsigned int *looks)
{
	const struct uksm_tracked *t;

	for (; addr < end; addr += PAGE_SIZE) {
		addr = uksm_chunk_next_used(chunk, addr);
		if (addr >= end)
			break;
		++*looks;
		t = uksm_chunk_record(chunk, addr);
		if (uksm_tracked_state(t) == UKSM_MERGED && uksm_stable_node_left(t->rmap->node))
			return true;
	}
	return false;
}

/* The same of a small address space: no more looks than it has records. */
static bool slot_left(struct uksm_mm_slot *slot, unsigned int *looks)
{
	struct uksm_chunk *chunk;
	unsigned long addr = 0;

	while ((chunk = uksm_chunk_next(slot, addr, TASK_SIZE_MAX))) {
		addr = chunk->address + PMD_SIZE;
		if (range_left(chunk, chunk->address, addr, looks))
			return true;
	}
	return false;
}

/**
 * uksm_slot_rests() - may this full scan pass over all of an address space?
 * @slot: slot that the scanner comes to
 * @looks: how many records have been looked at for this is added
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_slot_rests(struct uksm_mm_slot *slot, unsigned int *looks)
{
	lockdep_assert_held(&uksm_mutex);
	if (!READ_ONCE(uksm_knobs.smart_scan) || slot->address || !slot->records ||
	    !slot_small(slot))
		return false;
	if (uksm_policy_due(slot->quiet, uksm_stats.full_scans,
			    (unsigned long)slot / L1_CACHE_BYTES))
		return false;
	return !slot->merged || !slot_left(slot, looks);
}

/**
 * uksm_tile_rests() - may this full scan pass over a tile of a large address space?
 * @slot: address space
 * @vma: a mergeable VMA in the tile
 * @tile: first address of the tile
 * @looks: as above
 *
 * All of it, to whichever VMAs it belongs.
 *
 * Context: the caller holds uksm_mutex.
 * Return: the number of pages that are passed over; 0: it is to be visited
 */
unsigned int uksm_tile_rests(struct uksm_mm_slot *slot, const struct vm_area_struct *vma,
			     unsigned long tile, unsigned int *looks)
{
	bool whole = vma->vm_start <= tile && vma->vm_end >= tile + UKSM_TILE_BYTES;
	struct uksm_chunk *chunk;
	unsigned int pages;

	lockdep_assert_held(&uksm_mutex);
	if (!READ_ONCE(uksm_knobs.smart_scan) || slot_small(slot))
		return 0;
	chunk = uksm_chunk_of(slot, tile);
	pages = chunk ? uksm_tile_resting(chunk, tile, uksm_stats.full_scans) : 0;
	if (!pages)
		return 0;
	if (!whole && chunk->tile_merged[uksm_chunk_tile(tile)] &&
	    range_left(chunk, tile, tile + UKSM_TILE_BYTES, looks))
		return 0;
	return pages;
}
