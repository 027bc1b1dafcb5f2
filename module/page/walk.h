/* SPDX-License-Identifier: GPL-2.0-only */
/* From addresses to pages: what is mapped at an address, and in a range. */
#ifndef UKSM_WALK_H
#define UKSM_WALK_H

#include <linux/mm_types.h>

/* So many neighbouring pages at most are looked at with the page-table lock held. */
#define UKSM_WALK_MAX	64

struct uksm_stable_node;
struct vm_area_struct *uksm_vma_lookup(struct mm_struct *mm, unsigned long addr);
struct vm_area_struct *uksm_vma_next(struct mm_struct *mm, unsigned long *addr,
				     unsigned int *vmas);
struct vm_area_struct *uksm_vma_next_merged(struct mm_struct *mm, unsigned long *addr,
					    unsigned int *vmas);

/**
 * enum uksm_mapped - what is mapped at an address, pages to merge last
 * @UKSM_MAPPED_NONE: nothing, or nothing that can be merged
 * @UKSM_MAPPED_BUSY: a page under migration, or otherwise out of reach: it will be back
 * @UKSM_MAPPED_ZERO: the zero page
 * @UKSM_MAPPED_MERGED_ZERO: the zero page, in the place of a page merged with it,
 *	on kernels that tell the two apart
 * @UKSM_MAPPED_UNCHANGED: an anonymous page that the scanner has in the unstable
 *	tree of its NUMA node, with the checksum recorded there
 * @UKSM_MAPPED_PAGE: another anonymous page
 * @UKSM_MAPPED_KSM: a KSM page of any engine
 * @UKSM_MAPPED_MERGED: the merged page that the scanner knows to be there, on
 *	the NUMA node where it knows it to be
 */
enum uksm_mapped {
	UKSM_MAPPED_NONE,
	UKSM_MAPPED_BUSY,
	UKSM_MAPPED_ZERO,
	UKSM_MAPPED_MERGED_ZERO,
	UKSM_MAPPED_UNCHANGED,
	UKSM_MAPPED_PAGE,
	UKSM_MAPPED_KSM,
	UKSM_MAPPED_MERGED,
};

enum uksm_mapped uksm_pte_mapped(struct vm_area_struct *vma, unsigned long addr, pte_t pte,
				 const struct uksm_stable_node *node, struct page **pagep);
struct page *uksm_huge_pmd_page(pmd_t pmd, unsigned long addr);
bool uksm_maps_huge(struct mm_struct *mm, unsigned long addr);
enum uksm_mapped uksm_mapped_at(struct vm_area_struct *vma, unsigned long addr,
				struct page **pagep);
struct page *uksm_page_get(struct vm_area_struct *vma, unsigned long addr);
void uksm_pages_get(struct vm_area_struct *vma, unsigned long start,
		    const unsigned long *wanted, struct page **pages);

#endif
