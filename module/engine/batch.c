// SPDX-License-Identifier: GPL-2.0-only
#include "engine/batch.h"

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "kernel/twin.h"
#include "page/merge.h"
#include "pure/checksum.h"

/*
 * Nearly all pages of a scan in the steady state end here, so it matters what is
 * not looked at: the struct page, which would be one more miss of the cache, unless
 * NUMA nodes are kept apart and it has to tell its own.
 * A page that is in the unstable tree is no KSM page, for it leaves the tree when
 * it becomes one. What is mapped there now need not be that page: any other of the
 * same checksum is worth the same. It must be memory that can be read, though:
 * an ordinary page of an anonymous VMA is, unless memory has failed on this
 * machine; then each page is asked (pte_mapped()).
 */
static bool page_unchanged(unsigned long pfn, const struct uksm_tracked *t)
{
	return uksm_page_checksum(pfn_to_page(pfn)) == t->key.checksum &&
	       uksm_kpfn_nid(pfn) == uksm_tracked_nid(t);
}

static bool checked_by_content(struct vm_area_struct *vma, bool hash)
{
	return hash && vma_is_anonymous(vma) && !uksm_memory_has_failed();
}

static bool tracked_by_content(const struct uksm_tracked *t)
{
	return t && uksm_tracked_state(t) == UKSM_UNSHARED &&
	       !(t->key.flags & (UKSM_F_COLLIDES | UKSM_F_PINNED));
}

/* The merged page that a record says is there. */
static const struct uksm_stable_node *expected_node(const struct uksm_tracked *t)
{
	return t && uksm_tracked_state(t) == UKSM_MERGED ? t->rmap->node : NULL;
}

static const struct uksm_tracked *batch_record(const struct uksm_batch *batch, unsigned int i)
{
	const struct uksm_tracked *row = batch->row;

	return row && uksm_tracked_state(&row[i]) != UKSM_UNTRACKED ? &row[i] : NULL;
}

/* The data of the next page comes in while this one is hashed. */
static void prefetch_next(pte_t pte)
{
	if (pte_present(pte))
		uksm_checksum_prefetch(page_address(pfn_to_page(pte_pfn(pte))));
}

static void batch_ptes(struct uksm_batch *batch, struct vm_area_struct *vma, pte_t *ptep,
		       bool hash)
{
	bool by_content = checked_by_content(vma, hash);
	unsigned long addr = batch->start;
	const struct uksm_tracked *t;
	struct page *page;
	pte_t pte, next;
	unsigned int i;

	if (addr == batch->end)
		return;
	next = ptep_get(ptep);
	for (i = 0; addr < batch->end; i++, addr += PAGE_SIZE) {
		pte = next;
		if (addr + PAGE_SIZE < batch->end) {
			next = ptep_get(++ptep);
			if (hash)
				prefetch_next(next);
		}
		if (pte_none(pte))
			continue;
		t = batch_record(batch, i);
		if (by_content && tracked_by_content(t) && pte_present(pte) && !pte_special(pte) &&
		    page_unchanged(pte_pfn(pte), t)) {
			batch->entry[i].mapped = UKSM_MAPPED_UNCHANGED;
			continue;
		}
		/* Memory that was only read is full of these. */
		if (!t && pte_present(pte) && uksm_pfn_is_zero_page(pte_pfn(pte))) {
			batch->entry[i].mapped = uksm_pte_is_merged_zero(pte) ?
				UKSM_MAPPED_MERGED_ZERO : UKSM_MAPPED_ZERO;
			continue;
		}
		page = NULL;
		batch->entry[i].mapped = uksm_pte_mapped(vma, addr, pte, expected_node(t), &page);
		if (page && hash) {
			batch->entry[i].checksum = uksm_page_checksum(page);
			batch->entry[i].nid = uksm_kpfn_nid(page_to_pfn(page));
		}
	}
}

/*
 * There is something, and it cannot be looked at: a huge page under migration, or one
 * that khugepaged was quicker to make. What is known of its pages is kept.
 */
static void batch_set_busy(struct uksm_batch *batch)
{
	unsigned int i;

	for (i = 0; i < (batch->end - batch->start) >> PAGE_SHIFT; i++)
		batch->entry[i].mapped = UKSM_MAPPED_BUSY;
}

