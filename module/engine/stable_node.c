// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_node.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/stats.h"
#include "kernel/race.h"
#include "page/merge.h"
#include "pure/checksum.h"

/**
 * enum stable_key_kind - what a struct uksm_key of this tree is part of, and where
 *	a node is (key.state)
 * @KEY_NEW: a node in no tree, chain or list
 * @KEY_NODE: a node that is in the tree by itself
 * @KEY_DUP: a node that is in a chain
 * @KEY_EMPTY: a node that has lost its last rmap_item, or its page: in @empty_nodes
 * @KEY_CHAIN: a chain
 *
 * A node without rmap_item is found by no search. Its page may live on, in the swap
 * cache or at an address that the scanner does not know; if it comes upon one the
 * node is put into the tree again (uksm_stable_node_add()). Those whose page is gone
 * are dropped by prune.c.
 */
enum stable_key_kind { KEY_NEW, KEY_NODE, KEY_DUP, KEY_EMPTY, KEY_CHAIN };

/* So many pages of equal checksum and second key are compared in a search, by chance there is one. */
#define SAME_MAX	16u
/* The remedy for weak samples is not tried where so many merged pages would have to move. */
#define REKEY_MAX	256u
/* How often to look again whose page it is before it is left for later. */
#define LOCK_TRIES	16u

/* Only its address counts: see struct uksm_stable_node. */
static const char uksm_stable_marker[1];

/* KEY_EMPTY: their page is gone, soon will be, or is used where we do not know. */
static LIST_HEAD(empty_nodes);
static unsigned long nr_empty_nodes;

static struct uksm_stable_node *key_node(struct uksm_key *key)
{
	return container_of(key, struct uksm_stable_node, key);
}

static struct uksm_chain *key_chain(struct uksm_key *key)
{
	return container_of(key, struct uksm_chain, key);
}

static struct uksm_stable_place *key_place(struct uksm_key *key)
{
	return key->state == KEY_CHAIN ? &key_chain(key)->place : &key_node(key)->place;
}

/**
 * uksm_stable_tie() - the second key of a stable node or chain
 * @key: its key
 *
 * By it pages are told apart that have a checksum by chance or by design.
 */
u64 uksm_stable_tie(const struct uksm_key *key)
{
	return key_place((struct uksm_key *)key)->whole;
}

static struct uksm_index *tree_of(struct uksm_domain *domain, unsigned int nid)
{
	return &domain->stable.tree[nid];
}

static struct uksm_index *node_tree(const struct uksm_stable_node *node)
{
	return tree_of(node->domain, node->nid);
}

static u64 page_whole(struct page *page)
{
	void *addr = kmap_local_page(page);
	u64 whole = uksm_checksum_whole(addr);

	kunmap_local(addr);
	return whole;
}

static u32 page_weak_sample(struct page *page)
{
	void *addr = kmap_local_page(page);
	u32 sample = uksm_checksum_weak_sample(addr);

	kunmap_local(addr);
	return sample;
}

/**
 * uksm_stable_node_is_ours() - did this module make the node?
 * @node: what a KSM folio's mapping points to, not NULL
 *
 * A node of ksmd's has a tree link or list pointer where ours have the marker,
 * and neither can be the address of our marker.
 *
 * Context: the caller holds the folio's lock, which keeps a node from being freed.
 */
bool uksm_stable_node_is_ours(const struct uksm_stable_node *node)
{
	return READ_ONCE(node->marker) == uksm_stable_marker;
}

/**
 * uksm_stable_node_alloc() - make a node
 * @domain: whose pages may share its page
 *
 * Context: the caller holds uksm_mutex, and no folio lock.
 * Return: a node, or NULL when memory is short.
 */
struct uksm_stable_node *uksm_stable_node_alloc(struct uksm_domain *domain)
{
	struct uksm_stable_node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!node)
		return NULL;
	node->marker = uksm_stable_marker;
	node->domain = domain;
	uksm_domain_get(domain);
	INIT_HLIST_HEAD(&node->hlist);
	INIT_LIST_HEAD(&node->dup);
	node->key.state = KEY_NEW;
	uksm_stats_add(meta_bytes, sizeof(*node));
	return node;
}

