/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages: write-protect them, compare them, put merged pages in their place. */
#ifndef UKSM_MERGE_H
#define UKSM_MERGE_H

#include <linux/mm_types.h>

#include "compat/compat.h"

struct uksm_stable_node;

/*
 * So many mappings at most are changed at a time. Who writes to one of these pages meanwhile
 * gets a copy or waits; and twice each time the CPUs of the guest are interrupted. Few make
 * that short, and many make it rare.
 */
#define UKSM_MERGE_MAX	16

/**
 * struct uksm_mapping - a page, and where it is mapped
 * @addr: user virtual address, page aligned
 * @page: the page expected there: small, locked, with the caller's reference
 * @kpage: what to put in its place: a KSM page, locked; NULL for the zero page
 * @pte: what the page table had when the page was found write-protected
 * @err: 0, or why nothing more is to be done here
 */
struct uksm_mapping {
	unsigned long addr;
	struct page *page;
	struct page *kpage;
	pte_t pte;
	int err;
};

/**
 * struct uksm_window - page tables of some neighbouring mappings, locked, with KVM
 *	kept out; memory of the caller's, used from the begin of a call to its end
 * @vma: the VMA
 * @start: first address
 * @end: end of the range, exclusive
 * @ptl: the page-table lock
 * @ptep: the PTE of @start
 * @nr_ranges: what KVM is kept out of
 * @range: the ranges
 */
struct uksm_window {
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned long end;
	spinlock_t *ptl;
	pte_t *ptep;
	unsigned int nr_ranges;
	struct uksm_invalidate range[UKSM_MERGE_MAX];
};

u32 uksm_page_checksum(struct page *page, bool whole);
u64 uksm_page_whole(struct page *page);
u32 uksm_page_weak_sample(struct page *page);
bool uksm_page_strengthen(struct page *page, u32 checksum);
bool uksm_pages_identical(struct page *a, struct page *b);
bool uksm_pages_samples_agree(struct page *a, struct page *b);
bool uksm_page_is_zero(struct page *page);
bool uksm_page_in_use(struct page *page);
int uksm_page_split(struct page *page);
void uksm_write_protect(struct uksm_window *w, struct vm_area_struct *vma,
			struct uksm_mapping *mapping, unsigned int nr);
void uksm_replace_pages(struct uksm_window *w, struct vm_area_struct *vma,
			struct uksm_mapping *mapping, unsigned int nr);
bool uksm_mark_zero_page(struct vm_area_struct *vma, unsigned long addr);
void uksm_keep_content(struct folio *folio);
void uksm_make_ksm(struct folio *folio, struct uksm_stable_node *node);
void uksm_make_ksm_copy(struct folio *folio, struct folio *old, struct uksm_stable_node *node);
void uksm_ksm_copy_undo(struct folio *folio);

#endif
