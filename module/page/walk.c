// SPDX-License-Identifier: GPL-2.0-only
#include "page/walk.h"

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/knobs.h"
#include "kernel/twin.h"
#include "page/merge.h"

/*
 * May pages of the VMA be merged? VM_MERGEABLE is more than the owner's consent.
 * mremap() breaks KSM pages only in VMAs that have it, and a merged page moved
 * without that could not be found by rmap walks any more.
 */
static bool vma_mergeable(struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_MERGEABLE) && uksm_vma_compatible(vma);
}

/* A fault that holds the mmap_lock for reading, as we do, may just be setting it. */
static bool vma_has_anon(struct vm_area_struct *vma)
{
	return READ_ONCE(vma->anon_vma);
}

/**
 * uksm_vma_lookup() - the mergeable VMA with pages that holds an address, or NULL
 * @mm: address space; the caller holds its mmap_lock
 * @addr: user virtual address
 */
struct vm_area_struct *uksm_vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr && vma_mergeable(vma) && vma_has_anon(vma) ? vma : NULL;
}

/**
 * uksm_vma_next() - the first mergeable VMA that ends behind an address
 * @mm: address space; the caller holds its mmap_lock
 * @addr: user virtual address; moved to the first one that may be mergeable and has not
 *	been looked at: in the VMA returned, or behind those that are not mergeable
 * @vmas: how many VMAs to look at, at most; less those on return
 *
 * It may have no anon_vma, and then has no pages to merge.
 *
 * Return: the VMA; NULL when there is none (*@addr is TASK_SIZE_MAX) or @vmas has run out.
 */
struct vm_area_struct *uksm_vma_next(struct mm_struct *mm, unsigned long *addr,
				     unsigned int *vmas)
{
	struct vm_area_struct *vma;
	struct vma_iterator vmi;

	vma_iter_init(&vmi, mm, *addr);
	while (*vmas) {
		vma = vma_next(&vmi);
		if (!vma) {
			*addr = TASK_SIZE_MAX;
			return NULL;
		}
		--*vmas;
		if (vma_mergeable(vma)) {
			*addr = max(*addr, vma->vm_start);
			return vma;
		}
		*addr = vma->vm_end;
	}
	return NULL;
}

static bool vma_may_have_merged(struct vm_area_struct *vma)
{
	return vma_has_anon(vma) && ((vma->vm_flags & VM_MERGEABLE) || uksm_vma_compatible(vma));
}

/**
 * uksm_vma_next_merged() - as uksm_vma_next(), of VMAs that may map merged pages
 * @mm: as there
 * @addr: as there
 * @vmas: as there
 *
 * A VMA may have become unfit for merging after pages of it were merged; and where userfaultfd
 * keeps the kernel from a page, MADV_UNMERGEABLE leaves it merged and takes the flag off.
 */
struct vm_area_struct *uksm_vma_next_merged(struct mm_struct *mm, unsigned long *addr,
					    unsigned int *vmas)
{
	struct vm_area_struct *vma;
	struct vma_iterator vmi;

	vma_iter_init(&vmi, mm, *addr);
	while (*vmas) {
		vma = vma_next(&vmi);
		if (!vma) {
			*addr = TASK_SIZE_MAX;
			return NULL;
		}
		--*vmas;
		if (vma_may_have_merged(vma)) {
			*addr = max(*addr, vma->vm_start);
			return vma;
		}
		*addr = vma->vm_end;
	}
	return NULL;
}

/**
 * uksm_maps_huge() - is there a transparent huge page at an address?
 * @mm: address space
 * @addr: user virtual address
 *
 * Context: the mmap_lock is held. It may be split at any time, but for that no page of it is merged.
 */
bool uksm_maps_huge(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = uksm_find_pmd(mm, addr);
	pmd_t pmdval = pmd ? uksm_pmd_read(pmd) : __pmd(0);

	return pmd_present(pmdval) && pmd_trans_huge(pmdval);
}

static bool page_scannable(struct page *page)
{
	struct folio *folio = page_folio(page);

	return uksm_folio_test_anon(folio) && !is_zone_device_page(page) && !PageHWPoison(page);
}

/**
 * uksm_pte_mapped() - what a PTE maps
 * @vma: the VMA that holds the address
 * @addr: user virtual address
 * @pte: the PTE
 * @node: the stable node whose page is expected there, or NULL
 * @pagep: set to the page for %UKSM_MAPPED_PAGE and %UKSM_MAPPED_KSM, without a reference
 *
 * Context: the page-table lock is held, which keeps the mapping, and that the page.
 */
enum uksm_mapped uksm_pte_mapped(struct vm_area_struct *vma, unsigned long addr, pte_t pte,
				 const struct uksm_stable_node *node, struct page **pagep)
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
	if (node && uksm_folio_is_ksm_of(folio, node) &&
	    (uksm_kpfn_nid(pte_pfn(pte)) == node->nid || PageHWPoison(page)))
		return UKSM_MAPPED_MERGED;
	if (!page_scannable(page))
		return UKSM_MAPPED_NONE;

	*pagep = page;
	return uksm_folio_test_ksm(folio) ? UKSM_MAPPED_KSM : UKSM_MAPPED_PAGE;
}

/**
 * uksm_huge_pmd_page() - the page that a huge PMD maps at an address
 * @pmd: entry
 * @addr: user virtual address
 *
 * Context: the page-table lock is held.
 * Return: the page, without a reference, if it is one to look at; else NULL.
 */
struct page *uksm_huge_pmd_page(pmd_t pmd, unsigned long addr)
{
	struct page *page;

	if (!pmd_present(pmd) || !pmd_trans_huge(pmd))
		return NULL;
	page = pmd_page(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	return page_scannable(page) ? page : NULL;
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
		*pagep = uksm_huge_pmd_page(*pmd, addr);
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
	mapped = uksm_pte_mapped(vma, addr, ptep_get(ptep), NULL, pagep);
	if (*pagep)
		get_page(*pagep);
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

/**
 * uksm_pages_get() - the pages mapped at some addresses, as far as each is a case
 *	of its own
 * @vma: the VMA that holds the addresses
 * @start: first address; the others are of the same page table
 * @wanted: bitmap of %UKSM_WALK_MAX, by page from @start on
 * @pages: what is found, each with a reference; NULL elsewhere
 *
 * Large folios are left out: a reference on one of their pages would keep them
 * from being split for another one. So are KSM pages: several of the addresses may
 * map the same, and the references for the others would look like users of it.
 *
 * Context: the caller holds the mmap_lock.
 */
void uksm_pages_get(struct vm_area_struct *vma, unsigned long start,
		    const unsigned long *wanted, struct page **pages)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, start);
	struct page *page;
	unsigned int i;
	spinlock_t *ptl;
	pte_t *ptep;

	memset(pages, 0, UKSM_WALK_MAX * sizeof(*pages));
	if (!pmd || pmd_trans_huge(uksm_pmd_read(pmd)))
		return;
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!ptep)
		return;
	for_each_set_bit(i, wanted, UKSM_WALK_MAX) {
		page = NULL;
		if (uksm_pte_mapped(vma, start + i * PAGE_SIZE, ptep_get(ptep + i), NULL, &page) !=
		    UKSM_MAPPED_PAGE || PageCompound(page))
			continue;
		get_page(page);
		pages[i] = page;
	}
	pte_unmap_unlock(ptep, ptl);
}
