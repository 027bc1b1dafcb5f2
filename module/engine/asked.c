// SPDX-License-Identifier: GPL-2.0-only
#include "engine/asked.h"

#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/wait.h>

#include "engine/lock.h"
#include "engine/mm_slot.h"

/*
 * How often one that is asked for is scanned: the first time tells what is new, and what has
 * changed since it was last looked at; the second what has held still.
 */
#define PASSES	2

/* Written under uksm_mutex, and read without it by who waits or asks how far it is. */
static struct uksm_asked asked;
static DECLARE_WAIT_QUEUE_HEAD(asked_wait);

/**
 * uksm_asked_begin() - nothing is asked for yet
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_asked_begin(void)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(asked.slots);
	asked = (struct uksm_asked){ 0 };
}

/**
 * uksm_asked_add() - ask for an address space
 * @slot: slot that is not dead; uksm_scan_slot_asked() has it scanned
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_asked_add(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (!slot->asked)
		WRITE_ONCE(asked.slots, asked.slots + 1);
	slot->asked = PASSES;
	WRITE_ONCE(asked.pages, asked.pages + PASSES * get_mm_counter(slot->mm, MM_ANONPAGES));
}

/**
 * uksm_asked_drop() - an address space is asked for no more
 * @slot: slot; one that was not asked for is left as it is
 * @lost: it has not been scanned as it was to be
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_asked_drop(struct uksm_mm_slot *slot, bool lost)
{
	lockdep_assert_held(&uksm_mutex);
	if (!slot->asked)
		return;
	slot->asked = 0;
	WRITE_ONCE(asked.lost, asked.lost || lost);
	/* Who sees that it was the last one sees @lost as it is now. */
	smp_store_release(&asked.slots, asked.slots - 1);
	if (!asked.slots)
		wake_up_interruptible(&asked_wait);
}

/**
 * uksm_asked_visited() - an address space has been scanned from its begin to its end
 * @slot: slot
 *
 * Context: the caller holds uksm_mutex.
 * Return: true if it was asked for, and is to be scanned once more.
 */
bool uksm_asked_visited(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (slot->asked <= 1) {
		uksm_asked_drop(slot, false);
		return false;
	}
	slot->asked--;
	return true;
}

/** uksm_asked_looked() - so many pages of an address space have been looked at */
void uksm_asked_looked(const struct uksm_mm_slot *slot, unsigned int pages)
{
	lockdep_assert_held(&uksm_mutex);
	if (slot->asked)
		WRITE_ONCE(asked.looked, asked.looked + pages);
}

/**
 * uksm_asked_urgent() - is an address space to be scanned before all others?
 * @slot: slot, or NULL
 *
 * Not while others hold its mmap_lock: for how long they do is for its process to decide.
 */
bool uksm_asked_urgent(const struct uksm_mm_slot *slot)
{
	return slot && slot->asked && !slot->put_off;
}

/** uksm_asked_progress() - how far what was asked for has got */
struct uksm_asked uksm_asked_progress(void)
{
	struct uksm_asked now;

	/* Pairs with the release in uksm_asked_drop(). */
	now.slots = smp_load_acquire(&asked.slots);
	now.lost = READ_ONCE(asked.lost);
	now.looked = READ_ONCE(asked.looked);
	now.pages = READ_ONCE(asked.pages);
	return now;
}

/**
 * uksm_asked_wait() - wait until nothing is asked for any more
 * @msecs: so long at most
 *
 * Context: process context, with no lock that the scanner takes. Can be frozen.
 * Return: 0, with the time up or not; -EINTR for a signal.
 */
int uksm_asked_wait(unsigned int msecs)
{
	long left = wait_event_freezable_timeout(asked_wait, !READ_ONCE(asked.slots),
						 msecs_to_jiffies(msecs));

	return left < 0 ? -EINTR : 0;
}
