// SPDX-License-Identifier: GPL-2.0-only
/*
 * The full scan goes through all address spaces that were there when it began: the
 * settled ones, in turns. Those that ask for merging meanwhile are newcomers: they get up to half
 * of the scanner's work, in turns among them, and settle when they have been scanned, or
 * when the next full scan begins. So what is new is found early, since most is to be
 * found there, and whatever comes, full scans end.
 *
 * A step is what is done with the mmap_lock of one address space held: as much work as a page
 * table full of pages is. What is found to be gone is forgotten after the lock has been dropped.
 */
#include "engine/scan.h"

#include <linux/bitmap.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "engine/asked.h"
#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/dedup.h"
#include "engine/examine.h"
#include "engine/forget.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/prune.h"
#include "engine/rest.h"
#include "engine/stats.h"
#include "page/walk.h"
#include "pure/checksum.h"
#include "pure/policy.h"
#include "surface/trace.h"

/* What a look costs, in units: see UKSM_PAGE_UNITS. */
#define EMPTY_UNITS	1	/* an entry of a page table that is empty */
#define ENTRY_UNITS	1	/* one that has something, and no page */
#define LOOK_UNITS	1	/* one that is looked at, to see whether it may rest */
#define PROCESS_UNITS	4	/* a process, whether it is one to scan */
#define VMA_UNITS	4
#define STEP_UNITS	16	/* to enter and leave an address space, or to pass over a hole */
#define TILE_UNITS	32	/* a tile that is passed over */
#define LOCKED_UNITS	(8 * UKSM_PAGE_UNITS)	/* an mmap_lock that others hold */

/* How many of each are looked at before the locks are dropped, at most. */
#define UNITS_A_STEP		((long)PTRS_PER_PTE * UKSM_PAGE_UNITS)
#define VMAS_A_STEP		256u
#define PROCESSES_A_STEP	256u
/* So many records of a gap are forgotten with the mmap_lock held: a tile's. */
#define RECORDS_INSIDE		128u
#define RECORDS_A_STEP		1024u

/*
 * An mmap_lock held by others is tried for so often, and for so long, at least. Each time
 * that it could be had makes up for some times that it could not.
 */
#define PUT_OFF_TIMES	32u
#define PUT_OFF_MSECS	100
#define PUT_OFF_REGAINED	4u
/* So many pages at a time where others want the mmap_lock: they are all got through. */
#define CONTENDED_PAGES	UKSM_DEDUP_AT_ONCE
/* An address space's turn among those of its lane, in units. */
#define TURN_UNITS	(4096L * UKSM_PAGE_UNITS)
/* For newcomers the LRU batches are drained no more often. */
#define DRAIN_MSECS	1000

enum lane { SETTLED, NEWCOMERS, NR_LANES };

/**
 * struct scan_cursor - where a lane has got to
 * @slot: address space being scanned; its address says how far. NULL: none
 * @turn: units that @slot has had of its turn
 * @in_tile: @tile is being visited
 * @resting: it is being passed over
 * @tile: first address of the tile of records at the slot's address
 * @news: what the visit has found so far
 */
struct scan_cursor {
	struct uksm_mm_slot *slot;
	long turn;
	bool in_tile;
	bool resting;
	unsigned long tile;
	struct uksm_tile_news news;
};

/**
 * struct step - one step in an address space
 * @cursor: of the lane
 * @slot: address space, entered
 * @work: what may be done, and has been
 * @enough: the step ends when @work has come down to so many units
 * @gone: from here on, up to the slot's address, nothing is left that is mergeable, and
 *	the records are still to be forgotten; the slot's address if there are none
 * @done: the end of the address space has been reached
 * @awaited: it was left because others want its mmap_lock
 */
struct step {
	struct scan_cursor *cursor;
	struct uksm_mm_slot *slot;
	struct uksm_work *work;
	long enough;
	unsigned long gone;
	bool done;
	bool awaited;
};

enum scan_phase { RESTING, DISCOVERING, SCANNING };

/* Protected by uksm_mutex, as is all in this file. */
static struct {
	enum scan_phase phase;
	struct scan_cursor cursor[NR_LANES];
	struct uksm_lanes lanes;
	struct uksm_discovery walk;
	const struct uksm_mm_slot *locked;	/* since this one all that were tried were locked */
	bool wait;		/* they have been tried in vain all around */
	bool mergeable;		/* a mergeable VMA has been met since the full scan began */
	bool drain;		/* LRU batches are to be drained before the next slice */
	unsigned long next_drain;
} scan;

