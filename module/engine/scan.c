// SPDX-License-Identifier: GPL-2.0-only
#include "engine/scan.h"

#include <linux/bitmap.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "engine/dedup.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "engine/unstable.h"
#include "page/walk.h"
#include "pure/policy.h"
#include "surface/trace.h"

/**
 * struct scan_cursor - where the full scan has got to
 * @slot: address space being scanned; NULL between two full scans
 * @address: next address to look at; everything below has been dealt with
 * @extended: processes that came during this full scan have been taken in
 * @mergeable: a mergeable VMA has been met since the full scan began
 * @in_tile: @tile is being visited
 * @tile: first address of the tile of records at @address
 * @news: what the visit has found so far
 */
struct scan_cursor {
	struct uksm_mm_slot *slot;
	unsigned long address;
	bool extended;
	bool mergeable;
	bool in_tile;
	unsigned long tile;
	struct uksm_tile_news news;
};

/* All protected by uksm_mutex. */
static struct scan_cursor cursor;
static struct uksm_batch batch;

/* The page that was here is not: what was known of it is worth nothing. */
static void page_lost(struct uksm_tracked *t)
{
	switch (uksm_tracked_state(t)) {
	case UKSM_MERGED:
		uksm_rmap_item_del(t);
		break;
	case UKSM_UNSHARED:
		uksm_unstable_del(t);
		break;
	case UKSM_ZERO:
		uksm_tracked_set_state(t, UKSM_VOLATILE);
		break;
	default:
		break;
	}
}

static unsigned int thrash_level(const struct uksm_tracked *t)
{
	return (t->key.flags & UKSM_F_THRASH) >> UKSM_THRASH_SHIFT;
}

/* Written since it was merged: if that is not long ago, it waits for its next merge. */
static void page_cow_broken(struct uksm_tracked *t)
{
	unsigned int level = uksm_policy_thrash(thrash_level(t),
						(u32)uksm_stats.full_scans - t->merged_at,
						jiffies_to_msecs((u32)jiffies - t->merged_jiffies));

	t->key.flags &= ~UKSM_F_THRASH;
	t->key.flags |= level << UKSM_THRASH_SHIFT;
	uksm_stats_inc(cow_breaks);
}

/*
 * A page has changed. What it holds now it may not hold for long, so it is not
 * offered to others until it has held still; but if there is a merged page that
 * it may share, then at once, unless its last merge was in vain.
 */
static bool page_changed(struct uksm_tracked *t, u32 checksum)
{
	t->key.checksum = checksum;
	t->still = 0;
	return !thrash_level(t) && uksm_stable_has(checksum);
}

/*
 * Look at an anonymous page that was known: true if an equal one is to be
 * searched for. An unshared page that is what it was, and on the NUMA node where it
 * was, stays where it is: had there been an equal one in the trees, it would have
 * been merged when it came; one that comes later will find this one.
 */
static bool examine_known(struct uksm_tracked *t, u32 checksum, unsigned int nid)
{
	bool unchanged = t->key.checksum == checksum;

	switch (uksm_tracked_state(t)) {
	case UKSM_VOLATILE:
		if (unchanged)
			return uksm_policy_still_enough(thrash_level(t), ++t->still);
		cursor.news.changed++;
		break;
	case UKSM_UNSHARED:
		if (unchanged && nid == uksm_tracked_nid(t) && !(t->key.flags & UKSM_F_COLLIDES))
			return false;
		uksm_unstable_del(t);
		if (unchanged)
			return ++t->still;
		cursor.news.changed++;
		break;
	case UKSM_MERGED:
		page_cow_broken(t);
		fallthrough;
	default:
		page_lost(t);
		cursor.news.found = true;
		break;
	}
	return page_changed(t, checksum);
}

/* A page of which nothing was known: its equal is searched for at once. */
static bool examine_new(struct uksm_mm_slot *slot, unsigned long addr, u32 checksum)
{
	struct uksm_tracked *t = uksm_tracked_add(slot, addr);

	cursor.news.found = true;
	if (!t)
		return false;
	t->key.checksum = checksum;
	t->still = 1;
	return true;
}

/* A KSM page that is not known to be here is to be looked into. */
static bool examine_ksm(struct uksm_mm_slot *slot, unsigned long addr, struct uksm_tracked *t,
			u32 checksum)
{
	if (!t)
		return examine_new(slot, addr, checksum);
	page_lost(t);
	t->key.checksum = checksum;
	/* It cannot change where it is. */
	t->still = 1;
	return true;
}

/* Nothing that could be merged is here, unless it is the zero page in its place. */
static void examine_nothing(struct uksm_tracked *t, bool zero)
{
	if (!t || (zero && uksm_tracked_state(t) == UKSM_ZERO))
		return;
	uksm_tracked_clear(t);
	cursor.news.found = true;
}

