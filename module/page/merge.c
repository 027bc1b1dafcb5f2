// SPDX-License-Identifier: GPL-2.0-only
#include "page/merge.h"

#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "kernel/race.h"
#include "kernel/twin.h"
#include "pure/checksum.h"

/**
 * uksm_page_checksum() - uksm_checksum() of a page, or the same of all of it
 * @page: page, with a reference or otherwise kept
 * @whole: of all of it
 */
u32 uksm_page_checksum(struct page *page, bool whole)
{
	void *addr = kmap_local_page(page);
	u32 checksum = whole ? uksm_checksum_of_whole(uksm_checksum_whole(addr)) :
			       uksm_checksum(addr);

	kunmap_local(addr);
	return checksum;
}

/**
 * uksm_page_whole() - uksm_checksum_whole() of a page
 * @page: page, with a reference or otherwise kept
 */
u64 uksm_page_whole(struct page *page)
{
	void *addr = kmap_local_page(page);
	u64 whole = uksm_checksum_whole(addr);

	kunmap_local(addr);
	return whole;
}

/**
 * uksm_page_weak_sample() - uksm_checksum_weak_sample() of a page
 * @page: page, with a reference or otherwise kept
 */
u32 uksm_page_weak_sample(struct page *page)
{
	void *addr = kmap_local_page(page);
	u32 sample = uksm_checksum_weak_sample(addr);

	kunmap_local(addr);
	return sample;
}

/**
 * uksm_page_strengthen() - uksm_checksum_strengthen() of a page
 * @page: page, with a reference
 * @checksum: what it had until now
 */
bool uksm_page_strengthen(struct page *page, u32 checksum)
{
	void *addr = kmap_local_page(page);
	bool stronger = uksm_checksum_strengthen(addr, checksum);

	kunmap_local(addr);
	return stronger;
}

/* As memcmp() == 0, of whole pages: a line at a time, which is twice as fast. */
static bool identical(const u64 *a, const u64 *b)
{
	const u64 *end = a + PAGE_SIZE / sizeof(*a);
	u64 differ;

	for (; a < end; a += 8, b += 8) {
		differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) |
			 (a[4] ^ b[4]) | (a[5] ^ b[5]) | (a[6] ^ b[6]) | (a[7] ^ b[7]);
		if (differ)
			return false;
	}
	return true;
}

/* As !memchr_inv(), in a fourth of the instructions. */
static bool is_zero(const u64 *a)
{
	const u64 *end = a + PAGE_SIZE / sizeof(*a);

	for (; a < end; a += 8)
		if (a[0] | a[1] | a[2] | a[3] | a[4] | a[5] | a[6] | a[7])
			return false;
	return true;
}

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
	bool same = identical(va, vb);

	kunmap_local(vb);
	kunmap_local(va);
	return same;
}

/**
 * uksm_pages_samples_agree() - uksm_checksum_samples_agree() of two pages
 * @a: page, with a reference
 * @b: page, with a reference
 */
bool uksm_pages_samples_agree(struct page *a, struct page *b)
{
	void *va = kmap_local_page(a);
	void *vb = kmap_local_page(b);
	bool agree = uksm_checksum_samples_agree(va, vb);

	kunmap_local(vb);
	kunmap_local(va);
	return agree;
}

/**
 * uksm_page_is_zero() - is every byte of a page zero?
 * @page: page, with a reference
 */
bool uksm_page_is_zero(struct page *page)
{
	void *addr = kmap_local_page(page);
	bool zero = is_zero(addr);

	kunmap_local(addr);
	return zero;
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
	struct folio *folio = page_folio(page);
	int err = 0;

	if (!PageCompound(page))
		return 0;
	if (!folio_trylock(folio))
		return -EBUSY;
	/* It may have been split before we had the lock, and the page be another folio's. */
	if (page_folio(page) != folio) {
		folio_unlock(folio);
		return -EBUSY;
	}
	if (PageCompound(page))
		err = uksm_split_folio(page);
	/* The kernel unlocks all folios that it has made but that of @page. */
	folio_unlock(err ? folio : page_folio(page));
	return err ? -EBUSY : 0;
}

