// SPDX-License-Identifier: GPL-2.0-only
#include "engine/reaper.h"

#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "engine/announce.h"
#include "engine/domain.h"
#include "engine/forget.h"
#include "engine/frames.h"
#include "engine/knobs.h"
#include "engine/leave.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/prune.h"
#include "engine/scan.h"
#include "engine/stable_tree.h"
#include "pure/checksum.h"

/* How often all address spaces are asked whether their process has exited. */
#define SWEEP_MSECS	500

/* How much of each is done at a time, some hundred microseconds. */
#define SLOTS_AT_ONCE	1024u
#define RECORDS_AT_ONCE	2048u
#define NODES_AT_ONCE	64u
#define BUCKETS_AT_ONCE	64u

/*
 * How long after the records of a process its merged pages are looked for that were still there
 * then: it may take its time to exit, or a CPU may have them in a batch. And how long at most when
 * they are there for long, as pages that others have by fork().
 */
#define PRUNE_MSECS	500u
#define PRUNE_MSECS_MAX	64000u

static unsigned long next_sweep;
/* Slots that the sweep under way has still to look at. */
static unsigned long nr_to_sweep;
/* When to look for such pages again, in jiffies, and how long to wait then; 0: there are none. */
static unsigned long prune_at;
static unsigned int prune_msecs;

/* Look for processes that have exited. What holds their memory goes at once. */
static void sweep(void)
{
	struct uksm_mm_slot *slot;
	unsigned int slots;

	if (!nr_to_sweep) {
		if (time_before(jiffies, next_sweep))
			return;
		next_sweep = jiffies + msecs_to_jiffies(SWEEP_MSECS);
		nr_to_sweep = uksm_mm_slots_living();
	}
	slots = min_t(unsigned long, nr_to_sweep, SLOTS_AT_ONCE);
	nr_to_sweep -= slots;
	while (slots-- && (slot = uksm_mm_slots_sweep())) {
		if (uksm_mm_slot_exited(slot)) {
			uksm_scan_leave_slot(slot);
			uksm_mm_slot_bury(slot);
		} else if (uksm_mm_slot_left_domain(slot)) {
			uksm_leave_begin(slot);
		} else if (uksm_knobs_auto() && uksm_mm_slot_grown(slot)) {
			uksm_scan_slot_grown(slot);
		}
	}
}

static void prune_later(unsigned int msecs)
{
	prune_msecs = msecs;
	prune_at = jiffies + msecs_to_jiffies(msecs);
	uksm_scan_drain();
}

/* Somebody's records have gone. */
static void prune_soon(void)
{
	if (uksm_stable_nr_empty() && (!prune_msecs || prune_msecs > PRUNE_MSECS))
		prune_later(PRUNE_MSECS);
}

/* Full scans do this as well; but there may be none for long, nor anybody to scan. */
static void prune_after_deaths(void)
{
	if (!prune_msecs || time_before(jiffies, prune_at))
		return;
	if (!uksm_stable_nr_empty())
		prune_msecs = 0;
	else if (uksm_prune_begin())
		prune_later(min(2 * prune_msecs, PRUNE_MSECS_MAX));
}

/* Forget what they had. A record whose merged page is locked just now waits for another time. */
static void dismantle(void)
{
	struct uksm_mm_slot *slot = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
	unsigned int records = RECORDS_AT_ONCE;

	while (slot && records && !uksm_engine_is_awaited()) {
		uksm_forget_in_pieces(slot, &slot->address, TASK_SIZE_MAX, &records);
		if (slot->address < TASK_SIZE_MAX)
			return;
		if (xa_empty(&slot->chunks)) {
			uksm_mm_slot_free(slot);
			records -= min(records, 8u);
		} else {
			slot->address = 0;
			uksm_mm_slot_move(slot, UKSM_SLOTS_DEAD, NULL);
			return;
		}
		slot = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		if (!slot)
			prune_soon();
	}
}

/**
 * uksm_reap() - do a little of what is to be done whether the scanner runs or not
 *
 * Context: called by the scanner thread, which holds uksm_mutex.
 * Return: true if there is more, so that it should be called again soon.
 */
bool uksm_reap(void)
{
	bool leaving, pruning;

	lockdep_assert_held(&uksm_mutex);

	sweep();
	leaving = uksm_leave_step();
	dismantle();
	prune_after_deaths();
	pruning = uksm_prune_step(NODES_AT_ONCE);
	uksm_announce_step(RECORDS_AT_ONCE);
	uksm_checksum_age_step(BUCKETS_AT_ONCE);
	if (!uksm_domains_fresh_frames())
		uksm_frames_drain();
	return leaving || pruning || nr_to_sweep || uksm_mm_slots_first(UKSM_SLOTS_DEAD);
}

/** uksm_reaper_needed() - is there, or may there be, anything to be reaped? */
bool uksm_reaper_needed(void)
{
	lockdep_assert_held(&uksm_mutex);
	return uksm_mm_slots_living() || uksm_mm_slots_first(UKSM_SLOTS_DEAD) || prune_msecs;
}
