// SPDX-License-Identifier: GPL-2.0-only
#include "engine/dedup.h"

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "engine/join.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "engine/unmerge.h"
#include "engine/unstable.h"
#include "page/merge.h"
#include "page/walk.h"
#include "pure/checksum.h"
#include "surface/trace.h"

/*
 * How many pages of the same checksum and other content to try. Only a sample
 * of a page is hashed, so there can be many.
 */
#define COLLISIONS_MAX	16

/**
 * struct site - a page, and where it is mapped
 * @slot: address space; its mmap_lock is held
 * @vma: VMA
 * @addr: user virtual address
 * @t: the record of that address
 * @page: the page found there, with a reference
 */
struct site {
	struct uksm_mm_slot *slot;
	struct vm_area_struct *vma;
	unsigned long addr;
	struct uksm_tracked *t;
	struct page *page;
};

static struct folio *site_folio(const struct site *site)
{
	return page_folio(site->page);
}

/*
 * Errors of the functions below: -ENOENT says that there is no equal page;
 * -EEXIST that there is none, but one of equal checksum; -ENOSPC that there are
 * some, but all of them full; anything else that the page could not be merged
 * just now, so that it is tried again by the next full scan (it stays
 * UKSM_VOLATILE).
 */
static bool none_is_equal(int err)
{
	return err == -ENOENT || err == -EEXIST || err == -ENOSPC;
}

/* Lock a page that is to be replaced or to become a KSM page. */
static int site_lock(const struct site *site)
{
	struct folio *folio = site_folio(site);

	if (PageCompound(site->page) || !folio_trylock(folio))
		return -EBUSY;
	if (!uksm_folio_test_anon(folio)) {
		folio_unlock(folio);
		return -EAGAIN;
	}
	return 0;
}

/*
 * Pinned pages cannot be merged, as uksm_write_protect() would find out. Asking
 * first spares a guest with a passed-through device a TLB flush for each page
 * on each scan.
 */
static int site_prepare(const struct site *site)
{
	if (folio_maybe_dma_pinned(site_folio(site)))
		return -EBUSY;
	return uksm_page_split(site->page);
}

/* Have the page merged when the batch is complete (join.c). */
static int site_join(struct site *site, struct uksm_stable_node *node, struct folio *kfolio)
{
	int err = site_prepare(site);

	if (!err)
		err = uksm_join_add(site->t, site->page, node, kfolio);
	if (!err)
		site->page = NULL;
	return err;
}

/*
 * Merge with a page of the stable tree. A large page must be split for it, and that
 * is to be done for sure only.
 */
static int merge_stable(struct site *site, unsigned int nid, bool compare)
{
	struct uksm_stable_node *node;
	struct folio *kfolio;
	int err;

again:
	node = uksm_stable_search(nid, site->t->key.checksum, site->page,
				  compare || PageCompound(site->page), &kfolio);
	if (IS_ERR(node))
		return PTR_ERR(node);
	if (uksm_join_crowded(node)) {
		folio_put(kfolio);
		uksm_join_end();
		goto again;
	}
	err = site_join(site, node, kfolio);
	if (err)
		folio_put(kfolio);
	return err;
}

/* Merge with the kernel's zero page, under the same condition. */
static int merge_zero(struct site *site)
{
	if (!READ_ONCE(uksm_knobs.use_zero_pages) ||
	    site->t->key.checksum != uksm_checksum_zero())
		return -ENOENT;
	if (PageCompound(site->page) && !uksm_page_is_zero(site->page))
		return -ENOENT;
	return site_join(site, NULL, NULL);
}

/*
 * Go to the place of a page in the unstable tree. Two mmap_locks have no order
 * among them, so a second one is only tried for.
 */
static int peer_enter(struct site *peer, struct uksm_tracked *t, const struct site *home)
{
	*peer = (struct site){
		.slot = uksm_tracked_slot(t),
		.addr = uksm_tracked_address(t),
		.t = t,
	};
	if (peer->slot != home->slot && !uksm_mm_slot_tryenter(peer->slot))
		return -EBUSY;

	peer->vma = uksm_vma_lookup(peer->slot->mm, peer->addr);
	if (peer->vma)
		peer->page = uksm_page_get(peer->vma, peer->addr);
	return 0;
}

