// SPDX-License-Identifier: GPL-2.0-only
#include "engine/unmerge.h"

#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/forget.h"
#include "engine/lock.h"
#include "engine/prune.h"
#include "engine/stable_tree.h"
#include "engine/stats.h"
#include "kernel/room.h"
#include "page/unshare.h"
#include "page/walk.h"
#include "surface/trace.h"

#define ROUNDS_MAX		8u
#define PROCESSES_A_STEP	256u
#define VMAS_A_STEP		256u
#define RECORDS_A_STEP		1024u
#define NODES_A_STEP		256u
/* So often an mmap_lock is tried for before it is waited for in the line. */
#define TRIES_MAX		32u
/*
 * How long all the waiting for mmap_locks may take, but for short waits, and that for one more
 * then. A file system in user space can hold one for ever; who writes run, or unloads the module,
 * is to have an answer.
 */
#define LOCKED_MSECS_MAX	30000u
#define LOCKED_MSECS_SHORT	1000u
#define LOCKED_MSECS_MORE	200u

/* The first failure is the one to tell. */
static void note(int *err, int failure)
{
	*err = *err ?: failure;
}

/* An address has a page of its own: the record of what it shared goes. */
static void page_unmerged(struct uksm_unmerge *work, unsigned long addr)
{
	struct uksm_tracked *t = uksm_tracked_find(work->slot, addr);

	if (t && uksm_tracked_state(t) != UKSM_UNSHARED && !uksm_tracked_forget(t))
		work->waits = true;
}

static void unmerge_batch(struct uksm_unmerge *work, struct vm_area_struct *vma)
{
	const struct uksm_batch *batch = work->batch;
	unsigned long addr = batch->start;
	unsigned int i;
	int err;

	for (i = 0; addr < batch->end; i++, addr += PAGE_SIZE) {
		switch (uksm_batch_mapped(batch, i)) {
		case UKSM_MAPPED_KSM:
		case UKSM_MAPPED_MERGED:
		case UKSM_MAPPED_MERGED_ZERO:
		case UKSM_MAPPED_BUSY:
			err = uksm_unmerge_page(vma, addr);
			trace_uksm_unmerge(vma->vm_mm, addr, err);
			if (err)
				note(&work->slot_err, err);
			else
				page_unmerged(work, addr);
			/* Others will not fare better. */
			if (err == -ENOMEM)
				return;
			break;
		default:
			break;
		}
	}
}

static unsigned int batch_copies(const struct uksm_batch *batch)
{
	unsigned int i, copies = 0;
	enum uksm_mapped mapped;

	for (i = 0; i < uksm_batch_pages(batch); i++) {
		mapped = uksm_batch_mapped(batch, i);
		copies += mapped == UKSM_MAPPED_KSM || mapped == UKSM_MAPPED_MERGED ||
			  mapped == UKSM_MAPPED_MERGED_ZERO;
	}
	return copies;
}

/* A part of one page table of the address space, which has been entered. */
static void unmerge_inside(struct uksm_unmerge *work)
{
	unsigned int vmas = VMAS_A_STEP;
	struct vm_area_struct *vma;
	unsigned int copies;
	int err = 0;

	vma = uksm_vma_next_merged(work->slot->mm, &work->address, &vmas);
	if (!vma)
		return;
	/* What is merged is not in a huge page. */
	if (uksm_maps_huge(vma->vm_mm, work->address)) {
		work->address = min(vma->vm_end, (work->address & PMD_MASK) + PMD_SIZE);
		return;
	}
	uksm_batch_get(work->batch, work->slot, vma, work->address, UKSM_BATCH_PAGES, false);
	work->address = work->batch->end;
	if (work->batch->hole)
		return;
	/* Neither the machine's guests nor those of a full cgroup are to die of this. */
	copies = batch_copies(work->batch);
	if (copies)
		err = uksm_room_for_copies(work->slot->mm, copies);
	if (err) {
		note(&work->slot_err, err == -EDQUOT ? -ENOMEM : err);
		work->address = TASK_SIZE_MAX;
		return;
	}
	unmerge_batch(work, vma);
	if (work->slot_err == -ENOMEM)
		work->address = TASK_SIZE_MAX;
}

static void next_slot(struct uksm_unmerge *work)
{
	if (work->single) {
		work->phase = UKSM_UNMERGE_DONE;
		return;
	}
	work->slot = uksm_mm_slots_next(work->slot);
	work->address = 0;
	work->tries = 0;
	work->in_line = false;
	work->slot_err = 0;
	work->phase = work->slot ? UKSM_UNMERGE_PAGES : UKSM_UNMERGE_NODES;
	work->nodes = uksm_stable_nr_empty();
}

/* The lock is somebody else's: since now, or still. */
static void locked(struct uksm_unmerge *work)
{
	if (!work->tries++)
		work->locked_at = jiffies;
}