/* Memory for one step at a time. */
static struct uksm_batch batch;
static struct uksm_join join;

/* What has become of the pages for which an equal one was searched. */
static void count_news(struct step *step, const unsigned long *search)
{
	const struct uksm_tracked *row = uksm_tracked_row(step->slot, batch.start);
	unsigned int i;

	for_each_set_bit(i, search, UKSM_BATCH_PAGES) {
		switch (uksm_tracked_state(&row[i])) {
		case UKSM_UNSHARED:
			break;
		case UKSM_VOLATILE:
			step->cursor->news.changed++;
			break;
		default:
			step->cursor->news.found = true;
			break;
		}
	}
}

/* Scan one batch of pages at the slot's address, and move that to the end of the batch. */
static void scan_batch(struct step *step, struct vm_area_struct *vma)
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
		step->work->units -= STEP_UNITS;
		step->gone = start;
		return;
	}
	step->gone = batch.end;
	step->work->units -= (long)((batch.start - start) >> PAGE_SHIFT) * EMPTY_UNITS;
	seen = uksm_examine_batch(&batch, slot, vma, &step->cursor->news, search);
	step->work->units -= (long)seen.pages * UKSM_PAGE_UNITS + (long)seen.entries * ENTRY_UNITS;
	uksm_stats_add(pages_scanned, seen.pages - seen.again);
	uksm_asked_looked(slot, seen.pages);

	if (!bitmap_empty(search, UKSM_BATCH_PAGES)) {
		done = uksm_dedup_batch(&join, slot, vma, batch.start, search);
		/* Others want the mmap_lock: the rest is searched for when they have had it. */
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

/* The cursor is about to leave the tile in which it was: draw the balance. */
static void tile_leave(struct scan_cursor *c, struct uksm_mm_slot *slot)
{
	if (!c->in_tile)
		return;
	c->in_tile = false;
	if (c->resting)
		return;
	slot->restless = slot->restless || !uksm_policy_quiet(0, UKSM_TILE_PAGES, &c->news);
	uksm_tile_visited(slot, c->tile, &c->news);
}

/*
 * The cursor comes to an address in a mergeable VMA. True if the rest of its tile is to be
 * passed over, for nothing has happened there for a while.
 */
static bool tile_enter(struct step *step, const struct vm_area_struct *vma)
{
	struct scan_cursor *c = step->cursor;
	unsigned long tile = round_down(step->slot->address, UKSM_TILE_BYTES);
	unsigned int pages, looks = 0;

	if (c->in_tile && c->tile == tile)
		return c->resting;
	tile_leave(c, step->slot);
	c->in_tile = true;
	c->tile = tile;
	c->news = (struct uksm_tile_news){ 0 };
	pages = uksm_tile_rests(step->slot, vma, tile, &looks);
	c->resting = pages;
	uksm_stats_add(pages_skipped, pages);
	step->work->units -= (long)looks * LOOK_UNITS;
	return c->resting;
}

/* Address spaces */

static bool scan_interrupted(const struct uksm_work *work)
{
	return freezing(current) || kthread_should_stop() || uksm_engine_is_awaited() ||
	       ktime_get_ns() >= work->until_ns;
}

/* Not to give up the CPU with somebody's mmap_lock held. */
static bool step_interrupted(struct step *step)
{
	step->awaited = uksm_mm_slot_awaited(step->slot);
	return step->awaited || need_resched() || scan_interrupted(step->work);
}

/*
 * Nothing mergeable is left between @gone and the slot's address. A little is forgotten at
 * once; if there may be more, then true, and the step must end.
 */
static bool forget_inside(struct step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned int records = RECORDS_INSIDE;

	if (step->gone < slot->address)
		uksm_forget_range(slot, &step->gone, slot->address, &records);
	step->work->units -= (long)(RECORDS_INSIDE - records) * UKSM_RECORD_UNITS;
	return step->gone < slot->address;
}

/* Scan a VMA from the slot's address on. True if the step goes on behind it. */
static bool scan_vma(struct step *step, struct vm_area_struct *vma)
{
	struct uksm_mm_slot *slot = step->slot;

	while (slot->address < vma->vm_end) {
		if (tile_enter(step, vma)) {
			slot->address = round_down(slot->address, UKSM_TILE_BYTES) +
					UKSM_TILE_BYTES;
			step->gone = slot->address;
			step->work->units -= TILE_UNITS;
		} else {
			scan_batch(step, vma);
		}
		if (forget_inside(step) || step->work->units <= step->enough ||
		    step_interrupted(step))
			return false;
	}
	return true;
}

/* Scan from the slot's address on, with the mmap_lock held. */
static void scan_inside(struct step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned int vmas = VMAS_A_STEP, left;
	struct vm_area_struct *vma;

	step->enough = max(step->work->units - UNITS_A_STEP, 0L);
	step->work->units -= STEP_UNITS;
	do {
		left = vmas;
		step->gone = slot->address;
		vma = uksm_vma_next(slot->mm, &slot->address, &vmas);
		step->work->units -= (long)(left - vmas) * VMA_UNITS;
		step->done = slot->address >= TASK_SIZE_MAX;
		/* What lies between the VMAs is not there any more. */
		if (forget_inside(step) || !vma)
			return;

		scan.mergeable = true;
		if (!READ_ONCE(vma->anon_vma)) {
			slot->address = vma->vm_end;
			return;
		}
	} while (scan_vma(step, vma));
}

/* What the step has left to be forgotten, with no lock of the address space held. */
static void forget_outside(struct step *step)
{
	struct uksm_mm_slot *slot = step->slot;
	unsigned long end = slot->address;
	unsigned int records = RECORDS_A_STEP;

	if (step->gone == end)
		return;
	uksm_forget_in_pieces(slot, &step->gone, end, &records);
	step->work->units -= (long)(RECORDS_A_STEP - records) * UKSM_RECORD_UNITS;
	/* Begin the next step here: what is mapped there by then is looked up anew. */
	slot->address = step->gone;
	step->done = step->done && step->gone == end;
}

/* The lane goes on with another address space. */
static void cursor_leave(enum lane lane)
{
	struct scan_cursor *c = &scan.cursor[lane];

	if (!c->slot)
		return;
	tile_leave(c, c->slot);
	c->slot = lane == SETTLED ? uksm_mm_slots_next(c->slot) : NULL;
	c->turn = 0;
}

/* The slot of the lane has been scanned, or is given up for this full scan. */
static void slot_scanned(enum lane lane)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;

	cursor_leave(lane);
	slot->address = 0;
	slot->seen_until = 0;
	slot->resumes = false;
	if (lane != NEWCOMERS)
		return;
	/* One that was given up has had no look. */
	if (uksm_knobs_auto() && slot->looks && slot->looks < UKSM_LOOKS)
		uksm_mm_slot_move(slot, UKSM_SLOTS_AGAIN, NULL);
	else
		/* Just before those that are still to come in this full scan: it is not among them. */
		uksm_mm_slot_move(slot, UKSM_SLOTS_SETTLED, scan.cursor[SETTLED].slot);
}