/**
 * uksm_stable_node_free() - free a node that is in no tree and has no rmap_item
 * @node: from uksm_stable_node_alloc(), or NULL
 */
void uksm_stable_node_free(struct uksm_stable_node *node)
{
	if (!node)
		return;
	WARN_ON_ONCE(node->rmap_hlist_len || node->key.state != KEY_NEW);
	uksm_domain_put(node->domain);
	kfree(node);
	uksm_stats_sub(meta_bytes, sizeof(*node));
}

/**
 * uksm_stable_node_room() - how many more addresses may share a page
 * @node: its node
 */
unsigned int uksm_stable_node_room(const struct uksm_stable_node *node)
{
	unsigned int used = node->rmap_hlist_len;

	return used < uksm_knobs.max_page_sharing ? uksm_knobs.max_page_sharing - used : 0;
}

static bool node_has_room(const struct uksm_stable_node *node)
{
	return uksm_stable_node_room(node);
}

/** uksm_stable_node_is_empty() - is a node out of the tree, for want of rmap_items? */
bool uksm_stable_node_is_empty(const struct uksm_stable_node *node)
{
	return node->key.state == KEY_EMPTY;
}

/* The checksum under which a node's page is found. */
static u32 node_checksum(const struct uksm_stable_node *node)
{
	return node->chain ? node->chain->key.checksum : node->key.checksum;
}

/*
 * The merged page of a stable node, with a reference, if it lives.
 *
 * A node holds no reference on its page, so that the page can be swapped out or
 * freed without waiting for the scanner. Instead the page's mapping shows
 * whether it is still the node's: it is reset when an anonymous page is freed,
 * and a migration moves it on together with kpfn.
 *
 * Races (folio_migrate_ksm(), folio_migrate_mapping(), __remove_mapping()):
 * - A page under migration has its mapping cleared after kpfn has been changed;
 *   the kernel orders the two with smp_wmb(), and smp_rmb() here lets us see
 *   the new kpfn whenever we see the cleared mapping.
 * - While the reference count is frozen at 0 the page may be on its way out, or
 *   in the swap cache and migrated. The latter is over in a moment: wait for it,
 *   asleep if need be, as whoever has frozen it may need this CPU.
 * - Freed and used anew between the look at mapping and the reference: look again.
 * - The reference does not keep a migration from going on that has counted
 *   references before: small folios outside the swap cache are not frozen for it.
 *   So whose page it is must be asked again under the folio lock, which is why
 *   nobody but uksm_stable_node_lock_folio() calls this.
 */
static struct folio *node_get_folio(struct uksm_stable_node *node)
{
	unsigned int spins = 0;
	struct folio *folio;
	unsigned long kpfn;

	lockdep_assert_held(&uksm_mutex);

	do {
		kpfn = READ_ONCE(node->kpfn);
		folio = uksm_pfn_folio(kpfn);

		while (uksm_folio_is_ksm_of(folio, node)) {
			if (folio_try_get(folio)) {
				if (uksm_folio_is_ksm_of(folio, node))
					return folio;
				folio_put(folio);
				break;
			}
			if (!folio_test_swapcache(folio))
				break;
			if (++spins % 1024)
				cpu_relax();
			else
				usleep_range(20, 100);
		}
		/* Pairs with smp_wmb() in folio_migrate_ksm(). */
		smp_rmb();
	} while (READ_ONCE(node->kpfn) != kpfn);

	return NULL;
}

/**
 * uksm_stable_node_lock_folio() - the merged page of a stable node, locked
 * @node: stable node
 *
 * The only way from a node to its page. The lock is tried for and not waited for: a
 * page may be locked for as long as it takes to read it from swap.
 *
 * Context: the caller holds uksm_mutex, which keeps @node. May hold locks of other
 * folios. May sleep.
 * Return: the folio, locked, with a reference, and the node's: it stays the node's
 * as long as it is locked. NULL when the page is gone: no folio points to the node any
 * more, and the caller is to call uksm_stable_node_del(). ERR_PTR(-EBUSY) when
 * somebody else has it locked.
 */