static void peer_leave(struct site *peer, const struct site *home)
{
	if (peer->page)
		put_page(peer->page);
	if (peer->slot != home->slot)
		uksm_mm_slot_leave(peer->slot);
}

/*
 * Make both pages small. If both are of one large folio then our reference on
 * the one is in the way of splitting for the other, so it is dropped for a while.
 */
static int split_pair(struct site *site, struct site *peer)
{
	bool shared = PageCompound(peer->page) && site_folio(site) == site_folio(peer);
	int err;

	if (shared) {
		put_page(peer->page);
		peer->page = NULL;
	}
	err = site_prepare(site);
	if (shared)
		peer->page = uksm_page_get(peer->vma, peer->addr);
	if (err)
		return err;
	if (!peer->page || site->page == peer->page)
		return -EAGAIN;
	return site_prepare(peer);
}

/*
 * Both pages are locked and small: make the site's page a KSM page that the
 * peer maps as well. The last step can fail, when the peer is written between
 * the comparison and the replacement; then the site alone has the KSM page.
 */
static int merge_locked(const struct site *site, const struct site *peer, unsigned int nid,
			struct uksm_stable_node *node, struct uksm_rmap_item *items[2])
{
	struct uksm_mapping own = { .addr = site->addr, .page = site->page };
	struct uksm_mapping m = { .addr = peer->addr, .page = peer->page, .kpage = site->page };

	uksm_write_protect(site->vma, &own, 1);
	if (own.err)
		return own.err;
	/*
	 * Both may have been written alike since they were hashed. The stable
	 * tree has been searched for what was recorded only, and may well have
	 * what they hold now.
	 */
	if (uksm_page_checksum(site->page) != site->t->key.checksum)
		return -EAGAIN;
	uksm_write_protect(peer->vma, &m, 1);
	if (m.err)
		return m.err;
	if (!uksm_pages_identical(site->page, peer->page))
		return uksm_page_checksum(peer->page) == peer->t->key.checksum ? -EEXIST : -EAGAIN;

	uksm_unstable_del(peer->t);
	uksm_make_ksm(site_folio(site), node);
	uksm_rmap_item_link(items[0], site->t, node, site->vma);
	items[0] = NULL;
	trace_uksm_merge_one_page(page_to_pfn(site->page), site->t, site->slot->mm, 0);

	uksm_replace_pages(peer->vma, &m, 1);
	trace_uksm_merge_with_ksm_page(page_to_pfn(site->page), page_to_pfn(peer->page), peer->t,
				       peer->slot->mm, m.err);
	if (!m.err) {
		uksm_rmap_item_link(items[1], peer->t, node, peer->vma);
		items[1] = NULL;
	}
	uksm_stable_node_add(node, site->t->key.checksum, nid, site->page);
	return m.err;
}

/* Two pages were found equal: merge them if they still are. */
static int merge_pair(struct site *site, struct site *peer, unsigned int nid)
{
	struct uksm_rmap_item *items[2] = {
		uksm_rmap_item_alloc(),
		uksm_rmap_item_alloc(),
	};
	struct uksm_stable_node *node = uksm_stable_node_alloc();
	int err = -ENOMEM;

	if (!node || !items[0] || !items[1])
		goto free;
	err = split_pair(site, peer);
	if (err)
		goto free;

	err = site_lock(site);
	if (err)
		goto free;
	err = site_lock(peer);
	if (!err) {
		err = merge_locked(site, peer, nid, node, items);
		folio_unlock(site_folio(peer));
	}
	folio_unlock(site_folio(site));

	if (!items[0]) {
		/* The node is in use. */
		node = NULL;
		if (err && !uksm_unmerge_page(site->vma, site->addr))
			uksm_rmap_item_del(site->t);
	}
free:
	uksm_rmap_item_free(items[0]);
	uksm_rmap_item_free(items[1]);
	uksm_stable_node_free(node);
	return err;
}

