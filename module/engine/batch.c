// SPDX-License-Identifier: GPL-2.0-only
#include "engine/batch.h"

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "kernel/race.h"
#include "kernel/twin.h"
#include "page/merge.h"
#include "pure/checksum.h"

/* So many pages are hashed before a look at who waits for the page-table lock, or for the CPU. */
#define HASH_AT_ONCE	4

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
static bool page_unchanged(const struct uksm_batch *batch, unsigned long pfn,
			   const struct uksm_tracked *t)
{
	return uksm_page_checksum(pfn_to_page(pfn), batch->whole) == t->key.checksum &&
	       uksm_kpfn_nid(pfn) == uksm_tracked_nid(t);
}

static bool checked_by_content(const struct uksm_batch *batch, struct vm_area_struct *vma)
{
	return batch->hash && vma_is_anonymous(vma) && !uksm_memory_has_failed();
}

/* Was it kept from other processes' pages up to now? Then it is to be looked into. */
static bool hold_over(const struct uksm_tracked *t)
{
	return t->key.hold && !uksm_hold_on(t->key.hold);
}

static bool tracked_by_content(const struct uksm_tracked *t)
{
	return t && uksm_tracked_state(t) == UKSM_UNSHARED && !hold_over(t) &&
	       !(t->key.flags & (UKSM_F_COLLIDES | UKSM_F_PINNED));
}

/* The merged page that a record says is there. */
static const struct uksm_stable_node *expected_node(const struct uksm_tracked *t)
{
	return t && uksm_tracked_state(t) == UKSM_MERGED && !hold_over(t) ? t->rmap->node : NULL;
}

static const struct uksm_tracked *batch_record(const struct uksm_batch *batch, unsigned int i)
{
	const struct uksm_tracked *row = batch->row;

	return row && uksm_tracked_state(&row[i]) != UKSM_UNTRACKED ? &row[i] : NULL;
}

/* The data of the next page comes in while this one is hashed; of all of it, it comes by itself. */
static void prefetch_next(pte_t pte)
{
	if (pte_present(pte))
		uksm_checksum_prefetch(page_address(pfn_to_page(pte_pfn(pte))));
}

static void batch_set(struct uksm_batch *batch, unsigned int i, enum uksm_mapped mapped)
{
	bool known = mapped == UKSM_MAPPED_UNCHANGED || mapped == UKSM_MAPPED_MERGED;
	unsigned long *map = known ? batch->known : batch->look;

	batch->entry[i].mapped = mapped;
	/* In plain C: what __set_bit() comes to in memory takes CPUs as long as the rest. */
	map[BIT_WORD(i)] |= BIT_MASK(i);
}

static void batch_pte(struct uksm_batch *batch, unsigned int i, struct vm_area_struct *vma,
		      unsigned long addr, pte_t pte, const struct uksm_tracked *t)
{
	struct page *page = NULL;

	/* Memory that was only read is full of these. */
	if (!t && pte_present(pte) && uksm_pfn_is_zero_page(pte_pfn(pte))) {
		batch_set(batch, i, uksm_pte_is_merged_zero(pte) ? UKSM_MAPPED_MERGED_ZERO :
								   UKSM_MAPPED_ZERO);
		return;
	}
	batch_set(batch, i, uksm_pte_mapped(vma, addr, pte, expected_node(t), &page));
	if (page && batch->hash) {
		batch->entry[i].checksum = uksm_page_checksum(page, batch->whole);
		batch->entry[i].nid = uksm_kpfn_nid(page_to_pfn(page));
	}
}

/*
 * How many addresses from one on have nothing, neither now nor in the records; in a page table
 * with a page here and there that is most of the work, so eight at a time.
 */
static unsigned int empty_run(const struct uksm_chunk *chunk, unsigned long addr,
			      unsigned long end, pte_t *ptep)
{
	unsigned int i = 0, n;

	if (chunk)
		end = min(end, uksm_chunk_next_used(chunk, addr));
	n = (end - addr) >> PAGE_SHIFT;
	while (i + 8 <= n && uksm_ptes_8_empty(ptep + i))
		i += 8;
	while (i < n && pte_none(ptep_get(ptep + i)))
		i++;
	return i;
}

