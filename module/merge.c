// SPDX-License-Identifier: GPL-2.0-only
#include "merge.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "twin.h"

/**
 * uksm_pages_identical() - do two pages hold the same bytes?
 * @a: page, with a reference
 * @b: page, with a reference
 *
 * Unless both are write-protected and locked, the answer is but a hint.
 */
bool uksm_pages_identical(struct page *a, struct page *b)
{
	void *va = kmap_local_page(a);
	void *vb = kmap_local_page(b);
	bool identical = !memcmp(va, vb, PAGE_SIZE);

	kunmap_local(vb);
	kunmap_local(va);
	return identical;
}

/**
 * uksm_page_split() - make a page of a large folio a folio of its own
 * @page: page, with the caller's and no other extra reference on its folio
 *
 * Context: the caller holds the mmap_lock and no folio lock. Sleeps.
 * Return: 0, also for a page that was small already, with the reference on
 * @page kept; -EBUSY when the folio is locked, pinned or in other use.
 */
int uksm_page_split(struct page *page)
{
	int err;

	if (!PageCompound(page))
		return 0;
	if (!folio_trylock(page_folio(page)))
		return -EBUSY;
	/* The folio may have been split before we had the lock. */
	err = PageCompound(page) ? uksm_split_folio(page) : 0;
	folio_unlock(page_folio(page));
	return err ? -EBUSY : 0;
}

/**
 * uksm_page_in_use() - is there a user of a page that page tables do not show?
 * @page: page of a small folio, with the caller's reference
 *
 * That is a reference which neither a mapping, nor the swap cache, nor the
 * caller holds, and by which the page could be written behind the page tables'
 * back. Dependable only while nobody can take references: see
 * pte_write_protect().
 */
bool uksm_page_in_use(struct page *page)
{
	struct folio *folio = page_folio(page);

	return uksm_folio_mapcount_small(folio) + folio_test_swapcache(folio) + 1 !=
	       folio_ref_count(folio);
}

/* Take the write permission from a PTE; the page-table lock is held. */
static int pte_write_protect(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep,
			     struct page *page, pte_t *protected)
{
	struct folio *folio = page_folio(page);
	bool exclusive = PageAnonExclusive(page);
	pte_t pte = ptep_get(ptep);

	if (!pte_present(pte) || pte_pfn(pte) != page_to_pfn(page))
		return -EAGAIN;
	/* Made inaccessible for userfaultfd's sake: the new PTE would not be. */
	if (uksm_pte_uffd(pte) && pte_protnone(pte))
		return -EBUSY;

	if (!pte_write(pte) && !pte_dirty(pte) && !exclusive && !mm_tlb_flush_pending(vma->vm_mm)) {
		/* Read-only for everybody already, and for good. */
		*protected = pte;
		return uksm_page_in_use(page) ? -EBUSY : 0;
	}

	/*
	 * get_user_pages_fast() takes its references without any lock. With the
	 * PTE gone and flushed it can take no more, so only now does the count
	 * tell whether one was taken, for O_DIRECT or a device say.
	 */
	pte = uksm_ptep_clear_flush(vma, addr, ptep);
	if (uksm_page_in_use(page) || (exclusive && uksm_try_share_anon_rmap(folio, page))) {
		set_pte_at(vma->vm_mm, addr, ptep, pte);
		return -EBUSY;
	}

	if (pte_dirty(pte))
		folio_mark_dirty(folio);
	pte = pte_wrprotect(pte_mkclean(pte));
	set_pte_at(vma->vm_mm, addr, ptep, pte);
	*protected = pte;
	return 0;
}

/**
 * uksm_write_protect() - take the write permission from a page's mapping
 * @vma: the VMA that holds the address
 * @addr: user virtual address
 * @page: the page expected there: small, locked, with the caller's reference
 * @protected: set to the PTE as it is afterwards
 *
 * Afterwards the content stays as it is until somebody has broken COW, which
 * changes the PTE: pages that are mapped elsewhere as well are write-protected
 * there since fork().
 *
 * Context: the caller holds the mmap_lock and the folio lock, and keeps the
 * latter up to uksm_replace_page(). Sleeps in MMU notifiers.
 * Return: 0; -EAGAIN when another page is mapped there by now; -EBUSY when
 * somebody holds a reference by which the page could still be written.
 */
int uksm_write_protect(struct vm_area_struct *vma, unsigned long addr, struct page *page,
		       pte_t *protected)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, addr);
	struct uksm_invalidate inv;
	spinlock_t *ptl;
	pte_t *ptep;
	int err = -EAGAIN;

	if (!pmd)
		return err;

	uksm_invalidate_start(&inv, vma, addr, addr + PAGE_SIZE);
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (ptep) {
		err = pte_write_protect(vma, addr, ptep, page, protected);
		pte_unmap_unlock(ptep, ptl);
	}
	uksm_invalidate_end(&inv);
	return err;
}