/*
 * Bring the records of the batch up to date, and note in @search for which
 * pages an equal one is to be searched. Returns the number of pages looked at.
 */
static unsigned int examine_batch(struct uksm_mm_slot *slot, unsigned long *search)
{
	unsigned long addr = batch.start;
	unsigned int i, pages = 0;
	struct uksm_tracked *t;
	bool wanted = false;

	for (i = 0; addr < batch.end; i++, addr += PAGE_SIZE, wanted = false) {
		enum uksm_mapped mapped = batch.entry[i].mapped;

		pages += mapped >= UKSM_MAPPED_UNCHANGED;
		if (mapped == UKSM_MAPPED_UNCHANGED || mapped == UKSM_MAPPED_MERGED)
			continue;
		t = batch.row && uksm_tracked_state(&batch.row[i]) != UKSM_UNTRACKED ?
			&batch.row[i] : NULL;
		switch (mapped) {
		case UKSM_MAPPED_NONE:
			examine_nothing(t, false);
			break;
		case UKSM_MAPPED_ZERO:
		case UKSM_MAPPED_MERGED_ZERO:
			examine_nothing(t, true);
			break;
		case UKSM_MAPPED_KSM:
			wanted = examine_ksm(slot, addr, t, batch.entry[i].checksum);
			break;
		case UKSM_MAPPED_PAGE:
			wanted = t ? examine_known(t, batch.entry[i].checksum, batch.entry[i].nid) :
				     examine_new(slot, addr, batch.entry[i].checksum);
			break;
		default:
			break;
		}
		if (wanted)
			__set_bit(i, search);
	}
	return pages;
}

/* What has become of the pages for which an equal one was searched. */
static void count_news(struct uksm_mm_slot *slot, const unsigned long *search)
{
	const struct uksm_tracked *row = uksm_tracked_row(slot, batch.start);
	unsigned int i;

	for_each_set_bit(i, search, UKSM_BATCH_PAGES) {
		switch (uksm_tracked_state(&row[i])) {
		case UKSM_UNSHARED:
			break;
		case UKSM_VOLATILE:
			cursor.news.changed++;
			break;
		default:
			cursor.news.found = true;
			break;
		}
	}
}

/*
 * Scan one batch of pages from @start on. Sets cursor.address to the end of the
 * batch, and returns the number of pages.
 */
static unsigned int scan_batch(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
			       unsigned long start, unsigned int max_pages)
{
	DECLARE_BITMAP(search, UKSM_BATCH_PAGES) = { 0 };
	unsigned int pages;

	uksm_batch_get(&batch, slot, vma, start, max_pages, true);
	cursor.address = batch.end;
	if (batch.hole) {
		uksm_tracked_del_range(slot, batch.start, batch.end);
		return 0;
	}
	pages = examine_batch(slot, search);

	if (!bitmap_empty(search, UKSM_BATCH_PAGES)) {
		uksm_dedup_batch(slot, vma, batch.start, search);
		count_news(slot, search);
	}
	return pages;
}

/* The cursor is about to leave the tile in which it was: draw the balance. */
static void tile_leave(struct uksm_mm_slot *slot)
{
	if (!cursor.in_tile)
		return;
	uksm_tile_visited(slot, cursor.tile, &cursor.news);
	cursor.in_tile = false;
}

/*
 * The cursor comes to an address in @vma. Returns the number of pages to pass
 * over, which make up a tile where nothing has happened for a while; else 0.
 * A tile that belongs to several VMAs never rests.
 */
static unsigned int tile_enter(struct uksm_mm_slot *slot, struct vm_area_struct *vma)
{
	unsigned long tile = round_down(cursor.address, UKSM_TILE_BYTES);
	unsigned int pages;

	if (cursor.in_tile && cursor.tile == tile)
		return 0;
	tile_leave(slot);
	if (READ_ONCE(uksm_knobs.smart_scan) && cursor.address == tile &&
	    vma->vm_end - tile >= UKSM_TILE_BYTES) {
		pages = uksm_tile_resting(slot, tile, uksm_stats.full_scans);
		if (pages)
			return pages;
	}
	cursor.tile = tile;
	cursor.in_tile = true;
	cursor.news = (struct uksm_tile_news){ 0 };
	return 0;
}

static bool scan_interrupted(void)
{
	return freezing(current) || kthread_should_stop() || uksmd_is_awaited();
}

/*
 * Find the next mergeable VMA at the cursor or behind, and move there;
 * NULL at the end of the address space.
 */
static struct vm_area_struct *cursor_next_vma(struct uksm_mm_slot *slot)
{
	struct vm_area_struct *vma = uksm_vma_next(slot->mm, cursor.address);
	unsigned long start = vma ? max(vma->vm_start, cursor.address) : TASK_SIZE_MAX;

	/* What lies between the VMAs is not there any more. */
	if (start > cursor.address) {
		tile_leave(slot);
		uksm_tracked_del_range(slot, cursor.address, start);
	}
	cursor.address = start;
	if (vma)
		cursor.mergeable = true;
	return vma;
}

