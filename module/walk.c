// SPDX-License-Identifier: GPL-2.0-only
#include "walk.h"

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "chunk.h"
#include "compat/compat.h"
#include "compat/pte.h"
#include "knobs.h"
#include "twin.h"

/*
 * May pages of the VMA be merged? VM_MERGEABLE is more than the owner's consent.
 * mremap() breaks KSM pages only in VMAs that have it, and a merged page moved
 * without that could not be found by rmap walks any more.
 */
static bool vma_mergeable(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_MERGEABLE) && uksm_vma_compatible(vma);
}

/**
 * uksm_vma_lookup() - the mergeable VMA with pages that holds an address, or NULL
 * @mm: address space; the caller holds its mmap_lock
 * @addr: user virtual address
 */
struct vm_area_struct *uksm_vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr && vma_mergeable(vma) && vma->anon_vma ? vma : NULL;
}

/**
 * uksm_vma_next() - the first mergeable VMA that ends behind an address, or NULL
 * @mm: address space; the caller holds its mmap_lock
 * @addr: user virtual address
 *
 * It may have no anon_vma, and then has no pages to merge.
 */
struct vm_area_struct *uksm_vma_next(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	while (vma && !vma_mergeable(vma))
		vma = find_vma(mm, vma->vm_end);
	return vma;
}

/**
 * uksm_vma_next_merged() - the first VMA behind an address that may map merged
 *	pages, or NULL
 * @mm: address space; the caller holds its mmap_lock
 * @addr: user virtual address
 *
 * A VMA may have become unfit for merging after pages of it were merged.
 */
struct vm_area_struct *uksm_vma_next_merged(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	while (vma && !((vma->vm_flags & VM_MERGEABLE) && vma->anon_vma))
		vma = find_vma(mm, vma->vm_end);
	return vma;
}

static bool page_scannable(struct page *page)
{
	struct folio *folio = page_folio(page);

	return uksm_folio_test_anon(folio) && !is_zone_device_page(page) && !PageHWPoison(page);
}

/* What a PTE maps; a page that is to be looked at gets a reference. */
static enum uksm_mapped pte_mapped(struct vm_area_struct *vma, unsigned long addr, pte_t pte,
				   const struct uksm_tracked *t, struct page **pagep)
{
	struct folio *folio;
	struct page *page;

	if (!pte_present(pte))
		return !pte_none(pte) && uksm_pte_is_migration(pte) ? UKSM_MAPPED_BUSY :
								      UKSM_MAPPED_NONE;
	if (uksm_pfn_is_zero_page(pte_pfn(pte)))
		return uksm_pte_is_merged_zero(pte) ? UKSM_MAPPED_MERGED_ZERO : UKSM_MAPPED_ZERO;

	page = uksm_normal_page(vma, addr, pte);
	if (!page)
		return UKSM_MAPPED_NONE;

	/*
	 * A merged page that has failed keeps its items for as long as it is
	 * mapped: memory_failure() marks it first, and walks them then.
	 */
	folio = page_folio(page);
	if (t && uksm_tracked_state(t) == UKSM_MERGED &&
	    uksm_folio_is_ksm_of(folio, t->rmap->node) &&
	    (uksm_kpfn_nid(pte_pfn(pte)) == t->rmap->node->nid || PageHWPoison(page)))
		return UKSM_MAPPED_MERGED;
	if (!page_scannable(page))
		return UKSM_MAPPED_NONE;

	folio_get(folio);
	*pagep = page;
	return uksm_folio_test_ksm(folio) ? UKSM_MAPPED_KSM : UKSM_MAPPED_PAGE;
}

/* The page that a huge PMD maps at an address, if it is one to look at. */
static struct page *huge_pmd_page(pmd_t pmd, unsigned long addr)
{
	struct page *page;

	if (!pmd_present(pmd) || !pmd_trans_huge(pmd))
		return NULL;
	page = pmd_page(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	return page_scannable(page) ? page : NULL;
}

static void batch_ptes(struct uksm_batch *batch, struct uksm_mm_slot *slot,
		       struct vm_area_struct *vma, pte_t *ptep)
{
	unsigned long addr = batch->start;
	unsigned int i;