struct folio *uksm_stable_node_lock_folio(struct uksm_stable_node *node)
{
	struct folio *folio;
	unsigned int tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		folio = node_get_folio(node);
		if (!folio)
			return NULL;
		uksm_race_point("get-lock");
		if (!folio_trylock(folio)) {
			folio_put(folio);
			return ERR_PTR(-EBUSY);
		}
		if (uksm_folio_is_ksm_of(folio, node))
			return folio;
		/* Migrated meanwhile, and kpfn has changed. */
		uksm_race_met("get-lock");
		folio_unlock(folio);
		folio_put(folio);
	}
	return ERR_PTR(-EBUSY);
}

/**
 * uksm_stable_node_left() - has an address that has an rmap_item left the merged page?
 * @node: stable node
 *
 * A hint, from numbers that change meanwhile and of a page that may be another's by now;
 * nothing is done to it. True for a page that is under migration, swapped out or gone.
 * False although one has left if a process without rmap_item has the page too, by fork():
 * then only a look at the page table tells.
 *
 * Context: the caller holds uksm_mutex, which keeps @node, and memory from going offline.
 */
bool uksm_stable_node_left(const struct uksm_stable_node *node)
{
	struct folio *folio = uksm_pfn_folio(READ_ONCE(node->kpfn));

	lockdep_assert_held(&uksm_mutex);
	return !uksm_folio_is_ksm_of(folio, node) ||
	       uksm_folio_mapcount_small(folio) < node->rmap_hlist_len;
}

