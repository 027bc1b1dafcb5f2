// SPDX-License-Identifier: GPL-2.0-only
#include "engine/mm_slot.h"

#include <linux/hashtable.h>
#include <linux/mmap_lock.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/record.h"
#include "engine/stats.h"
#include "engine/uksmd.h"

#define SLOT_HASH_BITS	10

static DEFINE_HASHTABLE(slot_hash, SLOT_HASH_BITS);
static LIST_HEAD(slot_list);

static struct uksm_mm_slot *slot_find(const struct mm_struct *mm)
{
	struct uksm_mm_slot *slot;

	hash_for_each_possible(slot_hash, slot, hash, (unsigned long)mm)
		if (slot->mm == mm)
			return slot;
	return NULL;
}

/* Atomic context. The caller has seen to it that @mm cannot be freed meanwhile. */
static struct uksm_mm_slot *slot_add(struct mm_struct *mm, struct list_head *after)
{
	struct uksm_mm_slot *slot = kzalloc(sizeof(*slot), GFP_NOWAIT | __GFP_NOWARN);

	if (!slot)
		return NULL;

	mmgrab(mm);
	slot->mm = mm;
	xa_init(&slot->chunks);
	uksm_mm_counters_adopt(mm);
	hash_add(slot_hash, &slot->hash, (unsigned long)mm);
	list_add(&slot->list, after);
	uksm_stats_add(meta_bytes, sizeof(*slot));
	return slot;
}

/*
 * If the process has memory to merge and no slot yet, give it one. The group
 * leader may have exited before its threads: then the first thread that still
 * has the address space answers for it.
 */
static struct uksm_mm_slot *process_add(struct task_struct *process, struct list_head *after)
{
	struct uksm_mm_slot *slot = NULL;
	struct task_struct *thread;

	for_each_thread(process, thread) {
		struct mm_struct *mm;

		/* task_lock() keeps thread->mm, and thereby the mm, alive. */
		task_lock(thread);
		mm = thread->mm;
		/* PF_KTHREAD never changes, whatever the thread does to other flags. */
		if (mm && !(data_race(thread->flags) & PF_KTHREAD) &&
		    uksm_mm_wants_merge(mm) && !slot_find(mm))
			slot = slot_add(mm, after);
		task_unlock(thread);
		if (mm)
			break;
	}
	return slot;
}

/**
 * uksm_mm_slots_discover() - find address spaces that asked for merging
 * @after: the slot behind which new ones go in the scanner's round; NULL: in front
 *
 * Walks all processes; those that madvise() or prctl() has made mergeable and
 * those forked from them carry MMF_VM_MERGEABLE (set by __ksm_enter()). One for
 * which memory is short is found by the next call.
 *
 * Context: the caller holds uksm_mutex.
 * Return: the first of the new slots, or NULL when there are none.
 */
struct uksm_mm_slot *uksm_mm_slots_discover(struct uksm_mm_slot *after)
{
	struct list_head *where = after ? &after->list : &slot_list;
	struct uksm_mm_slot *slot, *first = NULL;
	struct task_struct *process;

	lockdep_assert_held(&uksm_mutex);

	rcu_read_lock();
	for_each_process(process) {
		slot = process_add(process, where);
		if (!slot)
			continue;
		where = &slot->list;
		first = first ?: slot;
	}
	rcu_read_unlock();
	return first;
}

/** uksm_mm_slot_first() - the first slot of the scanner's round, or NULL */
struct uksm_mm_slot *uksm_mm_slot_first(void)
{
	lockdep_assert_held(&uksm_mutex);
	return list_first_entry_or_null(&slot_list, struct uksm_mm_slot, list);
}

/** uksm_mm_slot_last() - the last slot of the scanner's round, or NULL */
struct uksm_mm_slot *uksm_mm_slot_last(void)
{
	lockdep_assert_held(&uksm_mutex);
	return list_empty(&slot_list) ? NULL :
					list_last_entry(&slot_list, struct uksm_mm_slot, list);
}

/**
 * uksm_mm_slot_next() - the slot after this one, or NULL at the end of the round
 * @slot: a slot
 */
struct uksm_mm_slot *uksm_mm_slot_next(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	return list_is_last(&slot->list, &slot_list) ? NULL : list_next_entry(slot, list);
}

/**
 * uksm_mm_slot_del() - forget an address space and all of its pages
 * @slot: slot; gone on return
 *
 * For an address space that is dying, or that has no mergeable memory left.
 *
 * Context: the caller holds uksm_mutex, and is not inside the slot's mm. Sleeps.
 */
void uksm_mm_slot_del(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);

	uksm_tracked_del_range(slot, 0, TASK_SIZE_MAX);
	WARN_ON_ONCE(!xa_empty(&slot->chunks));
	hash_del(&slot->hash);
	list_del(&slot->list);
	mmdrop(slot->mm);
	kfree(slot);
	uksm_stats_sub(meta_bytes, sizeof(*slot));
}

/**
 * uksm_mm_slots_forget_pages() - drop every tracked page, keep the slots
 *
 * For a change that makes the records useless, such as another checksum.
 *
 * Context: as uksm_mm_slot_del().
 */
void uksm_mm_slots_forget_pages(void)
{
	struct uksm_mm_slot *slot;

	lockdep_assert_held(&uksm_mutex);
	list_for_each_entry(slot, &slot_list, list)
		uksm_tracked_del_range(slot, 0, TASK_SIZE_MAX);
}

/**
 * uksm_mm_slot_enter() - get hold of an address space and its mmap_lock
 * @slot: slot
 *
 * Return: false when the address space is being torn down: the slot is to be
 * dropped. Otherwise true, and uksm_mm_slot_leave() must follow within
 * milliseconds, since exit of the process waits for it.
 */
bool uksm_mm_slot_enter(struct uksm_mm_slot *slot)
{
	if (!mmget_not_zero(slot->mm))
		return false;
	mmap_read_lock(slot->mm);
	return true;
}

/**
 * uksm_mm_slot_tryenter() - as uksm_mm_slot_enter(), without waiting
 * @slot: slot
 *
 * For a second address space while the first one's mmap_lock is held: two of
 * these locks have no order among them, so waiting could deadlock.
 *
 * Return: true when entered.
 */
bool uksm_mm_slot_tryenter(struct uksm_mm_slot *slot)
{
	if (!mmget_not_zero(slot->mm))
		return false;
	if (mmap_read_trylock(slot->mm))
		return true;
	mmput_async(slot->mm);
	return false;
}

/**
 * uksm_mm_slot_leave() - undo uksm_mm_slot_enter()
 * @slot: slot
 *
 * mmput_async(), because the last reference may be ours: the scanner must not
 * run exit_mmap() of a big guest.
 */
void uksm_mm_slot_leave(struct uksm_mm_slot *slot)
{
	mmap_read_unlock(slot->mm);
	mmput_async(slot->mm);
}

/** uksm_mm_slots_exit() - drop all slots; the scanner has ended, nothing is merged */
void uksm_mm_slots_exit(void)
{
	struct uksm_mm_slot *slot, *next;

	mutex_lock(&uksm_mutex);
	list_for_each_entry_safe(slot, next, &slot_list, list)
		uksm_mm_slot_del(slot);
	mutex_unlock(&uksm_mutex);
}
