// SPDX-License-Identifier: GPL-2.0-only
#include "engine/mm_slot.h"

#include <linux/hash.h>
#include <linux/lockdep.h>
#include <linux/mmap_lock.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/asked.h"
#include "engine/domain.h"
#include "engine/enlist.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/stats.h"
#include "kernel/cgroups.h"
#include "kernel/mm_lock.h"
#include "kernel/owner.h"
#include "kernel/race.h"
#include "kernel/stock.h"

/* A process has grown that has so many pages more than it had, and such a part of it. */
#define GROWN_PAGES	512UL
#define GROWN_SHARE	8

static struct rhashtable slot_table;
static struct list_head slot_lists[UKSM_NR_SLOT_LISTS];
/* All that are not dead, those first that were looked at least recently. */
static LIST_HEAD(sweep_list);
static unsigned long nr_living;
static u64 last_serial;

static const struct rhashtable_params slot_params = {
	.key_len = sizeof(struct mm_struct *),
	.key_offset = offsetof(struct uksm_mm_slot, mm),
	.head_offset = offsetof(struct uksm_mm_slot, hash),
	.automatic_shrinking = true,
};

static struct uksm_mm_slot *slot_find(const struct mm_struct *mm)
{
	return rhashtable_lookup_fast(&slot_table, &mm, slot_params);
}

/*
 * Once processes have been enlisted, who is met with the mark for all of his memory does not have it
 * of his own accord: his parent was enlisted, before a fork, if not he, or what he was before he
 * executed something. Or he has set it himself, which cannot be told.
 *
 * A race that is not closed: a fork() that has copied the flags of the parent before, and its
 * mappings after the parent was marked, gives a child with mergeable mappings and no such mark. It
 * passes for one that has asked.
 */
static void slot_meet(struct uksm_mm_slot *slot)
{
	slot->stranger = !uksm_mm_wants_merge(slot->mm);
	slot->enlisted = uksm_mm_merges_any(slot->mm) && uksm_cgroups_ever(UKSM_CGROUPS_INCLUDED);
}

/*
 * Atomic context: under RCU and task_lock(). On real-time kernels that lock and the allocator's
 * sleep, which is allowed under RCU there. The table's buckets have bit locks, which do not, and
 * nothing is allocated under one. The caller has seen to it that @mm cannot be freed meanwhile.
 */
static bool slot_add(struct mm_struct *mm, bool stock_free)
{
	struct uksm_mm_slot *slot = kzalloc(sizeof(*slot), GFP_NOWAIT | __GFP_NOWARN);

	if (!slot)
		return false;

	slot->serial = ++last_serial;
	slot->credit = hash_64(slot->serial, 32);
	slot->mm = mm;
	xa_init(&slot->chunks);
	if (rhashtable_insert_fast(&slot_table, &slot->hash, slot_params)) {
		kfree(slot);
		return false;
	}
	mmgrab(mm);
	uksm_mm_counters_adopt(mm, stock_free);
	slot_meet(slot);
	slot->where = UKSM_SLOTS_NEW;
	list_add_tail(&slot->list, &slot_lists[UKSM_SLOTS_NEW]);
	list_add_tail(&slot->sweep, &sweep_list);
	nr_living++;
	uksm_mm_slot_meta_add(slot, sizeof(*slot));
	return true;
}

/* One that has not asked, and is to take part, is found again when it is marked. */
static bool mm_add(struct mm_struct *mm, bool stock_free, bool strangers)
{
	struct uksm_mm_slot *slot = slot_find(mm);
	bool wants = uksm_mm_wants_merge(mm);

	/* Not when all is to be unmerged, or a part: walks are for that as well. */
	if (!wants && !strangers && uksm_knobs_merging() && uksm_owner_enlists(mm))
		uksm_enlist(mm);
	if (slot && wants && slot->stranger)
		slot_meet(slot);
	return !slot && (wants || strangers) && slot_add(mm, stock_free);
}

/*
 * If the process has memory to merge and no slot yet, give it one; with @strangers whatever
 * it has. The group leader may have exited before its threads: then the first thread that
 * still has the address space answers for it. True if there is a new slot.
 */
static bool process_add(struct task_struct *process, bool strangers)
{
	unsigned int looked = 0;
	struct task_struct *thread;
	bool added = false;

	for_each_thread(process, thread) {
		struct mm_struct *mm;

		/* task_lock() keeps thread->mm, and thereby the mm, alive. */
		task_lock(thread);
		mm = thread->mm;
		/* PF_KTHREAD never changes, whatever the thread does to other flags. */
		if (mm && !(data_race(thread->flags) & PF_KTHREAD))
			added = mm_add(mm, uksm_stock_idle_since(process->start_boottime),
				       strangers);
		task_unlock(thread);
		if (mm || ++looked == UKSM_THREADS_MAX)
			break;
	}
	return added;
}

