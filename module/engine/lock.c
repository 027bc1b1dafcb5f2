// SPDX-License-Identifier: GPL-2.0-only
#include "engine/lock.h"

#include <linux/atomic.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/wait.h>

DEFINE_MUTEX(uksm_mutex);

/* Where the scanner waits until it may have the engine. */
static DECLARE_WAIT_QUEUE_HEAD(engine_wait);
/* Memory is going offline: the trees must not be touched. Under uksm_mutex. */
static bool offlining;
static DECLARE_WAIT_QUEUE_HEAD(offlining_wait);
/* Somebody unmerges or forgets everything, in steps: the scanner keeps off. Under uksm_mutex. */
static bool admin_at_work;

/* Those who wait for uksm_mutex, in uksm_engine_take(). */
static atomic_t nr_waiting;

/**
 * uksm_engine_take() - have the engine, whether its trees may be touched or not
 *
 * The scanner gives way to who waits here.
 *
 * Context: process context; waits for one slice of work. Killable.
 * Return: 0; -EINTR when killed.
 */
int uksm_engine_take(void)
{
	int err;

	atomic_inc(&nr_waiting);
	err = mutex_lock_killable(&uksm_mutex);
	atomic_dec(&nr_waiting);
	return err;
}

/**
 * uksm_engine_take_always() - uksm_engine_take(), for who cannot be turned away
 *
 * Context: process context. Waits, but not in the state that a hung task is known by.
 */
void uksm_engine_take_always(void)
{
	atomic_inc(&nr_waiting);
	while (!mutex_trylock(&uksm_mutex))
		schedule_timeout_idle(1);
	atomic_dec(&nr_waiting);
}

/** uksm_engine_drop() - let others have the engine, the scanner too */
void uksm_engine_drop(void)
{
	mutex_unlock(&uksm_mutex);
	if (wq_has_sleeper(&engine_wait))
		wake_up_interruptible(&engine_wait);
}

/**
 * uksm_engine_lock() - have the engine at a time when its trees may be touched
 *
 * Context: process context; waits for one slice of work, and until memory that goes offline
 * has gone. Killable.
 * Return: 0; -EINTR when killed.
 */
int uksm_engine_lock(void)
{
	int err;

	for (;;) {
		err = uksm_engine_take();
		if (err)
			return err;
		if (!offlining)
			return 0;
		uksm_engine_drop();
		err = wait_event_killable(offlining_wait, !READ_ONCE(offlining));
		if (err)
			return -EINTR;
	}
}

/** uksm_engine_lock_always() - uksm_engine_lock(), for who cannot be turned away */
void uksm_engine_lock_always(void)
{
	for (;;) {
		uksm_engine_take_always();
		if (!offlining)
			return;
		uksm_engine_drop();
		wait_event_idle(offlining_wait, !READ_ONCE(offlining));
	}
}

/**
 * uksm_engine_trylock() - uksm_engine_lock(), without waiting for anybody
 *
 * Context: process context. May hold what others wait for with uksm_mutex held.
 * Return: true with uksm_mutex held.
 */
bool uksm_engine_trylock(void)
{
	if (mutex_trylock(&uksm_mutex)) {
		if (!offlining)
			return true;
		uksm_engine_drop();
	}
	return false;
}

/**
 * uksm_engine_is_awaited() - does somebody wait for uksm_mutex?
 *
 * Context: any.
 */
bool uksm_engine_is_awaited(void)
{
	return atomic_read(&nr_waiting);
}

/**
 * uksm_engine_breathe() - let others have the engine between two steps of a long work
 * @wait: the next step can do nothing for a moment
 *
 * Context: process context; the caller has dropped uksm_mutex.
 */
void uksm_engine_breathe(bool wait)
{
	if (wait)
		schedule_timeout_idle(msecs_to_jiffies(1));
	else
		cond_resched();
}

/* The scanner */

/* The scanner takes it when nobody else wants it. Called while about to sleep. */
static bool scanner_try_engine(void)
{
	if (READ_ONCE(offlining) || READ_ONCE(admin_at_work) || uksm_engine_is_awaited() ||
	    !mutex_trylock(&uksm_mutex))
		return false;
	if (!offlining && !admin_at_work)
		return true;
	mutex_unlock(&uksm_mutex);
	return false;
}

/**
 * uksm_engine_lock_scanner() - have the engine for a slice, when nobody else wants it
 *
 * Context: the scanner thread. Can be frozen, and is not taken for a hung task.
 * Return: true with uksm_mutex held; false when the thread is to end.
 */
bool uksm_engine_lock_scanner(void)
{
	bool taken = false;

	/* With a timeout, as who wanted it may have gone without having had it. */
	while (!taken && !kthread_should_stop())
		wait_event_freezable_timeout(engine_wait,
					     (taken = scanner_try_engine()) ||
					     kthread_should_stop(), HZ / 10);
	return taken;
}

/**
 * uksm_engine_scanner_waits() - does the scanner, which has had to wait, come first?
 *
 * Context: any. The answer may be out of date when it is used.
 */
bool uksm_engine_scanner_waits(void)
{
	return !READ_ONCE(admin_at_work) && !READ_ONCE(offlining) && wq_has_sleeper(&engine_wait);
}

/* Who keeps others off */

/**
 * uksm_engine_set_admin_at_work() - keep the scanner off between the steps of a long work
 * @at_work: from now on; false: no more
 *
 * Context: the caller holds uksm_mutex, and drops it with uksm_engine_drop().
 */
void uksm_engine_set_admin_at_work(bool at_work)
{
	lockdep_assert_held(&uksm_mutex);
	WRITE_ONCE(admin_at_work, at_work);
}

/**
 * uksm_engine_close() - memory is going offline: all keep off the trees until it is decided
 *
 * Context: process context; may hold the locks of memory hotplug. Killable.
 * Return: 0; -EINTR when killed.
 */
int uksm_engine_close(void)
{
	int err = uksm_engine_take();

	if (err)
		return err;
	WRITE_ONCE(offlining, true);
	uksm_engine_drop();
	return 0;
}

/** uksm_engine_open() - it is decided, one way or the other: the trees may be touched */
void uksm_engine_open(void)
{
	uksm_engine_take_always();
	WRITE_ONCE(offlining, false);
	uksm_engine_drop();
	wake_up_all(&offlining_wait);
}

/**
 * uksm_engine_is_closed() - are the trees to be left alone?
 *
 * Context: the caller holds uksm_mutex, by uksm_engine_take() or uksm_engine_take_always().
 */
bool uksm_engine_is_closed(void)
{
	lockdep_assert_held(&uksm_mutex);
	return offlining;
}
