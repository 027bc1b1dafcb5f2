/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains: more than one merged page of a content, for max_page_sharing. */
#ifndef UKSM_STABLE_CHAIN_H
#define UKSM_STABLE_CHAIN_H

#include "engine/domain.h"
#include "kernel/twin.h"

/**
 * struct uksm_chain - merged pages of equal content
 * @key: place in the stable tree
 * @place: what belongs to the key
 * @domain: whose trees; that of its nodes
 * @nid: which tree
 * @room: nodes that may take another rmap_item under max_page_sharing
 * @full: the others
 * @nr_dups: nodes in both lists
 * @visited: nodes are being visited: keep the chain even if it becomes empty
 */
struct uksm_chain {
	struct uksm_key key;
	struct uksm_stable_place place;
	struct uksm_domain *domain;
	unsigned int nid;
	struct list_head room;
	struct list_head full;
	unsigned int nr_dups;
	bool visited;
};

/** uksm_stable_tree() - one of the trees of a domain's merged pages */
static inline struct uksm_index *uksm_stable_tree(struct uksm_domain *domain, unsigned int nid)
{
	return &domain->stable.tree[nid];
}

struct uksm_chain *uksm_chain_alloc(struct uksm_stable_node *node);
void uksm_chain_add(struct uksm_chain *chain, struct uksm_stable_node *node);
void uksm_chain_remove(struct uksm_chain *chain, struct uksm_stable_node *node);
void uksm_chain_settle(struct uksm_chain *chain);
struct uksm_stable_node *uksm_chain_any(struct uksm_chain *chain);
void uksm_chain_visit(struct uksm_chain *chain,
		      void (*visit)(struct uksm_stable_node *node, void *arg), void *arg);

#endif
