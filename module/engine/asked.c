// SPDX-License-Identifier: GPL-2.0-only
#include "engine/asked.h"

#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/wait.h>

#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "pure/policy.h"

/*
 * How often one that is asked for is scanned: the first time tells what is new, and what has
 * changed since it was last looked at; the second what has held still.
 */
#define PASSES	2

/*
 * What that takes is known when it is asked for. A process that maps more and more ahead of the
 * scanner, or gives it the same again, is not followed for ever: only up to so many times as
 * much, and so many pages more.
 */
#define COST_TIMES	4UL
#define COST_PAGES	32768UL

/* Where others hold its mmap_lock it is tried for again after so long. */
#define LOCKED_MSECS	20

/* Those that are asked for, the ones tried longest ago first. Under uksm_mutex. */
static LIST_HEAD(asked_list);

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

/* What PASSES passes over an address space cost, at most, if it stays as it is. */
static unsigned long cost_of(const struct uksm_mm_slot *slot)
{
	struct mm_struct *mm = slot->mm;
	unsigned long pages = get_mm_counter(mm, MM_ANONPAGES) + COST_PAGES;
	unsigned long entries = mm_pgtables_bytes(mm) / sizeof(pte_t);

	return PASSES * (pages * UKSM_PAGE_UNITS + entries + (unsigned long)mm->map_count) +
	       slot->records * UKSM_RECORD_UNITS;
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
	if (!slot->asked) {
		WRITE_ONCE(asked.slots, asked.slots + 1);
		list_add_tail(&slot->asked_link, &asked_list);
	}
	slot->asked = PASSES;
	slot->asked_units = COST_TIMES * cost_of(slot);
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
	list_del(&slot->asked_link);
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
 * uksm_asked_cost() - a step in an address space that could be entered has cost so much
 * @slot: slot; if it was asked for and has cost too much, it is asked for no more
 * @units: see UKSM_PAGE_UNITS
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_asked_cost(struct uksm_mm_slot *slot, long units)
{
	lockdep_assert_held(&uksm_mutex);
	if (!slot->asked)
		return;
	WRITE_ONCE(asked.units, asked.units + units);
	slot->asked_units -= units;
	if (slot->asked_units < 0)
		uksm_asked_drop(slot, true);
}

/* Is it to be tried now? How long others hold its mmap_lock is for its process to decide. */
static bool slot_due(const struct uksm_mm_slot *slot)
{
	return !slot->put_off ||
	       time_after(jiffies, slot->tried_at + msecs_to_jiffies(LOCKED_MSECS));
}

/** uksm_asked_urgent() - is an address space, or NULL, to be scanned before all others? */
bool uksm_asked_urgent(const struct uksm_mm_slot *slot)
{
	return slot && slot->asked && slot_due(slot);
}

/**
 * uksm_asked_put_off() - an address space could not be scanned just now
 * @slot: slot; if it was asked for it is tried again in a while, however long the scanner
 *	sleeps, and the others that were have their turn before
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_asked_put_off(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (!slot->asked)
		return;
	slot->put_off = max(slot->put_off, 1u);
	slot->tried_at = jiffies;
	list_move_tail(&slot->asked_link, &asked_list);
}

/** uksm_asked_due() - an address space that is to be scanned before all others, or NULL */
struct uksm_mm_slot *uksm_asked_due(void)
{
	struct uksm_mm_slot *slot;

	lockdep_assert_held(&uksm_mutex);
	slot = list_first_entry_or_null(&asked_list, struct uksm_mm_slot, asked_link);
	return uksm_asked_urgent(slot) ? slot : NULL;
}

/** uksm_asked_any() - is anything asked for? A hint, without a lock */
bool uksm_asked_any(void)
{
	return READ_ONCE(asked.slots);
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
	now.units = READ_ONCE(asked.units);
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
