/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stable tree: merged pages, by checksum and content; and the list of those that are
 * out of it, for want of rmap_items.
 */
#ifndef UKSM_STABLE_TREE_H
#define UKSM_STABLE_TREE_H

#include "engine/stable_chain.h"
#include "engine/stable_node.h"

struct page;

/*
 * So many pages of equal checksum and second key are compared in a search, by chance there
 * is one.
 */
#define UKSM_STABLE_SAME_MAX	16u

/** uksm_key_stable_node() - the node that a key is part of, which is not %UKSM_STABLE_CHAIN */
static inline struct uksm_stable_node *uksm_key_stable_node(struct uksm_key *key)
{
	return container_of(key, struct uksm_stable_node, key);
}

/** uksm_key_chain() - the chain that a key of %UKSM_STABLE_CHAIN is part of */
static inline struct uksm_chain *uksm_key_chain(struct uksm_key *key)
{
	return container_of(key, struct uksm_chain, key);
}

/** uksm_key_place() - what belongs to a key */
static inline struct uksm_stable_place *uksm_key_place(struct uksm_key *key)
{
	return key->state == UKSM_STABLE_CHAIN ? &uksm_key_chain(key)->place :
						 &uksm_key_stable_node(key)->place;
}

/** uksm_key_any_node() - a node of that content, if possible one with room */
static inline struct uksm_stable_node *uksm_key_any_node(struct uksm_key *key)
{
	return key->state == UKSM_STABLE_CHAIN ? uksm_chain_any(uksm_key_chain(key)) :
						 uksm_key_stable_node(key);
}

void uksm_stable_node_add(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
			  struct page *kpage);
void uksm_stable_node_refile(struct uksm_stable_node *node, unsigned int nid);
void uksm_stable_node_set_empty(struct uksm_stable_node *node);
void uksm_stable_node_unhook(struct uksm_stable_node *node);
void uksm_stable_node_count_rmap(struct uksm_stable_node *node, int n);

struct uksm_stable_node *uksm_stable_next_empty(void);
unsigned long uksm_stable_nr_empty(void);
void uksm_stable_for_each(void (*visit)(struct uksm_stable_node *node, void *arg), void *arg);

u64 uksm_stable_tie(const struct uksm_key *key);
void uksm_stable_exit(void);

#endif
