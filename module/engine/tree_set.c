// SPDX-License-Identifier: GPL-2.0-only
#include "engine/tree_set.h"

#include <linux/nodemask.h>
#include <linux/slab.h>

/**
 * uksm_tree_set_init() - allocate one tree for each possible NUMA node
 * @set: what to set up
 * @order: each has 2^order roots
 * @tie: second key, see uksm_index_init(); NULL for none
 *
 * Return: 0 or -ENOMEM, and then nothing is held.
 */
int uksm_tree_set_init(struct uksm_tree_set *set, unsigned int order, uksm_tie_fn *tie)
{
	unsigned int nid;
	int err;

	set->tree = kcalloc(nr_node_ids, sizeof(*set->tree), GFP_KERNEL);
	if (!set->tree)
		return -ENOMEM;

	for (nid = 0; nid < nr_node_ids; nid++) {
		err = uksm_index_init(&set->tree[nid], order, tie);
		if (err)
			goto undo;
	}
	return 0;

undo:
	while (nid--)
		uksm_index_destroy(&set->tree[nid]);
	kfree(set->tree);
	set->tree = NULL;
	return err;
}

/**
 * uksm_tree_set_destroy() - free the trees' roots
 * @set: family of empty trees
 */
void uksm_tree_set_destroy(struct uksm_tree_set *set)
{
	unsigned int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		uksm_index_destroy(&set->tree[nid]);
	kfree(set->tree);
	set->tree = NULL;
}

/** uksm_tree_set_bytes() - memory for the roots of a family whose trees have 2^order each */
unsigned long uksm_tree_set_bytes(unsigned int order)
{
	return nr_node_ids *
	       (sizeof(struct uksm_index) + (sizeof(struct rb_root) << order));
}