/* Have an address space that is in no cursor scanned before all others, where it has got to. */
static void slot_first(struct uksm_mm_slot *slot)
{
	struct uksm_mm_slot *first = uksm_mm_slots_first(UKSM_SLOTS_NEW);

	/* Who is being scanned of the newcomers goes on when this one is done. */
	cursor_leave(NEWCOMERS);
	if (slot != first)
		uksm_mm_slot_move(slot, UKSM_SLOTS_NEW, first);
}

/* In a list that the scanner goes through? */
static bool slot_scannable(const struct uksm_mm_slot *slot)
{
	return slot->where == UKSM_SLOTS_NEW || slot->where == UKSM_SLOTS_AGAIN ||
	       slot->where == UKSM_SLOTS_SETTLED;
}

/* It has been scanned to its end: draw the balance. */
static void slot_visited(enum lane lane)
{
	struct scan_cursor *c = &scan.cursor[lane];
	struct uksm_mm_slot *slot = c->slot;

	tile_leave(c, slot);
	slot->quiet = uksm_policy_quiet_process(slot->quiet, slot->restless);
	slot->restless = false;
	uksm_mm_slot_looked(slot);
	slot_scanned(lane);
	if (uksm_asked_visited(slot))
		slot_first(slot);
}

/* The slot goes behind all others of its lane. */
static void slot_to_end(enum lane lane)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;

	cursor_leave(lane);
	uksm_mm_slot_move(slot, slot->where, NULL);
	/* It was the last. */
	if (lane == SETTLED && !scan.cursor[SETTLED].slot)
		scan.cursor[SETTLED].slot = slot;
}

