// SPDX-License-Identifier: GPL-2.0-only
#include "engine/dedup.h"

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/announce.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/peers.h"
#include "engine/rmap_item.h"
#include "engine/site.h"
#include "engine/stable_node.h"
#include "engine/stable_rekey.h"
#include "engine/stable_search.h"
#include "engine/stable_tree.h"
#include "engine/unstable.h"
#include "kernel/room.h"
#include "page/merge.h"
#include "page/unshare.h"
#include "page/walk.h"
#include "pure/checksum.h"

/* Have the page merged when the batch is complete (join.c). */
static enum uksm_outcome site_join(struct uksm_join *join, struct uksm_site *site,
				   struct uksm_stable_node *node, struct folio *kfolio)
{
	enum uksm_outcome out = uksm_site_prepare(join, site);

	if (out != UKSM_OUTCOME_MERGED)
		return out;
	if (!uksm_join_add(join, site->t, site->page, node, kfolio))
		return UKSM_OUTCOME_LATER;
	site->page = NULL;
	return UKSM_OUTCOME_MERGED;
}

static enum uksm_outcome search_outcome(enum uksm_search found)
{
	switch (found) {
	case UKSM_SEARCH_NONE:
		return UKSM_OUTCOME_NONE;
	case UKSM_SEARCH_DIFFERS:
		return UKSM_OUTCOME_DIFFERS;
	case UKSM_SEARCH_ALIKE:
		return UKSM_OUTCOME_ALIKE;
	case UKSM_SEARCH_FULL:
		return UKSM_OUTCOME_FULL;
	default:
		return UKSM_OUTCOME_LATER;
	}
}

static enum uksm_search search_stable(const struct uksm_site *site, unsigned int nid, bool compare,
				      struct uksm_stable_node **node, struct folio **kfolio)
{
	struct uksm_tracked *t = site->t;
	u32 checksum = uksm_hold_checksum(site->slot->serial, t->key.checksum, t->key.hold);
	enum uksm_search found;

	compare = compare || PageCompound(site->page);
	found = uksm_stable_search(site->slot->domain, nid, checksum, site->page, compare, node,
				   kfolio);
	/* Other pages stand there by chance. */
	if (checksum != t->key.checksum &&
	    (found == UKSM_SEARCH_DIFFERS || found == UKSM_SEARCH_ALIKE))
		found = UKSM_SEARCH_NONE;
	return found;
}

/*
 * Merge with a page of the stable tree. A large page must be split for it, and that
 * is to be done for sure only.
 */
static enum uksm_outcome merge_stable(struct uksm_join *join, struct uksm_site *site,
				      unsigned int nid, bool compare)
{
	struct uksm_stable_node *node;
	enum uksm_search found;
	struct folio *kfolio;
	enum uksm_outcome out;
	bool crowded;

	do {
		found = search_stable(site, nid, compare, &node, &kfolio);
		if (found != UKSM_SEARCH_FOUND)
			return search_outcome(found);
		/* Those that wait would fill it: have them merged, and it is full or has room. */
		crowded = uksm_join_crowded(join, node);
		if (crowded) {
			folio_put(kfolio);
			uksm_join_end(join);
		}
	} while (crowded);

	out = site_join(join, site, node, kfolio);
	if (out != UKSM_OUTCOME_MERGED)
		folio_put(kfolio);
	return out;
}

/* Merge with the kernel's zero page, under the same condition. */
static enum uksm_outcome merge_zero(struct uksm_join *join, struct uksm_site *site)
{
	if (!uksm_knobs_zero_page() ||
	    site->t->key.checksum != uksm_checksum_zero())
		return UKSM_OUTCOME_NONE;
	if (PageCompound(site->page) && !uksm_page_is_zero(site->page))
		return UKSM_OUTCOME_NONE;
	return site_join(join, site, NULL, NULL);
}

/*
 * Nothing equals the page: let those that come later find it. If others agree with it in
 * all that the checksum is made of, pages like it get a stronger one, the merged ones
 * among them at once, the others when the scanner comes by and finds them changed.
 * Where that is not possible, each of them is searched for anew by each full scan: in
 * the parts that are not hashed they can become equal without a change of checksum.
 * @again: there may be an equal one that could not be looked at.
 */
static void file_unshared(struct uksm_site *site, unsigned int nid, bool alike, bool again)
{
	struct uksm_tracked *t = site->t;

	if (alike && uksm_stable_strengthen(site->slot->domain, site->page, t->key.checksum)) {
		t->key.checksum = uksm_domain_checksum(site->slot->domain, site->page);
		alike = false;
	}
	t->key.flags &= ~(UKSM_F_COLLIDES | UKSM_F_PINNED);
	if (alike || again)
		t->key.flags |= UKSM_F_COLLIDES;
	uksm_unstable_add(t, nid);
}

