/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner thread, and what the administrator makes it do. */
#ifndef UKSM_UKSMD_H
#define UKSM_UKSMD_H

#include <linux/mutex.h>

struct task_struct;

/*
 * Protects all of the engine: trees, slots, records, cursors, counters. Held for one slice
 * of work, some milliseconds at most, by
 *
 * - the scanner thread, which gives it up early for whoever waits (uksmd_is_awaited());
 * - whoever unmerges everything or forgets all records, who drops it between steps;
 * - the notifier of memory that goes offline.
 *
 * Lock order, outermost first (there is no other place that says so):
 *
 *	device_hotplug_lock, cpu_hotplug_lock, mem_hotplug_lock
 *				held by who takes memory offline, who waits for uksm_mutex
 *	the kernel's active reference on a file of ours that is written (kernfs)
 *	  admin_mutex		(uksmd.c: who writes run or a knob of the trees)
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
 * Who takes memory offline waits for uksm_mutex and for nothing else of ours. So nobody
 * waits for him, directly or through ksmd's OFFLINE bit, with uksm_mutex held; that is why
 * stock_mutex is not taken under it. With admin_mutex held one may.
 *
 * Whoever waits for admin_mutex or uksm_mutex can be killed. The scanner does not wait for
 * uksm_mutex: it sleeps until it can have it, and can be frozen.
 *
 * MMU notifiers are called with the mmap_lock and folio locks held, and before
 * the page-table lock is taken. Memory is allocated before folio locks are
 * taken, but for the rare chain of duplicates.
 */
extern struct mutex uksm_mutex;

int uksmd_set_run(unsigned int run);
int uksmd_set_tree_knob(unsigned int *knob, unsigned int value);
bool uksmd_is_awaited(void);
unsigned long uksmd_zero_pages(void);
void uksmd_sleep_changed(void);
void uksmd_work_hint(void);
struct task_struct *uksmd_task(void);

int uksmd_memory_going_offline(void);
void uksmd_memory_offline(unsigned long start_pfn, unsigned long end_pfn);
void uksmd_memory_offline_done(void);

int uksmd_start(void);
void uksmd_stopping(void);
void uksmd_stop(void);

#endif