static void folio_let_go(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

static void chain_add(struct uksm_chain *chain, struct uksm_stable_node *node)
{
	node->chain = chain;
	node->nid = chain->nid;
	node->key.state = KEY_DUP;
	list_add(&node->dup, node_has_room(node) ? &chain->room : &chain->full);
	chain->nr_dups++;
	uksm_stats_inc(stable_node_dups);
}

/* Put a chain in the place of a single node, and the node into the chain. */
static struct uksm_chain *chain_alloc(struct uksm_stable_node *node)
{
	struct uksm_chain *chain;

	chain = kzalloc(sizeof(*chain), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!chain)
		return NULL;

	INIT_LIST_HEAD(&chain->room);
	INIT_LIST_HEAD(&chain->full);
	chain->domain = node->domain;
	chain->nid = node->nid;
	chain->place = node->place;
	chain->key.checksum = node->key.checksum;
	chain->key.state = KEY_CHAIN;
	uksm_index_replace(node_tree(node), &node->key, &chain->key);
	chain_add(chain, node);
	uksm_stats_inc(stable_node_chains);
	uksm_stats_add(meta_bytes, sizeof(*chain));
	return chain;
}

static struct uksm_stable_node *chain_any(struct uksm_chain *chain)
{
	if (!list_empty(&chain->room))
		return list_first_entry(&chain->room, struct uksm_stable_node, dup);
	return list_first_entry(&chain->full, struct uksm_stable_node, dup);
}

static void chain_remove(struct uksm_chain *chain, struct uksm_stable_node *node)
{
	list_del_init(&node->dup);
	node->chain = NULL;
	node->key.state = KEY_NEW;
	chain->nr_dups--;
	uksm_stats_dec(stable_node_dups);
}

/* With less than two nodes left a chain is of no use: put the last in its place. */
static void chain_settle(struct uksm_chain *chain)
{
	struct uksm_index *tree = tree_of(chain->domain, chain->nid);
	struct uksm_stable_node *last;

	if (chain->nr_dups > 1 || chain->visited)
		return;

	if (chain->nr_dups) {
		last = chain_any(chain);
		chain_remove(chain, last);
		last->key.checksum = chain->key.checksum;
		last->key.state = KEY_NODE;
		last->place = chain->place;
		uksm_index_replace(tree, &chain->key, &last->key);
	} else {
		uksm_index_del(tree, &chain->key);
		uksm_checksum_unhold(chain->place.sample);
	}
	kfree(chain);
	uksm_stats_dec(stable_node_chains);
	uksm_stats_sub(meta_bytes, sizeof(*chain));
}

/* Take a node out of wherever it is: it becomes KEY_NEW. */
static void node_unhook(struct uksm_stable_node *node)
{
	struct uksm_chain *chain = node->chain;

	switch (node->key.state) {
	case KEY_NODE:
		uksm_index_del(node_tree(node), &node->key);
		uksm_checksum_unhold(node->place.sample);
		INIT_LIST_HEAD(&node->dup);
		break;
	case KEY_DUP:
		chain_remove(chain, node);
		chain_settle(chain);
		break;
	case KEY_EMPTY:
		list_del_init(&node->dup);
		nr_empty_nodes--;
		break;
	}
	node->key.state = KEY_NEW;
}

static void node_set_empty(struct uksm_stable_node *node)
{
	node_unhook(node);
	node->key.state = KEY_EMPTY;
	list_add_tail(&node->dup, &empty_nodes);
	nr_empty_nodes++;
}

/**
 * uksm_stable_node_count_rmap() - account an rmap_item linked or unlinked
 * @node: the node whose list has changed
 * @n: 1 or -1
 *
 * The first address of a page counts as pages_shared, each further one as
 * pages_sharing. With its last item a node leaves the tree.
 */
void uksm_stable_node_count_rmap(struct uksm_stable_node *node, int n)
{
	lockdep_assert_held(&uksm_mutex);

	if (n > 0 ? node->rmap_hlist_len : node->rmap_hlist_len > 1)
		uksm_domain_add(node->domain, pages_sharing, n);
	else
		uksm_domain_add(node->domain, pages_shared, n);

	node->rmap_hlist_len += n;
	if (!node->rmap_hlist_len && node->key.state != KEY_NEW)
		node_set_empty(node);
	else if (node->chain)
		list_move(&node->dup, node_has_room(node) ? &node->chain->room :
							    &node->chain->full);
}

/* Put a node into a tree by itself, under a content that no other key of the tree has. */
static void node_file(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
		      const struct uksm_stable_place *place)
{
	node->nid = nid;
	node->place = *place;
	node->key.checksum = checksum;
	node->key.state = KEY_NODE;
	if (!uksm_checksum_hold(place->sample))
		node->place.sample = 0;
	uksm_index_add(node_tree(node), &node->key);
}

/**
 * uksm_stable_node_refile() - move a node to the tree of another NUMA node
 * @node: node in a tree, whose page has migrated there
 * @nid: that NUMA node
 *
 * Context: the caller holds uksm_mutex, and has found no page of equal content
 * with room in that tree.
 */
void uksm_stable_node_refile(struct uksm_stable_node *node, unsigned int nid)
{
	u32 checksum = node_checksum(node);
	struct uksm_stable_place place = node->chain ? node->chain->place : node->place;

	lockdep_assert_held(&uksm_mutex);
	if (WARN_ON_ONCE(node->key.state != KEY_NODE && node->key.state != KEY_DUP))
		return;
	node_unhook(node);
	node_file(node, checksum, nid, &place);
}

static struct uksm_stable_node *key_any_node(struct uksm_key *key)
{
	return key->state == KEY_CHAIN ? chain_any(key_chain(key)) : key_node(key);
}

/*
 * Is the page one to map at more addresses? Not one that has failed, whoever
 * has noticed; and one that has migrated to another NUMA node waits for the
 * scanner to have its node refiled.
 */
static bool folio_shareable(struct folio *folio, unsigned int nid)
{
	return !PageHWPoison(folio_page(folio, 0)) && uksm_kpfn_nid(folio_pfn(folio)) == nid;
}

/*
 * Judge the page of one key. With FOUND and FULL there is @node; its page comes with
 * a reference, and not locked: what has become of it is asked again by whoever locks
 * it (join.c). A node whose page is gone is set aside, for prune.c to
 * drop: NONE, and the tree has changed.
 */
static enum uksm_search key_judge(struct uksm_key *key, unsigned int nid, struct page *page,
				  bool compare, struct uksm_stable_node **node,
				  struct folio **kfolio)
{
	enum uksm_search found = UKSM_SEARCH_FOUND;
	struct folio *folio;

	*node = key_any_node(key);
	folio = uksm_stable_node_lock_folio(*node);
	if (IS_ERR(folio))
		return UKSM_SEARCH_BUSY;
	if (!folio) {
		node_set_empty(*node);
		return UKSM_SEARCH_NONE;
	}
	/* It keeps nobody from merging with each other. */
	if (!folio_shareable(folio, nid))
		found = UKSM_SEARCH_DIFFERS;
	else if (compare && !uksm_pages_identical(page, folio_page(folio, 0)))
		found = uksm_pages_samples_agree(page, folio_page(folio, 0)) ?
			UKSM_SEARCH_ALIKE : UKSM_SEARCH_DIFFERS;
	else if (!node_has_room(*node))
		found = UKSM_SEARCH_FULL;

	folio_unlock(folio);
	if (found == UKSM_SEARCH_FOUND)
		*kfolio = folio;
	else
		folio_put(folio);
	return found;
}

/*
 * Among the keys of a checksum go to the one whose second key is the page's. So it is one
 * comparison however many there are, but for keys that have both in common, which
 * chance does not make, and want of memory for a chain a few of.
 */
static enum uksm_search search_equal(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				     struct page *page, struct uksm_stable_node **node,
				     struct folio **kfolio)
{
	struct uksm_index *tree = tree_of(domain, nid);
	u64 whole = page_whole(page);
	enum uksm_search found, result = UKSM_SEARCH_DIFFERS;
	struct uksm_key *key, *next;
	unsigned int n = 0;

	key = uksm_index_find(tree, checksum, whole);
	for (; key && n < SAME_MAX; key = next, n++) {
		next = uksm_index_next_same(tree, key);
		found = key_judge(key, nid, page, true, node, kfolio);
		if (found == UKSM_SEARCH_FOUND || found == UKSM_SEARCH_NONE)
			return found;
		if (result != UKSM_SEARCH_FULL)
			result = found;
	}
	return result;
}

/* NONE also says that a node has left the tree, and that it is worth to look again. */
static enum uksm_search search_once(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio)
{
	struct uksm_key *key = uksm_index_first(tree_of(domain, nid), checksum);
	enum uksm_search found, other;

	if (!key)
		return UKSM_SEARCH_NONE;
	if (!uksm_index_next_equal(key))
		return key_judge(key, nid, page, compare, node, kfolio);

	found = search_equal(domain, nid, checksum, page, node, kfolio);
	if (found != UKSM_SEARCH_DIFFERS)
		return found;
	/* Would a stronger checksum tell the page from the others? Any of them will say. */
	other = key_judge(key, nid, page, true, node, kfolio);
	/* FOUND: written since, to what this one holds. */
	return other == UKSM_SEARCH_BUSY || other == UKSM_SEARCH_FULL ? found : other;
}

/*
 * Whether a key goes by the weak sample: then its checksum is not that of the whole
 * page. No page needs to be looked at, as merged pages do not change.
 */
static bool key_rekey(struct uksm_index *tree, struct uksm_key *key, u32 sample)
{
	struct uksm_stable_place *place = key_place(key);
	u32 checksum = uksm_checksum_of_whole(place->whole);

	if (checksum == key->checksum)
		return false;
	uksm_index_del(tree, key);
	key->checksum = checksum;
	uksm_checksum_unhold(place->sample);
	place->sample = uksm_checksum_hold(sample) ? sample : 0;
	uksm_index_add(tree, key);
	return true;
}

/*
 * A sample was found to be weak in another domain: merged pages of this one that have it are
 * moved to their new checksum when one like them is searched for.
 */
static bool rekey_late(struct uksm_domain *domain, unsigned int nid, u32 checksum,
		       struct page *page)
{
	struct uksm_index *tree = tree_of(domain, nid);
	u32 sample = page_weak_sample(page);
	struct uksm_key *key;

	if (!sample || sample == checksum)
		return false;
	key = uksm_index_find(tree, sample, page_whole(page));
	return key && key_rekey(tree, key, sample);
}

/**
 * uksm_stable_search() - find a merged page with the content of a page
 * @domain: among whose pages
 * @nid: which tree
 * @checksum: checksum of @page
 * @page: the page, of which the caller has a reference; it may be changing
 * @compare: false: if there is only one merged page of that checksum, take it
 *	without a look at its content
 * @node: with %UKSM_SEARCH_FOUND, set to a node that has room under max_page_sharing
 * @kfolio: and this to its page, with a reference
 *
 * The page is not locked: whoever locks it asks again whose it is. Nodes met whose page
 * is gone leave the tree.
 *
 * Context: the caller holds uksm_mutex and no folio lock. May sleep.
 */
enum uksm_search uksm_stable_search(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio)
{
	enum uksm_search found = UKSM_SEARCH_NONE;
	unsigned int tries;

	lockdep_assert_held(&uksm_mutex);
	for (tries = 0; tries < LOCK_TRIES && found == UKSM_SEARCH_NONE; tries++) {
		if (!uksm_index_first(tree_of(domain, nid), checksum) &&
		    !rekey_late(domain, nid, checksum, page))
			break;
		found = search_once(domain, nid, checksum, page, compare, node, kfolio);
	}
	return found;
}

static unsigned int count_keys(struct uksm_domain *domain, u32 checksum, unsigned int max)
{
	unsigned int nid, n = 0;
	struct uksm_key *key;

	for (nid = 0; nid < uksm_nr_nids(); nid++) {
		key = uksm_index_first(tree_of(domain, nid), checksum);
		for (; key && n <= max; key = uksm_index_next_equal(key))
			n++;
	}
	return n;
}

static bool page_strengthen(struct page *page, u32 checksum)
{
	void *addr = kmap_local_page(page);
	bool stronger = uksm_checksum_strengthen(addr, checksum);

	kunmap_local(addr);
	return stronger;
}

/**
 * uksm_stable_strengthen() - tell apart pages that have a checksum in common
 * @domain: in which they have met
 * @page: one of them, with a reference; it may be changing
 * @checksum: of pages that were found to differ, though all that it is made of agrees
 *
 * Merged pages move to their new checksum, those of other domains when they are searched
 * for; what else was recorded with the old one looks changed from now on.
 *
 * Context: the caller holds uksm_mutex.
 * Return: as uksm_checksum_strengthen(); if false, nothing has changed.
 */
bool uksm_stable_strengthen(struct uksm_domain *domain, struct page *page, u32 checksum)
{
	struct uksm_key *key, *next;
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);
	if (count_keys(domain, checksum, REKEY_MAX) > REKEY_MAX || !page_strengthen(page, checksum))
		return false;
	for (nid = 0; nid < uksm_nr_nids(); nid++) {
		for (key = uksm_index_first(tree_of(domain, nid), checksum); key; key = next) {
			next = uksm_index_next_equal(key);
			key_rekey(tree_of(domain, nid), key, checksum);
		}
	}
	return true;
}

