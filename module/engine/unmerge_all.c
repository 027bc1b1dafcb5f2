// SPDX-License-Identifier: GPL-2.0-only
#include "engine/unmerge_all.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat/compat.h"
#include "engine/lock.h"
#include "engine/prune.h"
#include "engine/stable_tree.h"
#include "engine/stats.h"
#include "engine/unmerge.h"

/* Stable nodes looked at without a break. */
#define NODES_AT_ONCE		1024u

/*
 * Take uksm_mutex for the next step of an unmerge. The mmap_lock that is in its way is waited for
 * before; with that held uksm_mutex is only tried for, and memory that goes offline is not waited
 * for at all, which may be waiting for the process. 0 or -EINTR; without @stop always 0.
 */
static int unmerge_lock(struct uksm_unmerge *work, const bool *stop)
{
	/* Who writes run gives up when the module is unloaded, and then it is the unload's turn. */
	if (uksm_unmerge_enter(work, stop)) {
		if (uksm_engine_trylock())
			return 0;
		uksm_unmerge_leave(work);
	}
	if (stop)
		return uksm_engine_lock();
	uksm_engine_lock_always();
	return 0;
}

/* Work off all steps of an unmerge. Killable; without @stop only while it waits for a lock. */
static int unmerge_run(struct uksm_unmerge *work, const bool *stop)
{
	bool more = true, wait;
	int err;

	while (more) {
		err = unmerge_lock(work, stop);
		if (err)
			return err;
		do {
			more = uksm_unmerge_step(work);
			wait = work->waits;
			work->waits = false;
		} while (more && !wait && !work->in_line && !uksm_engine_is_awaited() &&
			 !uksm_cpu_awaited());
		uksm_engine_drop();
		if (stop ? signal_pending(current) : fatal_signal_pending(current) && work->tries)
			return -ERESTARTSYS;
		if (stop && READ_ONCE(*stop))
			return -EINTR;
		if (more)
			uksm_engine_breathe(wait);
	}
	return work->err;
}

/**
 * uksm_unmerge_all() - unmerge all memory of all processes, with the scanner kept off or ended
 * @stop: set by others when the work is to be given up. NULL: it is not to be, for an unload
 *
 * Context: process context, not under uksm_mutex. Killable; without @stop only while it waits
 * for an mmap_lock.
 * Return: 0; -ENOMEM, -EBUSY for what could not be unmerged; -ERESTARTSYS or -EINTR.
 */
int uksm_unmerge_all(const bool *stop)
{
	struct uksm_unmerge work;
	int err = uksm_unmerge_begin(&work);

	if (!err)
		err = unmerge_run(&work, stop);
	uksm_unmerge_end(&work);
	return err;
}

/**
 * uksm_nothing_merged() - is nothing merged, nor a node left that the kernel could come upon?
 *
 * Nodes of pages that are not mapped are parted from them first.
 *
 * Context: process context, not under uksm_mutex.
 */
bool uksm_nothing_merged(void)
{
	unsigned long nodes, done = 0;
	bool nothing;

	do {
		uksm_engine_take_always();
		nodes = uksm_stable_nr_empty();
		if (!uksm_engine_is_closed() && !uksm_stats.pages_shared)
			uksm_stable_release(NODES_AT_ONCE, false);
		done += NODES_AT_ONCE;
		nothing = !uksm_engine_is_closed() && !uksm_stats.pages_shared && !uksm_stable_nr_empty();
		uksm_engine_drop();
	} while (!nothing && done < nodes);
	return nothing;
}
