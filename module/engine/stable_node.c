// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_node.h"

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/knobs.h"
#include "engine/rmap_item.h"
#include "engine/stats.h"
#include "engine/tree_set.h"
#include "engine/uksmd.h"
#include "page/merge.h"
#include "pure/checksum.h"

/* What a key in the stable tree is embedded in (key.state). */
enum stable_key_kind { KEY_NODE, KEY_CHAIN };

/* Only its address counts: see struct uksm_stable_node. */
static const char uksm_stable_marker[1];

static struct uksm_tree_set stable;

/* Nodes without rmap_item: not in use yet, or their page is gone or soon will be. */
static unsigned long nr_empty_nodes;
static unsigned long next_prune;

static struct uksm_stable_node *key_node(struct uksm_key *key)
{
	return container_of(key, struct uksm_stable_node, key);
}

static struct uksm_chain *key_chain(struct uksm_key *key)
{
	return container_of(key, struct uksm_chain, key);
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

/** uksm_stable_node_alloc() - memory for a node, or NULL */
struct uksm_stable_node *uksm_stable_node_alloc(void)
{
	struct uksm_stable_node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!node)
		return NULL;
	node->marker = uksm_stable_marker;
	INIT_HLIST_HEAD(&node->hlist);
	INIT_LIST_HEAD(&node->dup);
	nr_empty_nodes++;
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
	WARN_ON_ONCE(node->rmap_hlist_len);
	nr_empty_nodes--;
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

/**
 * uksm_stable_node_count_rmap() - account an rmap_item linked or unlinked
 * @node: the node whose list has changed
 * @n: 1 or -1
 *
 * The first address of a page counts as pages_shared, each further one as
 * pages_sharing.
 */
void uksm_stable_node_count_rmap(struct uksm_stable_node *node, int n)
{
	lockdep_assert_held(&uksm_mutex);

	if (n > 0 ? node->rmap_hlist_len : node->rmap_hlist_len > 1)
		uksm_stats_add(pages_sharing, n);
	else
		uksm_stats_add(pages_shared, n);

	nr_empty_nodes -= !node->rmap_hlist_len;
	node->rmap_hlist_len += n;
	nr_empty_nodes += !node->rmap_hlist_len;

	if (node->chain)
		list_move(&node->dup, node_has_room(node) ? &node->chain->room :
							    &node->chain->full);
}

/**
 * uksm_stable_node_get_folio() - the merged page of a stable node, if it lives
 * @node: stable node
 *
 * A node holds no reference on its page, so that the page can be swapped out or
 * freed without waiting for the scanner. Instead the page's mapping shows
 * whether it is still the node's: it is reset when an anonymous page is freed,
 * and a migration moves it on together with kpfn.
 *
 * Three races (folio_migrate_ksm(), folio_migrate_mapping(), __remove_mapping()):
 * - A page under migration has its mapping cleared after kpfn has been changed;
 *   the kernel orders the two with smp_wmb(), and smp_rmb() here lets us see
 *   the new kpfn whenever we see the cleared mapping.
 * - While the reference count is frozen at 0 the page may be on its way out, or
 *   in the swap cache and migrated. The latter is over in a moment: wait for it.
 * - Freed and used anew between the look at mapping and the reference: look again.
 *
 * Context: the caller holds uksm_mutex, which keeps @node.
 * Return: the folio, with a reference, or NULL when the page is gone: then the
 * caller is to call uksm_stable_node_del().
 */
struct folio *uksm_stable_node_get_folio(struct uksm_stable_node *node)
{
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
			cpu_relax();
		}
		/* Pairs with smp_wmb() in folio_migrate_ksm(). */
		smp_rmb();
	} while (READ_ONCE(node->kpfn) != kpfn);

	return NULL;
}

static void chain_add(struct uksm_chain *chain, struct uksm_stable_node *node)
{
	node->chain = chain;
	node->nid = chain->nid;
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
	chain->nid = node->nid;
	chain->key.checksum = node->key.checksum;
	chain->key.state = KEY_CHAIN;
	uksm_index_replace(&stable.tree[node->nid], &node->key, &chain->key);
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
	chain->nr_dups--;
	uksm_stats_dec(stable_node_dups);
}