/* The key of a content in a tree, if it has one. Merged pages do not change, so it is quickly told. */
static struct uksm_key *key_find(struct uksm_index *tree, u32 checksum, struct page *kpage,
				 u64 whole)
{
	struct uksm_key *key = uksm_index_find(tree, checksum, whole);
	struct uksm_stable_node *node;
	struct folio *folio;
	unsigned int n = 0;
	bool same;

	for (; key && n < SAME_MAX; key = uksm_index_next_same(tree, key), n++) {
		node = key_any_node(key);
		folio = uksm_stable_node_lock_folio(node);
		/* One whose page is gone is dropped by the next search. */
		if (IS_ERR_OR_NULL(folio))
			continue;
		same = uksm_pages_identical(kpage, folio_page(folio, 0));
		folio_let_go(folio);
		if (same)
			return key;
	}
	return NULL;
}

/**
 * uksm_stable_node_add() - put a node into the stable tree
 * @node: from uksm_stable_node_alloc(), or uksm_stable_node_is_empty(); has rmap_items
 * @checksum: of its page
 * @nid: which tree
 * @kpage: the page, write-protected everywhere
 *
 * If the tree has pages of that content already, which are then all at
 * max_page_sharing, the node joins their chain.
 *
 * Context: the caller holds uksm_mutex and @kpage's folio lock. May sleep.
 */
