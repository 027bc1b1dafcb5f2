// SPDX-License-Identifier: GPL-2.0-only
#include "engine/unload.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "engine/frames.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/prune.h"
#include "engine/reaper.h"
#include "engine/stable_tree.h"
#include "engine/stats.h"
#include "engine/unmerge_all.h"
#include "kernel/stock.h"

/* The module reference that refuses an unload, see uksm_unload_guard(). Under uksm_mutex. */
static bool unload_refused;

/* How long an unload waits for memory, and for exiting processes to free merged pages. */
#define UNLOAD_MEMORY_MSECS	30000
#define UNLOAD_EXITS_MSECS	10000
#define UNLOAD_RETRY_MSECS	200
/* Rounds of the reaper during an unload, to see the slots of who was unmerged gone. */
#define UNLOAD_REAPS_MAX	256u
/* Free memory to leave alone when pages are unmerged for an unload. */
#define UNLOAD_RESERVE_PAGES	((32UL << 20) >> PAGE_SHIFT)
/* A refusal ends when there is so much more than needed, so that it does not come and go. */
#define UNLOAD_SPARE_PAGES	((8UL << 20) >> PAGE_SHIFT)

/**
 * uksm_unload_guard() - refuse an unload while it could not be done, or no more
 *
 * rmmod calls the exit function when it is too late to refuse, and by then each
 * merged page must get memory of its own. So as long as there is not enough for
 * that, the module holds a reference on itself, which makes rmmod fail. Looked at after
 * each slice, and twice a second while there is nothing to scan.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_unload_guard(void)
{
	unsigned long needed = uksm_stats.pages_sharing + uksm_stats.pages_shared;
	unsigned long available = max(si_mem_available(), 0L);
	unsigned long spare = unload_refused ? UNLOAD_SPARE_PAGES : 0;
	bool refuse;

	lockdep_assert_held(&uksm_mutex);
	/* Each address that maps the zero page gets a page, where they can be told. */
	if (uksm_zero_pages_marked())
		needed += uksm_stats.zero_pages;
	refuse = needed && needed + UNLOAD_RESERVE_PAGES + spare > available;
	if (refuse == unload_refused)
		return;

	if (!refuse) {
		module_put(THIS_MODULE);
	} else {
		if (!try_module_get(THIS_MODULE))
			return;
		pr_notice_ratelimited("unload is refused for now: it would unmerge %lu MiB, and %lu MiB are available\n",
				      needed >> (20 - PAGE_SHIFT),
				      available >> (20 - PAGE_SHIFT));
	}
	unload_refused = refuse;
}

/** uksm_unload_refused() - is an unload refused for now? Under uksm_mutex. */
bool uksm_unload_refused(void)
{
	lockdep_assert_held(&uksm_mutex);
	return unload_refused;
}

/*
 * Give all pages memory of their own. Memory that is short is waited for, for a while;
 * nobody is to be killed for the want of it, neither the machine's guests nor those of a
 * cgroup.
 */
static bool unmerge_for_unload(void)
{
	unsigned long until = jiffies + msecs_to_jiffies(UNLOAD_MEMORY_MSECS);
	int err;

	do {
		err = uksm_unmerge_all(NULL);
		if (err != -ENOMEM)
			break;
		pr_warn_ratelimited("waiting to unmerge %lu pages\n", uksm_stats.pages_sharing +
				    uksm_stats.zero_pages);
		schedule_timeout_idle(msecs_to_jiffies(UNLOAD_RETRY_MSECS));
	} while (time_before(jiffies, until));
	return !err;
}

/* Forget what those had who have exited: the scanner thread, which sees to it otherwise, has ended. */
static void reap_for_unload(void)
{
	unsigned int i;
	bool more = true;

	/* One with a page that is locked just now has its turn again the next time. */
	for (i = 0; more && i < UNLOAD_REAPS_MAX; i++) {
		uksm_engine_lock_always();
		more = uksm_reap();
		uksm_engine_drop();
		uksm_engine_breathe(false);
	}
}

/* Pages of processes that are just exiting, or were forked meanwhile, take another round. */
static bool wait_for_exits(void)
{
	unsigned long until = jiffies + msecs_to_jiffies(UNLOAD_EXITS_MSECS);

	reap_for_unload();
	while (!uksm_nothing_merged()) {
		if (time_after(jiffies, until))
			return false;
		schedule_timeout_idle(msecs_to_jiffies(UNLOAD_RETRY_MSECS));
		uksm_unmerge_all(NULL);
		reap_for_unload();
	}
	return true;
}

/* Forget what there is, of the living and the dead; then no node has an rmap_item. */
static void forget_for_unload(void)
{
	struct uksm_mm_slot *slot;
	bool more;

	do {
		uksm_engine_lock_always();
		while ((slot = uksm_mm_slots_first_living()))
			uksm_mm_slot_bury(slot);
		uksm_reap();
		more = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		uksm_engine_drop();
		uksm_engine_breathe(more && uksm_stats.pages_shared);
	} while (more);
}

/*
 * What could not be unmerged stays as it is, without a node: copy-on-write, and not movable.
 * Nothing that a process holds is lost.
 */
static void part_for_unload(void)
{
	unsigned long nodes;
	bool gone;

	uksm_engine_lock_always();
	nodes = uksm_stable_nr_empty();
	uksm_engine_drop();
	if (nodes)
		pr_warn("%lu merged pages stay mapped, without being movable, until their processes exit or write them\n",
			nodes);
	do {
		uksm_engine_lock_always();
		gone = uksm_stable_release(1024, true);
		uksm_engine_drop();
		uksm_engine_breathe(!gone);
	} while (!gone);
}

/**
 * uksm_unload() - unmerge everything, and part with what cannot be
 *
 * Context: process context. Nobody writes a file any more, and the scanner thread has ended.
 */
void uksm_unload(void)
{
	WRITE_ONCE(uksm_knobs.run, UKSM_RUN_UNMERGE);
	if (unmerge_for_unload())
		wait_for_exits();
	forget_for_unload();
	part_for_unload();
	uksm_engine_lock_always();
	uksm_frames_drain();
	uksm_engine_drop();
	uksm_stock_release();
}
