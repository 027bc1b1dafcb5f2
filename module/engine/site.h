/* SPDX-License-Identifier: GPL-2.0-only */
/* A page for which an equal one is searched, where it is mapped, and what becomes of it. */
#ifndef UKSM_SITE_H
#define UKSM_SITE_H

#include <linux/mm.h>

struct uksm_join;
struct uksm_mm_slot;
struct uksm_tracked;

/**
 * enum uksm_outcome - what has become of the search for an equal page, from what
 *	says least of it to what says most, but for the first
 * @UKSM_OUTCOME_MERGED: it was found, and both share one page now, or will when the batch ends
 * @UKSM_OUTCOME_NONE: there is none
 * @UKSM_OUTCOME_DIFFERS: there is none, but one of that checksum, by chance
 * @UKSM_OUTCOME_ALIKE: there is none, but one that agrees in all that the checksum is made of
 * @UKSM_OUTCOME_FULL: there are, all at max_page_sharing
 * @UKSM_OUTCOME_SAME: there is only another address of the very same page
 * @UKSM_OUTCOME_IN_USE: the page could be changed by somebody behind the page tables' back
 * @UKSM_OUTCOME_LATER: just now it could not be done: no memory, a lock, a change meanwhile
 */
enum uksm_outcome {
	UKSM_OUTCOME_MERGED,
	UKSM_OUTCOME_NONE,
	UKSM_OUTCOME_DIFFERS,
	UKSM_OUTCOME_ALIKE,
	UKSM_OUTCOME_FULL,
	UKSM_OUTCOME_SAME,
	UKSM_OUTCOME_IN_USE,
	UKSM_OUTCOME_LATER,
};

/**
 * struct uksm_site - a page, and where it is mapped
 * @slot: address space; it has been entered
 * @vma: VMA
 * @addr: user virtual address
 * @t: the record of that address
 * @page: the page found there, with a reference
 */
struct uksm_site {
	struct uksm_mm_slot *slot;
	struct vm_area_struct *vma;
	unsigned long addr;
	struct uksm_tracked *t;
	struct page *page;
};

/** uksm_site_folio() - the folio that the page belongs to */
static inline struct folio *uksm_site_folio(const struct uksm_site *site)
{
	return page_folio(site->page);
}

enum uksm_outcome uksm_site_prepare(struct uksm_join *join, const struct uksm_site *site);

#endif
