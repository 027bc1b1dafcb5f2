// SPDX-License-Identifier: GPL-2.0-only
#include "page/unshare.h"

#include <linux/mm.h>

#include "compat/compat.h"
#include "page/merge.h"
#include "page/walk.h"

/* What makes a fault back out is gone the next time, or after so many. */
#define FAULTS_MAX	1000u

#define FAULT_FAILED	(VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON | VM_FAULT_OOM | \
			 VM_FAULT_RETRY)

/* Does the address map a merged page, or will it? If not, its page outlives any reclaim. */
static bool still_merged(struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page;
	enum uksm_mapped mapped = uksm_mapped_at(vma, addr, &page);
	bool merged = mapped == UKSM_MAPPED_KSM || mapped == UKSM_MAPPED_MERGED_ZERO ||
		      mapped == UKSM_MAPPED_BUSY;

	/* The copy that unsharing makes is clean, and so is its PTE. */
	if (page && !merged)
		uksm_keep_content(page_folio(page));
	if (page)
		put_page(page);
	return merged;
}

/**
 * uksm_unmerge_page() - break COW at an address that maps a merged page
 * @vma: the mergeable VMA that holds the address
 * @addr: user virtual address, page aligned
 *
 * Does nothing if the page there is not merged. Also undoes a merge with the
 * zero page, on kernels that tell such a mapping from an ordinary one.
 *
 * Context: the caller holds the mmap_lock for reading, no folio lock. Sleeps, allocates
 * a page on behalf of the address space, and charges its memory cgroup: have
 * uksm_room_for_copies() asked before.
 * Return: 0 when the address has a page of its own. With the merged page in place:
 * -ENOMEM when no page could be had; -EBUSY when the kernel refuses the fault, as it does
 * where userfaultfd keeps all access away.
 */
int uksm_unmerge_page(struct vm_area_struct *vma, unsigned long addr)
{
	vm_fault_t fault = 0;
	unsigned int faults;

	for (faults = 0; still_merged(vma, addr); faults++) {
		if (fault & VM_FAULT_OOM)
			return -ENOMEM;
		if ((fault & FAULT_FAILED) || faults == FAULTS_MAX)
			return -EBUSY;
		fault = uksm_unshare(vma, addr);
	}
	return 0;
}