/*
 * Is the page in the unstable tree one to merge with? It may have changed since.
 * If not, equal checksums are taken for equal pages until merge_locked(), unless
 * the answer has consequences of its own.
 */
static int compare_peer(const struct site *site, const struct site *peer, unsigned int nid,
			bool compare)
{
	u32 checksum;

	/*
	 * It may be under migration, in swap or on another NUMA node, and may come
	 * back. It has missed this one, so it must not stay where it is, waiting for
	 * others: it searches when the scanner comes by.
	 */
	if (!peer->page || uksm_kpfn_nid(page_to_pfn(peer->page)) != nid) {
		uksm_unstable_del(peer->t);
		return -ENOENT;
	}
	/* The scanner will come by and see what has become of it. */
	if (uksm_folio_test_ksm(site_folio(peer)))
		return -ENOENT;
	/* Parent and child after fork(): one page already. */
	if (peer->page == site->page)
		return -EAGAIN;

	checksum = uksm_page_checksum(peer->page);
	if (checksum != peer->t->key.checksum) {
		uksm_unstable_del(peer->t);
		peer->t->key.checksum = checksum;
		return -ENOENT;
	}
	compare = compare || PageCompound(site->page) || PageCompound(peer->page) ||
		  (peer->t->key.flags & UKSM_F_COLLIDES);
	return !compare || uksm_pages_identical(site->page, peer->page) ? 0 : -EEXIST;
}

/* A page that is pinned must not keep its equals from each other. */
static bool peer_in_use(const struct site *peer)
{
	return peer->page && !PageCompound(peer->page) && uksm_page_in_use(peer->page);
}

/* Merge with a page of the unstable tree. */
static int merge_unstable(struct site *site, unsigned int nid, bool compare)
{
	struct uksm_tracked *t = uksm_unstable_first(nid, site->t->key.checksum);
	unsigned int collisions = 0;
	int result = -ENOENT;

	while (t && collisions < COLLISIONS_MAX) {
		struct uksm_tracked *next = uksm_unstable_next(t);
		struct site peer;
		int err;

		err = peer_enter(&peer, t, site);
		if (err)
			return err;
		err = compare_peer(site, &peer, nid, compare);
		if (!err) {
			err = merge_pair(site, &peer, nid);
			if (err == -EBUSY && peer_in_use(&peer))
				err = -EEXIST;
			else if (err != -EEXIST)
				next = NULL;
		}
		peer_leave(&peer, site);

		if (!err)
			return 0;
		if (err == -EEXIST) {
			/* Later each of the two may find what the other finds. */
			t->key.flags |= UKSM_F_COLLIDES;
			collisions++;
		}
		if (err != -ENOENT)
			result = err;
		t = next;
	}
	return result;
}

/*
 * Nothing equals the page: let those that come later find it. If others have its
 * checksum, pages like it get a stronger one, the merged ones among them at once,
 * the others when the scanner comes by and finds them changed. Where that is not
 * possible, each of them is searched for anew by each full scan: in the parts that
 * are not hashed they can become equal without a change of checksum.
 */
static void file_unshared(struct site *site, unsigned int nid, bool collides, bool full)
{
	struct uksm_tracked *t = site->t;

	if (collides && uksm_stable_strengthen(site->page, t->key.checksum)) {
		t->key.checksum = uksm_page_checksum(site->page);
		collides = false;
	}
	t->key.flags &= ~UKSM_F_COLLIDES;
	/* A full chain may have room the next time. */
	if (collides || full)
		t->key.flags |= UKSM_F_COLLIDES;
	uksm_unstable_add(t, nid);
}

static void dedup_anon(struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	bool compare = site->t->key.flags & UKSM_F_COLLIDES;
	/* A page that has just changed is not for others to find yet. */
	bool still = site->t->still;
	int stable, err;

	if (still && merge_zero(site) != -ENOENT)
		return;
	stable = merge_stable(site, nid, compare);
	if (!none_is_equal(stable) || !still)
		return;
	err = merge_unstable(site, nid, compare);
	if (none_is_equal(err))
		file_unshared(site, nid, stable == -EEXIST || err == -EEXIST, stable == -ENOSPC);
}

