// SPDX-License-Identifier: GPL-2.0-only
#include "engine/unmerge.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/stable_node.h"
#include "engine/uksmd.h"
#include "page/merge.h"
#include "page/walk.h"
#include "surface/trace.h"

/* Forks race with unmerging; each round catches what was forked in the last. */
#define UNMERGE_ROUNDS	8

/**
 * uksm_unmerge_page() - break COW at an address that maps a merged page
 * @vma: the mergeable VMA that holds the address
 * @addr: user virtual address, page aligned
 *
 * Does nothing if the page there is not merged. Also undoes a merge with the
 * zero page, on kernels that tell such a mapping from an ordinary one.
 *
 * Context: the caller holds the mmap_lock for reading, no other lock but
 * uksm_mutex. Sleeps, allocates a page on behalf of the address space.
 * Return: 0; -ENOMEM when no page could be had, with the merged page in place.
 */
int uksm_unmerge_page(struct vm_area_struct *vma, unsigned long addr)
{
	vm_fault_t fault = 0;

	/*
	 * The fault may back out for a reason that is gone the next time, such
	 * as a PTE that another CPU has just touched: look again until it holds.
	 * A fault that fails for good (the VMA's memory is gone, or poisoned)
	 * leaves a page that only an exit can free; so be it.
	 */
	while (!(fault & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON |
			  VM_FAULT_OOM))) {
		struct page *page;
		enum uksm_mapped mapped = uksm_mapped_at(vma, addr, &page);
		bool merged = mapped == UKSM_MAPPED_KSM || mapped == UKSM_MAPPED_MERGED_ZERO ||
			      mapped == UKSM_MAPPED_BUSY;

		/* The copy that unsharing makes is clean, and so is its PTE. */
		if (page && !merged)
			uksm_keep_content(page_folio(page));
		if (page)
			put_page(page);
		if (!merged)
			return 0;
		fault = uksm_unshare(vma, addr);
		cond_resched();
	}
	return fault & VM_FAULT_OOM ? -ENOMEM : 0;
}

static int unmerge_batch(struct uksm_batch *batch, struct vm_area_struct *vma)
{
	unsigned long addr = batch->start;
	unsigned int i;
	int err;

	if (batch->hole)
		return 0;
	for (i = 0; addr < batch->end; i++, addr += PAGE_SIZE) {
		switch (batch->entry[i].mapped) {
		case UKSM_MAPPED_KSM:
		case UKSM_MAPPED_MERGED:
		case UKSM_MAPPED_MERGED_ZERO:
		case UKSM_MAPPED_BUSY:
			err = uksm_unmerge_page(vma, addr);
			trace_uksm_unmerge(vma->vm_mm, addr, err);
			if (err)
				return err;
			break;
		default:
			break;
		}
	}
	return 0;
}

/*
 * One step of unmerging an address space, from @addr on: a part of one page
 * table, so that the mmap_lock is held for a few milliseconds at most. The new
 * @addr is ULONG_MAX after the last step.
 */
static int unmerge_step(struct uksm_mm_slot *slot, unsigned long *addr, struct uksm_batch *batch)
{
	struct vm_area_struct *vma;
	int err;

	if (!uksm_mm_slot_enter(slot)) {
		*addr = ULONG_MAX;
		return 0;
	}
	vma = uksm_vma_next_merged(slot->mm, *addr);
	if (!vma) {
		*addr = ULONG_MAX;
		err = 0;
	} else {
		uksm_batch_get(batch, slot, vma, max(*addr, vma->vm_start), UKSM_BATCH_PAGES,
			       false);
		err = unmerge_batch(batch, vma);
		*addr = batch->end;
	}
	uksm_mm_slot_leave(slot);
	return err;
}

static int unmerge_slot(struct uksm_mm_slot *slot, bool interruptible, struct uksm_batch *batch)
{
	unsigned long addr = 0;
	int err = 0;

	while (addr != ULONG_MAX && !err) {
		if (interruptible && signal_pending(current))
			return -ERESTARTSYS;
		err = unmerge_step(slot, &addr, batch);
		cond_resched();
	}
	if (!err)
		uksm_tracked_del_range(slot, 0, TASK_SIZE_MAX);
	return err;
}

/* Each address space that is known by now; true if all went well. */
static int unmerge_slots(bool interruptible, struct uksm_batch *batch)
{
	struct uksm_mm_slot *slot;
	int err = 0;

	for (slot = uksm_mm_slot_first(); slot && !err; slot = uksm_mm_slot_next(slot))
		err = unmerge_slot(slot, interruptible, batch);
	return err;
}

/**
 * uksm_unmerge_all() - unmerge all memory of all processes
 * @interruptible: give up when a signal is pending
 *
 * Every tracked page is forgotten. Nodes whose page is still mapped somewhere
 * are kept; that can only be in an address space which is being torn down.
 *
 * Context: the caller holds uksm_mutex, and sees to it that nothing is merged
 * meanwhile. Sleeps, in bounded steps.
 * Return: 0, -ENOMEM when memory for the copies ran out, or -ERESTARTSYS; in
 * both cases what has not been unmerged stays merged, and consistent.
 */
int uksm_unmerge_all(bool interruptible)
{
	struct uksm_batch *batch;
	int round, err;

	lockdep_assert_held(&uksm_mutex);

	batch = kmalloc(sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;

	for (round = 0; round < UNMERGE_ROUNDS; round++) {
		uksm_mm_slots_discover(uksm_mm_slot_last());
		err = unmerge_slots(interruptible, batch);
		if (err || !uksm_stable_release(false))
			break;
	}
	kfree(batch);
	return err;
}