void uksm_stable_node_add(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
			  struct page *kpage)
{
	struct uksm_stable_place place = {
		.whole = page_whole(kpage),
		.sample = page_weak_sample(kpage),
	};
	struct uksm_chain *chain = NULL;
	struct uksm_key *key;

	lockdep_assert_held(&uksm_mutex);

	node_unhook(node);
	key = key_find(tree_of(node->domain, nid), checksum, kpage, place.whole);
	if (key)
		chain = key->state == KEY_CHAIN ? key_chain(key) : chain_alloc(key_node(key));
	/* No memory for a chain leaves two keys of one content: only slower. */
	if (chain)
		chain_add(chain, node);
	else
		node_file(node, checksum, nid, &place);
}

/**
 * uksm_stable_next_empty() - the nodes out of the tree, in turn
 *
 * Context: the caller holds uksm_mutex.
 * Return: one that has no rmap_item or no page, the next time another; or NULL.
 */
struct uksm_stable_node *uksm_stable_next_empty(void)
{
	struct uksm_stable_node *node;

	lockdep_assert_held(&uksm_mutex);
	node = list_first_entry_or_null(&empty_nodes, struct uksm_stable_node, dup);
	if (node)
		list_move_tail(&node->dup, &empty_nodes);
	return node;
}

/** uksm_stable_nr_empty() - how many nodes are out of the tree */
unsigned long uksm_stable_nr_empty(void)
{
	lockdep_assert_held(&uksm_mutex);
	return nr_empty_nodes;
}