/*
 * Pages are hashed with the page-table lock held, for which faults wait, and without being
 * preempted. So after every few pages: is it somebody else's turn? Then the batch ends.
 */
static bool table_awaited(spinlock_t *ptl)
{
	uksm_race_spin("hash-next");
	return spin_is_contended(ptl) || uksm_cpu_awaited();
}

static void batch_ptes(struct uksm_batch *batch, const struct uksm_chunk *chunk,
		       struct vm_area_struct *vma, pte_t *ptep, spinlock_t *ptl)
{
	bool by_content = checked_by_content(batch, vma), prefetch = batch->hash && !batch->whole;
	unsigned int i, n = uksm_batch_pages(batch), go_on = batch->hash ? HASH_AT_ONCE : n;
	const struct uksm_tracked *t;
	unsigned long addr;
	pte_t pte;

	for (i = 0; i < n; i++) {
		addr = batch->start + i * PAGE_SIZE;
		pte = ptep_get(ptep + i);
		if (prefetch && i + 1 < n)
			prefetch_next(ptep_get(ptep + i + 1));
		t = batch_record(batch, i);
		if (pte_none(pte)) {
			if (t)
				batch_set(batch, i, UKSM_MAPPED_NONE);
			else
				i += max(empty_run(chunk, addr, batch->end, ptep + i), 1u) - 1;
			continue;
		}
		if (i >= go_on) {
			if (table_awaited(ptl)) {
				batch->end = addr;
				break;
			}
			go_on = i + HASH_AT_ONCE;
		}
		if (by_content && tracked_by_content(t) && pte_present(pte) && !pte_special(pte) &&
		    page_unchanged(batch, pte_pfn(pte), t))
			batch_set(batch, i, UKSM_MAPPED_UNCHANGED);
		else
			batch_pte(batch, i, vma, addr, pte, t);
	}
}

/*
 * A page table, from the entry of the batch's start on. The batch begins with the first address
 * that has something; up to @end, that of its tile, it goes on from there, else it is empty.
 */
static void batch_table(struct uksm_batch *batch, struct uksm_mm_slot *slot,
			struct vm_area_struct *vma, pte_t *ptep, spinlock_t *ptl,
			unsigned long end, unsigned int max_pages)
{
	unsigned long table_end = min(vma->vm_end - 1, batch->start | ~PMD_MASK) + 1;
	const struct uksm_chunk *chunk = uksm_chunk_of(slot, batch->start);
	unsigned int skip = empty_run(chunk, batch->start, table_end, ptep);

	batch->start += skip * PAGE_SIZE;
	if (batch->start >= end) {
		batch->end = batch->start;
		return;
	}
	batch->end = min(end, batch->start + max_pages * PAGE_SIZE);
	if (batch->row)
		batch->row += skip;
	batch_ptes(batch, chunk, vma, ptep + skip, ptl);
}

/*
 * There is something, and it cannot be looked at: a huge page under migration, or one
 * that khugepaged was quicker to make. What is known of its pages is kept.
 */
static void batch_set_busy(struct uksm_batch *batch)
{
	unsigned int i;

	for (i = 0; i < uksm_batch_pages(batch); i++)
		batch_set(batch, i, UKSM_MAPPED_BUSY);
}

