// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who only tries for an mmap_lock may never get one that others always hold and wait for. So one
 * has to wait in the line, and that has no timeout. But a signal ends it, and what TIF_NOTIFY_SIGNAL
 * says is one that nobody else sees.
 */
#include "kernel/mm_lock.h"

#include <linux/jiffies.h>
#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/timer.h>

/* How often to look whether the wait is to end. */
#define LOOK_MSECS	100

/* Who waits, until when at most, in jiffies, and what ends it before. */
static struct {
	struct task_struct *task;
	unsigned long until;
	const bool *stop;
} waiter;

static void look(struct timer_list *timer)
{
	if (time_before(jiffies, waiter.until) && !(waiter.stop && READ_ONCE(*waiter.stop)))
		mod_timer(timer, jiffies + msecs_to_jiffies(LOOK_MSECS));
	else if (!test_and_set_tsk_thread_flag(waiter.task, TIF_NOTIFY_SIGNAL))
		wake_up_process(waiter.task);
}

static DEFINE_TIMER(looks, look);

/**
 * uksm_mm_lock_within() - take an mmap_lock for reading, waiting in the line for a while
 * @mm: address space, of which the caller has a reference to its users
 * @msecs: so long at most
 * @stop: ends the wait when it becomes true, some time later; or NULL
 *
 * Context: one caller at a time, who holds no lock that anybody waits for. A signal ends
 * the wait.
 * Return: 0, or -EINTR: the time is up, @stop is true, or there is a signal.
 */
int uksm_mm_lock_within(struct mm_struct *mm, unsigned int msecs, const bool *stop)
{
	int err;

	waiter.task = current;
	waiter.until = jiffies + msecs_to_jiffies(msecs);
	waiter.stop = stop;
	mod_timer(&looks, jiffies + msecs_to_jiffies(LOOK_MSECS));
	err = down_read_interruptible(&mm->mmap_lock);
	timer_delete_sync(&looks);

	/* Ours is taken back, but not what others want done: they set the flag last. */
	clear_notify_signal();
	if (task_work_pending(current))
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	return err;
}