	for (i = 0; addr < batch->end; i++, ptep++, addr += PAGE_SIZE)
		batch->entry[i].mapped = pte_mapped(vma, addr, ptep_get(ptep),
						    uksm_tracked_find(slot, addr),
						    &batch->entry[i].page);
}

/* Each page of a huge page is looked at by itself; it is split on a match only. */
static void batch_huge_pmd(struct uksm_batch *batch, struct vm_area_struct *vma, pmd_t *pmd)
{
	unsigned long addr = batch->start;
	spinlock_t *ptl = pmd_lock(vma->vm_mm, pmd);
	struct page *page;
	unsigned int i;

	for (i = 0; addr < batch->end; i++, addr += PAGE_SIZE) {
		page = huge_pmd_page(*pmd, addr);
		if (!page)
			continue;
		get_page(page);
		batch->entry[i].page = page;
		batch->entry[i].mapped = UKSM_MAPPED_PAGE;
	}
	spin_unlock(ptl);
}

/**
 * uksm_batch_get() - look up what is mapped from an address on
 * @batch: filled in
 * @slot: address space
 * @vma: the VMA that holds the address
 * @start: first address, page aligned
 * @max_pages: how many pages to look up at most; the batch also ends with the
 *	VMA, with the page table, and after UKSM_BATCH_PAGES
 *
 * Where there is no page table, the batch is a hole up to the end of what the
 * page table would span, whatever @max_pages says.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock. The page-table lock is
 * taken once, and dropped on return.
 */
void uksm_batch_get(struct uksm_batch *batch, struct uksm_mm_slot *slot,
		    struct vm_area_struct *vma, unsigned long start, unsigned int max_pages)
{
	unsigned long end = min(vma->vm_end, (start & PMD_MASK) + PMD_SIZE);
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, start);
	pmd_t pmdval = pmd ? uksm_pmd_read(pmd) : __pmd(0);
	spinlock_t *ptl;
	pte_t *ptep;

	memset(batch, 0, sizeof(*batch));
	batch->start = start;
	if (pmd_none(pmdval)) {
		batch->end = end;
		batch->hole = true;
		return;
	}

	max_pages = min_t(unsigned int, max_pages, UKSM_BATCH_PAGES);
	batch->end = min(end, start + max_pages * PAGE_SIZE);
	if (pmd_present(pmdval) && pmd_trans_huge(pmdval)) {
		batch_huge_pmd(batch, vma, pmd);
		return;
	}
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!ptep)
		return;
	batch_ptes(batch, slot, vma, ptep);
	pte_unmap_unlock(ptep, ptl);
}

/**
 * uksm_batch_put() - drop the references that the batch holds
 * @batch: from uksm_batch_get()
 */
void uksm_batch_put(struct uksm_batch *batch)
{
	unsigned int i;

	for (i = 0; i < UKSM_BATCH_PAGES; i++) {
		if (batch->entry[i].page)
			put_page(batch->entry[i].page);
		batch->entry[i].page = NULL;
	}
}

/**
 * uksm_mapped_at() - what is mapped at an address
 * @vma: the VMA that holds the address
 * @addr: user virtual address, page aligned
 * @pagep: set to the page for %UKSM_MAPPED_PAGE and %UKSM_MAPPED_KSM, with a
 *	reference; to NULL otherwise
 *
 * Context: the caller holds the mmap_lock.
 */
enum uksm_mapped uksm_mapped_at(struct vm_area_struct *vma, unsigned long addr,
				struct page **pagep)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, addr);
	enum uksm_mapped mapped = UKSM_MAPPED_NONE;
	spinlock_t *ptl;
	pmd_t pmdval;
	pte_t *ptep;

	*pagep = NULL;
	if (!pmd)
		return mapped;

	pmdval = uksm_pmd_read(pmd);
	if (pmd_present(pmdval) && pmd_trans_huge(pmdval)) {
		ptl = pmd_lock(vma->vm_mm, pmd);
		*pagep = huge_pmd_page(*pmd, addr);
		if (*pagep) {
			get_page(*pagep);
			mapped = UKSM_MAPPED_PAGE;
		}
		spin_unlock(ptl);
		return mapped;
	}

	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!ptep)
		return mapped;
	mapped = pte_mapped(vma, addr, ptep_get(ptep), NULL, pagep);
	pte_unmap_unlock(ptep, ptl);
	return mapped;
}

/**
 * uksm_page_get() - the anonymous page mapped at an address
 * @vma: the VMA that holds the address
 * @addr: user virtual address, page aligned
 *
 * Context: the caller holds the mmap_lock.
 * Return: the page, of a KSM folio too, with a reference; or NULL.
 */
struct page *uksm_page_get(struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page;

	uksm_mapped_at(vma, addr, &page);
	return page;
}
