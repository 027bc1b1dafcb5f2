// SPDX-License-Identifier: GPL-2.0-only
#include "scan.h"

#include <linux/bitmap.h>
#include <linux/freezer.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "checksum.h"
#include "chunk.h"
#include "compat/compat.h"
#include "dedup.h"
#include "mm_slot.h"
#include "rmap_item.h"
#include "stable_node.h"
#include "stats.h"
#include "trace.h"
#include "uksmd.h"
#include "unstable.h"
#include "walk.h"

/**
 * struct scan_cursor - where the full scan has got to
 * @slot: address space being scanned; NULL between two full scans
 * @address: next address to look at; everything below has been dealt with
 * @extended: processes that came during this full scan have been taken in
 * @mergeable: a mergeable VMA has been met since the full scan began
 */
struct scan_cursor {
	struct uksm_mm_slot *slot;
	unsigned long address;
	bool extended;
	bool mergeable;
};

/* All protected by uksm_mutex. */
static struct scan_cursor cursor;
static struct uksm_batch batch;

static u32 batch_checksum(unsigned int i)
{
	void *addr = kmap_local_page(batch.entry[i].page);
	u32 checksum = uksm_checksum(addr);

	kunmap_local(addr);
	return checksum;
}

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

/*
 * Look at an anonymous page: true if an equal one is to be searched for. That
 * is when the page is new, or has held still since the last full scan. An
 * unshared page that is what it was stays where it is: had there been an equal
 * one in the trees, it would have been merged when it came; one that comes later
 * will find this one.
 */
static bool examine_page(struct uksm_mm_slot *slot, unsigned long addr, u32 checksum)
{
	struct uksm_tracked *t = uksm_tracked_find(slot, addr);
	bool unchanged;

	if (!t) {
		t = uksm_tracked_add(slot, addr);
		if (t)
			t->key.checksum = checksum;
		return t;
	}

	unchanged = t->key.checksum == checksum;
	switch (uksm_tracked_state(t)) {
	case UKSM_VOLATILE:
		t->key.checksum = checksum;
		return unchanged;
	case UKSM_UNSHARED:
		if (unchanged && !(t->key.flags & UKSM_F_COLLIDES))
			return false;
		uksm_unstable_del(t);
		t->key.checksum = checksum;
		return unchanged;
	case UKSM_MERGED:
		/* Written since it was merged. */
		uksm_stats_inc(cow_breaks);
		fallthrough;
	default:
		page_lost(t);
		t->key.checksum = checksum;
		return false;
	}
}

/* A KSM page that is not known to be here: true if it is to be looked into. */
static bool examine_ksm(struct uksm_mm_slot *slot, unsigned long addr, u32 checksum)
{
	struct uksm_tracked *t = uksm_tracked_find(slot, addr);

	if (t)
		page_lost(t);
	else
		t = uksm_tracked_add(slot, addr);
	if (t)
		t->key.checksum = checksum;
	return t;
}

static void examine_nothing(struct uksm_mm_slot *slot, unsigned long addr, bool zero)
{
	struct uksm_tracked *t = uksm_tracked_find(slot, addr);

	if (t && !(zero && uksm_tracked_state(t) == UKSM_ZERO))
		uksm_tracked_del(t);
}

/*
 * Bring the records of the batch up to date, and note in @search for which
 * pages an equal one is to be searched. Returns the number of pages looked at.
 */
static unsigned int examine_batch(struct uksm_mm_slot *slot, unsigned long *search)
{
	unsigned long addr = batch.start;
	unsigned int i, pages = 0;
	bool wanted;

	for (i = 0; addr < batch.end; i++, addr += PAGE_SIZE) {
		switch (batch.entry[i].mapped) {
		case UKSM_MAPPED_NONE:
			examine_nothing(slot, addr, false);
			break;
		case UKSM_MAPPED_ZERO:
		case UKSM_MAPPED_MERGED_ZERO:
			examine_nothing(slot, addr, true);
			break;
		case UKSM_MAPPED_BUSY:
			break;
		case UKSM_MAPPED_MERGED:
			pages++;
			break;
		case UKSM_MAPPED_KSM:
		case UKSM_MAPPED_PAGE:
			pages++;
			wanted = batch.entry[i].mapped == UKSM_MAPPED_KSM ?
				 examine_ksm(slot, addr, batch_checksum(i)) :
				 examine_page(slot, addr, batch_checksum(i));
			if (wanted)
				__set_bit(i, search);
			break;
		}
	}
	return pages;
}

