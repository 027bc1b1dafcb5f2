// SPDX-License-Identifier: GPL-2.0-only
#include "engine/join.h"

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/stable_rekey.h"
#include "engine/unstable.h"
#include "kernel/race.h"
#include "surface/trace.h"

/* Found in use so often in a row, a page is taken for one that is pinned for long. */
#define IN_USE_STILL	3u

/**
 * uksm_join_begin() - prepare for pages of a VMA
 * @join: empty
 * @slot: address space, entered up to uksm_join_end()
 * @vma: a mergeable VMA of it
 */
void uksm_join_begin(struct uksm_join *join, struct uksm_mm_slot *slot,
		     struct vm_area_struct *vma)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(join->nr);
	join->slot = slot;
	join->vma = vma;
	join->nr = 0;
}

/**
 * uksm_join_crowded() - do those that wait fill a node up to max_page_sharing?
 * @join: what waits
 * @node: a node with room
 *
 * Return: true if uksm_join_end() must come before another page joins the node.
 */
bool uksm_join_crowded(const struct uksm_join *join, const struct uksm_stable_node *node)
{
	unsigned int i, waiting = 0;

	/* Mostly there is room for all that wait, whichever node they are for. */
	if (uksm_stable_node_room(node) > join->nr)
		return false;
	for (i = 0; i < join->nr; i++)
		waiting += join->entry[i].node == node;
	return uksm_stable_node_room(node) <= waiting;
}

/** uksm_join_full() - must uksm_join_end() come before another page is added? */
bool uksm_join_full(const struct uksm_join *join)
{
	return join->nr == UKSM_MERGE_MAX;
}

/**
 * uksm_join_add() - note that a page is to share a KSM page
 * @join: where to
 * @t: the page's record, %UKSM_VOLATILE
 * @page: the page, small; the caller's reference is taken over
 * @node: the KSM page's stable node, not uksm_join_crowded(); NULL for the zero page
 * @kfolio: the KSM page; the caller's reference is taken over
 *
 * Context: the caller holds uksm_mutex, and no folio lock. Pages come in the order
 * of their addresses, at most %UKSM_MERGE_MAX up to uksm_join_end().
 * Return: false when there is no memory, and then the references are still the caller's.
 */
bool uksm_join_add(struct uksm_join *join, struct uksm_tracked *t, struct page *page,
		   struct uksm_stable_node *node, struct folio *kfolio)
{
	struct uksm_rmap_item *item = node ? uksm_rmap_item_alloc(join->slot) : NULL;

	lockdep_assert_held(&uksm_mutex);
	if (node && !item)
		return false;

	join->mapping[join->nr] = (struct uksm_mapping){
		.addr = uksm_tracked_address(t),
		.page = page,
		.kpage = node ? folio_page(kfolio, 0) : NULL,
	};
	join->entry[join->nr] = (struct uksm_join_entry){
		.t = t,
		.node = node,
		.kfolio = kfolio,
		.item = item,
	};
	join->nr++;
	return true;
}

/**
 * uksm_file_in_use() - note that a page could not be merged since somebody uses it
 * @t: its record, %UKSM_VOLATILE; may become %UKSM_UNSHARED
 * @page: the page
 *
 * Mostly that is over by the next full scan: a page just faulted in waits for the LRU.
 * A page that is pinned, for a device say, would be searched for in vain each time.
 */
void uksm_file_in_use(struct uksm_tracked *t, struct page *page)
{
	lockdep_assert_held(&uksm_mutex);
	if (t->still < IN_USE_STILL)
		return;
	t->key.flags |= UKSM_F_PINNED;
	uksm_unstable_add(t, uksm_kpfn_nid(page_to_pfn(page)));
}

/**
 * uksm_file_split_zero() - note that a page of zeroes has become the zero page by itself
 * @slot: address space, entered
 * @vma: the VMA
 * @t: the record of the address, %UKSM_VOLATILE; becomes %UKSM_ZERO
 *
 * When the kernel splits a huge page it does so. The address gets the mark of merging; or is
 * counted apart if merging with the zero page is not wanted, or it has changed again.
 */
void uksm_file_split_zero(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
			  struct uksm_tracked *t)
{
	bool by_split = !uksm_knobs_zero_page() ||
			!uksm_mark_zero_page(vma, uksm_tracked_address(t));

	lockdep_assert_held(&uksm_mutex);
	uksm_tracked_set_zero(t, by_split);
	slot->zero_pages += !by_split;
}

/* Has an earlier entry locked a KSM folio already? The last one most likely. */
static bool kfolio_locked(const struct uksm_join *join, const struct folio *kfolio,
			  unsigned int before)
{
	while (before--)
		if (join->entry[before].klocked && join->entry[before].kfolio == kfolio)
			return true;
	return false;
}