/* With less than two nodes left a chain is of no use: put the last in its place. */
static void chain_settle(struct uksm_chain *chain)
{
	struct uksm_index *tree = &stable.tree[chain->nid];
	struct uksm_stable_node *last;

	if (chain->nr_dups > 1 || chain->visited)
		return;

	if (chain->nr_dups) {
		last = chain_any(chain);
		chain_remove(chain, last);
		last->key.checksum = chain->key.checksum;
		last->key.state = KEY_NODE;
		uksm_index_replace(tree, &chain->key, &last->key);
	} else {
		uksm_index_del(tree, &chain->key);
	}
	kfree(chain);
	uksm_stats_dec(stable_node_chains);
	uksm_stats_sub(meta_bytes, sizeof(*chain));
}

static void node_unhook(struct uksm_stable_node *node)
{
	struct uksm_chain *chain = node->chain;

	if (!chain) {
		uksm_index_del(&stable.tree[node->nid], &node->key);
		return;
	}
	chain_remove(chain, node);
	chain_settle(chain);
}

/**
 * uksm_stable_node_del() - drop a node, with its rmap_items
 * @node: a node in the stable tree; gone on return
 *
 * Context: the caller holds uksm_mutex, and knows that no folio points to the
 * node: its page is gone, or its mapping was cleared under the folio lock.
 */
void uksm_stable_node_del(struct uksm_stable_node *node)
{
	struct uksm_rmap_item *item;
	struct hlist_node *next;

	lockdep_assert_held(&uksm_mutex);

	hlist_for_each_entry_safe(item, next, &node->hlist, hlist) {
		__uksm_rmap_item_del(item);
		cond_resched();
	}
	node_unhook(node);
	uksm_stable_node_free(node);
}

/**
 * uksm_stable_node_refile() - move a node to the tree of another NUMA node
 * @node: node whose page has migrated there
 * @nid: that NUMA node
 *
 * Context: the caller holds uksm_mutex, and has found no page of equal content
 * with room in that tree.
 */
void uksm_stable_node_refile(struct uksm_stable_node *node, unsigned int nid)
{
	u32 checksum = node->chain ? node->chain->key.checksum : node->key.checksum;

	lockdep_assert_held(&uksm_mutex);

	node_unhook(node);
	node->key.checksum = checksum;
	node->key.state = KEY_NODE;
	node->nid = nid;
	uksm_index_add(&stable.tree[nid], &node->key);
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
 * The node of a page with the content of @page; with @roomy, one with room. As a
 * rule all nodes of a content are of one chain, but there may have been no memory
 * for it. A node that has gone stale is cleared away when it is met, and the search
 * starts again, as the tree has changed. Without @compare a node that is the only
 * one of the checksum is taken to be it.
 *
 * Returns -ENOENT when there is no page of that checksum, -EEXIST when there are
 * some, and all have another content, -ENOSPC when those of this content are full.
 */
static struct uksm_stable_node *node_find(unsigned int nid, u32 checksum, struct page *page,
					  bool compare, bool roomy, struct folio **kfolio)
{
	struct uksm_stable_node *node;
	struct uksm_key *key;
	struct folio *folio;
	int err;

again:
	err = -ENOENT;
	key = uksm_index_first(&stable.tree[nid], checksum);
	compare = compare || (key && uksm_index_next_equal(key));
	for (; key; key = uksm_index_next_equal(key)) {
		cond_resched();
		node = key_any_node(key);
		folio = uksm_stable_node_get_folio(node);
		if (!folio) {
			uksm_stable_node_del(node);
			goto again;
		}
		if (folio_shareable(folio, nid)) {
			if (compare && !uksm_pages_identical(page, folio_page(folio, 0))) {
				err = err == -ENOSPC ? err : -EEXIST;
			} else if (roomy && !node_has_room(node)) {
				err = -ENOSPC;
			} else {
				*kfolio = folio;
				return node;
			}
		}
		folio_put(folio);
	}
	return ERR_PTR(err);
}

/**
 * uksm_stable_search() - find a merged page with the content of a page
 * @nid: which tree
 * @checksum: checksum of @page
 * @page: the page, of which the caller has a reference; it may be changing
 * @compare: false: if there is only one merged page of that checksum, take it
 *	without a look at its content
 * @kfolio: set to the merged page, with a reference, unless an error is returned
 *
 * Context: the caller holds uksm_mutex. May sleep.
 * Return: a stable node that has room under max_page_sharing; -ENOSPC when all
 * pages of that content are full; -EEXIST when there are none, but others of the
 * same checksum; -ENOENT when there is nothing.
 */
struct uksm_stable_node *uksm_stable_search(unsigned int nid, u32 checksum, struct page *page,
					    bool compare, struct folio **kfolio)
{
	return node_find(nid, checksum, page, compare, true, kfolio);
}

/**
 * uksm_stable_has() - are there merged pages of this checksum?
 * @checksum: what uksm_checksum() gave
 *
 * On any NUMA node, and whatever their content.
 */
bool uksm_stable_has(u32 checksum)
{
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);
	for (nid = 0; nid < uksm_nr_nids(); nid++)
		if (uksm_index_first(&stable.tree[nid], checksum))
			return true;
	return false;
}

