/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has the engine, and who waits for it; the order of all locks. */
#ifndef UKSM_LOCK_H
#define UKSM_LOCK_H

#include <linux/mutex.h>
#include <linux/types.h>

/*
 * Protects all of the engine: trees, slots, records, cursors, counters. Held for one slice
 * of work, some milliseconds at most, by
 *
 * - the scanner thread, which gives it up early for whoever waits (uksm_engine_is_awaited());
 * - whoever unmerges everything or forgets all records, who drops it between steps;
 * - the notifier of memory that goes offline.
 *
 * Lock order, outermost first (there is no other place that says so):
 *
 *	device_hotplug_lock, cpu_hotplug_lock, mem_hotplug_lock
 *				held by who takes memory offline, who waits for uksm_mutex
 *	the kernel's active reference on a file of ours that is written (kernfs)
 *	  merge_now_mutex	(merge_now.c: who writes merge_now, from begin to end)
 *	  admin_mutex		(admin.c: who writes run or a knob of the trees)
 *	    stock_mutex		(stock.c: also who writes ksmd's run file, without the above)
 *	      ksm_thread_mutex	(ksmd's)
 *	      ksmd's OFFLINE bit (waited for in ksmd's run_store(), cleared by who takes
 *				memory offline)
 *	    uksm_mutex
 *	      mmap_lock		(by trylock; waited for only by who unmerges, in turns
 *				 with an end, without uksm_mutex and any other one; then
 *				 uksm_mutex is tried for inside)
 *		folio lock	(by trylock)
 *		  anon_vma lock	(inside kernel functions)
 *		    page-table lock
 *
 * Leaves; with one of them held nothing else is taken or waited for:
 *
 *	show_lock		(domain.c, a spinlock: under uksm_mutex, or alone by the work item
 *				 of surface/domains.c and at unload)
 *	advisor_mutex		(knobs.c: under uksm_mutex, or by who writes a knob without it)
 *	lists_mutex		(owner.c: by who reads or writes the lists of cgroups, and by the work
				 item that he waits for; inside it the kernel looks up a cgroup)
 *
 * Who takes memory offline waits for uksm_mutex and for nothing else of ours. So nobody
 * waits for him, directly or through ksmd's OFFLINE bit, with uksm_mutex held; that is why
 * stock_mutex is not taken under it. With admin_mutex held one may.
 *
 * Whoever waits for admin_mutex or uksm_mutex can be killed. The scanner does not wait for
 * uksm_mutex: it sleeps until it can have it, and can be frozen.
 *
 * MMU notifiers are called with the mmap_lock and folio locks held, and before
 * the page-table lock is taken. Memory is allocated before folio locks are
 * taken, but for what is rare: a chain of duplicates, and the set of weak samples (join.c).
 * Reclaim only tries for folio locks.
 */
extern struct mutex uksm_mutex;

int uksm_engine_take(void);
void uksm_engine_take_always(void);
int uksm_engine_lock(void);
void uksm_engine_lock_always(void);
bool uksm_engine_trylock(void);
void uksm_engine_drop(void);
bool uksm_engine_is_awaited(void);
void uksm_engine_breathe(bool wait);

bool uksm_engine_lock_scanner(void);
bool uksm_engine_scanner_waits(void);

void uksm_engine_set_admin_at_work(bool at_work);
int uksm_engine_close(void);
void uksm_engine_open(void);
bool uksm_engine_is_closed(void);

#endif
