// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who takes part without having asked gets the mark that prctl(PR_SET_MEMORY_MERGE) sets, once: he
 * may take it back by prctl(), and by madvise() for parts. With it his mappings have VM_MERGEABLE;
 * of one that has not, mremap() would move merged pages to where no rmap walk finds them.
 *
 * That is done by work items, each for one address space. The kernel waits for who handles a
 * fault in a mapping before it changes its flags, and for how long that takes is for the
 * process to decide: nobody else is to wait for it, the scanner least of all.
 */
#include "engine/enlist.h"

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "engine/knobs.h"
#include "kernel/owner.h"

/* So many at a time: who finds no place is found again. */
#define AT_ONCE	64

struct enlistment {
	struct work_struct work;
	struct mm_struct *mm;
};

static struct workqueue_struct *queue;
static atomic_t under_way;

/* Those whose mmap_lock is held by others are found again as well. */
static void enlist_fn(struct work_struct *work)
{
	struct enlistment *this = container_of(work, struct enlistment, work);
	struct mm_struct *mm = this->mm;

	if (mmget_not_zero(mm)) {
		if (uksm_mmap_write_trylock(mm)) {
			/*
			 * Once only, and if it is wanted still. That memory is short shows
			 * when it is found again.
			 */
			if (!uksm_mm_wants_merge(mm) && uksm_knobs_merging() &&
			    uksm_owner_enlists(mm))
				uksm_mm_merge_any(mm);
			mmap_write_unlock(mm);
		}
		mmput_async(mm);
	}
	mmdrop(mm);
	kfree(this);
	atomic_dec(&under_way);
}

/**
 * uksm_enlist() - have a process take part that has not asked
 * @mm: its address space, which the caller keeps from being freed meanwhile
 *
 * It need not come to that: then it is to be called again.
 *
 * Context: any, under RCU and task_lock() too.
 */
void uksm_enlist(struct mm_struct *mm)
{
	struct enlistment *this;

	if (atomic_inc_return(&under_way) > AT_ONCE)
		goto full;
	this = kmalloc(sizeof(*this), GFP_NOWAIT | __GFP_NOWARN);
	if (!this)
		goto full;
	INIT_WORK(&this->work, enlist_fn);
	mmgrab(mm);
	this->mm = mm;
	queue_work(queue, &this->work);
	return;
full:
	atomic_dec(&under_way);
}

/** uksm_enlist_init() - be ready for uksm_enlist(); 0 or -ENOMEM */
int uksm_enlist_init(void)
{
	queue = alloc_workqueue("uksm_enlist", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

/** uksm_enlist_exit() - wait for those that are under way; nobody looks for processes any more */
void uksm_enlist_exit(void)
{
	destroy_workqueue(queue);
}