/* Each page of a huge page is looked at by itself; it is split on a match only. */
static void batch_huge_pmd(struct uksm_batch *batch, struct vm_area_struct *vma, pmd_t *pmd)
{
	unsigned long addr = batch->start;
	spinlock_t *ptl = pmd_lock(vma->vm_mm, pmd);
	struct page *first = uksm_huge_pmd_page(*pmd, addr);
	bool ask_each = uksm_memory_has_failed();
	const struct uksm_tracked *t;
	enum uksm_mapped mapped;
	struct page *page;
	unsigned int i;

	/* Under migration, or just another page table: all will be back. */
	if (!first && !pmd_none(*pmd) && !pmd_trans_huge(*pmd)) {
		batch_set_busy(batch);
		goto unlock;
	}
	for (i = 0; addr < batch->end; i++, addr += PAGE_SIZE) {
		if (first && batch->hash && i && i % HASH_AT_ONCE == 0 && table_awaited(ptl)) {
			batch->end = addr;
			break;
		}
		t = batch_record(batch, i);
		page = !first ? NULL : ask_each ? uksm_huge_pmd_page(*pmd, addr) : first + i;
		mapped = page ? UKSM_MAPPED_PAGE : UKSM_MAPPED_NONE;
		if (page && batch->hash) {
			batch->entry[i].checksum = uksm_page_checksum(page, batch->whole);
			batch->entry[i].nid = uksm_kpfn_nid(page_to_pfn(page));
			if (tracked_by_content(t) &&
			    t->key.checksum == batch->entry[i].checksum &&
			    batch->entry[i].nid == uksm_tracked_nid(t))
				mapped = UKSM_MAPPED_UNCHANGED;
		}
		if (page || t)
			batch_set(batch, i, mapped);
	}
unlock:
	spin_unlock(ptl);
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
 * Where nobody waits the page-table lock is held for a whole batch: of pages that are hashed in
 * whole a batch has fewer.
 */
static unsigned int batch_limit(const struct uksm_batch *batch)
{
	unsigned int lines = batch->whole ? UKSM_LINES : uksm_checksum_lines();

	return UKSM_BATCH_PAGES >> (lines / 24);
}

/**
 * uksm_batch_get() - look up what is mapped from an address on
 * @batch: filled in
 * @slot: address space
 * @vma: the VMA that holds the address
 * @start: first address, page aligned
 * @max_pages: how many pages to look up at most; the batch also ends with the
 *	VMA, with the tile of records, and after UKSM_BATCH_PAGES
 * @hash: also tell checksums, and %UKSM_MAPPED_UNCHANGED; then the batch ends early if
 *	somebody waits for the page-table lock, or for this CPU
 *
 * Where there is no page table, the batch is a hole up to the next one, or a part of
 * the way there, whatever @max_pages says.
 * Else the batch may start behind @start, if there is nothing in between, and be
 * empty: always if it starts behind the tile of @start.
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
	unsigned long tile_end = round_down(start, UKSM_TILE_BYTES) + UKSM_TILE_BYTES;
	pmd_t pmdval = pmd ? uksm_pmd_read(pmd) : __pmd(0);
	unsigned long end;
	spinlock_t *ptl;
	pte_t *ptep;

	batch->start = start;
	batch->hash = hash;
	batch->whole = hash && uksm_domain_holds(slot->domain);
	batch->hole = pmd_none(pmdval);
	if (batch->hole) {
		end = pmd ? no_table_end(vma, start, pmd) : uksm_no_pmd_end(vma->vm_mm, start);
		/* Behind the last address it is 0. */
		batch->end = min(vma->vm_end - 1, end - 1) + 1;
		return;
	}

	bitmap_zero(batch->known, UKSM_BATCH_PAGES);
	bitmap_zero(batch->look, UKSM_BATCH_PAGES);
	batch->row = uksm_tracked_row(slot, start);
	if (hash)
		max_pages = min(max_pages, batch_limit(batch));
	end = min(vma->vm_end, tile_end);
	batch->end = min(end, start + max_pages * PAGE_SIZE);
	if (pmd_present(pmdval) && pmd_trans_huge(pmdval)) {
		batch_huge_pmd(batch, vma, pmd);
		return;
	}
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!ptep) {
		batch_set_busy(batch);
		return;
	}
	batch_table(batch, slot, vma, ptep, ptl, end, max_pages);
	pte_unmap_unlock(ptep, ptl);
}
