// SPDX-License-Identifier: GPL-2.0-only
#include "engine/admin.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "engine/announce.h"
#include "engine/domain.h"
#include "engine/forget.h"
#include "engine/frames.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/reaper.h"
#include "engine/scan.h"
#include "engine/stable_tree.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "engine/unload.h"
#include "engine/unmerge_all.h"
#include "kernel/stock.h"
#include "pure/checksum.h"

/* Held by who changes run or a knob of the trees, from begin to end. */
static DEFINE_MUTEX(admin_mutex);

/* The module is being unloaded: whoever writes a file gives up. */
static bool stopping;

/* How long a write of 2 to run waits for processes to exit, or to end forking. */
#define UNMERGE_EXITS_MSECS	30000
#define UNMERGE_RETRY_MSECS	20u
#define UNMERGE_RETRY_MSECS_MAX	1000u
/* Processes looked at without a break. */
#define PROCESSES_AT_ONCE	256u

/* Have the engine without the scanner, from here to admin_end(). 0 or -EINTR. */
static int admin_begin(void)
{
	int err = uksm_engine_lock();

	if (!err) {
		uksm_engine_set_admin_at_work(true);
		uksm_engine_drop();
	}
	return err;
}

static void admin_end(void)
{
	uksm_engine_take_always();
	uksm_engine_set_admin_at_work(false);
	uksm_unload_guard();
	uksm_engine_drop();
}

/*
 * ksmd may have the machine again as soon as we do not run and hold nothing. Run
 * 0 stops the scanner with all that is merged, as with ksmd, so it may not. Under
 * admin_mutex, so that run stays what it is; not under uksm_mutex.
 */
static void stock_release_if_idle(void)
{
	if (!uksm_knobs_merging() && uksm_nothing_merged())
		uksm_stock_release();
}

/*
 * Forget what those had who have exited: the scanner, which sees to it otherwise, keeps off. As
 * long as it goes on; where a merged page is locked by somebody, until @until, in jiffies.
 */
static int reap_for_unmerge(unsigned long until)
{
	unsigned long before;
	bool more, stuck;
	int err;

	do {
		err = uksm_engine_lock();
		if (err)
			return err;
		before = uksm_stats.dead_meta_bytes;
		uksm_reap();
		more = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		stuck = more && uksm_stats.dead_meta_bytes == before;
		uksm_engine_drop();
		if (signal_pending(current) || READ_ONCE(stopping))
			return -EINTR;
		if (stuck && time_after(jiffies, until))
			return -EBUSY;
		uksm_engine_breathe(stuck);
	} while (more);
	return 0;
}

/*
 * Unmerge until nothing is left. What a process maps that is just exiting, or was forked by one
 * that forks all the time, takes some more rounds; but who writes run is to have an answer.
 */
static int unmerge_to_the_end(void)
{
	int err = uksm_unmerge_all(&stopping);
	unsigned long until = jiffies + msecs_to_jiffies(UNMERGE_EXITS_MSECS);
	unsigned int msecs = UNMERGE_RETRY_MSECS;

	for (;;) {
		err = err ?: reap_for_unmerge(until);
		if (err || uksm_nothing_merged())
			return err;
		if (time_after(jiffies, until))
			return -EBUSY;
		schedule_timeout_idle(msecs_to_jiffies(msecs));
		/* Each round goes through all processes. */
		msecs = min(2 * msecs, UNMERGE_RETRY_MSECS_MAX);
		err = uksm_unmerge_all(&stopping);
	}
}

static int run_unmerge(void)
{
	int err;

	/* Should the copies exhaust memory after all, the writer is the one to go. */
	set_current_oom_origin();
	err = unmerge_to_the_end();
	clear_current_oom_origin();

	uksm_engine_take_always();
	uksm_scan_reset();
	/* ksmd starts counting anew as well. */
	if (err)
		WRITE_ONCE(uksm_knobs.run, UKSM_RUN_STOP);
	else
		WRITE_ONCE(uksm_stats.full_scans, 0);
	/* With nothing recorded, what was learnt of checksums can go as well. */
	if (!err && !uksm_stable_nr_empty() && !uksm_mm_slots_first(UKSM_SLOTS_DEAD))
		uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	uksm_frames_drain();
	uksm_engine_drop();
	return err;
}

static int run_change(unsigned int run)
{
	int err;

	if (run == UKSM_RUN_MERGE) {
		err = uksm_stock_claim();
		if (err)
			return err;
	}
	err = admin_begin();
	if (err)
		return err;
	WRITE_ONCE(uksm_knobs.run, run);
	if (run == UKSM_RUN_UNMERGE)
		err = run_unmerge();
	admin_end();
	return err;
}

/**
 * uksm_admin_set_run() - what a write to the run file does
 * @run: enum uksm_run
 *
 * Context: process context; waits for the scanner's slice to end, and with
 * %UKSM_RUN_UNMERGE for all pages to be unmerged. Killable.
 * Return: 0; -EBUSY when ksmd runs or holds merged pages. When unmerging was not
 * completed, and then run is 0: -ENOMEM for want of memory, the machine's or that of a
 * memory cgroup; -EBUSY where userfaultfd keeps the kernel from it, an mmap_lock could not
 * be had for half a minute, or a process is still exiting, or forks too quickly; -ERESTARTSYS, -EINTR.
 */