/**
 * uksm_stable_node_unhook() - take a node out of tree, chain or list
 * @node: node; uksm_stable_node_free() is to follow
 */
void uksm_stable_node_unhook(struct uksm_stable_node *node)
{
	lockdep_assert_held(&uksm_mutex);
	node_unhook(node);
}

static void chain_visit(struct uksm_chain *chain,
			void (*visit)(struct uksm_stable_node *node, void *arg), void *arg)
{
	struct uksm_stable_node *node, *next;

	/* Nodes may go one by one; the chain stays until all have been seen. */
	chain->visited = true;
	list_for_each_entry_safe(node, next, &chain->room, dup)
		visit(node, arg);
	list_for_each_entry_safe(node, next, &chain->full, dup)
		visit(node, arg);
	chain->visited = false;
	chain_settle(chain);
}

static void tree_visit(struct uksm_index *tree,
		       void (*visit)(struct uksm_stable_node *node, void *arg), void *arg)
{
	struct uksm_key *key, *next;

	uksm_index_for_each_safe(tree, key, next) {
		if (key->state == KEY_CHAIN)
			chain_visit(key_chain(key), visit, arg);
		else
			visit(key_node(key), arg);
		cond_resched();
	}
}

/**
 * uksm_stable_for_each() - call a function for each node, in the tree or out of it
 * @visit: it may drop that node, but no other
 * @arg: passed on
 *
 * Context: the caller holds uksm_mutex. Takes as long as there are nodes.
 */
void uksm_stable_for_each(void (*visit)(struct uksm_stable_node *node, void *arg), void *arg)
{
	struct uksm_domain *domain, *next_domain;
	struct uksm_stable_node *node, *next_node;
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);

	for (domain = uksm_domain_next(NULL); domain; domain = next_domain) {
		/* With its last node it may go. */
		uksm_domain_get(domain);
		for (nid = 0; nid < nr_node_ids; nid++)
			tree_visit(tree_of(domain, nid), visit, arg);
		next_domain = uksm_domain_next(domain);
		uksm_domain_put(domain);
	}
	list_for_each_entry_safe(node, next_node, &empty_nodes, dup) {
		visit(node, arg);
		cond_resched();
	}
}

/** uksm_stable_exit() - uksm_stable_release() has let all nodes go */
void uksm_stable_exit(void)
{
	WARN_ON_ONCE(nr_empty_nodes || !list_empty(&empty_nodes));
}