/* Each page of a huge page is looked at by itself; it is split on a match only. */
static void batch_huge_pmd(struct uksm_batch *batch, struct vm_area_struct *vma, pmd_t *pmd,
			   bool hash)
{
	unsigned long addr = batch->start;
	spinlock_t *ptl = pmd_lock(vma->vm_mm, pmd);
	struct page *first = uksm_huge_pmd_page(*pmd, addr);
	bool ask_each = uksm_memory_has_failed();
	const struct uksm_tracked *t;
	struct page *page;
	unsigned int i;

	/* Under migration, or just another page table: all will be back. */
	if (!first && !pmd_none(*pmd) && !pmd_trans_huge(*pmd))
		batch_set_busy(batch);
	for (i = 0; first && addr < batch->end; i++, addr += PAGE_SIZE) {
		page = ask_each ? uksm_huge_pmd_page(*pmd, addr) : first + i;
		if (!page)
			continue;
		batch->entry[i].mapped = UKSM_MAPPED_PAGE;
		if (!hash)
			continue;
		t = batch_record(batch, i);
		batch->entry[i].checksum = uksm_page_checksum(page);
		batch->entry[i].nid = uksm_kpfn_nid(page_to_pfn(page));
		if (tracked_by_content(t) && t->key.checksum == batch->entry[i].checksum &&
		    batch->entry[i].nid == uksm_tracked_nid(t))
			batch->entry[i].mapped = UKSM_MAPPED_UNCHANGED;
	}
	spin_unlock(ptl);
}

/*
 * Let the batch begin with the first address that has something, now or in the
 * records; in a page table with a page here and there that is most of the work.
 */
static pte_t *batch_skip_empty(struct uksm_batch *batch, unsigned long end, pte_t *ptep)
{
	unsigned int n = (end - batch->start) >> PAGE_SHIFT;
	unsigned int i = 0;

	if (!batch->row) {
		while (i < n && pte_none(ptep_get(ptep + i)))
			i++;
	} else {
		while (i < n && pte_none(ptep_get(ptep + i)) && !batch_record(batch, i))
			i++;
		batch->row += i;
	}
	batch->start += i * PAGE_SIZE;
	return ptep + i;
}

/*
 * How far page tables are missing from an address on, whose PMD entry is empty: up
 * to the end of the table of such entries at most.
 */
static unsigned long no_table_end(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd)
{
	unsigned long end = (addr & PMD_MASK) + PMD_SIZE;

	while ((end & ~PUD_MASK) && end < vma->vm_end && pmd_none(uksm_pmd_read(++pmd)))
		end += PMD_SIZE;
	return end;
}

/*
 * The page-table lock is held while the pages of a batch are hashed, and faults
 * wait for it: of pages that are hashed in whole a batch has fewer.
 */
static unsigned int batch_limit(void)
{
	return UKSM_BATCH_PAGES >> (uksm_checksum_lines() / 24);
}

/**
 * uksm_batch_get() - look up what is mapped from an address on
 * @batch: filled in
 * @slot: address space
 * @vma: the VMA that holds the address
 * @start: first address, page aligned
 * @max_pages: how many pages to look up at most; the batch also ends with the
 *	VMA, with the tile of records, and after UKSM_BATCH_PAGES
 * @hash: also tell checksums, and %UKSM_MAPPED_UNCHANGED
 *
 * Where there is no page table, the batch is a hole up to the next one, or a part of
 * the way there, whatever @max_pages says.
 * Else the batch may start behind @start, if there is nothing in between, and be
 * empty.
 *
 * Pages are hashed under the page-table lock. So there is no need for references
 * on them, which would keep others from moving or splitting them meanwhile.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock. The page-table lock is
 * taken once, and dropped on return.
 */
void uksm_batch_get(struct uksm_batch *batch, struct uksm_mm_slot *slot,
		    struct vm_area_struct *vma, unsigned long start, unsigned int max_pages,
		    bool hash)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, start);
	pmd_t pmdval = pmd ? uksm_pmd_read(pmd) : __pmd(0);
	unsigned long end;
	spinlock_t *ptl;
	pte_t *ptep;

	batch->start = start;
	batch->hole = pmd_none(pmdval);
	if (batch->hole) {
		end = pmd ? no_table_end(vma, start, pmd) : uksm_no_pmd_end(vma->vm_mm, start);
		/* Behind the last address it is 0. */
		batch->end = min(vma->vm_end - 1, end - 1) + 1;
		return;
	}

	memset(batch->entry, 0, sizeof(batch->entry));
	batch->row = uksm_tracked_row(slot, start);
	if (hash)
		max_pages = min(max_pages, batch_limit());
	end = min(vma->vm_end, round_down(start, UKSM_TILE_BYTES) + UKSM_TILE_BYTES);
	batch->end = min(end, start + max_pages * PAGE_SIZE);
	if (pmd_present(pmdval) && pmd_trans_huge(pmdval)) {
		batch_huge_pmd(batch, vma, pmd, hash);
		return;
	}
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!ptep) {
		batch_set_busy(batch);
		return;
	}
	ptep = batch_skip_empty(batch, end, ptep);
	batch->end = min(end, batch->start + max_pages * PAGE_SIZE);
	batch_ptes(batch, vma, ptep, hash);
	pte_unmap_unlock(ptep, ptl);
}