/** uksm_discovery_begin() - begin a walk over all processes */
void uksm_discovery_begin(struct uksm_discovery *walk)
{
	*walk = (struct uksm_discovery){ .pid = 1 };
}

/**
 * uksm_discovery_step() - find address spaces that asked for merging
 * @walk: where to go on
 * @processes: how many to look at, at most; less those on return
 *
 * Those that madvise() or prctl() has made mergeable and those forked from them carry
 * MMF_VM_MERGEABLE (set by __ksm_enter()); with @walk->strangers others as well. New slots come to the end of
 * %UKSM_SLOTS_NEW. One for which memory is short is found by the next walk.
 *
 * Context: the caller holds uksm_mutex.
 * Return: true when all processes have been looked at.
 */
bool uksm_discovery_step(struct uksm_discovery *walk, unsigned int *processes)
{
	struct task_struct *process;
	struct pid *pid = NULL;

	lockdep_assert_held(&uksm_mutex);

	rcu_read_lock();
	while (walk->pid && *processes) {
		--*processes;
		walk->looked++;
		pid = uksm_kcall(find_ge_pid)(walk->pid, &init_pid_ns);
		if (!pid) {
			walk->pid = 0;
			break;
		}
		process = pid_task(pid, PIDTYPE_TGID);
		if (process)
			walk->found += process_add(process, walk->strangers);
		walk->pid = pid_nr(pid) + 1;
	}
	rcu_read_unlock();
	uksm_race_point("discover-enter");
	return !walk->pid;
}

/**
 * uksm_mm_slot_of() - the slot of a process
 * @process: the process; one that takes part in merging, and has no slot yet, gets it
 * @mm: its address space, of which the caller holds the structure
 *
 * Context: the caller holds uksm_mutex.
 * Return: the slot; NULL if it takes no part, is exiting, or memory is short.
 */
struct uksm_mm_slot *uksm_mm_slot_of(struct task_struct *process, struct mm_struct *mm)
{
	lockdep_assert_held(&uksm_mutex);
	if (!uksm_mm_wants_merge(mm))
		return NULL;
	rcu_read_lock();
	process_add(process, false);
	rcu_read_unlock();
	return slot_find(mm);
}

/** uksm_mm_slots_first() - the first slot of a list, or NULL */
struct uksm_mm_slot *uksm_mm_slots_first(enum uksm_slot_list where)
{
	lockdep_assert_held(&uksm_mutex);
	return list_first_entry_or_null(&slot_lists[where], struct uksm_mm_slot, list);
}

/** uksm_mm_slots_first_living() - the first slot of any list but the dead ones, or NULL */
struct uksm_mm_slot *uksm_mm_slots_first_living(void)
{
	return uksm_mm_slots_first(UKSM_SLOTS_NEW) ?:
	       uksm_mm_slots_first(UKSM_SLOTS_AGAIN) ?:
	       uksm_mm_slots_first(UKSM_SLOTS_LEAVING) ?:
	       uksm_mm_slots_first(UKSM_SLOTS_EXCLUDED) ?:
	       uksm_mm_slots_first(UKSM_SLOTS_SETTLED);
}

/* Has enough time passed since its last look to see what has held still? */
static bool look_due(const struct uksm_mm_slot *slot)
{
	return time_after(jiffies, slot->looked_at + msecs_to_jiffies(UKSM_LOOK_MSECS));
}

/** uksm_mm_slots_newcomer_due() - is there a newcomer that is to be scanned now? */
bool uksm_mm_slots_newcomer_due(void)
{
	const struct uksm_mm_slot *again = uksm_mm_slots_first(UKSM_SLOTS_AGAIN);

	return uksm_mm_slots_first(UKSM_SLOTS_NEW) || (again && look_due(again));
}

/**
 * uksm_mm_slots_first_newcomer() - the newcomer that is to be scanned next, or NULL
 *
 * One whose second look is due becomes one of %UKSM_SLOTS_NEW again.
 *
 * Context: the caller holds uksm_mutex, as for all that have to do with the lists.
 */
struct uksm_mm_slot *uksm_mm_slots_first_newcomer(void)
{
	struct uksm_mm_slot *slot = uksm_mm_slots_first(UKSM_SLOTS_NEW);

