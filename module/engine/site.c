// SPDX-License-Identifier: GPL-2.0-only
#include "engine/site.h"

#include <linux/minmax.h>
#include <linux/mm.h>

#include "compat/compat.h"
#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/join.h"
#include "page/merge.h"
#include "page/walk.h"
#include "pure/checksum.h"

/* Is the site's page mapped by a huge entry? */
static bool site_huge(const struct uksm_site *site)
{
	pmd_t *pmd = uksm_find_pmd(site->vma->vm_mm, site->addr);

	return pmd && pmd_trans_huge(uksm_pmd_read(pmd));
}

/*
 * A huge page was split. From Linux 6.12 on that maps the zero page in the place of each of
 * its pages of zeroes. Of those that have no record yet nobody would know later that this is
 * how it came.
 */
static void note_split_zeroes(struct uksm_batch *batch, const struct uksm_site *site)
{
	unsigned long addr = max(site->addr & PMD_MASK, site->vma->vm_start);
	unsigned long end = min((site->addr & PMD_MASK) + PMD_SIZE, site->vma->vm_end);
	struct uksm_tracked *t;
	unsigned int i;

	while (addr < end) {
		uksm_batch_get(batch, site->slot, site->vma, addr, UKSM_BATCH_PAGES, false);
		addr = batch->start;
		for (i = 0; !batch->hole && addr < batch->end; i++, addr += PAGE_SIZE) {
			if (uksm_batch_mapped(batch, i) != UKSM_MAPPED_ZERO ||
			    uksm_tracked_find(site->slot, addr))
				continue;
			t = uksm_tracked_add(site->slot, addr, uksm_checksum_zero());
			if (t)
				uksm_file_split_zero(site->slot, site->vma, t);
		}
		addr = batch->end;
	}
}

/**
 * uksm_site_prepare() - make a page small, if nobody uses it
 * @join: scratch memory
 * @site: the page; the reference on it must be the caller's only one on its folio
 *
 * Pages in use cannot be merged, as uksm_write_protect() would find out. Asking
 * first spares a guest with a passed-through device a TLB flush for each page
 * on each scan. A page of a thousand processes has as many references as one that is
 * pinned, so of small ones they are counted.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no folio lock. Sleeps. May add
 * records to the address space, of what else the split of a huge page has mapped.
 * Return: %UKSM_OUTCOME_MERGED: it can be merged; %UKSM_OUTCOME_IN_USE, or
 * %UKSM_OUTCOME_LATER if it could not be split.
 */
enum uksm_outcome uksm_site_prepare(struct uksm_join *join, const struct uksm_site *site)
{
	bool huge = PageCompound(site->page) && site_huge(site);

	if (PageCompound(site->page) ? folio_maybe_dma_pinned(uksm_site_folio(site)) :
				       uksm_page_in_use(site->page))
		return UKSM_OUTCOME_IN_USE;
	if (uksm_page_split(site->page))
		return UKSM_OUTCOME_LATER;
	if (huge && uksm_zero_pages_marked())
		note_split_zeroes(&join->batch, site);
	return UKSM_OUTCOME_MERGED;
}
