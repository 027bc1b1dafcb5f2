/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner thread, and what the administrator makes it do. */
#ifndef UKSM_UKSMD_H
#define UKSM_UKSMD_H

#include <linux/mutex.h>

struct task_struct;

/*
 * Protects all of the engine: trees, slots, records, cursor, counters. Held by
 * the scanner thread for some thousand pages or until somebody waits for it
 * (uksmd_is_awaited()), and by whoever changes run or a knob that the trees depend
 * on.
 *
 * Lock order, outermost first (there is no other place that says so):
 *
 *	uksm_mutex
 *	  ksm_thread_mutex		(ksmd's; for a moment, stock.c only)
 *	  mmap_lock			(a second one by trylock only: dedup.c)
 *	    folio lock			(of pages under scan: by trylock only;
 *					 of a KSM folio, to unlink an rmap_item:
 *					 waited for, with no other one held)
 *	      anon_vma lock		(inside kernel functions)
 *		page-table lock
 *
 * MMU notifiers are called with the mmap_lock and folio locks held, and before
 * the page-table lock is taken. Memory is allocated before folio locks are
 * taken, but for the rare chain of duplicates.
 */
extern struct mutex uksm_mutex;

int uksmd_set_run(unsigned int run);
int uksmd_set_tree_knob(unsigned int *knob, unsigned int value);
bool uksmd_is_awaited(void);
void uksmd_sleep_changed(void);
void uksmd_work_hint(void);
struct task_struct *uksmd_task(void);

void uksmd_memory_going_offline(void);
void uksmd_memory_offline(unsigned long start_pfn, unsigned long end_pfn);
void uksmd_memory_offline_done(void);

int uksmd_start(void);
void uksmd_stop(void);

#endif