static void dedup_anon(struct uksm_join *join, struct uksm_site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	bool compare = site->t->key.flags & UKSM_F_COLLIDES;
	enum uksm_outcome stable, unstable = UKSM_OUTCOME_NONE;
	u32 checksum = site->t->key.checksum;

	if (!uksm_hold_on(site->t->key.hold))
		site->t->key.hold = UKSM_HOLD_NONE;
	stable = merge_zero(join, site);
	if (stable == UKSM_OUTCOME_NONE)
		stable = merge_stable(join, site, nid, compare);
	if (stable == UKSM_OUTCOME_MERGED || stable == UKSM_OUTCOME_LATER)
		return;
	if (stable != UKSM_OUTCOME_IN_USE)
		unstable = uksm_peers_merge(join, site, nid, compare);
	if (unstable == UKSM_OUTCOME_MERGED) {
		if (uksm_hold_on(site->t->key.hold))
			uksm_announce_private(site->slot, nid, checksum);
		else
			uksm_announce_merged(site->slot->domain, nid, checksum);
		return;
	}
	if (uksm_tracked_state(site->t) != UKSM_VOLATILE || !site->page)
		return;
	if (stable == UKSM_OUTCOME_IN_USE || unstable == UKSM_OUTCOME_IN_USE)
		uksm_file_in_use(site->t, site->page);
	else
		file_unshared(site, nid,
			      stable == UKSM_OUTCOME_ALIKE || unstable == UKSM_OUTCOME_ALIKE,
			      stable == UKSM_OUTCOME_FULL || unstable == UKSM_OUTCOME_LATER);
}

/* Was it kept from other processes until now? */
static bool node_due(const struct uksm_stable_node *node)
{
	return node->key.hold && !uksm_hold_on(node->key.hold);
}

/* Those that may share a merged page, @checksum being its content's, hear that it is there. */
static void node_announce(const struct uksm_stable_node *node, const struct uksm_mm_slot *slot,
			  unsigned int nid, u32 checksum)
{
	if (uksm_hold_on(node->key.hold))
		uksm_announce_private(slot, nid, checksum);
	else
		uksm_announce_merged(node->domain, nid, checksum);
}

/* A node that was out of the tree has an address again; or its page may be shared by all now. */
static void node_revive(struct uksm_stable_node *node, const struct uksm_mm_slot *slot,
			struct page *kpage)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(kpage));
	u32 checksum = uksm_domain_checksum(node->domain, kpage);

	uksm_stable_node_add(node, uksm_hold_checksum(slot->serial, checksum, node->key.hold), nid,
			     kpage);
	if (!uksm_hold_on(node->key.hold))
		node->key.hold = UKSM_HOLD_NONE;
	node_announce(node, slot, nid, checksum);
}

/*
 * The address maps a KSM page of ours that we do not know to be there: it was
 * inherited by fork(), or came back from swap. Whatever max_page_sharing says,
 * it is one of the page's addresses.
 */
static void adopt(const struct uksm_site *site, struct uksm_stable_node *node)
{
	struct uksm_rmap_item *item = uksm_rmap_item_alloc(site->slot);
	struct folio *kfolio;

	if (!item)
		return;
	kfolio = uksm_stable_node_lock_folio(node);
	if (!IS_ERR_OR_NULL(kfolio)) {
		if (kfolio == uksm_site_folio(site)) {
			uksm_rmap_item_link(item, site->t, node, site->vma);
			item = NULL;
			if (uksm_stable_node_is_empty(node) || node_due(node))
				node_revive(node, site->slot, site->page);
			site->t->key.hold = node->key.hold;
		}
		folio_unlock(kfolio);
		folio_put(kfolio);
	}
	uksm_rmap_item_free(item, site->slot);
}

/*
 * The stable node of the site's KSM page, if it is ours. It stays valid after
 * the folio lock is dropped: our nodes are freed under uksm_mutex only.
 */
static struct uksm_stable_node *site_node(const struct uksm_site *site)
{
	struct folio *kfolio = uksm_site_folio(site);
	struct uksm_stable_node *node;

	if (!folio_trylock(kfolio))
		return NULL;
	node = uksm_folio_test_ksm(kfolio) ? uksm_folio_raw_mapping(kfolio) : NULL;
	if (node && !uksm_stable_node_is_ours(node))
		node = NULL;
	folio_unlock(kfolio);
	return node;
}

