/* SPDX-License-Identifier: GPL-2.0-only */
/* The node of a merged page, and the way from it to the page. */
#ifndef UKSM_STABLE_NODE_H
#define UKSM_STABLE_NODE_H

#include "kernel/twin.h"

struct folio;
struct uksm_domain;

/**
 * enum uksm_stable_kind - what a struct uksm_key of the stable tree is part of, and where
 *	a node is (key.state)
 * @UKSM_STABLE_NEW: a node in no tree, chain or list
 * @UKSM_STABLE_NODE: a node that is in the tree by itself
 * @UKSM_STABLE_DUP: a node that is in a chain
 * @UKSM_STABLE_EMPTY: a node that has lost its last rmap_item, or its page: in the list of those
 * @UKSM_STABLE_CHAIN: a chain
 *
 * A node without rmap_item is found by no search. Its page may live on, in the swap
 * cache or at an address that the scanner does not know; if it comes upon one the
 * node is put into the tree again (uksm_stable_node_add()). Those whose page is gone
 * are dropped by prune.c.
 */
enum uksm_stable_kind {
	UKSM_STABLE_NEW,
	UKSM_STABLE_NODE,
	UKSM_STABLE_DUP,
	UKSM_STABLE_EMPTY,
	UKSM_STABLE_CHAIN,
};

bool uksm_stable_node_is_ours(const struct uksm_stable_node *node);
struct uksm_stable_node *uksm_stable_node_alloc(struct uksm_domain *domain);
void uksm_stable_node_free(struct uksm_stable_node *node);
bool uksm_stable_node_is_empty(const struct uksm_stable_node *node);
unsigned int uksm_stable_node_room(const struct uksm_stable_node *node);
bool uksm_stable_node_left(const struct uksm_stable_node *node);
struct folio *uksm_stable_node_lock_folio(struct uksm_stable_node *node);

#endif