	if (slot || !uksm_mm_slots_newcomer_due())
		return slot;
	slot = uksm_mm_slots_first(UKSM_SLOTS_AGAIN);
	uksm_mm_slot_move(slot, UKSM_SLOTS_NEW, NULL);
	return slot;
}

/** uksm_mm_slot_looked() - a slot has been scanned to its end */
void uksm_mm_slot_looked(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (slot->looks == UKSM_LOOKS || (slot->looks && !look_due(slot)))
		return;
	slot->looks++;
	slot->looked_at = jiffies;
}

/** uksm_mm_slots_next() - the slot after this one in its list, or NULL */
struct uksm_mm_slot *uksm_mm_slots_next(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	return list_is_last(&slot->list, &slot_lists[slot->where]) ? NULL :
								     list_next_entry(slot, list);
}

/**
 * uksm_mm_slot_move() - put a slot into a list
 * @slot: slot
 * @where: which list
 * @before: the slot of that list before which it goes; NULL: at the end
 */
void uksm_mm_slot_move(struct uksm_mm_slot *slot, enum uksm_slot_list where,
		       struct uksm_mm_slot *before)
{
	lockdep_assert_held(&uksm_mutex);
	slot->where = where;
	list_move_tail(&slot->list, before ? &before->list : &slot_lists[where]);
}

/**
 * uksm_mm_slots_settle_all() - begin a round: all that live are in it, new ones first
 *
 * Takes time for each slot, some nanoseconds.
 */
void uksm_mm_slots_settle_all(void)
{
	struct uksm_mm_slot *slot;

	lockdep_assert_held(&uksm_mutex);
	list_splice_init(&slot_lists[UKSM_SLOTS_AGAIN], &slot_lists[UKSM_SLOTS_SETTLED]);
	list_splice_init(&slot_lists[UKSM_SLOTS_NEW], &slot_lists[UKSM_SLOTS_SETTLED]);
	list_for_each_entry(slot, &slot_lists[UKSM_SLOTS_SETTLED], list) {
		slot->where = UKSM_SLOTS_SETTLED;
		if (!slot->resumes && !slot->asked)
			slot->address = 0;
		slot->resumes = false;
		slot->seen_until = 0;
		slot->weighed = false;
		if (!slot->asked)
			slot->put_off = 0;
	}
}

static void settle_list(enum uksm_slot_list where)
{
	struct uksm_mm_slot *slot;

	while ((slot = uksm_mm_slots_first(where))) {
		slot->address = 0;
		uksm_mm_slot_move(slot, UKSM_SLOTS_SETTLED, NULL);
	}
}

/** uksm_mm_slots_settle_others() - those that leave their domain or have none, too */
void uksm_mm_slots_settle_others(void)
{
	lockdep_assert_held(&uksm_mutex);
	settle_list(UKSM_SLOTS_LEAVING);
	settle_list(UKSM_SLOTS_EXCLUDED);
}

/** uksm_mm_slots_living() - how many address spaces there are that have not exited */
unsigned long uksm_mm_slots_living(void)
{
	lockdep_assert_held(&uksm_mutex);
	return nr_living;
}

/**
 * uksm_mm_slots_sweep() - look at all that are not dead, in turns
 *
 * Context: the caller holds uksm_mutex.
 * Return: the slot whose turn it is, or NULL if there is none.
 */
struct uksm_mm_slot *uksm_mm_slots_sweep(void)
{
	struct uksm_mm_slot *slot;

	lockdep_assert_held(&uksm_mutex);
	slot = list_first_entry_or_null(&sweep_list, struct uksm_mm_slot, sweep);
	if (slot)
		list_move_tail(&slot->sweep, &sweep_list);
	return slot;
}

/**
 * uksm_mm_slot_barred() - is nothing of an address space to be merged, whatever its process says?
 * @slot: slot that is not dead
 * @unknown: what to say of one that has no owner any more
 *
 * Who was enlisted and has refused since, by prctl(), has nothing merged; what he asks for
 * afterwards he asks for himself.
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_mm_slot_barred(const struct uksm_mm_slot *slot, bool unknown)
{
	lockdep_assert_held(&uksm_mutex);
	return uksm_owner_excluded(slot->mm, unknown) ||
	       (slot->enlisted && uksm_mm_merges_any(slot->mm) &&
		!uksm_owner_included(slot->mm, !unknown));
}

/**
 * uksm_mm_slot_join_domain() - have an address space belong to a domain
 * @slot: slot that is about to be scanned
 *
 * Context: the caller holds uksm_mutex. Allocates memory.
 * Return: false if there is no memory for that, or the process belongs to none; then it cannot be
 * scanned.
 */
