// SPDX-License-Identifier: GPL-2.0-only
/*
 * The full scan goes through all address spaces that were there when it began: the
 * settled ones, in turns. Those that ask for merging meanwhile are newcomers: they get up to half
 * of the scanner's work, in turns among them, and settle when they have been scanned, or
 * when the next full scan begins. So what is new is found early, since most is to be
 * found there, and whatever comes, full scans end.
 */
#include "engine/scan.h"

#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "engine/asked.h"
#include "engine/chunk.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/prune.h"
#include "engine/rest.h"
#include "engine/stats.h"
#include "engine/step.h"
#include "kernel/cgroups.h"
#include "kernel/owner.h"
#include "pure/checksum.h"
#include "pure/policy.h"
#include "surface/trace.h"

/* What a look costs, in units: see UKSM_PAGE_UNITS. */
#define PROCESS_UNITS	4	/* a process, whether it is one to scan */
#define LOCKED_UNITS	(8 * UKSM_PAGE_UNITS)	/* an mmap_lock that others hold */

/* How many are looked at before the locks are dropped, at most. */
#define PROCESSES_A_STEP	256u

/*
 * An mmap_lock held by others is tried for so often, and for so long, at least. Each time
 * that it could be had makes up for some times that it could not.
 */
#define PUT_OFF_TIMES	32u
#define PUT_OFF_MSECS	100
#define PUT_OFF_REGAINED	4u
/* An address space's turn among those of its lane, in units. */
#define TURN_UNITS	(4096L * UKSM_PAGE_UNITS)
/* For newcomers the LRU batches are drained no more often. */
#define DRAIN_MSECS	1000

enum lane { SETTLED, NEWCOMERS, NR_LANES };

/**
 * struct scan_cursor - where a lane has got to
 * @slot: address space being scanned; its address says how far. NULL: none
 * @turn: units that @slot has had of its turn
 * @visit: of the tile at the slot's address
 */
struct scan_cursor {
	struct uksm_mm_slot *slot;
	long turn;
	struct uksm_tile_visit visit;
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
	bool passed_over;	/* an address space was, as its weight is small */
	unsigned int heaviest;	/* weight of those with records that the last full scan has met */
	unsigned int heaviest_so_far;	/* and of those that this one has */
	unsigned int lightest_so_far;
	unsigned int age_credit;	/* weak samples age by the looks at the lightest */
	bool drain;		/* LRU batches are to be drained before the next slice */
	unsigned long next_drain;
} scan;

/* The lane goes on with another address space. */
static void cursor_leave(enum lane lane)
{
	struct scan_cursor *c = &scan.cursor[lane];

	if (!c->slot)
		return;
	uksm_tile_visit_end(&c->visit, c->slot);
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

	uksm_tile_visit_end(&c->visit, slot);
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

	/* What was asked for is not, until who has asked gives up: it is one of the newcomers. */
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
	uksm_asked_put_off(slot);
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

static unsigned int slot_weight(const struct uksm_mm_slot *slot)
{
	unsigned int weight = uksm_owner_weight(slot->mm, UKSM_WEIGHT_DEFAULT);

	/* Others do not wait for who has nothing that is scanned. */
	if (slot->records) {
		scan.heaviest_so_far = max(scan.heaviest_so_far, weight);
		scan.lightest_so_far = min(scan.lightest_so_far, weight);
	}
	return weight;
}

/*
 * Is it a slot's turn in this full scan? What has just come, or grown, or was asked for, is in any,
 * also if it has settled meanwhile. The heaviest is that of the last full scan: if it has exited
 * since, this one passes over too much.
 */
static bool slot_due(enum lane lane, struct uksm_mm_slot *slot)
{
	bool due;

	if (lane == NEWCOMERS || slot->weighed)
		return true;
	slot->weighed = true;
	if (!uksm_cgroups_any(UKSM_CGROUPS_WEIGHTS)) {
		slot->visits++;
		return true;
	}
	due = uksm_policy_weight_due(&slot->credit, slot_weight(slot), scan.heaviest) ||
	      slot->looks < UKSM_LOOKS || slot->asked;
	slot->visits += due;
	return due;
}

/* Is it not this slot's turn, or does it rest? Then the lane goes on with the next one. */
static bool slot_passed_over(enum lane lane, struct uksm_work *work)
{
	struct uksm_mm_slot *slot = scan.cursor[lane].slot;
	unsigned int looks = 0;
	bool rests;

	if (!slot_due(lane, slot)) {
		work->units -= PROCESS_UNITS;
		scan.passed_over = true;
		/* Where it was given up it goes on when it is its turn. */
		slot->resumes = slot->address;
		cursor_leave(lane);
		return true;
	}
	rests = uksm_slot_rests(slot, &looks);
	work->units -= (long)looks * UKSM_LOOK_UNITS;
	if (!rests)
		return false;
	work->units -= UKSM_TILE_UNITS / 4;
	scan.mergeable = true;
	uksm_stats_add(pages_skipped, slot->records);
	slot_scanned(lane);
	return true;
}

static void scan_step(enum lane lane, struct uksm_work *work)
{
	struct uksm_step step = {
		.visit = &scan.cursor[lane].visit,
		.slot = scan.cursor[lane].slot,
		.work = work,
	};
	long units = work->units;

	if (slot_passed_over(lane, work))
		return;
	/* No memory for a domain, or just about to exit: it has its turn in the next full scan. */
	if (!uksm_mm_slot_join_domain(step.slot)) {
		work->units -= step.slot->asked ? LOCKED_UNITS : UKSM_STEP_UNITS;
		if (step.slot->asked)
			slot_put_off(lane);
		else
			slot_scanned(lane);
		return;
	}
	switch (uksm_mm_slot_enter(step.slot)) {
	case UKSM_ENTER_DEAD:
		work->units -= UKSM_STEP_UNITS;
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
	uksm_step_inside(&step);
	scan.mergeable = scan.mergeable || step.mergeable;
	step.slot->contended = step.awaited;
	uksm_mm_slot_leave(step.slot);
	uksm_step_outside(&step);
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
	scan.passed_over = false;
	scan.heaviest = scan.heaviest_so_far;
	scan.heaviest_so_far = 0;
	scan.lightest_so_far = UINT_MAX;
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
	if (uksm_policy_weight_due(&scan.age_credit, scan.lightest_so_far, scan.heaviest_so_far))
		uksm_checksum_age();
	/* Those that were heavier have nothing: the next one passes over nobody. */
	if (!scan.mergeable)
		scan.heaviest_so_far = 0;
	trace_uksm_stop_scan(uksm_stats.full_scans, uksm_stats_pages());
	/* ksmd stands still when there is nothing to merge, and so does its count. */
	if (scan.mergeable) {
		uksm_stats_inc(full_scans);
		return UKSM_SCAN_FULL;
	}
	return uksm_mm_slots_first(UKSM_SLOTS_NEW) || scan.passed_over ? UKSM_SCAN_MORE :
									 UKSM_SCAN_IDLE;
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
		uksm_cpu_give();
	} while (work->units > 0 && !scan.wait && !uksm_work_interrupted(work));
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
	slot->quiet = 0;
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

	if (!slot)
		return false;
	/* About to leave its domain, and not scanned before it has. */
	if (!slot_scannable(slot)) {
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
