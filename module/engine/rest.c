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

#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/mm.h>

#include "engine/chunk.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/stable_node.h"
#include "pure/policy.h"

/* An address space with so many tiles of pages is a small one. */
#define SMALL_TILES	4u

static bool slot_small(const struct uksm_mm_slot *slot)
{
	return slot->records <= SMALL_TILES * UKSM_TILE_PAGES;
}

/*
 * Has a merged page that records of a tile share been left by one of those that shared it?
 * Only records in use are looked at.
 */
static bool tile_left(const struct uksm_chunk *chunk, unsigned int n, unsigned int *looks)
{
	const unsigned long *used = chunk->used + n * BITS_TO_LONGS(UKSM_TILE_PAGES);
	unsigned int i, merged = chunk->tile_merged[n];
	const struct uksm_tracked *t;

	if (!merged)
		return false;
	for_each_set_bit(i, used, UKSM_TILE_PAGES) {
		++*looks;
		t = &chunk->tile[n][i];
		if (uksm_tracked_state(t) != UKSM_MERGED)
			continue;
		if (uksm_stable_node_left(t->rmap->node))
			return true;
		if (!--merged)
			break;
	}
	return false;
}

/* The same of a small address space: no more looks than it has records. */
static bool slot_left(struct uksm_mm_slot *slot, unsigned int *looks)
{
	struct uksm_chunk *chunk;
	unsigned long addr = 0;
	unsigned int n;

	while ((chunk = uksm_chunk_next(slot, addr, TASK_SIZE_MAX))) {
		for (n = 0; n < UKSM_CHUNK_TILES; n++)
			if (tile_left(chunk, n, looks))
				return true;
		addr = chunk->address + PMD_SIZE;
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
	if (!READ_ONCE(uksm_knobs.smart_scan) || slot->asked || slot->address ||
	    !slot->records || !slot_small(slot))
		return false;
	if (uksm_policy_due(slot->quiet, slot->visits, (unsigned long)slot / L1_CACHE_BYTES))
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
	if (!READ_ONCE(uksm_knobs.smart_scan) || slot->asked || slot_small(slot))
		return 0;
	chunk = uksm_chunk_of(slot, tile);
	pages = chunk ? uksm_tile_resting(chunk, tile, slot->visits) : 0;
	if (!pages || (!whole && tile_left(chunk, uksm_chunk_tile(tile), looks)))
		return 0;
	return pages;
}