/*
 * What was asked for cannot be scanned just now. It is tried again after a while, however
 * long the scanner sleeps, until who has asked for it gives up.
 */
static void slot_asked_later(enum lane lane)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;

	slot->put_off += !slot->put_off;
	uksm_asked_put_off(slot);
	slot_to_end(lane);
}

/* Has its lock been tried for often enough, and for long enough? */
static bool slot_given_up(const struct uksm_mm_slot *slot)
{
	return slot->put_off > PUT_OFF_TIMES &&
	       time_after(jiffies, slot->locked_since + msecs_to_jiffies(PUT_OFF_MSECS));
}

/* The full scan goes on without it, and the next one where this one has got to. */
static void slot_give_up(enum lane lane)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;
	unsigned long address = slot->address;

	if (slot->asked) {
		slot->locked_since = jiffies;
		slot->put_off = 1;
		uksm_asked_put_off(slot);
		cursor_leave(lane);
		uksm_mm_slot_move(slot, UKSM_SLOTS_NEW, NULL);
		return;
	}
	slot_scanned(lane);
	slot->address = address;
	slot->resumes = true;
}

/*
 * The mmap_lock is held by others, for as long as they like: come back to it when all
 * others have had their turn; or in the next full scan, where this one has got to. When
 * nothing is left but such, the scanner must sleep a little: who holds the lock may be
 * waiting for this very CPU, with a lower priority.
 */
static void slot_put_off(enum lane lane)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;

	if (!slot->put_off++)
		slot->locked_since = jiffies;
	if (slot_given_up(slot)) {
		scan.locked = NULL;
		slot_give_up(lane);
		return;
	}
	if (!scan.locked) {
		scan.locked = slot;
	} else if (scan.locked == slot) {
		scan.locked = NULL;
		scan.wait = true;
	}
	if (slot->asked)
		slot_asked_later(lane);
	else
		slot_to_end(lane);
}

/*
 * An address space that takes long leaves room for the next one, between two tiles, and goes
 * on when the others have had their turn: those with little to scan need not wait for it.
 */
static void slot_turn(enum lane lane, long units)
{
	struct scan_cursor *c = &scan.cursor[lane];

	c->turn += units;
	if (c->turn >= TURN_UNITS && !uksm_asked_urgent(c->slot) &&
	    IS_ALIGNED(c->slot->address, UKSM_TILE_BYTES))
		slot_to_end(lane);
}

static void scan_step(enum lane lane, struct uksm_work *work)
{
	struct step step = {
		.cursor = &scan.cursor[lane],
		.slot = scan.cursor[lane].slot,
		.work = work,
	};
	long units = work->units;
	unsigned int looks = 0;
	bool rests = uksm_slot_rests(step.slot, &looks);

	work->units -= (long)looks * LOOK_UNITS;
	if (rests) {
		work->units -= TILE_UNITS / 4;
		scan.mergeable = true;
		uksm_stats_add(pages_skipped, step.slot->records);
		slot_scanned(lane);
		return;
	}
	/* No memory for a domain, or just about to exit: it has its turn in the next full scan. */
	if (!uksm_mm_slot_join_domain(step.slot)) {
		work->units -= step.slot->asked ? LOCKED_UNITS : STEP_UNITS;
		if (step.slot->asked)
			slot_put_off(lane);
		else
			slot_scanned(lane);
		return;
	}
	switch (uksm_mm_slot_enter(step.slot)) {
	case UKSM_ENTER_DEAD:
		work->units -= STEP_UNITS;
		uksm_scan_leave_slot(step.slot);
		uksm_mm_slot_bury(step.slot);
		return;
	case UKSM_ENTER_LOCKED:
		work->units -= LOCKED_UNITS;
		slot_put_off(lane);
		return;
	case UKSM_ENTERED:
		scan.locked = NULL;
		step.slot->put_off -= min(step.slot->put_off, PUT_OFF_REGAINED);
		break;
	}
	if (!step.slot->address)
		uksm_mm_slot_measure(step.slot);
	scan_inside(&step);
	step.slot->contended = step.awaited;
	uksm_mm_slot_leave(step.slot);
	forget_outside(&step);
	uksm_asked_cost(step.slot, units - work->units);
	if (step.done)
		slot_visited(lane);
	else
		slot_turn(lane, units - work->units);
}

