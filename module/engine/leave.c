// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process has gone over to another domain: moved to another cgroup, or become another user.
 * From the moment that this is noticed nothing more of it merges in the old domain. All its
 * pages are unmerged, its records forgotten; then it is a newcomer in the new one. Or it
 * has been excluded, and then it is left alone.
 */
#include "engine/leave.h"

#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>

#include "engine/batch.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/scan.h"
#include "engine/unmerge.h"

/* How long to wait where somebody holds a lock, or memory is short. */
#define LOCKED_MSECS	5
#define MEMORY_MSECS	500

/* Memory for one step at a time. */
static struct uksm_batch batch;
static unsigned long next_try;

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
	uksm_scan_leave_slot(slot);
	slot->address = 0;
	slot->unmerged = false;
	uksm_mm_slot_move(slot, UKSM_SLOTS_LEAVING, NULL);
}

/* It has its turn again when the others have had theirs. */
static void later(struct uksm_mm_slot *slot, unsigned int msecs)
{
	uksm_mm_slot_move(slot, UKSM_SLOTS_LEAVING, NULL);
	next_try = jiffies + msecs_to_jiffies(msecs);
}

/**
 * uksm_leave_step() - do a little for those that leave: a part of a page table, or some records
 *
 * Context: called by the scanner thread, which holds uksm_mutex.
 * Return: true if there is more to be done now.
 */
bool uksm_leave_step(void)
{
	struct uksm_mm_slot *slot = uksm_mm_slots_first(UKSM_SLOTS_LEAVING);

	lockdep_assert_held(&uksm_mutex);
	if (!slot || time_before(jiffies, next_try))
		return false;
	switch (uksm_unmerge_slot(slot, &batch)) {
	case 0:
		uksm_mm_slot_begin_anew(slot);
		break;
	case -EBUSY:
		later(slot, LOCKED_MSECS);
		return false;
	case -ENOMEM:
		later(slot, MEMORY_MSECS);
		return false;
	default:
		break;
	}
	return uksm_mm_slots_first(UKSM_SLOTS_LEAVING);
}