/*
 * The address maps a KSM page of ours that we do not know to be there: it was
 * inherited by fork(), or came back from swap. Whatever max_page_sharing says,
 * it is one of the page's addresses.
 */
static void adopt(const struct site *site, struct uksm_stable_node *node)
{
	struct uksm_rmap_item *item = uksm_rmap_item_alloc();
	struct folio *kfolio = site_folio(site);

	if (!item)
		return;
	if (folio_trylock(kfolio)) {
		if (uksm_folio_is_ksm_of(kfolio, node)) {
			uksm_rmap_item_link(item, site->t, node, site->vma);
			item = NULL;
		}
		folio_unlock(kfolio);
	}
	uksm_rmap_item_free(item);
}

/*
 * The stable node of the site's KSM page, if it is ours. It stays valid after
 * the folio lock is dropped: our nodes are freed under uksm_mutex only.
 */
static struct uksm_stable_node *site_node(const struct site *site)
{
	struct folio *kfolio = site_folio(site);
	struct uksm_stable_node *node;

	if (!folio_trylock(kfolio))
		return NULL;
	node = uksm_folio_test_ksm(kfolio) ? uksm_folio_raw_mapping(kfolio) : NULL;
	if (node && !uksm_stable_node_is_ours(node))
		node = NULL;
	folio_unlock(kfolio);
	return node;
}

/* Pages that wait for an equal one to come would never hear of one that is merged. */
static void search_again(unsigned int nid, u32 checksum)
{
	struct uksm_tracked *t = uksm_unstable_first(nid, checksum);

	while (t) {
		uksm_unstable_del(t);
		t = uksm_unstable_first(nid, checksum);
	}
}

static void dedup_ksm(struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	struct uksm_stable_node *node = site_node(site);
	int err;

	if (!node)
		return;
	if (nid != node->nid) {
		/*
		 * Migrated: go over to an equal page there, or be the first. At
		 * once, since another address of the batch may map the same page.
		 */
		err = merge_stable(site, nid, true);
		uksm_join_end();
		if (!none_is_equal(err))
			return;
		uksm_stable_node_refile(node, nid);
		/* By the node's key: the site's may be of before a stronger checksum. */
		search_again(nid, node->key.checksum);
	}
	adopt(site, node);
}

static void dedup_site(struct site *site)
{
	struct folio *folio = site_folio(site);

	/* A KSM page without a node has been given up by its engine: any page. */
	if (uksm_folio_test_ksm(folio) && uksm_folio_raw_mapping(folio))
		dedup_ksm(site);
	else
		dedup_anon(site);
	if (site->page)
		put_page(site->page);
}

/**
 * uksm_dedup_batch() - merge the pages at some addresses with equal ones
 * @slot: address space
 * @vma: the mergeable VMA that holds the addresses
 * @start: first address; the others are of the same tile
 * @wanted: bitmap of %UKSM_BATCH_PAGES, by page from @start on: those whose record
 *	is %UKSM_VOLATILE, with the page's checksum
 *
 * Afterwards a record is %UKSM_MERGED or %UKSM_ZERO; or %UKSM_UNSHARED, if there is
 * no equal page; or still %UKSM_VOLATILE, if the page could not be merged just now
 * and is to be tried again.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no reference on the
 * pages (a huge page that is referenced cannot be split), no folio lock. Sleeps.
 */
void uksm_dedup_batch(struct uksm_mm_slot *slot, struct vm_area_struct *vma, unsigned long start,
		      const unsigned long *wanted)
{
	struct uksm_tracked *row = uksm_tracked_row(slot, start);
	struct page *pages[UKSM_BATCH_PAGES];
	struct site site;
	unsigned int i;

	lockdep_assert_held(&uksm_mutex);

	uksm_pages_get(vma, start, wanted, pages);
	uksm_join_begin(vma);
	for_each_set_bit(i, wanted, UKSM_BATCH_PAGES) {
		site = (struct site){
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
			dedup_site(&site);
		else
			put_page(site.page);
		cond_resched();
	}
	uksm_join_end();
}