/* Full scans */

/*
 * A page just faulted in sits in a per-CPU batch with a reference of its own, and would
 * be taken for one in use.
 */
static void drain_later(void)
{
	scan.drain = true;
	scan.next_drain = jiffies + msecs_to_jiffies(DRAIN_MSECS);
}

static void full_scan_start(void)
{
	scan.phase = DISCOVERING;
	uksm_discovery_begin(&scan.walk);
}

/* All processes have been looked at: false if there is none to scan. */
static bool full_scan_discovered(void)
{
	uksm_mm_slots_settle_all();
	memset(scan.cursor, 0, sizeof(scan.cursor));
	scan.lanes = (struct uksm_lanes){ 0 };
	scan.mergeable = false;
	scan.cursor[SETTLED].slot = uksm_mm_slots_first(UKSM_SLOTS_SETTLED);
	if (!scan.cursor[SETTLED].slot) {
		scan.phase = RESTING;
		return false;
	}
	scan.locked = NULL;
	scan.wait = false;
	scan.phase = SCANNING;
	trace_uksm_start_scan(uksm_stats.full_scans, uksm_stats_pages());
	drain_later();
	return true;
}

static enum uksm_scan_end full_scan_end(void)
{
	cursor_leave(NEWCOMERS);
	scan.phase = RESTING;
	uksm_prune_begin();
	uksm_checksum_age();
	trace_uksm_stop_scan(uksm_stats.full_scans, uksm_stats_pages());
	/* ksmd stands still when there is nothing to merge, and so does its count. */
	if (scan.mergeable) {
		uksm_stats_inc(full_scans);
		return UKSM_SCAN_FULL;
	}
	return uksm_mm_slots_first(UKSM_SLOTS_NEW) ? UKSM_SCAN_MORE : UKSM_SCAN_IDLE;
}

/* Go on looking for processes, if that is under way. */
static enum uksm_scan_end discover(struct uksm_work *work)
{
	unsigned int processes = PROCESSES_A_STEP;
	bool done = uksm_discovery_step(&scan.walk, &processes);

	work->units -= (long)(PROCESSES_A_STEP - processes) * PROCESS_UNITS;
	if (!done)
		return UKSM_SCAN_MORE;
	if (scan.phase == DISCOVERING)
		return full_scan_discovered() ? UKSM_SCAN_MORE : UKSM_SCAN_IDLE;
	if (scan.walk.found && !time_before(jiffies, scan.next_drain))
		drain_later();
	return UKSM_SCAN_MORE;
}

static enum lane choose_lane(void)
{
	struct scan_cursor *newcomers = &scan.cursor[NEWCOMERS];

	if (!newcomers->slot)
		newcomers->slot = uksm_mm_slots_first_newcomer();
	if (uksm_asked_urgent(newcomers->slot))
		return NEWCOMERS;
	if (uksm_asked_urgent(scan.cursor[SETTLED].slot))
		return SETTLED;
	return uksm_policy_newcomers_turn(&scan.lanes, newcomers->slot, true) ? NEWCOMERS :
										SETTLED;
}

/**
 * uksm_scan_newcomers() - look for processes that have just become mergeable
 *
 * Context: the caller holds uksm_mutex.
 * Return: how many processes the last look has gone through.
 */
unsigned int uksm_scan_newcomers(void)
{
	unsigned int looked = scan.walk.looked;

	lockdep_assert_held(&uksm_mutex);
	/* Between two full scans they are found anyway. */
	if (scan.phase == SCANNING && !scan.walk.pid)
		uksm_discovery_begin(&scan.walk);
	return looked;
}

/** uksm_scan_drain() - have the LRU batches drained: pages that have gone may lie there */
void uksm_scan_drain(void)
{
	lockdep_assert_held(&uksm_mutex);
	scan.drain = true;
}

/**
 * uksm_scan_wants_drain() - are the LRU batches to be drained?
 *
 * True once, and then it is to be done before the next slice, without any lock held.
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_scan_wants_drain(void)
{
	bool drain = scan.drain;

	lockdep_assert_held(&uksm_mutex);
	scan.drain = false;
	return drain;
}

/**
 * uksm_scan() - scan some memory, up to the end of the full scan at most
 * @work: how much, and how long; what has been done is taken off. One step is done in
 *	any case, so that nobody can keep the scanner from its work
 *
 * Context: called by the scanner thread, which holds uksm_mutex. Sleeps.
 */
