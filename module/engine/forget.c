// SPDX-License-Identifier: GPL-2.0-only
#include "engine/forget.h"

#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "engine/chunk.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/rmap_item.h"
#include "engine/unstable.h"

/* On kernels that check all that is done this takes some milliseconds. */
#define RECORDS_A_PIECE	64u

/**
 * uksm_tracked_leave() - take a page out of whatever it is in
 * @t: tracked page in any state but %UKSM_UNTRACKED; becomes %UKSM_VOLATILE
 *
 * Context: the caller holds uksm_mutex and no folio lock.
 * Return: false when the merged page that it shared is locked by somebody else; then
 * nothing has changed, and it is to be tried again.
 */
bool uksm_tracked_leave(struct uksm_tracked *t)
{
	lockdep_assert_held(&uksm_mutex);

	switch (uksm_tracked_state(t)) {
	case UKSM_UNSHARED:
		uksm_unstable_del(t);
		return true;
	case UKSM_MERGED:
		return uksm_rmap_item_del(t);
	case UKSM_ZERO:
		if (!(t->key.flags & UKSM_F_SPLIT_ZERO))
			uksm_tracked_slot(t)->zero_pages--;
		uksm_tracked_set_volatile(t);
		return true;
	default:
		return true;
	}
}

/**
 * uksm_tracked_forget() - end the record of a page
 * @t: as for uksm_tracked_leave(); free on return
 *
 * Context, Return: as uksm_tracked_leave().
 */
bool uksm_tracked_forget(struct uksm_tracked *t)
{
	if (!uksm_tracked_leave(t))
		return false;
	uksm_tracked_del(t);
	return true;
}

/* The records of one chunk, from @addr on. Returns where it has stopped. */
static unsigned long forget_in_chunk(struct uksm_chunk *chunk, unsigned long addr,
				     unsigned long end, unsigned int *records, bool *all)
{
	while (addr < end && *records) {
		/* Also if there is none: for each chunk that was looked into. */
		--*records;
		addr = min(uksm_chunk_next_used(chunk, addr), end);
		if (addr == end)
			break;
		*all = uksm_tracked_forget(uksm_chunk_record(chunk, addr)) && *all;
		addr += PAGE_SIZE;
	}
	return addr;
}

/**
 * uksm_forget_range() - forget the pages of an address range, some at a time
 * @slot: address space, which may be dead
 * @addr: first address, page aligned; moved to where the next call is to go on
 * @end: end of the range, exclusive, page aligned
 * @records: how many records to forget, and chunks to look into, at most; less those on
 *	return
 *
 * A record is always free to go. If something is still at its address the scanner will
 * begin a new one, and find the merged page that it maps (dedup.c).
 *
 * Context: the caller holds uksm_mutex; mmap_lock is not needed, and not to be held for
 * long. Does not sleep for long.
 * Return: true when all that lies before *@addr has gone; false if some had to stay,
 * for a merged page was locked. The range is done when *@addr has reached @end.
 */
bool uksm_forget_range(struct uksm_mm_slot *slot, unsigned long *addr, unsigned long end,
		       unsigned int *records)
{
	struct uksm_chunk *chunk;
	unsigned long stop;
	bool all = true;

	lockdep_assert_held(&uksm_mutex);

	while (*records && *addr < end) {
		chunk = uksm_chunk_next(slot, *addr, end);
		if (!chunk) {
			*addr = end;
			break;
		}
		stop = min(end, chunk->address + PMD_SIZE);
		*addr = forget_in_chunk(chunk, max(*addr, chunk->address), stop, records, &all);
		uksm_chunk_shrink(chunk);
	}
	return all;
}

/**
 * uksm_forget_in_pieces() - uksm_forget_range(), giving way to others in between
 * @slot: as there
 * @addr: as there; it may be short of @end although @records are left, if somebody waits for
 *	the engine
 * @end: as there
 * @records: as there
 *
 * Context: as there; gives up the CPU, so the mmap_lock must not be held.
 * Return: as there.
 */
bool uksm_forget_in_pieces(struct uksm_mm_slot *slot, unsigned long *addr, unsigned long end,
			   unsigned int *records)
{
	unsigned int piece, left;
	bool all = true;

	do {
		piece = min(*records, RECORDS_A_PIECE);
		left = piece;
		all = uksm_forget_range(slot, addr, end, &left) && all;
		*records -= piece - left;
		cond_resched();
	} while (*records && *addr < end && !uksm_engine_is_awaited());
	return all;
}