static unsigned int locked_msecs(const struct uksm_unmerge *work)
{
	return work->tries ? jiffies_to_msecs(jiffies - work->locked_at) : 0;
}

static void locked_no_more(struct uksm_unmerge *work)
{
	if (locked_msecs(work) > LOCKED_MSECS_SHORT)
		work->locked_msecs += locked_msecs(work);
	work->tries = 0;
}

static enum uksm_entered slot_enter(struct uksm_unmerge *work)
{
	enum uksm_entered entered = work->entered ? UKSM_ENTERED : uksm_mm_slot_enter(work->slot);

	work->entered = false;
	if (entered == UKSM_ENTER_LOCKED)
		locked(work);
	return entered;
}

/* Has it been waited for the lock of this one and of others for too long? */
static bool locked_too_long(const struct uksm_unmerge *work)
{
	return work->in_line && work->locked_msecs + locked_msecs(work) >= LOCKED_MSECS_MAX;
}

static void step_pages(struct uksm_unmerge *work)
{
	switch (slot_enter(work)) {
	case UKSM_ENTER_LOCKED:
		/* Come back; whoever has the lock gets the CPU meanwhile. */
		work->waits = true;
		if (!locked_too_long(work)) {
			/* From then on for each step in this address space, whose lock is busy. */
			work->in_line |= work->tries >= TRIES_MAX;
			return;
		}
		locked_no_more(work);
		note(&work->slot_err, -EBUSY);
		work->address = TASK_SIZE_MAX;
		break;
	case UKSM_ENTER_DEAD:
		locked_no_more(work);
		work->address = TASK_SIZE_MAX;
		break;
	case UKSM_ENTERED:
		locked_no_more(work);
		unmerge_inside(work);
		uksm_mm_slot_leave(work->slot);
		break;
	}
	if (work->address < TASK_SIZE_MAX)
		return;
	note(&work->err, work->slot_err);
	/* Where pages are still merged their records are needed. */
	if (work->slot_err) {
		next_slot(work);
	} else {
		work->address = 0;
		work->phase = UKSM_UNMERGE_RECORDS;
	}
}

static void step_records(struct uksm_unmerge *work)
{
	unsigned int records = RECORDS_A_STEP;

	if (!uksm_forget_range(work->slot, &work->address, TASK_SIZE_MAX, &records))
		work->waits = true;
	if (work->address < TASK_SIZE_MAX)
		return;
	if (xa_empty(&work->slot->chunks))
		next_slot(work);
	else
		work->address = 0;
}

/* What is left is mapped by a process that was forked meanwhile, or is about to exit. */
static void step_nodes(struct uksm_unmerge *work)
{
	uksm_stable_release(NODES_A_STEP, false);
	work->nodes -= min_t(unsigned long, work->nodes, NODES_A_STEP);
	if (work->nodes)
		return;
	if (!work->err && (uksm_stable_nr_empty() || uksm_stats.pages_shared) &&
	    ++work->round < ROUNDS_MAX) {
		work->phase = UKSM_UNMERGE_DISCOVER;
		uksm_discovery_begin(&work->walk);
		/* It may be somebody who has never asked: to look at everybody's memory takes longer. */
		work->walk.strangers = work->round > 1;
	} else {
		work->phase = work->err ? UKSM_UNMERGE_DONE : UKSM_UNMERGE_SLOTS;
	}
}

static void step_slots(struct uksm_unmerge *work)
{
	struct uksm_mm_slot *slot = uksm_mm_slots_first(UKSM_SLOTS_SETTLED);

	if (slot)
		uksm_mm_slot_bury(slot);
	else
		work->phase = UKSM_UNMERGE_DONE;
}

static void step_discover(struct uksm_unmerge *work)
{
	unsigned int processes = PROCESSES_A_STEP;

	if (!uksm_discovery_step(&work->walk, &processes))
		return;
	uksm_mm_slots_settle_all();
	uksm_mm_slots_settle_others();
	work->slot = uksm_mm_slots_first(UKSM_SLOTS_SETTLED);
	work->address = 0;
	work->tries = 0;
	work->in_line = false;
	work->slot_err = 0;
	work->nodes = uksm_stable_nr_empty();
	work->phase = work->slot ? UKSM_UNMERGE_PAGES : UKSM_UNMERGE_NODES;
}

/**
 * uksm_unmerge_begin() - prepare to unmerge everything
 * @work: set up
 *
 * From here to uksm_unmerge_end() the scanner must keep off: slots are not freed.
 *
 * Return: 0 or -ENOMEM.
 */
int uksm_unmerge_begin(struct uksm_unmerge *work)
{
	*work = (struct uksm_unmerge){
		.phase = UKSM_UNMERGE_DISCOVER,
		.batch = kmalloc(sizeof(*work->batch), GFP_KERNEL),
	};
	uksm_discovery_begin(&work->walk);
	return work->batch ? 0 : -ENOMEM;
}

