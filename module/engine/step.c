// SPDX-License-Identifier: GPL-2.0-only
/*
 * A step is what is done with the mmap_lock of one address space held: as much work as a page
 * table full of pages is. What is found to be gone is forgotten after the lock has been dropped.
 */
#include "engine/step.h"

#include <linux/bitmap.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "engine/asked.h"
#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/dedup.h"
#include "engine/domain.h"
#include "engine/examine.h"
#include "engine/forget.h"
#include "engine/join.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/rest.h"
#include "engine/stats.h"
#include "page/walk.h"

/* What a look costs, in units: see UKSM_PAGE_UNITS. */
#define EMPTY_UNITS	1	/* an entry of a page table that is empty */
#define ENTRY_UNITS	1	/* one that has something, and no page */
#define VMA_UNITS	4

/* How many of each are looked at before the locks are dropped, at most. */
#define UNITS_A_STEP	((long)PTRS_PER_PTE * UKSM_PAGE_UNITS)
#define VMAS_A_STEP	256u
/* So many records of a gap are forgotten with the mmap_lock held: a tile's. */
#define RECORDS_INSIDE	128u
#define RECORDS_A_STEP	1024u
/* So many pages at a time where others want the mmap_lock: they are all got through. */
#define CONTENDED_PAGES	UKSM_DEDUP_AT_ONCE

/* Memory for one step at a time. */
static struct uksm_batch batch;
static struct uksm_join join;

/* What has become of the pages for which an equal one was searched. */
static void count_news(struct uksm_step *step, const unsigned long *search)
{
	const struct uksm_tracked *row = uksm_tracked_row(step->slot, batch.start);
	unsigned int i;

	for_each_set_bit(i, search, UKSM_BATCH_PAGES) {
		switch (uksm_tracked_state(&row[i])) {
		case UKSM_UNSHARED:
			break;
		case UKSM_VOLATILE:
			step->visit->news.changed++;
			break;
		default:
			step->visit->news.found = true;
			break;
		}
	}
}

/* Scan one batch of pages at the slot's address, and move that to the end of the batch. */
static void scan_batch(struct uksm_step *step, struct vm_area_struct *vma)
{
	DECLARE_BITMAP(search, UKSM_BATCH_PAGES) = { 0 };
	struct uksm_mm_slot *slot = step->slot;
	unsigned long start = slot->address;
	unsigned int pages = slot->contended ? CONTENDED_PAGES : UKSM_BATCH_PAGES;
	unsigned int most = clamp(step->work->units / UKSM_PAGE_UNITS, 1L, (long)pages);
	struct uksm_examined seen;
	unsigned int done;

	uksm_batch_get(&batch, slot, vma, start, most, true);
	slot->address = batch.end;
	if (batch.hole) {
		step->work->units -= UKSM_STEP_UNITS;
		step->gone = start;
		return;
	}
	step->gone = batch.end;
	step->work->units -= (long)((batch.start - start) >> PAGE_SHIFT) * EMPTY_UNITS;
	seen = uksm_examine_batch(&batch, slot, vma, &step->visit->news, search);
	step->work->units -= (long)seen.pages * UKSM_PAGE_UNITS + (long)seen.entries * ENTRY_UNITS;
	uksm_domain_add(slot->domain, pages_scanned, seen.pages - seen.again);
	uksm_asked_looked(slot, seen.pages);

	if (!bitmap_empty(search, UKSM_BATCH_PAGES)) {
		done = uksm_dedup_batch(&join, slot, vma, batch.start, search);
		/* Others want the mmap_lock or the CPU: the rest is searched for when they have had it. */
		if (done < UKSM_BATCH_PAGES) {
			bitmap_clear(search, done, UKSM_BATCH_PAGES - done);
			slot->seen_until = batch.end;
			slot->address = min(batch.start + done * PAGE_SIZE, batch.end);
			step->gone = slot->address;
		}
		count_news(step, search);
	}
}

/* Tiles */

/**
 * uksm_tile_visit_end() - a tile is about to be left: draw the balance
 * @visit: of that tile; or of none
 * @slot: the address space
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_tile_visit_end(struct uksm_tile_visit *visit, struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (!visit->in_tile)
		return;
	visit->in_tile = false;
	if (visit->resting)
		return;
	slot->restless = slot->restless || !uksm_policy_quiet(0, UKSM_TILE_PAGES, &visit->news);
	uksm_tile_visited(slot, visit->tile, &visit->news);
}

/*
 * The scanner comes to an address in a mergeable VMA. True if the rest of its tile is to be
 * passed over, for nothing has happened there for a while.
 */