int uksm_admin_set_run(unsigned int run)
{
	int err = mutex_lock_killable(&admin_mutex);

	if (err)
		return err;
	if (READ_ONCE(stopping))
		err = -ENODEV;
	else if (run != uksm_knobs.run)
		err = run_change(run);
	if (!READ_ONCE(stopping))
		stock_release_if_idle();
	mutex_unlock(&admin_mutex);
	uksmd_wake();
	return err;
}

/* Forget all records, of which none is merged, some at a time. 0 or -EINTR. */
static int forget_all(void)
{
	struct uksm_mm_slot *slot;
	unsigned int records;
	int err;

	do {
		err = uksm_engine_lock();
		if (err)
			return err;
		records = 1024;
		slot = uksm_mm_slots_first_living();
		while (slot && records) {
			uksm_forget_range(slot, &slot->address, TASK_SIZE_MAX, &records);
			if (slot->address < TASK_SIZE_MAX)
				break;
			slot->address = 0;
			if (xa_empty(&slot->chunks))
				uksm_mm_slot_bury(slot);
			slot = uksm_mm_slots_first_living();
		}
		/* The dead come last; of them the reaper's work is done. */
		while (!slot && records && uksm_reap())
			records -= min(records, 512u);
		slot = slot ?: uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		uksm_engine_drop();
		uksm_engine_breathe(false);
	} while (slot && !READ_ONCE(stopping));
	return READ_ONCE(stopping) ? -EINTR : 0;
}

/* A knob that is changed while no page is merged, and none recorded. */
static int change_tree_knob(unsigned int *knob, unsigned int value)
{
	int err;

	if (!uksm_nothing_merged())
		return -EBUSY;
	err = uksm_engine_lock();
	if (err)
		return err;
	/* All cursors begin anew, so addresses of slots are free for use. */
	uksm_scan_reset();
	uksm_mm_slots_settle_all();
	uksm_engine_drop();
	err = forget_all();
	if (err)
		return err;
	err = uksm_engine_lock();
	if (err)
		return err;
	/* What was to be announced to pages that are forgotten is none. */
	uksm_announce_step(UINT_MAX);
	if (!uksm_domains_only_default()) {
		uksm_engine_drop();
		return -EBUSY;
	}
	WRITE_ONCE(*knob, value);
	uksm_domains_set_hardening(uksm_knobs.hardening);
	uksm_frames_drain();
	uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	uksm_engine_drop();
	return 0;
}

/**
 * uksm_admin_set_tree_knob() - set a knob that decides what is where in the trees
 * @knob: merge_across_nodes, max_page_sharing, isolation, hardening or
 *	checksum_lines of uksm_knobs
 * @value: one that is valid for it
 *
 * A change takes effect at once: all that is known of pages that are not merged is
 * forgotten, and found again by the next full scan.
 *
 * Context: process context; waits for the scanner's slice to end. Killable.
 * Return: 0, -EBUSY while pages are merged, or -EINTR.
 */
int uksm_admin_set_tree_knob(unsigned int *knob, unsigned int value)
{
	int err = mutex_lock_killable(&admin_mutex);

	if (err)
		return err;
	if (READ_ONCE(stopping)) {
		err = -ENODEV;
	} else if (value != *knob) {
		err = admin_begin();
		if (!err) {
			err = change_tree_knob(knob, value);
			admin_end();
		}
		if (!err)
			stock_release_if_idle();
	}
	mutex_unlock(&admin_mutex);
	uksmd_wake();
	return err;
}

/**
 * uksm_admin_discover() - find all processes that may have merged pages, although nothing is scanned
 *
 * The scanner finds them otherwise. What a child has by a fork() while run is 0 is in no slot.
 *
 * Context: process context; waits for the scanner's slice to end. Killable.
 * Return: 0; -EINTR, -ENODEV when the module is unloaded.
 */
int uksm_admin_discover(void)
{
	struct uksm_discovery walk;
	int err = mutex_lock_killable(&admin_mutex);
	bool done = false;

	if (err)
		return err;
	uksm_discovery_begin(&walk);
	while (!done && !err) {
		unsigned int processes = PROCESSES_AT_ONCE;

		if (READ_ONCE(stopping)) {
			err = -ENODEV;
			break;
		}
		err = uksm_engine_lock();
		if (err)
			break;
		/* Without anything merged there is nothing to be found, and ksmd may have the machine. */
		done = (!uksm_stats.pages_shared && !uksm_stats.zero_pages) ||
		       uksm_discovery_step(&walk, &processes);
		uksm_engine_drop();
		uksm_engine_breathe(false);
	}
	mutex_unlock(&admin_mutex);
	return err;
}

/**
 * uksm_admin_stopping() - the module is about to be unloaded: whoever writes a file gives up
 *
 * The files can be removed only when nobody is in them.
 */
void uksm_admin_stopping(void)
{
	WRITE_ONCE(stopping, true);
}

/** uksm_admin_is_stopping() - is it about to be unloaded? */
bool uksm_admin_is_stopping(void)
{
	return READ_ONCE(stopping);
}