/*
 * Scan one batch of pages from @start on. No references are held any more when
 * equal pages are searched for, since they would look like another user's.
 * Sets cursor.address to the end of the batch, and returns the number of pages.
 */
static unsigned int scan_batch(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
			       unsigned long start, unsigned int max_pages)
{
	DECLARE_BITMAP(search, UKSM_BATCH_PAGES) = { 0 };
	struct uksm_tracked *t;
	unsigned int i, pages;

	uksm_batch_get(&batch, slot, vma, start, max_pages);
	cursor.address = batch.end;
	if (batch.hole) {
		uksm_tracked_del_range(slot, batch.start, batch.end);
		return 0;
	}
	pages = examine_batch(slot, search);
	uksm_batch_put(&batch);

	for_each_set_bit(i, search, UKSM_BATCH_PAGES) {
		t = uksm_tracked_find(slot, start + i * PAGE_SIZE);
		/* A search for an earlier page of the batch may have merged it. */
		if (t && uksm_tracked_state(t) == UKSM_VOLATILE)
			uksm_dedup_page(slot, vma, t);
		cond_resched();
	}
	return pages;
}

static bool scan_interrupted(void)
{
	return freezing(current) || kthread_should_stop();
}

/*
 * Scan up to the end of the page table at the cursor, or of the VMA. The
 * mmap_lock is held for that long, and given up early if somebody waits for it.
 * Returns the number of pages, and whether the address space has been done.
 */
static unsigned int scan_mapped(struct uksm_mm_slot *slot, unsigned int max_pages, bool *done)
{
	struct vm_area_struct *vma = uksm_vma_next(slot->mm, cursor.address);
	unsigned long start = vma ? max(vma->vm_start, cursor.address) : TASK_SIZE_MAX;
	unsigned long table;
	unsigned int pages = 0;

	/* What lies between the VMAs is not there any more. */
	uksm_tracked_del_range(slot, cursor.address, start);
	cursor.address = start;
	*done = !vma;
	if (!vma)
		return 0;

	cursor.mergeable = true;
	if (!vma->anon_vma) {
		uksm_tracked_del_range(slot, start, vma->vm_end);
		cursor.address = vma->vm_end;
		return 0;
	}

	table = start & PMD_MASK;
	while (cursor.address < vma->vm_end && pages < max_pages) {
		/* Holes are passed over as a whole, however many tables they span. */
		if ((cursor.address & PMD_MASK) != table && pages)
			break;
		pages += scan_batch(slot, vma, cursor.address, max_pages - pages);
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
	if (done)
		cursor_next_slot();
	return pages;
}

static void full_scan_start(void)
{
	uksm_mm_slots_discover();
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
	cursor.slot = uksm_mm_slots_discover();
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
 * uksm_scan() - scan some pages, up to the end of the full scan at most
 * @pages: how many, as pages_to_scan counts them: those present
 *
 * Context: called by the scanner thread, which holds uksm_mutex. Sleeps.
 * Return: false when there is no memory to scan in any process.
 */
bool uksm_scan(unsigned int pages)
{
	unsigned int n;

	lockdep_assert_held(&uksm_mutex);

	if (!cursor.slot)
		full_scan_start();
	if (!cursor.slot)
		return false;

	while (pages && !scan_interrupted()) {
		n = scan_step(pages);
		uksm_stats_add(pages_scanned, n);
		pages -= n;
		cond_resched();

		if (!cursor.slot && !full_scan_extend()) {
			full_scan_end();
			return cursor.mergeable;
		}
	}
	return true;
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
