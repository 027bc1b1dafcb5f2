// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_tree.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pagemap.h>

#include "engine/domain.h"
#include "engine/lock.h"
#include "engine/stats.h"
#include "page/merge.h"
#include "pure/checksum.h"
#include "pure/index.h"

/* UKSM_STABLE_EMPTY: their page is gone, soon will be, or is used where we do not know. */
static LIST_HEAD(empty_nodes);
static unsigned long nr_empty_nodes;

/**
 * uksm_stable_tie() - the second key of a stable node or chain
 * @key: its key
 *
 * By it pages are told apart that have a checksum by chance or by design.
 */
u64 uksm_stable_tie(const struct uksm_key *key)
{
	return uksm_key_place((struct uksm_key *)key)->whole;
}

static struct uksm_index *node_tree(const struct uksm_stable_node *node)
{
	return uksm_stable_tree(node->domain, node->nid);
}

/* The checksum under which a node's page is found. */
static u32 node_checksum(const struct uksm_stable_node *node)
{
	return node->chain ? node->chain->key.checksum : node->key.checksum;
}

/* Take a node out of wherever it is: it becomes UKSM_STABLE_NEW. */
static void node_unhook(struct uksm_stable_node *node)
{
	struct uksm_chain *chain = node->chain;

	switch (node->key.state) {
	case UKSM_STABLE_NODE:
		uksm_index_del(node_tree(node), &node->key);
		uksm_checksum_unhold(node->place.sample);
		INIT_LIST_HEAD(&node->dup);
		break;
	case UKSM_STABLE_DUP:
		uksm_chain_remove(chain, node);
		uksm_chain_settle(chain);
		break;
	case UKSM_STABLE_EMPTY:
		list_del_init(&node->dup);
		nr_empty_nodes--;
		break;
	}
	node->key.state = UKSM_STABLE_NEW;
}

/**
 * uksm_stable_node_set_empty() - take a node out of the tree that is to be found no more
 * @node: node in the tree, without rmap_item, or whose page is gone; becomes %UKSM_STABLE_EMPTY
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_stable_node_set_empty(struct uksm_stable_node *node)
{
	node_unhook(node);
	node->key.state = UKSM_STABLE_EMPTY;
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
	if (!node->rmap_hlist_len && node->key.state != UKSM_STABLE_NEW)
		uksm_stable_node_set_empty(node);
	else if (node->chain)
		list_move(&node->dup, uksm_stable_node_room(node) ? &node->chain->room :
								    &node->chain->full);
}

/* Put a node into a tree by itself, under a content that no other key of the tree has. */
static void node_file(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
		      const struct uksm_stable_place *place)
{
	node->nid = nid;
	node->place = *place;
	node->key.checksum = checksum;
	node->key.state = UKSM_STABLE_NODE;
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
	if (WARN_ON_ONCE(node->key.state != UKSM_STABLE_NODE && node->key.state != UKSM_STABLE_DUP))
		return;
	node_unhook(node);
	node_file(node, checksum, nid, &place);
}

static void folio_let_go(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/*
 * The key of a content in a tree, if it has one. Merged pages do not change, so it is quickly
 * told.
 */
static struct uksm_key *key_find(struct uksm_index *tree, u32 checksum, struct page *kpage,
				 u64 whole)
{
	struct uksm_key *key = uksm_index_find(tree, checksum, whole);
	struct uksm_stable_node *node;
	struct folio *folio;
	unsigned int n = 0;
	bool same;

	for (; key && n < UKSM_STABLE_SAME_MAX; key = uksm_index_next_same(tree, key), n++) {
		node = uksm_key_any_node(key);
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
		.whole = uksm_page_whole(kpage),
		.sample = uksm_domain_holds(node->domain) ? 0 : uksm_page_weak_sample(kpage),
	};
	struct uksm_chain *chain = NULL;
	struct uksm_key *key;

	lockdep_assert_held(&uksm_mutex);

	node_unhook(node);
	key = key_find(uksm_stable_tree(node->domain, nid), checksum, kpage, place.whole);
	if (key)
		chain = key->state == UKSM_STABLE_CHAIN ?
			uksm_key_chain(key) : uksm_chain_alloc(uksm_key_stable_node(key));
	/* No memory for a chain leaves two keys of one content: only slower. */
	if (chain)
		uksm_chain_add(chain, node);
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

static void tree_visit(struct uksm_index *tree,
		       void (*visit)(struct uksm_stable_node *node, void *arg), void *arg)
{
	struct uksm_key *key, *next;

	uksm_index_for_each_safe(tree, key, next) {
		if (key->state == UKSM_STABLE_CHAIN)
			uksm_chain_visit(uksm_key_chain(key), visit, arg);
		else
			visit(uksm_key_stable_node(key), arg);
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
			tree_visit(uksm_stable_tree(domain, nid), visit, arg);
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
