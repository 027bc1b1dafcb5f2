// SPDX-License-Identifier: GPL-2.0-only
#include "engine/join.h"

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/record.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/uksmd.h"
#include "page/merge.h"
#include "page/walk.h"
#include "surface/trace.h"

/**
 * struct join - a page that is to share a KSM page, or the zero page
 * @t: its record, %UKSM_VOLATILE
 * @node: the KSM page's stable node, NULL for the zero page
 * @kfolio: the KSM page, with a reference, which keeps @node: a page with a
 *	reference more than its mappings cannot be migrated, nor freed
 * @item: for the record when it is %UKSM_MERGED
 * @locked: the page's folio lock is held
 * @klocked: this entry holds the KSM folio's lock, for others as well
 */
struct join {
	struct uksm_tracked *t;
	struct uksm_stable_node *node;
	struct folio *kfolio;
	struct uksm_rmap_item *item;
	bool locked;
	bool klocked;
};

/*
 * Pages of one page table, in the order of their addresses; @mapping has the
 * pages, each with a reference. Protected by uksm_mutex, and empty whenever
 * that is dropped.
 */
static struct {
	struct vm_area_struct *vma;
	unsigned int nr;
	struct join join[UKSM_BATCH_PAGES];
	struct uksm_mapping mapping[UKSM_BATCH_PAGES];
} queue;

/**
 * uksm_join_begin() - prepare for pages of a VMA
 * @vma: the mergeable VMA; the mmap_lock is held up to uksm_join_end()
 */
void uksm_join_begin(struct vm_area_struct *vma)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(queue.nr);
	queue.vma = vma;
	queue.nr = 0;
}

/**
 * uksm_join_crowded() - do those that wait fill a node up to max_page_sharing?
 * @node: a node with room
 *
 * Return: true if uksm_join_end() must come before another page joins the node.
 */
bool uksm_join_crowded(const struct uksm_stable_node *node)
{
	unsigned int i, waiting = 0;

	/* Mostly there is room for all that wait, whichever node they are for. */
	if (uksm_stable_node_room(node) > queue.nr)
		return false;
	for (i = 0; i < queue.nr; i++)
		waiting += queue.join[i].node == node;
	return uksm_stable_node_room(node) <= waiting;
}

/**
 * uksm_join_add() - note that a page is to share a KSM page
 * @t: the page's record, %UKSM_VOLATILE
 * @page: the page, small; the caller's reference is taken over
 * @node: the KSM page's stable node, not uksm_join_crowded(); NULL for the zero page
 * @kfolio: the KSM page; the caller's reference is taken over
 *
 * Context: the caller holds uksm_mutex, and no folio lock. Pages come in the order
 * of their addresses, at most %UKSM_BATCH_PAGES up to uksm_join_end().
 * Return: 0, or -ENOMEM, and then the references are still the caller's.
 */
int uksm_join_add(struct uksm_tracked *t, struct page *page, struct uksm_stable_node *node,
		  struct folio *kfolio)
{
	struct uksm_rmap_item *item = node ? uksm_rmap_item_alloc() : NULL;

	lockdep_assert_held(&uksm_mutex);
	if (node && !item)
		return -ENOMEM;

	queue.mapping[queue.nr] = (struct uksm_mapping){
		.addr = uksm_tracked_address(t),
		.page = page,
		.kpage = node ? folio_page(kfolio, 0) : NULL,
	};
	queue.join[queue.nr] = (struct join){
		.t = t,
		.node = node,
		.kfolio = kfolio,
		.item = item,
	};
	queue.nr++;
	return 0;
}

/* Has an earlier entry locked a KSM folio already? The last one most likely. */
static bool kfolio_locked(const struct folio *kfolio, unsigned int before)
{
	while (before--)
		if (queue.join[before].klocked && queue.join[before].kfolio == kfolio)
			return true;
	return false;
}