/*
 * Scan up to the end of the page table at the cursor, or of the VMA. The
 * mmap_lock is held for that long, and given up early if somebody waits for it.
 * Returns the number of pages, and whether the address space has been done.
 */
static unsigned int scan_mapped(struct uksm_mm_slot *slot, unsigned int max_pages, bool *done)
{
	struct vm_area_struct *vma = cursor_next_vma(slot);
	unsigned int pages = 0, skipped;
	unsigned long table;

	*done = !vma;
	if (!vma)
		return 0;
	if (!READ_ONCE(vma->anon_vma)) {
		uksm_tracked_del_range(slot, cursor.address, vma->vm_end);
		cursor.address = vma->vm_end;
		return 0;
	}

	table = cursor.address & PMD_MASK;
	while (cursor.address < vma->vm_end && pages < max_pages) {
		/* Holes are passed over as a whole, however many tables they span. */
		if ((cursor.address & PMD_MASK) != table && pages)
			break;
		skipped = tile_enter(slot, vma);
		if (skipped) {
			uksm_stats_add(pages_skipped, skipped);
			cursor.address += UKSM_TILE_BYTES;
		} else {
			pages += scan_batch(slot, vma, cursor.address, max_pages - pages);
		}
		cond_resched();
		if (scan_interrupted() || mmap_lock_is_contended(slot->mm))
			break;
	}
	return pages;
}

static void cursor_next_slot(void)
{
	cursor.slot = uksm_mm_slot_next(cursor.slot);
	cursor.address = 0;
	cursor.in_tile = false;
}

static unsigned int scan_step(unsigned int max_pages)
{
	struct uksm_mm_slot *slot = cursor.slot;
	unsigned int pages;
	bool done;

	if (!uksm_mm_slot_enter(slot)) {
		/* The process has exited. */
		cursor_next_slot();
		uksm_mm_slot_del(slot);
		return 0;
	}
	pages = scan_mapped(slot, max_pages, &done);
	uksm_mm_slot_leave(slot);
	if (done) {
		tile_leave(slot);
		cursor_next_slot();
	}
	return pages;
}

static void full_scan_start(void)
{
	/* What is new comes first: most is to be found there. */
	uksm_mm_slots_discover(NULL);
	cursor = (struct scan_cursor){ .slot = uksm_mm_slot_first() };
	if (!cursor.slot)
		return;
	trace_uksm_start_scan(uksm_stats.full_scans, uksm_stats_pages());
	/*
	 * A page just faulted in sits in a per-CPU batch with a reference of its
	 * own, and would be taken for one in use.
	 */
	uksm_lru_add_drain_all();
}

/* All slots have been visited; those that came meanwhile belong to this round. */
static bool full_scan_extend(void)
{
	if (cursor.extended)
		return false;
	cursor.extended = true;
	cursor.slot = uksm_mm_slots_discover(uksm_mm_slot_last());
	cursor.address = 0;
	return cursor.slot;
}

static void full_scan_end(void)
{
	uksm_stable_prune();
	trace_uksm_stop_scan(uksm_stats.full_scans, uksm_stats_pages());
	/* ksmd stands still when there is nothing to merge, and so does its count. */
	if (cursor.mergeable)
		uksm_stats_inc(full_scans);
}

/**
 * uksm_scan_newcomers() - scan processes that have just become mergeable next
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_newcomers(void)
{
	lockdep_assert_held(&uksm_mutex);
	/* Between two full scans they are found anyway. */
	if (cursor.slot && uksm_mm_slots_discover(cursor.slot))
		uksm_lru_add_drain_all();
}

/**
 * uksm_scan() - scan some pages, up to the end of the full scan at most
 * @pages: how many, as pages_to_scan counts them: those present
 *
 * Context: called by the scanner thread, which holds uksm_mutex. Sleeps.
 */
enum uksm_scan_end uksm_scan(unsigned int pages)
{
	unsigned int n;

	lockdep_assert_held(&uksm_mutex);

	if (!cursor.slot)
		full_scan_start();
	if (!cursor.slot)
		return UKSM_SCAN_IDLE;

	while (pages) {
		n = scan_step(pages);
		uksm_stats_add(pages_scanned, n);
		pages -= n;
		cond_resched();

		if (!cursor.slot && !full_scan_extend()) {
			full_scan_end();
			return cursor.mergeable ? UKSM_SCAN_FULL : UKSM_SCAN_IDLE;
		}
		/* After a step, so that nobody can keep the scanner from its work. */
		if (scan_interrupted())
			break;
	}
	return UKSM_SCAN_MORE;
}

/**
 * uksm_scan_reset() - begin anew with a full scan
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_reset(void)
{
	lockdep_assert_held(&uksm_mutex);
	cursor = (struct scan_cursor){ 0 };
}