enum uksm_scan_end uksm_scan(struct uksm_work *work)
{
	enum lane lane;
	bool asked;
	long units;

	lockdep_assert_held(&uksm_mutex);

	uksm_hold_advance();
	if (work->units <= 0)
		return UKSM_SCAN_MORE;
	if (scan.drain)
		return UKSM_SCAN_MORE;
	if (scan.phase == RESTING)
		full_scan_start();
	if (scan.walk.pid || scan.phase == DISCOVERING) {
		if (discover(work) == UKSM_SCAN_IDLE)
			return UKSM_SCAN_IDLE;
		if (scan.phase == DISCOVERING || scan.drain)
			return UKSM_SCAN_MORE;
	}
	do {
		if (!scan.cursor[SETTLED].slot)
			return full_scan_end();
		lane = choose_lane();
		units = work->units;
		asked = uksm_asked_urgent(scan.cursor[lane].slot);
		scan_step(lane, work);
		/* The newcomers do not owe for what was asked for. */
		if (!asked)
			uksm_policy_lane_worked(&scan.lanes, lane == NEWCOMERS,
						units - work->units);
		/* Nor do others get more than their pace, when it is done or locked. */
		else if (!uksm_asked_due())
			break;
		cond_resched();
	} while (work->units > 0 && !scan.wait && !scan_interrupted(work));
	if (!scan.cursor[SETTLED].slot)
		return full_scan_end();
	if (!scan.wait)
		return UKSM_SCAN_MORE;
	scan.wait = false;
	return UKSM_SCAN_LOCKED;
}

/**
 * uksm_scan_meets_new() - is there memory that has hardly been looked at since it came?
 *
 * Newcomers, and those that have settled before they were scanned, which come first.
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_scan_meets_new(void)
{
	const struct uksm_mm_slot *slot = scan.cursor[SETTLED].slot;

	lockdep_assert_held(&uksm_mutex);
	return uksm_mm_slots_newcomer_due() || (slot && slot->looks < UKSM_LOOKS);
}

/**
 * uksm_scan_slot_grown() - have an address space scanned that has grown, as newcomers are
 * @slot: slot; if it is just being scanned, nothing is done
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_slot_grown(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (slot->where != UKSM_SLOTS_SETTLED || slot->address ||
	    slot == scan.cursor[SETTLED].slot)
		return;
	slot->looks = 0;
	uksm_mm_slot_move(slot, UKSM_SLOTS_NEW, NULL);
}

/**
 * uksm_scan_slot_asked() - have an address space scanned now that has been asked for
 * @slot: slot; one that has no domain just now is scanned when it has
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_slot_asked(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	slot->put_off = 0;
	if (!slot_scannable(slot))
		return;
	uksm_scan_leave_slot(slot);
	slot->address = 0;
	slot->seen_until = 0;
	slot->resumes = false;
	slot_first(slot);
	drain_later();
}

/**
 * uksm_scan_urgent() - is there something to be scanned now that has been asked for?
 *
 * Then it comes next.
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_scan_urgent(void)
{
	struct uksm_mm_slot *slot = uksm_asked_due();

	lockdep_assert_held(&uksm_mutex);
	if (!slot)
		return false;
	/* About to leave its domain, and not scanned before it has. */
	if (!slot_scannable(slot)) {
		slot->put_off += !slot->put_off;
		uksm_asked_put_off(slot);
		return false;
	}
	/* Not to take the last one from a full scan, which would end before it has begun. */
	if (slot != scan.cursor[SETTLED].slot && slot != scan.cursor[NEWCOMERS].slot)
		slot_first(slot);
	return true;
}

/**
 * uksm_scan_leave_slot() - a slot is about to die: have no cursor on it
 * @slot: slot
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_leave_slot(const struct uksm_mm_slot *slot)
{
	enum lane lane;

	lockdep_assert_held(&uksm_mutex);
	if (scan.locked == slot)
		scan.locked = NULL;
	for (lane = 0; lane < NR_LANES; lane++)
		if (scan.cursor[lane].slot == slot)
			cursor_leave(lane);
}

/**
 * uksm_scan_reset() - begin anew with a full scan
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_scan_reset(void)
{
	lockdep_assert_held(&uksm_mutex);
	memset(&scan, 0, sizeof(scan));
}