/**
 * uksm_page_in_use() - is there a user of a page that page tables do not show?
 * @page: page of a small folio, with the caller's reference
 *
 * That is a reference which neither a mapping, nor the swap cache, nor the
 * caller holds, and by which the page could be written behind the page tables'
 * back. Dependable only while nobody can take references: see
 * protect_end().
 */
bool uksm_page_in_use(struct page *page)
{
	struct folio *folio = page_folio(page);

	return uksm_folio_mapcount_small(folio) + folio_test_swapcache(folio) + 1 !=
	       folio_ref_count(folio);
}

/*
 * So many pages between two that change are shut out along with them. Each costs its
 * next user in a guest a fault; a range more costs all CPUs of the guest an
 * interruption.
 */
#define BYSTANDERS_MAX	4

static void shut_out_add(struct uksm_window *w, unsigned long start, unsigned long end)
{
	uksm_invalidate_start(&w->range[w->nr_ranges++], w->vma, start, end);
}

/* The pages that are to change, and few others. */
static void shut_out_start(struct uksm_window *w, const struct uksm_mapping *mapping,
			   unsigned int nr)
{
	unsigned long start = 0, end = 0;
	unsigned int i;

	w->nr_ranges = 0;
	for (i = 0; i < nr; i++) {
		if (mapping[i].err)
			continue;
		if (end && mapping[i].addr - end > BYSTANDERS_MAX * PAGE_SIZE) {
			shut_out_add(w, start, end);
			end = 0;
		}
		start = end ? start : mapping[i].addr;
		end = mapping[i].addr + PAGE_SIZE;
	}
	if (end)
		shut_out_add(w, start, end);
}

static void shut_out_end(struct uksm_window *w)
{
	while (w->nr_ranges)
		uksm_invalidate_end(&w->range[--w->nr_ranges]);
}

/*
 * One page-table lock for all mappings, which are sorted and of one page table. If
 * there is none (any more), then false, and all fail.
 */
static bool window_open(struct uksm_window *w, struct vm_area_struct *vma,
			struct uksm_mapping *mapping, unsigned int nr)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, mapping[0].addr);
	unsigned int i;

	w->vma = vma;
	w->start = mapping[0].addr;
	w->end = mapping[nr - 1].addr + PAGE_SIZE;
	w->ptep = NULL;
	if (pmd) {
		shut_out_start(w, mapping, nr);
		w->ptep = uksm_pte_map_lock(vma->vm_mm, pmd, w->start, &w->ptl);
		if (!w->ptep)
			shut_out_end(w);
	}
	for (i = 0; !w->ptep && i < nr; i++)
		mapping[i].err = mapping[i].err ?: -EAGAIN;
	return w->ptep;
}

static void window_close(struct uksm_window *w)
{
	pte_unmap_unlock(w->ptep, w->ptl);
	shut_out_end(w);
}

static pte_t *window_pte(const struct uksm_window *w, unsigned long addr)
{
	return w->ptep + ((addr - w->start) >> PAGE_SHIFT);
}

static void window_flush(const struct uksm_window *w)
{
	uksm_flush_tlb(w->vma, w->start, w->end);
}

/*
 * The first half of taking the write permission. True if the PTE was cleared, and
 * protect_end() must follow a flush; else it is read-only for everybody already,
 * and for good, or m->err says why it is left as it was.
 */
static bool protect_begin(const struct uksm_window *w, struct uksm_mapping *m)
{
	pte_t *ptep = window_pte(w, m->addr);

	m->pte = ptep_get(ptep);
	if (!pte_present(m->pte) || pte_pfn(m->pte) != page_to_pfn(m->page)) {
		m->err = -EAGAIN;
		return false;
	}
	/* Made inaccessible for userfaultfd's sake: the new PTE would not be. */
	if (uksm_pte_uffd(m->pte) && pte_protnone(m->pte)) {
		m->err = -EBUSY;
		return false;
	}
	if (!pte_write(m->pte) && !pte_dirty(m->pte) && !PageAnonExclusive(m->page) &&
	    !mm_tlb_flush_pending(w->vma->vm_mm)) {
		m->err = uksm_page_in_use(m->page) ? -EBUSY : 0;
		return false;
	}
	m->pte = ptep_get_and_clear(w->vma->vm_mm, m->addr, ptep);
	return true;
}

