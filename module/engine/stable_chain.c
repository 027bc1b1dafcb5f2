// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_chain.h"

#include <linux/list.h>
#include <linux/slab.h>

#include "engine/domain.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "pure/checksum.h"
#include "pure/index.h"

/**
 * uksm_chain_add() - put a node into a chain
 * @chain: the chain, for that content
 * @node: a node in no tree, chain or list; becomes %UKSM_STABLE_DUP
 *
 * Context: for all functions of this file, the caller holds uksm_mutex.
 */
void uksm_chain_add(struct uksm_chain *chain, struct uksm_stable_node *node)
{
	node->chain = chain;
	node->nid = chain->nid;
	node->key.state = UKSM_STABLE_DUP;
	list_add(&node->dup, uksm_stable_node_room(node) ? &chain->room : &chain->full);
	chain->nr_dups++;
	uksm_stats_inc(stable_node_dups);
}

/**
 * uksm_chain_alloc() - put a chain in the place of a single node, and the node into the chain
 * @node: a node in the tree by itself; becomes %UKSM_STABLE_DUP
 *
 * Context: the caller holds uksm_mutex, and may hold a folio lock. May sleep.
 * Return: the chain, or NULL when memory is short, and then nothing has changed.
 */
struct uksm_chain *uksm_chain_alloc(struct uksm_stable_node *node)
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
	chain->key.state = UKSM_STABLE_CHAIN;
	uksm_index_replace(uksm_stable_tree(node->domain, node->nid), &node->key, &chain->key);
	uksm_chain_add(chain, node);
	uksm_stats_inc(stable_node_chains);
	uksm_stats_add(meta_bytes, sizeof(*chain));
	return chain;
}

/**
 * uksm_chain_any() - one of the nodes of a chain
 * @chain: a chain that is in the tree
 *
 * Return: one that has room under max_page_sharing, if there is one.
 */
struct uksm_stable_node *uksm_chain_any(struct uksm_chain *chain)
{
	if (!list_empty(&chain->room))
		return list_first_entry(&chain->room, struct uksm_stable_node, dup);
	return list_first_entry(&chain->full, struct uksm_stable_node, dup);
}

/**
 * uksm_chain_remove() - take a node out of its chain
 * @chain: the chain; uksm_chain_settle() is to follow
 * @node: the node; becomes %UKSM_STABLE_NEW
 */
void uksm_chain_remove(struct uksm_chain *chain, struct uksm_stable_node *node)
{
	list_del_init(&node->dup);
	node->chain = NULL;
	node->key.state = UKSM_STABLE_NEW;
	chain->nr_dups--;
	uksm_stats_dec(stable_node_dups);
}

/**
 * uksm_chain_settle() - give up a chain that is of no use any more
 * @chain: a chain that may have lost nodes; may be gone on return
 *
 * With less than two nodes left a chain is of no use: the last is put in its place.
 */
void uksm_chain_settle(struct uksm_chain *chain)
{
	struct uksm_index *tree = uksm_stable_tree(chain->domain, chain->nid);
	struct uksm_stable_node *last;

	if (chain->nr_dups > 1 || chain->visited)
		return;

	if (chain->nr_dups) {
		last = uksm_chain_any(chain);
		uksm_chain_remove(chain, last);
		last->key.checksum = chain->key.checksum;
		last->key.state = UKSM_STABLE_NODE;
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

/**
 * uksm_chain_visit() - call a function for each node of a chain
 * @chain: the chain; may be gone on return
 * @visit: it may take that node out of the chain, but no other
 * @arg: passed on
 */
void uksm_chain_visit(struct uksm_chain *chain,
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
	uksm_chain_settle(chain);
}
