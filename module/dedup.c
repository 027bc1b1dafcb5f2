// SPDX-License-Identifier: GPL-2.0-only
#include "dedup.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "checksum.h"
#include "chunk.h"
#include "compat/compat.h"
#include "knobs.h"
#include "merge.h"
#include "mm_slot.h"
#include "rmap_item.h"
#include "stable_node.h"
#include "stats.h"
#include "trace.h"
#include "uksmd.h"
#include "unmerge.h"
#include "unstable.h"
#include "walk.h"

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

static u32 page_checksum(struct page *page)
{
	void *addr = kmap_local_page(page);
	u32 checksum = uksm_checksum(addr);

	kunmap_local(addr);
	return checksum;
}

static bool page_is_zero(struct page *page)
{
	void *addr = kmap_local_page(page);
	bool zero = !memchr_inv(addr, 0, PAGE_SIZE);

	kunmap_local(addr);
	return zero;
}

/*
 * Errors of the functions below: -ENOENT says that there is no equal page;
 * -EEXIST that there is none, but one of equal checksum; anything else that the
 * page could not be merged just now, so that it is tried again by the next full
 * scan (it stays UKSM_VOLATILE).
 */

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

/* Replace a page by the KSM page; both folios are locked. */
static int replace_locked(const struct site *site, struct page *kpage)
{
	pte_t protected;
	int err;

	err = uksm_write_protect(site->vma, site->addr, site->page, &protected);
	if (err)
		return err;
	if (!uksm_pages_identical(site->page, kpage))
		return -EAGAIN;
	return uksm_replace_page(site->vma, site->addr, site->page, kpage, protected);
}

/* Let the site share the page of a stable node. */
static int join_node(const struct site *site, struct uksm_stable_node *node, struct folio *kfolio)
{
	struct page *kpage = folio_page(kfolio, 0);
	struct uksm_rmap_item *item;
	int err;

	err = site_prepare(site);
	if (err)
		return err;
	item = uksm_rmap_item_alloc();
	if (!item)
		return -ENOMEM;

	err = site_lock(site);
	if (err)
		goto free;
	err = -EBUSY;
	if (!folio_trylock(kfolio))
		goto unlock;

	/* A migration may have given the node another page before the lock. */
	if (uksm_folio_is_ksm_of(kfolio, node))
		err = replace_locked(site, kpage);
	if (!err) {
		uksm_rmap_item_link(item, site->t, node, site->vma);
		item = NULL;
	}
	trace_uksm_merge_with_ksm_page(folio_pfn(kfolio), page_to_pfn(site->page), site->t,
				       site->slot->mm, err);
	folio_unlock(kfolio);
unlock:
	folio_unlock(site_folio(site));
free:
	uksm_rmap_item_free(item);
	return err;
}

/* Merge with a page of the stable tree. */
static int merge_stable(const struct site *site, unsigned int nid)
{
	struct uksm_stable_node *node;
	struct folio *kfolio;
	int err;

	node = uksm_stable_search(nid, site->t->key.checksum, site->page, &kfolio);
	if (!node)
		return -ENOENT;
	err = join_node(site, node, kfolio);
	folio_put(kfolio);
	return err;
}