/* All locks are only tried for: they have no order among each other. */
static int entry_lock(struct uksm_join *join, unsigned int i)
{
	struct uksm_join_entry *entry = &join->entry[i];
	struct folio *folio = page_folio(join->mapping[i].page);

	if (PageCompound(join->mapping[i].page) || !folio_trylock(folio))
		return -EAGAIN;
	entry->locked = true;
	if (!uksm_folio_test_anon(folio))
		return -EAGAIN;
	if (!entry->node)
		return 0;
	if (!kfolio_locked(join, entry->kfolio, i)) {
		uksm_race_point("compare-link");
		if (!folio_trylock(entry->kfolio))
			return -EAGAIN;
		entry->klocked = true;
	}
	/* A migration may have given the node another page before the lock. */
	return uksm_folio_is_ksm_of(entry->kfolio, entry->node) ? 0 : -EAGAIN;
}

/*
 * The page turned out not to be what its checksum promised. If it has not changed
 * since, and agrees with the other in all that its checksum is made of, then that is
 * too weak for pages of this kind.
 */
static void entry_differs(struct uksm_join *join, unsigned int i)
{
	struct uksm_domain *domain = join->slot->domain;
	struct uksm_tracked *t = join->entry[i].t;
	struct page *page = join->mapping[i].page;

	join->mapping[i].err = -EAGAIN;
	if (!join->entry[i].node || uksm_domain_checksum(domain, page) != t->key.checksum)
		return;
	/* By chance: the next time it is compared before it is queued. */
	if (!uksm_domain_samples_agree(domain, page, join->mapping[i].kpage))
		t->key.flags |= UKSM_F_COLLIDES;
	else if (uksm_stable_strengthen(domain, page, t->key.checksum))
		t->key.checksum = uksm_domain_checksum(domain, page);
	else
		t->key.flags |= UKSM_F_COLLIDES;
}

static bool entry_identical(const struct uksm_mapping *m)
{
	return m->kpage ? uksm_pages_identical(m->page, m->kpage) : uksm_page_is_zero(m->page);
}

static void entries_merge(struct uksm_join *join)
{
	struct uksm_mapping *m = join->mapping;
	unsigned int i, ready = 0;

	for (i = 0; i < join->nr; i++)
		m[i].err = entry_lock(join, i);
	uksm_write_protect(&join->window, join->vma, m, join->nr);
	for (i = 0; i < join->nr; i++) {
		if (!m[i].err && !entry_identical(&m[i]))
			entry_differs(join, i);
		ready += !m[i].err;
	}
	if (ready)
		uksm_replace_pages(&join->window, join->vma, m, join->nr);
}

static void entry_account(struct uksm_join *join, unsigned int i)
{
	struct uksm_join_entry *entry = &join->entry[i];
	const struct uksm_mapping *m = &join->mapping[i];
	struct mm_struct *mm = join->vma->vm_mm;
	unsigned long pfn = page_to_pfn(m->page);

	if (!entry->node) {
		trace_uksm_merge_one_page(pfn, entry->t, mm, m->err);
		if (!m->err)
			uksm_tracked_set_zero(entry->t, false);
		join->slot->zero_pages += !m->err;
	} else {
		trace_uksm_merge_with_ksm_page(folio_pfn(entry->kfolio), pfn, entry->t, mm,
					       m->err);
		if (m->err) {
			uksm_rmap_item_free(entry->item, join->slot);
		} else {
			uksm_rmap_item_link(entry->item, entry->t, entry->node, join->vma);
			/* What it waits for is the node's by now, and not before it had its content. */
			entry->t->key.hold = entry->node->key.hold;
		}
	}
	if (m->err == -EBUSY)
		uksm_file_in_use(entry->t, m->page);
}

/* After the last entry that needs it has been linked, the KSM folio is unlocked. */
static void entries_finish(struct uksm_join *join)
{
	unsigned int i;

	for (i = 0; i < join->nr; i++)
		entry_account(join, i);
	for (i = 0; i < join->nr; i++) {
		struct uksm_join_entry *entry = &join->entry[i];
		struct folio *folio = page_folio(join->mapping[i].page);

		if (entry->klocked)
			folio_unlock(entry->kfolio);
		if (entry->kfolio)
			folio_put(entry->kfolio);
		if (entry->locked)
			folio_unlock(folio);
		folio_put(folio);
	}
}

/**
 * uksm_join_end() - merge the pages that have been added, as far as possible
 * @join: what has been added; empty on return
 *
 * With one lock and one flush to write-protect them all, and one of each to replace
 * them. Those that are merged have become %UKSM_MERGED or %UKSM_ZERO; the others are
 * left to the next full scan.
 *
 * Context: as uksm_join_add(). Sleeps.
 */
void uksm_join_end(struct uksm_join *join)
{
	lockdep_assert_held(&uksm_mutex);
	if (!join->nr)
		return;
	entries_merge(join);
	entries_finish(join);
	join->nr = 0;
}