bool uksm_mm_slot_join_domain(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (!slot->domain && !uksm_mm_slot_barred(slot, true))
		slot->domain = uksm_domain_enter(slot->mm);
	return slot->domain;
}

/** uksm_mm_slot_left_domain() - does a slot that is not dead belong to another, or none, by now? */
bool uksm_mm_slot_left_domain(const struct uksm_mm_slot *slot)
{
	bool excluded = slot->where == UKSM_SLOTS_EXCLUDED;

	if (uksm_mm_slot_barred(slot, excluded) != excluded)
		return true;
	return slot->domain && uksm_domain_left(slot->domain, slot->mm);
}

/**
 * uksm_mm_slot_begin_anew() - take a slot for one that has just come, or that is excluded
 * @slot: slot in no cursor, without records
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_mm_slot_begin_anew(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(!xa_empty(&slot->chunks));
	uksm_domain_leave(slot->domain);
	slot->domain = NULL;
	slot->address = 0;
	slot->seen_until = 0;
	slot->resumes = false;
	slot->looks = 0;
	slot->quiet = 0;
	if (uksm_mm_slot_barred(slot, true)) {
		uksm_asked_drop(slot, true);
		uksm_mm_slot_move(slot, UKSM_SLOTS_EXCLUDED, NULL);
	} else {
		uksm_mm_slot_move(slot, UKSM_SLOTS_NEW, NULL);
	}
}

/** uksm_mm_slot_exited() - has the process of a slot exited, which is not dead yet? */
bool uksm_mm_slot_exited(const struct uksm_mm_slot *slot)
{
	return !atomic_read(&slot->mm->mm_users);
}

/** uksm_mm_slot_measure() - note how much memory the process has: its scan begins */
void uksm_mm_slot_measure(struct uksm_mm_slot *slot)
{
	slot->anon_pages = get_mm_counter(slot->mm, MM_ANONPAGES);
}

/** uksm_mm_slot_grown() - has the process much more memory than when it was last scanned? */
bool uksm_mm_slot_grown(const struct uksm_mm_slot *slot)
{
	unsigned long pages = get_mm_counter(slot->mm, MM_ANONPAGES);

	return pages > slot->anon_pages + max(slot->anon_pages / GROWN_SHARE, GROWN_PAGES);
}

/**
 * uksm_mm_slot_bury() - let go of the address space of a slot
 * @slot: slot; it becomes dead, and keeps its records
 *
 * For a process that has exited, or all of whose pages have been unmerged.
 *
 * Context: the caller holds uksm_mutex, and is not inside the slot's mm.
 */
void uksm_mm_slot_bury(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	if (WARN_ON_ONCE(!slot->mm))
		return;

	uksm_asked_drop(slot, !uksm_mm_slot_exited(slot));
	rhashtable_remove_fast(&slot_table, &slot->hash, slot_params);
	list_del(&slot->sweep);
	nr_living--;
	mmdrop(slot->mm);
	slot->mm = NULL;
	slot->address = 0;
	uksm_stats_add(dead_meta_bytes, slot->meta_bytes);
	uksm_mm_slot_move(slot, UKSM_SLOTS_DEAD, NULL);
}

/**
 * uksm_mm_slot_free() - free a dead slot without records
 * @slot: slot; gone on return
 */
void uksm_mm_slot_free(struct uksm_mm_slot *slot)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(slot->mm || !xa_empty(&slot->chunks));
	uksm_mm_slot_meta_add(slot, -(long)sizeof(*slot));
	WARN_ON_ONCE(slot->meta_bytes);
	uksm_domain_leave(slot->domain);
	list_del(&slot->list);
	xa_destroy(&slot->chunks);
	kfree(slot);
}

/**
 * uksm_mm_slot_enter() - get hold of an address space and its mmap_lock
 * @slot: slot
 *
 * The lock is tried for only. Whoever has it may keep it for as long as a file system
 * in user space likes; and of two of these locks, which have no order among them, the
 * second could deadlock.
 *
 * Return: %UKSM_ENTERED, and then uksm_mm_slot_leave() must follow within
 * milliseconds, since others wait for the lock, and exit of the process for us.
 */
