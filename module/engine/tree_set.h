/* SPDX-License-Identifier: GPL-2.0-only */
/* One tree for each NUMA node. */
#ifndef UKSM_TREE_SET_H
#define UKSM_TREE_SET_H

#include "pure/index.h"

/**
 * struct uksm_tree_set - a family of trees, by NUMA node
 * @tree: nr_node_ids trees; only the first is used while pages are merged
 *	across nodes
 */
struct uksm_tree_set {
	struct uksm_index *tree;
};

int uksm_tree_set_init(struct uksm_tree_set *set, unsigned int order, uksm_tie_fn *tie);
unsigned long uksm_tree_set_bytes(unsigned int order);
void uksm_tree_set_destroy(struct uksm_tree_set *set);

#endif