/* All locks are only tried for: they have no order among each other. */
static int entry_lock(unsigned int i)
{
	struct join *join = &queue.join[i];
	struct folio *folio = page_folio(queue.mapping[i].page);

	if (PageCompound(queue.mapping[i].page) || !folio_trylock(folio))
		return -EBUSY;
	join->locked = true;
	if (!uksm_folio_test_anon(folio))
		return -EAGAIN;
	if (!join->node)
		return 0;
	if (!kfolio_locked(join->kfolio, i)) {
		if (!folio_trylock(join->kfolio))
			return -EBUSY;
		join->klocked = true;
	}
	/* A migration may have given the node another page before the lock. */
	return uksm_folio_is_ksm_of(join->kfolio, join->node) ? 0 : -EBUSY;
}

/*
 * The page turned out not to be what its checksum promised. If it has not changed
 * since, then the checksum is too weak for pages of this kind.
 */
static void entry_differs(unsigned int i)
{
	struct uksm_tracked *t = queue.join[i].t;
	struct page *page = queue.mapping[i].page;

	queue.mapping[i].err = -EAGAIN;
	if (!queue.join[i].node || uksm_page_checksum(page) != t->key.checksum)
		return;
	if (uksm_stable_strengthen(page, t->key.checksum))
		t->key.checksum = uksm_page_checksum(page);
	else
		t->key.flags |= UKSM_F_COLLIDES;
}

static bool entry_identical(const struct uksm_mapping *m)
{
	return m->kpage ? uksm_pages_identical(m->page, m->kpage) : uksm_page_is_zero(m->page);
}

static void entries_merge(void)
{
	struct uksm_mapping *m = queue.mapping;
	unsigned int i, ready = 0;

	for (i = 0; i < queue.nr; i++)
		m[i].err = entry_lock(i);
	uksm_write_protect(queue.vma, m, queue.nr);
	for (i = 0; i < queue.nr; i++) {
		if (!m[i].err && !entry_identical(&m[i]))
			entry_differs(i);
		ready += !m[i].err;
	}
	if (ready)
		uksm_replace_pages(queue.vma, m, queue.nr);
}

static void entry_account(struct join *join, const struct uksm_mapping *m)
{
	unsigned long pfn = page_to_pfn(m->page);

	if (!join->node) {
		trace_uksm_merge_one_page(pfn, join->t, queue.vma->vm_mm, m->err);
		if (!m->err)
			uksm_tracked_set_state(join->t, UKSM_ZERO);
		return;
	}
	trace_uksm_merge_with_ksm_page(folio_pfn(join->kfolio), pfn, join->t, queue.vma->vm_mm,
				       m->err);
	if (m->err)
		uksm_rmap_item_free(join->item);
	else
		uksm_rmap_item_link(join->item, join->t, join->node, queue.vma);
}

/* After the last entry that needs it has been linked, the KSM folio is unlocked. */
static void entries_finish(void)
{
	unsigned int i;

	for (i = 0; i < queue.nr; i++)
		entry_account(&queue.join[i], &queue.mapping[i]);
	for (i = 0; i < queue.nr; i++) {
		struct join *join = &queue.join[i];
		struct folio *folio = page_folio(queue.mapping[i].page);

		if (join->klocked)
			folio_unlock(join->kfolio);
		if (join->kfolio)
			folio_put(join->kfolio);
		if (join->locked)
			folio_unlock(folio);
		folio_put(folio);
	}
}

/**
 * uksm_join_end() - merge the pages that have been added, as far as possible
 *
 * With one lock and one flush to write-protect them all, and one of each to replace
 * them. Those that are merged have become %UKSM_MERGED or %UKSM_ZERO; the others are
 * left to the next full scan.
 *
 * Context: as uksm_join_add(). Sleeps.
 */
void uksm_join_end(void)
{
	lockdep_assert_held(&uksm_mutex);
	if (!queue.nr)
		return;
	entries_merge();
	entries_finish();
	queue.nr = 0;
}