enum uksm_entered uksm_mm_slot_enter(struct uksm_mm_slot *slot)
{
	uksm_race_point("peer-enter");
	if (!slot->mm || !mmget_not_zero(slot->mm))
		return UKSM_ENTER_DEAD;
	if (mmap_read_trylock(slot->mm))
		return UKSM_ENTERED;
	mmput_async(slot->mm);
	return UKSM_ENTER_LOCKED;
}

/**
 * uksm_mm_slot_enter_wait() - as uksm_mm_slot_enter(), waiting in the line for the mmap_lock
 * @slot: slot
 * @msecs: so long at most
 * @stop: ends the wait when it becomes true; or NULL
 *
 * For who must get in at last, although others keep the lock busy.
 *
 * Context: the caller does not hold uksm_mutex, for which others would wait as long. He sees to
 * it that the slot is neither buried nor freed. A signal ends the wait.
 * Return: %UKSM_ENTER_LOCKED when the time is up, @stop is true, or there is a signal.
 */
enum uksm_entered uksm_mm_slot_enter_wait(struct uksm_mm_slot *slot, unsigned int msecs,
					  const bool *stop)
{
	if (!slot->mm || !mmget_not_zero(slot->mm))
		return UKSM_ENTER_DEAD;
	if (!uksm_mm_lock_within(slot->mm, msecs, stop))
		return UKSM_ENTERED;
	mmput_async(slot->mm);
	return UKSM_ENTER_LOCKED;
}

/**
 * uksm_mm_slot_awaited() - is it time to leave an address space?
 * @slot: one that has been entered
 *
 * Return: true if somebody waits for its mmap_lock, or the process has exited and its
 * memory waits for us to be freed.
 */
bool uksm_mm_slot_awaited(const struct uksm_mm_slot *slot)
{
	return mmap_lock_is_contended(slot->mm) || atomic_read(&slot->mm->mm_users) == 1;
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

/**
 * uksm_mm_slots_zero_pages() - how many addresses map the zero page by merging
 *
 * The records tell, up to when the scanner has last come by. The kernel takes such an
 * address off its own count of the address space as soon as it is written or unmapped; but
 * fork() gives a child all that its parent has, whether it has them or not. So the lesser
 * of the two is right.
 *
 * Context: the caller holds uksm_mutex. Takes time for each address space.
 */
unsigned long uksm_mm_slots_zero_pages(void)
{
	struct uksm_mm_slot *slot;
	unsigned long pages = 0;

	lockdep_assert_held(&uksm_mutex);
	list_for_each_entry(slot, &sweep_list, sweep)
		if (slot->zero_pages)
			pages += uksm_mm_zero_pages(slot->mm, slot->zero_pages);
	return pages;
}

/**
 * uksm_mm_slot_may_grow() - may more memory be used to keep track of its pages?
 * @slot: slot
 *
 * All together must not use more than max_metadata_percentage of the machine's memory, and
 * each not more than it leaves for others: with n that want all of it, each gets a part of
 * n + 1, and one is always left for who comes.
 */
bool uksm_mm_slot_may_grow(const struct uksm_mm_slot *slot)
{
	unsigned long most = totalram_pages() / 100 * READ_ONCE(uksm_knobs.max_metadata_percentage);
	unsigned long used = uksm_stats_meta_bytes() >> PAGE_SHIFT;

	return used < most && slot->meta_bytes >> PAGE_SHIFT <= most - used;
}

/**
 * uksm_mm_slot_meta_add() - account memory that is held for an address space
 * @slot: slot
 * @bytes: more, or less
 */
void uksm_mm_slot_meta_add(struct uksm_mm_slot *slot, long bytes)
{
	lockdep_assert_held(&uksm_mutex);
	slot->meta_bytes += bytes;
	uksm_stats_add(meta_bytes, bytes);
	if (slot->where == UKSM_SLOTS_DEAD)
		uksm_stats_add(dead_meta_bytes, bytes);
}

/** uksm_mm_slots_init() - make the table; 0 or -ENOMEM */
int uksm_mm_slots_init(void)
{
	unsigned int i;

	for (i = 0; i < UKSM_NR_SLOT_LISTS; i++)
		INIT_LIST_HEAD(&slot_lists[i]);
	return rhashtable_init(&slot_table, &slot_params);
}

/** uksm_mm_slots_exit() - free the table; there is no slot left */
void uksm_mm_slots_exit(void)
{
	unsigned int i;

	for (i = 0; i < UKSM_NR_SLOT_LISTS; i++)
		WARN_ON_ONCE(!list_empty(&slot_lists[i]));
	rhashtable_destroy(&slot_table);
}
