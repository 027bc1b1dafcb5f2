// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process has gone over to another domain: moved to another cgroup, or become another user.
 * From the moment that this is noticed nothing more of it merges in the old domain. All its
 * pages are unmerged, its records forgotten; then it is a newcomer in the new one. Or it
 * has been excluded, and then it is left alone.
 */
#include "engine/leave.h"

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/time64.h>

#include "compat/compat.h"
#include "engine/asked.h"
#include "engine/batch.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/scan.h"
#include "engine/unmerge.h"
#include "kernel/owner.h"

/* One that leaves has a turn of so long, and then the others have theirs. */
#define TURN_NS		(1 * NSEC_PER_MSEC)
/* So many of those that have to wait are passed over at a time. */
#define WAITING_AT_ONCE	64u
/* How long to wait where somebody holds a lock, memory is short, or the kernel refuses a copy. */
#define LOCKED_MSECS	5
#define MEMORY_MSECS	500
#define REFUSED_MSECS	10000

/* Memory for one step at a time. */
static struct uksm_batch batch;

/**
 * uksm_leave_begin() - have an address space leave its domain
 * @slot: slot that is not dead
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_leave_begin(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (slot->where == UKSM_SLOTS_LEAVING)
		return;
	/* Nothing of it is recorded; a page that has stayed merged is met by the scan. */
	if (slot->where == UKSM_SLOTS_EXCLUDED) {
		uksm_mm_slot_begin_anew(slot);
		return;
	}
	uksm_scan_leave_slot(slot);
	/* It would have to be gone through anew there, as often as its process likes to move. */
	uksm_asked_drop(slot, true);
	slot->address = 0;
	slot->unmerged = false;
	slot->refused = false;
	slot->leave_at = jiffies;
	uksm_mm_slot_move(slot, UKSM_SLOTS_LEAVING, NULL);
}

/* It has its turn again when the others have had theirs. */
static void later(struct uksm_mm_slot *slot, unsigned int msecs)
{
	uksm_mm_slot_move(slot, UKSM_SLOTS_LEAVING, NULL);
	slot->leave_at = jiffies + msecs_to_jiffies(msecs);
}

/* The first that has not to wait, or NULL. Who waits is for its process to decide. */
static struct uksm_mm_slot *next_to_leave(void)
{
	struct uksm_mm_slot *slot;
	unsigned int i;

	for (i = 0; i < WAITING_AT_ONCE; i++) {
		slot = uksm_mm_slots_first(UKSM_SLOTS_LEAVING);
		if (!slot || time_after_eq(jiffies, slot->leave_at))
			return slot;
		uksm_mm_slot_move(slot, UKSM_SLOTS_LEAVING, NULL);
	}
	return NULL;
}

/*
 * All is done that can be. Pages that have stayed merged are met by the scan in the new domain;
 * but nobody scans one that is excluded, so it is gone through again.
 */
static void has_left(struct uksm_mm_slot *slot)
{
	if (slot->refused && uksm_mm_slot_barred(slot, true)) {
		slot->address = 0;
		slot->refused = false;
		slot->unmerged = false;
		later(slot, REFUSED_MSECS);
	} else {
		uksm_mm_slot_begin_anew(slot);
	}
}

/**
 * uksm_leave_step() - do a little for those that leave, parts of page tables, or some records
 *
 * Context: called by the scanner thread, which holds uksm_mutex. Takes a millisecond at most,
 * and less when somebody else wants that.
 * Return: true if there is more to be done now.
 */
bool uksm_leave_step(void)
{
	struct uksm_mm_slot *slot = next_to_leave();
	u64 until_ns = ktime_get_ns() + TURN_NS;
	int err;

	lockdep_assert_held(&uksm_mutex);
	if (!slot)
		return false;
	do {
		err = uksm_unmerge_slot(slot, &batch);
	} while (err == -EAGAIN && ktime_get_ns() < until_ns && !uksm_engine_is_awaited() &&
		 !uksm_cpu_awaited());
	switch (err) {
	case 0:
		has_left(slot);
		break;
	case -EBUSY:
		later(slot, LOCKED_MSECS);
		break;
	case -ENOMEM:
		later(slot, MEMORY_MSECS);
		break;
	default:
		later(slot, 0);
		break;
	}
	return next_to_leave();
}