/*
 * The second half. get_user_pages_fast() takes its references without any lock.
 * With the PTE gone and flushed it can take no more, so only now does the count
 * tell whether one was taken, for O_DIRECT or a device say.
 */
static void protect_end(const struct uksm_window *w, struct uksm_mapping *m)
{
	struct folio *folio = page_folio(m->page);

	if (uksm_page_in_use(m->page) ||
	    (PageAnonExclusive(m->page) && uksm_try_share_anon_rmap(folio, m->page))) {
		m->err = -EBUSY;
	} else {
		if (pte_dirty(m->pte))
			folio_mark_dirty(folio);
		m->pte = pte_wrprotect(pte_mkclean(m->pte));
	}
	set_pte_at(w->vma->vm_mm, m->addr, window_pte(w, m->addr), m->pte);
}

/**
 * uksm_write_protect() - take the write permission from pages' mappings
 * @w: scratch memory
 * @vma: the VMA that holds the addresses
 * @mapping: which, in the order of their addresses, of one page table; those that
 *	have an error are left alone. Sets @pte; and @err: -EAGAIN when another page
 *	is mapped there by now; -EBUSY when somebody holds a reference by which the
 *	page could still be written.
 * @nr: how many, 1 to %UKSM_MERGE_MAX
 *
 * Afterwards the content of a page stays as it is until somebody has broken COW,
 * which changes the PTE: pages that are mapped elsewhere as well are
 * write-protected there since fork().
 *
 * Context: the caller holds the mmap_lock and the folio locks, and keeps the
 * latter up to uksm_replace_pages(). Sleeps in MMU notifiers.
 */
void uksm_write_protect(struct uksm_window *w, struct vm_area_struct *vma,
			struct uksm_mapping *mapping, unsigned int nr)
{
	DECLARE_BITMAP(cleared, UKSM_MERGE_MAX) = { 0 };
	unsigned int i;