/**
 * uksm_unmerge_enter() - wait in the line for the mmap_lock that the last step could not have
 * @work: from uksm_unmerge_begin()
 * @stop: ends the wait when it becomes true; or NULL
 *
 * Context: the caller does not hold uksm_mutex, for which everybody else would wait for as long
 * as the holder of the mmap_lock likes. Sleeps, for half a minute at most; a signal ends it.
 * Return: true with the address space entered: the caller takes uksm_mutex without waiting for it
 * and goes on with uksm_unmerge_step(), or calls uksm_unmerge_leave().
 */
bool uksm_unmerge_enter(struct uksm_unmerge *work, const bool *stop)
{
	unsigned int waited, msecs = LOCKED_MSECS_MORE;

	if (work->phase != UKSM_UNMERGE_PAGES || !work->in_line)
		return false;
	locked(work);
	waited = work->locked_msecs + locked_msecs(work);
	if (waited < LOCKED_MSECS_MAX)
		msecs = max(msecs, LOCKED_MSECS_MAX - waited);
	work->entered = uksm_mm_slot_enter_wait(work->slot, msecs, stop) == UKSM_ENTERED;
	return work->entered;
}

/** uksm_unmerge_leave() - undo uksm_unmerge_enter() that has returned true */
void uksm_unmerge_leave(struct uksm_unmerge *work)
{
	work->entered = false;
	uksm_mm_slot_leave(work->slot);
}

/**
 * uksm_unmerge_step() - unmerge a little more
 * @work: from uksm_unmerge_begin()
 *
 * Every tracked page is forgotten, and every address space let go, but those in which
 * something has gone wrong. One of those does not end the work in others. Nodes whose page
 * is still mapped somewhere are kept; that can only be in an address space which is being
 * torn down, or by a fork that was quicker than all rounds.
 *
 * Context: the caller holds uksm_mutex, and may drop it between steps. Sleeps. When
 * @work->waits is set the caller is to wait a little, and to clear it.
 * Return: true if there is more; else @work->err is 0; -ENOMEM when memory for the copies
 * ran out, or -EBUSY when the kernel refused some, or an mmap_lock could not be had: what has
 * not been unmerged stays merged, and consistent.
 */
bool uksm_unmerge_step(struct uksm_unmerge *work)
{
	lockdep_assert_held(&uksm_mutex);

	switch (work->phase) {
	case UKSM_UNMERGE_DISCOVER:
		step_discover(work);
		break;
	case UKSM_UNMERGE_PAGES:
		step_pages(work);
		break;
	case UKSM_UNMERGE_RECORDS:
		step_records(work);
		break;
	case UKSM_UNMERGE_NODES:
		step_nodes(work);
		break;
	case UKSM_UNMERGE_SLOTS:
		step_slots(work);
		break;
	case UKSM_UNMERGE_DONE:
		break;
	}
	return work->phase != UKSM_UNMERGE_DONE;
}

/** uksm_unmerge_end() - free what uksm_unmerge_begin() has allocated */
void uksm_unmerge_end(struct uksm_unmerge *work)
{
	kfree(work->batch);
}

/**
 * uksm_unmerge_slot() - unmerge a little more of one address space, and forget its records
 * @slot: slot that the scanner keeps off; @slot->address and @slot->unmerged say how far it
 *	has got, and are 0 at first
 * @batch: scratch memory
 *
 * A page for which the kernel refuses a copy stays merged, without a record.
 *
 * Context: the caller holds uksm_mutex. Sleeps.
 * Return: 0 when all is done, -EAGAIN when there is more, -EBUSY when somebody else holds a
 * lock that is needed, -ENOMEM when there is no memory for copies.
 */
int uksm_unmerge_slot(struct uksm_mm_slot *slot, struct uksm_batch *batch)
{
	struct uksm_unmerge work = {
		.phase = slot->unmerged ? UKSM_UNMERGE_RECORDS : UKSM_UNMERGE_PAGES,
		.slot = slot,
		.address = slot->address,
		.single = true,
		.batch = batch,
	};

	lockdep_assert_held(&uksm_mutex);
	uksm_unmerge_step(&work);
	slot->address = work.address;
	if (work.slot_err == -ENOMEM) {
		slot->address = 0;
		return -ENOMEM;
	}
	/* For other reasons than memory some stay: they are no reason to keep the rest. */
	slot->refused |= work.slot_err == -EBUSY;
	if (!slot->unmerged && slot->address >= TASK_SIZE_MAX)
		slot->address = 0;
	if (work.phase == UKSM_UNMERGE_RECORDS || (work.phase == UKSM_UNMERGE_DONE && !slot->unmerged))
		slot->unmerged = true;
	else if (work.phase == UKSM_UNMERGE_DONE)
		return 0;
	return work.waits ? -EBUSY : -EAGAIN;
}
