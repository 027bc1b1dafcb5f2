// SPDX-License-Identifier: GPL-2.0-only
#include "engine/pair.h"

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/forget.h"
#include "engine/frames.h"
#include "engine/hold.h"
#include "engine/join.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/stable_tree.h"
#include "engine/unstable.h"
#include "kernel/race.h"
#include "kernel/room.h"
#include "page/merge.h"
#include "page/unshare.h"
#include "page/walk.h"
#include "surface/trace.h"

/* Lock a page that is to be replaced or to become a KSM page. */
static bool site_lock(const struct uksm_site *site)
{
	struct folio *folio = uksm_site_folio(site);

	if (PageCompound(site->page) || !folio_trylock(folio))
		return false;
	if (uksm_folio_test_anon(folio))
		return true;
	folio_unlock(folio);
	return false;
}

/*
 * Make both pages small. If both are of one large folio then our reference on
 * the one is in the way of splitting for the other, so it is dropped for a while.
 * @culprit is set to the one to blame if it is in use.
 */
static enum uksm_outcome split_pair(struct uksm_join *join, struct uksm_site *site,
				    struct uksm_site *peer, struct uksm_site **culprit)
{
	bool shared = PageCompound(peer->page) && uksm_site_folio(site) == uksm_site_folio(peer);
	enum uksm_outcome out;

	if (shared) {
		put_page(peer->page);
		peer->page = NULL;
	}
	*culprit = site;
	out = uksm_site_prepare(join, site);
	if (shared)
		peer->page = uksm_page_get(peer->vma, peer->addr);
	if (out != UKSM_OUTCOME_MERGED)
		return out;
	if (!peer->page || site->page == peer->page)
		return UKSM_OUTCOME_LATER;
	*culprit = peer;
	return uksm_site_prepare(join, peer);
}

static enum uksm_outcome protected_outcome(int err)
{
	return err == -EBUSY ? UKSM_OUTCOME_IN_USE : UKSM_OUTCOME_LATER;
}

/*
 * Make the site's page a KSM page, or have a copy of it in its place that is one. That can
 * fail, when the page is written between the comparison and the replacement.
 */
static bool site_make_ksm(struct uksm_window *window, const struct uksm_site *site,
			  struct uksm_mapping *own, struct folio *fresh,
			  struct uksm_stable_node *node)
{
	if (!fresh) {
		uksm_make_ksm(uksm_site_folio(site), node);
		return true;
	}
	uksm_make_ksm_copy(fresh, uksm_site_folio(site), node);
	own->kpage = folio_page(fresh, 0);
	uksm_replace_pages(window, site->vma, own, 1);
	if (own->err) {
		uksm_ksm_copy_undo(fresh);
		return false;
	}
	folio_add_lru(fresh);
	return true;
}

/*
 * Both pages are locked and small: make the site's page, or @fresh, which is to have its
 * content, a KSM page that the peer maps as well. The last step can fail, when the peer is
 * written between the comparison and the replacement; then the site alone has the KSM page.
 */
static enum uksm_outcome merge_locked(struct uksm_window *window, const struct uksm_site *site,
				      const struct uksm_site *peer, struct folio *fresh,
				      unsigned int nid, struct uksm_stable_node *node,
				      struct uksm_rmap_item *items[2],
				      const struct uksm_site **culprit)
{
	const struct uksm_domain *domain = site->slot->domain;
	struct page *kpage = fresh ? folio_page(fresh, 0) : site->page;
	struct uksm_mapping own = { .addr = site->addr, .page = site->page };
	struct uksm_mapping m = { .addr = peer->addr, .page = peer->page, .kpage = kpage };

	*culprit = site;
	uksm_write_protect(window, site->vma, &own, 1);
	if (own.err)
		return protected_outcome(own.err);
	/*
	 * Both may have been written alike since they were hashed. The stable
	 * tree has been searched for what was recorded only, and may well have
	 * what they hold now.
	 */
	if (uksm_domain_checksum(domain, site->page) != site->t->key.checksum)
		return UKSM_OUTCOME_LATER;
	*culprit = peer;
	uksm_write_protect(window, peer->vma, &m, 1);
	if (m.err)
		return protected_outcome(m.err);
	if (!uksm_pages_identical(site->page, peer->page)) {
		if (uksm_domain_checksum(domain, peer->page) != peer->t->key.checksum)
			return UKSM_OUTCOME_LATER;
		return uksm_domain_samples_agree(domain, site->page, peer->page) ?
			       UKSM_OUTCOME_ALIKE : UKSM_OUTCOME_DIFFERS;
	}

	uksm_race_point("compare-link");
	if (!site_make_ksm(window, site, &own, fresh, node))
		return UKSM_OUTCOME_LATER;
	uksm_unstable_del(peer->t);
	node->key.hold = uksm_hold_of_both(site->t->key.hold, peer->t->key.hold);
	site->t->key.hold = node->key.hold;
	peer->t->key.hold = node->key.hold;
	uksm_rmap_item_link(items[0], site->t, node, site->vma);
	items[0] = NULL;
	trace_uksm_merge_one_page(page_to_pfn(kpage), site->t, site->slot->mm, 0);

	uksm_replace_pages(window, peer->vma, &m, 1);
	trace_uksm_merge_with_ksm_page(page_to_pfn(kpage), page_to_pfn(peer->page), peer->t,
				       peer->slot->mm, m.err);
	if (!m.err) {
		uksm_rmap_item_link(items[1], peer->t, node, peer->vma);
		items[1] = NULL;
	}
	uksm_stable_node_add(node, uksm_hold_checksum(site->slot->serial, site->t->key.checksum,
						      node->key.hold), nid, kpage);
	if (fresh)
		folio_unlock(fresh);
	return m.err ? UKSM_OUTCOME_LATER : UKSM_OUTCOME_MERGED;
}

