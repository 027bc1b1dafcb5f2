/* SPDX-License-Identifier: GPL-2.0-only */
/* What a page-table entry that maps no page stands for, and pages by frame number. */
#ifndef UKSM_COMPAT_PTE_H
#define UKSM_COMPAT_PTE_H

#include <linux/mm.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>
#ifdef UKSM_HAVE_LEAFOPS
#include <linux/leafops.h>
#endif

/**
 * uksm_pte_is_migration() - is this the place holder of a page under migration?
 * @pte: an entry that is neither none nor present
 */
static inline bool uksm_pte_is_migration(pte_t pte)
{
#ifdef UKSM_HAVE_LEAFOPS
	return softleaf_is_migration(softleaf_from_pte(pte));
#else
	return is_migration_entry(pte_to_swp_entry(pte));
#endif
}

/**
 * uksm_pte_uffd() - does userfaultfd track accesses through this entry?
 * @pte: a present entry
 */
static inline bool uksm_pte_uffd(pte_t pte)
{
#ifdef UKSM_HAVE_PTE_UFFD
	return pte_uffd(pte);
#else
	return pte_uffd_wp(pte);
#endif
}

/**
 * uksm_pte_mkuffd() - let userfaultfd track accesses through this entry
 * @pte: a present, write-protected entry
 */
static inline pte_t uksm_pte_mkuffd(pte_t pte)
{
#ifdef UKSM_HAVE_PTE_UFFD
	return pte_mkuffd(pte);
#else
	return pte_mkuffd_wp(pte);
#endif
}

/**
 * uksm_ptes_8_empty() - are eight neighbouring entries empty?
 * @ptep: the first of them, in one page table
 *
 * Return: false also where pte_none() is true of all but some have bits that it ignores.
 */
static inline bool uksm_ptes_8_empty(pte_t *ptep)
{
	return !(ptep_get(ptep).pte | ptep_get(ptep + 1).pte | ptep_get(ptep + 2).pte |
		 ptep_get(ptep + 3).pte | ptep_get(ptep + 4).pte | ptep_get(ptep + 5).pte |
		 ptep_get(ptep + 6).pte | ptep_get(ptep + 7).pte);
}

/**
 * uksm_pfn_folio() - a page frame as the small folio that it is, or was
 * @pfn: frame of online memory
 *
 * Without looking for a compound head: if the frame has meanwhile become the
 * tail of a larger folio, its mapping has no KSM bits, which is what the caller
 * looks at first.
 */
static inline struct folio *uksm_pfn_folio(unsigned long pfn)
{
	return (struct folio *)pfn_to_page(pfn);
}

/**
 * uksm_mm_counters_adopt() - start counting the merged pages of an address space
 * @mm: seen for the first time
 * @stock_free: it is younger than ksmd's last work, which so has no records of it
 *
 * A child's counts start at zero, whatever it has inherited. Where ksm_fork()
 * does not see to that, fork() has copied the parent's. What ksmd has of pages
 * that it did not merge stays counted: it will count that out again.
 */
static inline void uksm_mm_counters_adopt(struct mm_struct *mm, bool stock_free)
{
#ifndef UKSM_HAVE_KSM_FORK_RESETS
	mm->ksm_merging_pages = 0;
	if (stock_free)
		mm->ksm_rmap_items = 0;
#endif
}

#endif