/* Merge with the kernel's zero page. */
static int merge_zero(const struct site *site)
{
	pte_t protected;
	int err;

	if (!page_is_zero(site->page))
		return -ENOENT;
	err = site_prepare(site);
	if (err)
		return err;
	err = site_lock(site);
	if (err)
		return err;

	err = uksm_write_protect(site->vma, site->addr, site->page, &protected);
	if (!err)
		err = page_is_zero(site->page) ? uksm_replace_with_zero(site->vma, site->addr,
									site->page, protected) :
						 -EAGAIN;
	if (!err)
		uksm_tracked_set_state(site->t, UKSM_ZERO);
	trace_uksm_merge_one_page(page_to_pfn(site->page), site->t, site->slot->mm, err);
	folio_unlock(site_folio(site));
	return err;
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
	pte_t protected, unused;
	int err;

	err = uksm_write_protect(site->vma, site->addr, site->page, &unused);
	if (err)
		return err;
	/*
	 * Both may have been written alike since they were hashed. The stable
	 * tree has been searched for what was recorded only, and may well have
	 * what they hold now.
	 */
	if (page_checksum(site->page) != site->t->key.checksum)
		return -EAGAIN;
	err = uksm_write_protect(peer->vma, peer->addr, peer->page, &protected);
	if (err)
		return err;
	if (!uksm_pages_identical(site->page, peer->page))
		return -EAGAIN;

	uksm_unstable_del(peer->t);
	uksm_make_ksm(site_folio(site), node);
	uksm_rmap_item_link(items[0], site->t, node, site->vma);
	items[0] = NULL;
	trace_uksm_merge_one_page(page_to_pfn(site->page), site->t, site->slot->mm, 0);

	err = uksm_replace_page(peer->vma, peer->addr, peer->page, site->page, protected);
	trace_uksm_merge_with_ksm_page(page_to_pfn(site->page), page_to_pfn(peer->page), peer->t,
				       peer->slot->mm, err);
	if (!err) {
		uksm_rmap_item_link(items[1], peer->t, node, peer->vma);
		items[1] = NULL;
	}
	uksm_stable_node_add(node, site->t->key.checksum, nid, site->page);
	return err;
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

/* Is the page in the unstable tree one to merge with? It may have changed since. */
static int compare_peer(const struct site *site, const struct site *peer, unsigned int nid)
{
	u32 checksum;

	/* The scanner will come by and see what has become of it. */
	if (!peer->page || uksm_folio_test_ksm(site_folio(peer)))
		return -ENOENT;
	/* Parent and child after fork(): one page already. */
	if (peer->page == site->page)
		return -EAGAIN;
	if (uksm_kpfn_nid(page_to_pfn(peer->page)) != nid)
		return -ENOENT;
	if (uksm_pages_identical(site->page, peer->page))
		return 0;

	checksum = page_checksum(peer->page);
	if (checksum == peer->t->key.checksum)
		return -EEXIST;
	uksm_unstable_del(peer->t);
	peer->t->key.checksum = checksum;
	return -ENOENT;
}

/* A page that is pinned must not keep its equals from each other. */
static bool peer_in_use(const struct site *peer)
{
	return peer->page && !PageCompound(peer->page) && uksm_page_in_use(peer->page);
}

/* Merge with a page of the unstable tree. */
static int merge_unstable(struct site *site, unsigned int nid)
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
		err = compare_peer(site, &peer, nid);
		if (!err) {
			err = merge_pair(site, &peer, nid);
			if (err == -EBUSY && peer_in_use(&peer))
				err = -EEXIST;
			else
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

static void dedup_anon(struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	struct uksm_tracked *t = site->t;
	int err = -ENOENT;

	t->key.flags &= ~UKSM_F_COLLIDES;
	if (READ_ONCE(uksm_knobs.use_zero_pages) && t->key.checksum == uksm_checksum_zero())
		err = merge_zero(site);
	if (err == -ENOENT)
		err = merge_stable(site, nid);
	if (err == -ENOENT)
		err = merge_unstable(site, nid);

	if (err != -EEXIST && err != -ENOENT)
		return;
	/*
	 * The parts of a page that are not sampled can become equal without a
	 * change of checksum; and a full chain may have room the next time.
	 */
	if (err == -EEXIST || uksm_stable_has(nid, t->key.checksum))
		t->key.flags |= UKSM_F_COLLIDES;
	uksm_unstable_add(t, nid);
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

static void dedup_ksm(struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	struct uksm_stable_node *node = site_node(site);

	if (!node)
		return;
	if (nid != node->nid) {
		/* Migrated: go over to an equal page there, or be the first. */
		if (merge_stable(site, nid) != -ENOENT)
			return;
		uksm_stable_node_refile(node, nid);
	}
	adopt(site, node);
}

/**
 * uksm_dedup_page() - merge the page at an address, if there is an equal one
 * @slot: address space
 * @vma: the mergeable VMA that holds the address
 * @t: the record of the address, %UKSM_VOLATILE, with the page's checksum
 *
 * Afterwards the record is %UKSM_MERGED or %UKSM_ZERO; or %UKSM_UNSHARED, if
 * there is no equal page; or still %UKSM_VOLATILE, if the page could not be
 * merged just now and is to be tried again.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no reference on the
 * page (a huge page that is referenced cannot be split), no folio lock. Sleeps.
 */
void uksm_dedup_page(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
		     struct uksm_tracked *t)
{
	struct site site = {
		.slot = slot,
		.vma = vma,
		.addr = uksm_tracked_address(t),
		.t = t,
	};
	struct folio *folio;

	lockdep_assert_held(&uksm_mutex);

	site.page = uksm_page_get(vma, site.addr);
	if (!site.page)
		return;

	folio = site_folio(&site);
	/* A KSM page without a node has been given up by its engine: any page. */
	if (uksm_folio_test_ksm(folio) && uksm_folio_raw_mapping(folio))
		dedup_ksm(&site);
	else
		dedup_anon(&site);
	put_page(site.page);
}