/* One that keeps its checksum keeps its place: the caller is not to meet it again. */
static void key_rekey(unsigned int nid, struct uksm_key *key)
{
	struct uksm_stable_node *node = key_any_node(key);
	struct folio *folio = uksm_stable_node_get_folio(node);
	u32 checksum;

	/* A stale one is dropped where it is met the next time. */
	if (!folio)
		return;
	checksum = uksm_page_checksum(folio_page(folio, 0));
	if (checksum != key->checksum) {
		uksm_index_del(&stable.tree[nid], key);
		key->checksum = checksum;
		uksm_index_add(&stable.tree[nid], key);
	}
	folio_put(folio);
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
 * @page: one of them, with a reference; it may be changing
 * @checksum: of pages that were found to differ
 *
 * Merged pages move to their new checksum; what else was recorded with the old
 * one looks changed from now on.
 *
 * Context: the caller holds uksm_mutex.
 * Return: as uksm_checksum_strengthen(); if false, nothing has changed.
 */
bool uksm_stable_strengthen(struct page *page, u32 checksum)
{
	struct uksm_key *key, *next;
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);
	if (!page_strengthen(page, checksum))
		return false;
	for (nid = 0; nid < uksm_nr_nids(); nid++) {
		for (key = uksm_index_first(&stable.tree[nid], checksum); key; key = next) {
			next = uksm_index_next_equal(key);
			key_rekey(nid, key);
		}
	}
	return true;
}

/**
 * uksm_stable_node_add() - put a new node into the stable tree
 * @node: from uksm_stable_node_alloc(), with or without rmap_items
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
	struct uksm_stable_node *equal;
	struct uksm_chain *chain = NULL;
	struct folio *folio;

	lockdep_assert_held(&uksm_mutex);

	equal = node_find(nid, checksum, kpage, true, false, &folio);
	if (!IS_ERR(equal)) {
		folio_put(folio);
		chain = equal->chain ?: chain_alloc(equal);
	}
	if (chain) {
		chain_add(chain, node);
		return;
	}
	/* No memory for a chain leaves two keys of one content: only slower. */
	node->nid = nid;
	node->key.checksum = checksum;
	node->key.state = KEY_NODE;
	uksm_index_add(&stable.tree[nid], &node->key);
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

/* Call @visit for each node of all trees; it may delete that node, but no other. */
static void visit_nodes(void (*visit)(struct uksm_stable_node *node, void *arg), void *arg)
{
	struct uksm_key *key, *next;
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);

	for (nid = 0; nid < nr_node_ids; nid++) {
		uksm_index_for_each_safe(&stable.tree[nid], key, next) {
			if (key->state == KEY_CHAIN)
				chain_visit(key_chain(key), visit, arg);
			else
				visit(key_node(key), arg);
			cond_resched();
		}
	}
}