/*
 * The page is shared with another domain: by fork, before the one process or the other went
 * there. It gets a page of its own; if that cannot be now, the next full scan tries again.
 */
static void leave_foreign(struct uksm_site *site)
{
	if (!uksm_room_for_copies(site->vma->vm_mm, 1))
		uksm_unmerge_page(site->vma, site->addr);
}

static void dedup_ksm(struct uksm_join *join, struct uksm_site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	struct uksm_stable_node *node = site_node(site);
	enum uksm_outcome out;

	if (!node)
		return;
	if (node->domain != site->slot->domain) {
		leave_foreign(site);
		return;
	}
	site->t->key.hold = node->key.hold;
	if (nid != node->nid || uksm_stable_node_is_empty(node) || node_due(node)) {
		/*
		 * Migrated, or not found by searches for a while, or not by all: go over to
		 * an equal page there, or be the first. At once, since another address of the batch may
		 * map the same page.
		 */
		out = merge_stable(join, site, nid, true);
		uksm_join_end(join);
		if (out == UKSM_OUTCOME_MERGED || out == UKSM_OUTCOME_LATER ||
		    out == UKSM_OUTCOME_IN_USE)
			return;
		/* An empty one gets its place with its first address, and so does one of all. */
		if (!uksm_stable_node_is_empty(node) && !node_due(node)) {
			uksm_stable_node_refile(node, nid);
			/* Not the site's checksum, which may be of before a stronger one. */
			node_announce(node, site->slot, nid,
				      uksm_domain_checksum(node->domain, site->page));
		}
	}
	adopt(site, node);
}

static void dedup_site(struct uksm_join *join, struct uksm_site *site)
{
	struct folio *folio = uksm_site_folio(site);

	/* A KSM page without a node has been given up by its engine: any page. */
	if (uksm_folio_test_ksm(folio) && uksm_folio_raw_mapping(folio))
		dedup_ksm(join, site);
	else
		dedup_anon(join, site);
	if (site->page)
		put_page(site->page);
}

/**
 * uksm_dedup_batch() - merge the pages at some addresses with equal ones
 * @join: scratch memory
 * @slot: address space, entered
 * @vma: the mergeable VMA that holds the addresses
 * @start: first address; the others are of the same tile
 * @wanted: bitmap of %UKSM_BATCH_PAGES, by page from @start on: those whose record
 *	is %UKSM_VOLATILE, with the page's checksum
 *
 * Afterwards a record is %UKSM_MERGED or %UKSM_ZERO; or %UKSM_UNSHARED, if there is
 * no equal page, or none that can be used; or still %UKSM_VOLATILE, if the page could
 * not be merged just now and is to be tried again.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no reference on the
 * pages (a huge page that is referenced cannot be split), no folio lock. Sleeps, but
 * does not give up the CPU on its own while others wait for the mmap_lock.
 * Return: how many pages from @start on it has got through: all; or less if somebody waits for
 * the mmap_lock, but %UKSM_DEDUP_AT_ONCE of @wanted at least; or one, if somebody waits for the CPU.
 */
unsigned int uksm_dedup_batch(struct uksm_join *join, struct uksm_mm_slot *slot,
			      struct vm_area_struct *vma, unsigned long start,
			      const unsigned long *wanted)
{
	struct uksm_tracked *row = uksm_tracked_row(slot, start);
	unsigned int i, nr = 0, done = UKSM_BATCH_PAGES;
	struct page *pages[UKSM_BATCH_PAGES];
	struct uksm_site site;

	lockdep_assert_held(&uksm_mutex);

	uksm_pages_get(vma, start, wanted, pages);
	uksm_join_begin(join, slot, vma);
	for_each_set_bit(i, wanted, UKSM_BATCH_PAGES) {
		if (done < UKSM_BATCH_PAGES) {
			if (pages[i])
				put_page(pages[i]);
			continue;
		}
		site = (struct uksm_site){
			.slot = slot,
			.vma = vma,
			.addr = start + i * PAGE_SIZE,
			.t = &row[i],
			.page = pages[i],
		};
		if (!site.page)
			site.page = uksm_page_get(vma, site.addr);
		if (!site.page)
			continue;
		/* A search for an earlier page may have merged this one. */
		if (uksm_tracked_state(site.t) == UKSM_VOLATILE)
			dedup_site(join, &site);
		else
			put_page(site.page);
		if (uksm_join_full(join))
			uksm_join_end(join);
		if (uksm_cpu_awaited() ||
		    (++nr % UKSM_DEDUP_AT_ONCE == 0 && uksm_mm_slot_awaited(slot)))
			done = i + 1;
	}
	uksm_join_end(join);
	return done;
}