	if (!window_open(w, vma, mapping, nr))
		return;
	for (i = 0; i < nr; i++)
		if (!mapping[i].err && protect_begin(w, &mapping[i]))
			__set_bit(i, cleared);
	if (!bitmap_empty(cleared, UKSM_MERGE_MAX)) {
		window_flush(w);
		for_each_set_bit(i, cleared, nr)
			protect_end(w, &mapping[i]);
	}
	window_close(w);
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

/*
 * Map the new page. Until the flush the old one may still be read through the TLB,
 * which has the same content and keeps our reference; written it cannot be.
 */
static void replace_pte(const struct uksm_window *w, struct uksm_mapping *m)
{
	pte_t *ptep = window_pte(w, m->addr);
	struct vm_area_struct *vma = w->vma;
	pte_t pte;

	/*
	 * A write since uksm_write_protect() has put another page here. A read may
	 * have set the accessed bit, which tells nothing.
	 */
	if (!pte_same(pte_mkold(ptep_get(ptep)), pte_mkold(m->pte))) {
		m->err = -EAGAIN;
		return;
	}
	if (m->kpage) {
		/* The last user that it had may have freed it with MADV_FREE. */
		uksm_keep_content(page_folio(m->kpage));
		folio_get(page_folio(m->kpage));
		uksm_add_anon_rmap(page_folio(m->kpage), m->kpage, vma, m->addr);
		pte = mk_pte(m->kpage, vma->vm_page_prot);
	} else {
		uksm_account_zero_map(vma->vm_mm);
		pte = pte_mkspecial(pfn_pte(uksm_zero_pfn(), vma->vm_page_prot));
		pte = uksm_zero_pte_mark(pte);
	}
	ptep_get_and_clear(vma->vm_mm, m->addr, ptep);
	set_pte_at(vma->vm_mm, m->addr, ptep, pte_inherit(pte, m->pte));
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

/**
 * uksm_replace_pages() - map merged pages in the place of pages equal to them
 * @w: scratch memory
 * @vma: the VMA that holds the addresses
 * @mapping: as it came from uksm_write_protect(), with @kpage; those that have an
 *	error are left alone. Sets @err: -EAGAIN when the PTE has changed.
 * @nr: how many, 1 to %UKSM_MERGE_MAX
 *
 * Context: the caller holds the mmap_lock and the locks of all folios, and has
 * found the pages identical since they were write-protected. Sleeps in MMU
 * notifiers.
 */
void uksm_replace_pages(struct uksm_window *w, struct vm_area_struct *vma,
			struct uksm_mapping *mapping, unsigned int nr)
{
	unsigned int i;

	uksm_race_point("protect-replace");
	if (!window_open(w, vma, mapping, nr))
		return;
	for (i = 0; i < nr; i++)
		if (!mapping[i].err)
			replace_pte(w, &mapping[i]);
	window_flush(w);
	for (i = 0; i < nr; i++)
		if (!mapping[i].err)
			page_unmapped(vma, mapping[i].page);
	window_close(w);
}

/**
 * uksm_mark_zero_page() - have an address that maps the zero page count as merged with it
 * @vma: the VMA that holds the address
 * @addr: user virtual address, page aligned
 *
 * For a page of zeroes that became the zero page otherwise, by the split of a huge page.
 *
 * Context: the caller holds the mmap_lock.
 * Return: true if the address maps the zero page with the mark of merging.
 */
bool uksm_mark_zero_page(struct vm_area_struct *vma, unsigned long addr)
{
	pmd_t *pmd = uksm_find_pmd(vma->vm_mm, addr);
	bool marked = false;
	spinlock_t *ptl;
	pte_t *ptep, pte;

	if (!uksm_zero_pages_marked() || !pmd)
		return false;
	ptep = uksm_pte_map_lock(vma->vm_mm, pmd, addr, &ptl);
	if (!ptep)
		return false;
	pte = ptep_get(ptep);
	if (pte_present(pte) && uksm_pfn_is_zero_page(pte_pfn(pte))) {
		/* Read-only it is and stays, so nobody can have it otherwise in a TLB. */
		if (!uksm_pte_is_merged_zero(pte)) {
			set_pte_at(vma->vm_mm, addr, ptep, uksm_zero_pte_mark(pte));
			uksm_account_zero_mark(vma->vm_mm);
		}
		marked = true;
	}
	pte_unmap_unlock(ptep, ptl);
	return marked;
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

/**
 * uksm_make_ksm_copy() - make a KSM page of the content of another page
 * @folio: new, small, with the caller's reference and in use by nobody; locked on return
 * @old: the page: small, anonymous, locked, and write-protected by uksm_write_protect()
 * @node: a stable node that has no page yet
 *
 * It is charged to the memory cgroup of @old, as the page that it replaces. It is not mapped
 * yet, so @node gets its addresses by uksm_replace_pages(), as for a KSM page that is all in
 * swap. It comes to the LRU when it has one, by folio_add_lru(): until then nobody finds it.
 *
 * Context: as uksm_make_ksm(), with the lock of @old.
 */
void uksm_make_ksm_copy(struct folio *folio, struct folio *old, struct uksm_stable_node *node)
{
	copy_highpage(folio_page(folio, 0), folio_page(old, 0));
	__folio_set_locked(folio);
	__folio_set_swapbacked(folio);
	__folio_mark_uptodate(folio);
	uksm_make_ksm(folio, node);
	uksm_charge_like(folio, old);
}

/**
 * uksm_ksm_copy_undo() - undo uksm_make_ksm_copy() when nothing maps the page
 * @folio: the page; unlocked on return, and to be given back by folio_put()
 *
 * Its stable node is the caller's to free.
 */
void uksm_ksm_copy_undo(struct folio *folio)
{
	WRITE_ONCE(folio->mapping, NULL);
	folio_unlock(folio);
}