static void node_prune(struct uksm_stable_node *node, void *unused)
{
	struct folio *folio;

	if (node->rmap_hlist_len)
		return;
	folio = uksm_stable_node_get_folio(node);
	if (!folio) {
		uksm_stable_node_del(node);
		return;
	}

	/* A page that has failed is never freed: part the node from it. */
	if (PageHWPoison(folio_page(folio, 0)) && folio_trylock(folio)) {
		if (!folio_mapped(folio)) {
			uksm_folio_set_ksm(folio, NULL);
			uksm_stable_node_del(node);
		}
		folio_unlock(folio);
	}
	folio_put(folio);
}

/**
 * uksm_stable_prune() - drop nodes whose page is gone
 *
 * Such nodes have lost their last rmap_item while the page was still in use
 * elsewhere (a forked child, the swap cache). Does nothing if there is none, or
 * if stable_node_chains_prune_millisecs have not passed since the last time.
 *
 * Context: the caller holds uksm_mutex. May sleep.
 */
void uksm_stable_prune(void)
{
	lockdep_assert_held(&uksm_mutex);

	if (!nr_empty_nodes || time_before(jiffies, next_prune))
		return;
	visit_nodes(node_prune, NULL);
	next_prune = jiffies +
		msecs_to_jiffies(READ_ONCE(uksm_knobs.stable_node_chains_prune_millisecs));
}

struct release {
	bool force;
	unsigned long nr_mapped;
};

static void node_release(struct uksm_stable_node *node, void *arg)
{
	struct folio *folio = uksm_stable_node_get_folio(node);
	struct release *release = arg;
	bool mapped;

	if (!folio) {
		uksm_stable_node_del(node);
		return;
	}

	folio_lock(folio);
	mapped = folio_mapped(folio);
	release->nr_mapped += mapped;
	if (!mapped || release->force) {
		/*
		 * Without a node the page stays copy-on-write wherever it is
		 * mapped, and do_swap_page() copies it out of the swap cache
		 * (ksm_might_need_to_copy()); rmap walks find nothing, so it is
		 * merely not movable. A migration cannot be under way, for it
		 * needs the folio lock.
		 */
		uksm_folio_set_ksm(folio, NULL);
		uksm_stable_node_del(node);
	}
	folio_unlock(folio);
	folio_put(folio);
}

/**
 * uksm_stable_release() - part nodes from their pages
 * @force: also where the page is still mapped; otherwise such nodes are kept
 *
 * Context: the caller holds uksm_mutex; nothing is being merged. Sleeps.
 * Return: the number of nodes met whose page is still mapped.
 */
unsigned long uksm_stable_release(bool force)
{
	struct release release = { .force = force };

	visit_nodes(node_release, &release);
	return release.nr_mapped;
}

struct pfn_range {
	unsigned long start;
	unsigned long end;
};

static void node_del_in_range(struct uksm_stable_node *node, void *arg)
{
	const struct pfn_range *range = arg;

	if (node->kpfn >= range->start && node->kpfn < range->end)
		uksm_stable_node_del(node);
}

/**
 * uksm_stable_del_pfn_range() - drop the nodes of memory that has gone offline
 * @start_pfn: first page frame
 * @end_pfn: end of the range, exclusive
 *
 * Migration has emptied the range, so the pages of nodes that still point there
 * have been freed; their struct pages must not be looked at any more.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_stable_del_pfn_range(unsigned long start_pfn, unsigned long end_pfn)
{
	struct pfn_range range = { start_pfn, end_pfn };

	visit_nodes(node_del_in_range, &range);
}

/** uksm_stable_init() - allocate the roots; 0 or -ENOMEM */
int uksm_stable_init(void)
{
	return uksm_tree_set_init(&stable);
}

/** uksm_stable_exit() - free the roots; uksm_stable_release() has emptied the trees */
void uksm_stable_exit(void)
{
	WARN_ON_ONCE(nr_empty_nodes);
	uksm_tree_set_destroy(&stable);
}