/*
 * A pair was merged by half: the page that has remained alone is better no KSM page. With
 * no room for a copy it stays one; others may join it.
 */
static void merge_undo(struct uksm_site *site)
{
	if (!uksm_room_for_copies(site->vma->vm_mm, 1) &&
	    !uksm_unmerge_page(site->vma, site->addr))
		uksm_tracked_leave(site->t);
}

/**
 * uksm_pair_merge() - merge two pages that were found equal, if they still are
 * @join: scratch memory
 * @site: the one page, its record %UKSM_VOLATILE
 * @peer: the other one, its record %UKSM_UNSHARED; its address space is entered too
 * @nid: the NUMA node of both, uksm_kpfn_nid()
 * @culprit: with %UKSM_OUTCOME_IN_USE set to the one of both that is, else of no meaning
 *
 * The page of @site becomes a KSM page, or a fresh one with its content, which both map then.
 * Either may be of a huge page, which is split for it. For that @peer's reference on its page
 * may be given up and taken anew: there may be none on return.
 *
 * Context: the caller holds uksm_mutex and both mmap_locks, no folio lock, and no other
 * reference on either page. Allocates memory. Sleeps.
 * Return: %UKSM_OUTCOME_MERGED: both records are %UKSM_MERGED. Else @site's is so only if it
 * could not be undone, and @peer's may be %UKSM_VOLATILE.
 */
enum uksm_outcome uksm_pair_merge(struct uksm_join *join, struct uksm_site *site,
				  struct uksm_site *peer, unsigned int nid,
				  const struct uksm_site **culprit)
{
	struct uksm_rmap_item *items[2] = {
		uksm_rmap_item_alloc(site->slot),
		uksm_rmap_item_alloc(peer->slot),
	};
	struct uksm_stable_node *node = uksm_stable_node_alloc(site->slot->domain);
	struct folio *fresh = NULL;
	enum uksm_outcome out = UKSM_OUTCOME_LATER;

	lockdep_assert_held(&uksm_mutex);
	*culprit = NULL;
	if (!node || !items[0] || !items[1])
		goto free;
	if (uksm_domain_fresh_frames(site->slot->domain)) {
		fresh = uksm_frames_take(page_to_nid(site->page));
		if (!fresh)
			goto free;
	}
	out = split_pair(join, site, peer, (struct uksm_site **)culprit);
	if (out != UKSM_OUTCOME_MERGED)
		goto free;

	out = UKSM_OUTCOME_LATER;
	*culprit = NULL;
	if (!site_lock(site))
		goto free;
	if (site_lock(peer)) {
		out = merge_locked(&join->window, site, peer, fresh, nid, node, items,
				   culprit);
		folio_unlock(uksm_site_folio(peer));
	}
	folio_unlock(uksm_site_folio(site));

	if (!items[0]) {
		/* The node is in use. */
		node = NULL;
		if (out != UKSM_OUTCOME_MERGED)
			merge_undo(site);
	}
free:
	/* What maps it by now has references of its own. */
	if (fresh)
		uksm_frames_put(fresh);
	uksm_rmap_item_free(items[0], site->slot);
	uksm_rmap_item_free(items[1], peer->slot);
	uksm_stable_node_free(node);
	return out;
}