/* The bits of the old PTE that user space put there come along. */
static pte_t pte_inherit(pte_t pte, pte_t old)
{
	pte = pte_wrprotect(pte);
	if (pte_soft_dirty(old))
		pte = pte_mksoft_dirty(pte);
	if (uksm_pte_uffd(old))
		pte = uksm_pte_mkuffd(pte);
	return pte;
}

/* The page has lost this mapping: drop what the mapping held. */
static void page_unmapped(struct vm_area_struct *vma, struct page *page)
{
	struct folio *folio = page_folio(page);

	uksm_remove_rmap(folio, page, vma);
	if (!uksm_folio_mapcount_small(folio))
		uksm_folio_free_swap(folio);
	folio_put(folio);
}

/* Map @kpage, or the zero page if NULL, where the PTE still is @protected. */
static int replace_pte(struct vm_area_struct *vma, unsigned long addr, struct page *page,
		       struct page *kpage, pte_t protected)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, addr);
	struct uksm_invalidate inv;
	spinlock_t *ptl;
	pte_t *ptep;
	pte_t pte;
	int err = -EAGAIN;

	if (!pmd)
		return err;

	uksm_invalidate_start(&inv, vma, addr, addr + PAGE_SIZE);
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!ptep)
		goto out;
	/* A write since uksm_write_protect() has put another page here. */
	if (!pte_same(ptep_get(ptep), protected))
		goto unlock;

	if (kpage) {
		folio_get(page_folio(kpage));
		uksm_add_anon_rmap(page_folio(kpage), kpage, vma, addr);
		pte = mk_pte(kpage, vma->vm_page_prot);
	} else {
		uksm_account_zero_map(vma->vm_mm);
		pte = pte_mkspecial(pfn_pte(uksm_zero_pfn(), vma->vm_page_prot));
		pte = uksm_zero_pte_mark(pte);
	}
	uksm_ptep_clear_flush(vma, addr, ptep);
	set_pte_at(vma->vm_mm, addr, ptep, pte_inherit(pte, protected));
	page_unmapped(vma, page);
	err = 0;
unlock:
	pte_unmap_unlock(ptep, ptl);
out:
	uksm_invalidate_end(&inv);
	return err;
}

/**
 * uksm_replace_page() - map a KSM page in the place of a page equal to it
 * @vma: the VMA that holds the address
 * @addr: user virtual address
 * @page: the page mapped there: small, locked, with the caller's reference
 * @kpage: the KSM page, locked
 * @protected: the PTE from uksm_write_protect()
 *
 * Context: the caller holds the mmap_lock and both folio locks, and has found
 * the pages identical since @page was write-protected. Sleeps in MMU notifiers.
 * Return: 0, or -EAGAIN when the PTE has changed: nothing has been done.
 */
int uksm_replace_page(struct vm_area_struct *vma, unsigned long addr, struct page *page,
		      struct page *kpage, pte_t protected)
{
	/* The last user that it had may have freed it with MADV_FREE. */
	uksm_keep_content(page_folio(kpage));
	return replace_pte(vma, addr, page, kpage, protected);
}

/**
 * uksm_replace_with_zero() - map the zero page in the place of a page of zeroes
 * @vma: the VMA that holds the address
 * @addr: user virtual address
 * @page: the page mapped there, as for uksm_replace_page()
 * @protected: the PTE from uksm_write_protect()
 *
 * Context and return value as for uksm_replace_page().
 */
int uksm_replace_with_zero(struct vm_area_struct *vma, unsigned long addr, struct page *page,
			   pte_t protected)
{
	return replace_pte(vma, addr, page, NULL, protected);
}

/**
 * uksm_keep_content() - see to it that a page's content outlives any reclaim
 * @folio: an anonymous page of which all PTEs may be clean
 *
 * A page that is clean, as its PTEs are, and not in the swap cache has nothing
 * that MADV_FREE would respect: it takes the page for one that its caller alone
 * uses, even where others map it, and reclaim then drops it for all of them.
 *
 * Context: where @folio can get another user, fork included, only afterwards.
 */
void uksm_keep_content(struct folio *folio)
{
	if (!folio_test_dirty(folio))
		folio_mark_dirty(folio);
}

/**
 * uksm_make_ksm() - turn an anonymous page into a KSM page
 * @folio: the page: small, locked, and write-protected by uksm_write_protect()
 * @node: a stable node that has no page yet
 *
 * From here on rmap walks of the page start at the node. The caller links the
 * rmap_item of the page's own mapping before it unlocks the folio.
 *
 * Context: the caller holds uksm_mutex, the mmap_lock and the folio lock.
 */
void uksm_make_ksm(struct folio *folio, struct uksm_stable_node *node)
{
	node->kpfn = folio_pfn(folio);
	uksm_folio_set_ksm(folio, node);
	folio_mark_accessed(folio);
	uksm_keep_content(folio);
}