static bool tile_enter(struct uksm_step *step, const struct vm_area_struct *vma)
{
	struct uksm_tile_visit *visit = step->visit;
	unsigned long tile = round_down(step->slot->address, UKSM_TILE_BYTES);
	unsigned int pages, looks = 0;

	if (visit->in_tile && visit->tile == tile)
		return visit->resting;
	uksm_tile_visit_end(visit, step->slot);
	visit->in_tile = true;
	visit->tile = tile;
	visit->news = (struct uksm_tile_news){ 0 };
	pages = uksm_tile_rests(step->slot, vma, tile, &looks);
	visit->resting = pages;
	uksm_stats_add(pages_skipped, pages);
	step->work->units -= (long)looks * UKSM_LOOK_UNITS;
	return visit->resting;
}

/* Steps */

/**
 * uksm_work_interrupted() - is somebody else to have his turn before the work is done?
 * @work: what the scanner may do
 *
 * Context: the scanner thread.
 */
bool uksm_work_interrupted(const struct uksm_work *work)
{
	return freezing(current) || kthread_should_stop() || uksm_engine_is_awaited() ||
	       ktime_get_ns() >= work->until_ns;
}

/* Not to give up the CPU with somebody's mmap_lock held. */
static bool step_interrupted(struct uksm_step *step)
{
	step->awaited = uksm_mm_slot_awaited(step->slot);
	return step->awaited || uksm_cpu_awaited() || uksm_work_interrupted(step->work);
}

/*
 * Nothing mergeable is left between @gone and the slot's address. A little is forgotten at
 * once; if there may be more, then true, and the step must end.
 */
static bool forget_inside(struct uksm_step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned int records = RECORDS_INSIDE;

	if (step->gone < slot->address)
		uksm_forget_range(slot, &step->gone, slot->address, &records);
	step->work->units -= (long)(RECORDS_INSIDE - records) * UKSM_RECORD_UNITS;
	return step->gone < slot->address;
}

/* Scan a VMA from the slot's address on. True if the step goes on behind it. */
static bool scan_vma(struct uksm_step *step, struct vm_area_struct *vma)
{
	struct uksm_mm_slot *slot = step->slot;

	while (slot->address < vma->vm_end) {
		if (tile_enter(step, vma)) {
			slot->address = round_down(slot->address, UKSM_TILE_BYTES) +
					UKSM_TILE_BYTES;
			step->gone = slot->address;
			step->work->units -= UKSM_TILE_UNITS;
		} else {
			scan_batch(step, vma);
		}
		if (forget_inside(step) || step->work->units <= step->enough ||
		    step_interrupted(step))
			return false;
	}
	return true;
}

/**
 * uksm_step_inside() - scan from the slot's address on
 * @step: @visit, @slot and @work are set
 *
 * Context: the caller holds uksm_mutex and has entered the address space; uksm_mm_slot_leave()
 * and uksm_step_outside() are to follow. Sleeps, but does not give up the CPU on its own.
 */
void uksm_step_inside(struct uksm_step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned int vmas = VMAS_A_STEP, left;
	struct vm_area_struct *vma;

	lockdep_assert_held(&uksm_mutex);
	step->enough = max(step->work->units - UNITS_A_STEP, 0L);
	step->work->units -= UKSM_STEP_UNITS;
	do {
		left = vmas;
		step->gone = slot->address;
		vma = uksm_vma_next(slot->mm, &slot->address, &vmas);
		step->work->units -= (long)(left - vmas) * VMA_UNITS;
		step->done = slot->address >= TASK_SIZE_MAX;
		/* What lies between the VMAs is not there any more. */
		if (forget_inside(step) || !vma)
			return;

		step->mergeable = true;
		if (!READ_ONCE(vma->anon_vma)) {
			slot->address = vma->vm_end;
			return;
		}
	} while (scan_vma(step, vma));
}

/**
 * uksm_step_outside() - forget what the step has left to be forgotten
 * @step: from uksm_step_inside()
 *
 * Context: the caller holds uksm_mutex, and no lock of the address space.
 */
void uksm_step_outside(struct uksm_step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned long end = slot->address;
	unsigned int records = RECORDS_A_STEP;

	lockdep_assert_held(&uksm_mutex);
	if (step->gone == end)
		return;
	uksm_forget_in_pieces(slot, &step->gone, end, &records);
	step->work->units -= (long)(RECORDS_A_STEP - records) * UKSM_RECORD_UNITS;
	/* Begin the next step here: what is mapped there by then is looked up anew. */
	slot->address = step->gone;
	step->done = step->done && step->gone == end;
}
