// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process has, or all processes of a domain, is merged at once, for whoever has written
 * merge_now: he waits, the scanner does it, before all else and without its pauses.
 */
#include "engine/merge_now.h"

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "compat/compat.h"
#include "engine/admin.h"
#include "engine/asked.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/scan.h"
#include "engine/uksmd.h"
#include "kernel/owner.h"
#include "pure/policy.h"

/* How often to look whether it can still come to an end. */
#define LOOK_MSECS	100
/*
 * So long nothing may move, in sum: an mmap_lock that others hold, for instance, or give back but
 * for moments. And in so long it must get on by so many pages. Under max_cpu_percentage the
 * scanner sleeps most of the time: longer, and fewer.
 */
#define STUCK_MSECS	30000
#define STUCK_PAGES	16384UL

/* Held by who has asked, until he has his answer: one at a time. */
static DEFINE_MUTEX(merge_now_mutex);

/* With 0, uksm_mutex is held, and nothing is asked for. */
static int ask_begin(void)
{
	int err = uksm_engine_lock();

	if (err)
		return err;
	if (!uksm_knobs_merging()) {
		uksm_engine_drop();
		return -EAGAIN;
	}
	uksm_asked_begin();
	return 0;
}

static void ask_for(struct uksm_mm_slot *slot)
{
	uksm_asked_add(slot);
	uksm_scan_slot_asked(slot);
}

static void ask_no_more(void)
{
	unsigned long slots;

	uksm_engine_take_always();
	for (slots = uksm_mm_slots_living(); slots; slots--)
		uksm_asked_drop(uksm_mm_slots_sweep(), true);
	uksm_engine_drop();
}

/**
 * struct course - how what was asked for has gone so far
 * @units: what it had cost at the last look
 * @at: when that was, in jiffies
 * @still: for how long nothing has moved, in sum
 * @window_units: what it had cost when the window began
 * @window: when that was
 */
struct course {
	unsigned long units;
	unsigned long at;
	unsigned long still;
	unsigned long window_units;
	unsigned long window;
};

/* Is it stuck, or nearly? How fast it goes others may decide, who hold an mmap_lock. */
static bool course_stuck(struct course *c, unsigned long units)
{
	unsigned int percentage = READ_ONCE(uksm_knobs.max_cpu_percentage);
	unsigned long least = STUCK_PAGES * UKSM_PAGE_UNITS / 100 * percentage;
	unsigned long now = jiffies;

	if (units == c->units)
		c->still += now - c->at;
	c->units = units;
	c->at = now;
	if (c->still > msecs_to_jiffies(STUCK_MSECS) * 100 / percentage)
		return true;
	if (time_before(now, c->window + msecs_to_jiffies(STUCK_MSECS)))
		return false;
	if (units - c->window_units < least)
		return true;
	c->window_units = units;
	c->window = now;
	return false;
}

/* Wait until the scanner has done it, or cannot. */
static int wait_done(void)
{
	struct course course = { .at = jiffies, .window = jiffies };
	struct uksm_asked now;
	int err = 0;

	uksmd_wake();
	while (!err) {
		err = uksm_asked_wait(LOOK_MSECS);
		now = uksm_asked_progress();
		if (!now.slots)
			return now.lost ? -EAGAIN : 0;
		if (err)
			break;
		if (uksm_admin_is_stopping())
			err = -ENODEV;
		else if (!uksm_knobs_merging())
			err = -EAGAIN;
		else if (course_stuck(&course, now.units))
			err = -EBUSY;
	}
	ask_no_more();
	return err;
}

static int ask_for_process(struct task_struct *process, struct mm_struct *mm)
{
	struct uksm_mm_slot *slot;
	int err = ask_begin();

	if (err)
		return err;
	slot = uksm_mm_slot_of(process, mm);
	/* As it is by now: the list of groups may have changed since the slot was last looked at. */
	if (slot ? uksm_mm_slot_barred(slot, true) : !uksm_mm_wants_merge(mm))
		err = -EPERM;
	else if (!slot)
		err = atomic_read(&mm->mm_users) ? -ENOMEM : -ESRCH;
	else
		ask_for(slot);
	uksm_engine_drop();
	return err;
}

/* The address space of a process, with a reference, whose leader may have exited; or NULL. */
static struct mm_struct *process_mm(struct task_struct *process)
{
	struct mm_struct *mm = NULL;
	unsigned int looked = 0;
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(process, thread) {
		mm = get_task_mm(thread);
		if (mm || ++looked == UKSM_THREADS_MAX)
			break;
	}
	rcu_read_unlock();
	return mm;
}

/* What it executes by the time that it has its turn is what it has. */
static int merge_process(struct task_struct *process)
{
	struct mm_struct *mm = process_mm(process);
	int err;

	lockdep_assert_held(&merge_now_mutex);
	if (!mm)
		return -ESRCH;
	/* Not to keep its memory, which it may be about to give up. */
	mmgrab(mm);
	mmput_async(mm);
	err = ask_for_process(process, mm) ?: wait_done();
	if (!err && !atomic_read(&mm->mm_users))
		err = -ESRCH;
	mmdrop(mm);
	return err;
}

/**
 * uksm_merge_now_process() - merge what a process has
 * @pid: its process ID, as the caller's namespace has it
 *
 * Context: process context; waits until the scanner has gone through its memory twice. Ended by
 * a signal, and then goes on at the scanner's pace.
 * Return: 0; -ESRCH if there is no such process, or it has exited meanwhile; -EPERM if it takes
 * no part in merging; -EAGAIN if run is not 1, or has changed, or the process has gone to
 * another domain, or maps new memory faster than it is scanned; -EBUSY if hardly anything has
 * moved for half a minute; -ENOMEM; -EINTR; -ENODEV when the module is unloaded.
 */
int uksm_merge_now_process(int pid)
{
	struct pid *number = find_get_pid(pid);
	struct task_struct *process = get_pid_task(number, PIDTYPE_TGID);
	int err = process ? 0 : -ESRCH;

	put_pid(number);
	if (!err)
		err = mutex_lock_interruptible(&merge_now_mutex) ? -EINTR : 0;
	if (!err) {
		err = merge_process(process);
		mutex_unlock(&merge_now_mutex);
	}
	if (process)
		put_task_struct(process);
	return err;
}

static int ask_for_domain(const struct uksm_domain_key *key)
{
	struct uksm_domain *domain;
	struct uksm_mm_slot *slot;
	unsigned long slots;
	int err = ask_begin();

	if (err)
		return err;
	domain = uksm_domain_find(key);
	if (!domain)
		err = -ESRCH;
	/* Some nanoseconds for each process. */
	for (slots = domain ? uksm_mm_slots_living() : 0; slots; slots--) {
		slot = uksm_mm_slots_sweep();
		if (slot->domain == domain && slot->where != UKSM_SLOTS_LEAVING)
			ask_for(slot);
	}
	uksm_engine_drop();
	return err;
}

/**
 * uksm_merge_now_domain() - merge what the processes of a domain have
 * @key: which
 *
 * Those that belong to it by now, and not the newcomers. Who exits meanwhile is left out.
 *
 * Context: as uksm_merge_now_process().
 * Return: the same, -ESRCH if there is no such domain.
 */
int uksm_merge_now_domain(const struct uksm_domain_key *key)
{
	int err = mutex_lock_interruptible(&merge_now_mutex) ? -EINTR : 0;

	if (err)
		return err;
	err = ask_for_domain(key) ?: wait_done();
	mutex_unlock(&merge_now_mutex);
	return err;
}
