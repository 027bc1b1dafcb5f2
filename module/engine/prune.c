// SPDX-License-Identifier: GPL-2.0-only
#include "engine/prune.h"

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/rmap_item.h"
#include "engine/stable_tree.h"
#include "kernel/race.h"

static unsigned long last_prune;
/* Nodes that the pruning under way has still to look at. */
static unsigned long nr_to_prune;

/* Of the nodes that are out of the tree, what has become of one. True if it is gone. */
static bool node_settle(struct uksm_stable_node *node, bool (*part)(struct folio *folio))
{
	struct folio *folio = uksm_stable_node_lock_folio(node);
	bool parted;

	uksm_race_point("prune-lock");
	if (!folio) {
		uksm_stable_node_drop(node);
		return true;
	}
	/* Locked by somebody else, or in use again: it will be back. */
	if (IS_ERR(folio))
		return false;
	/*
	 * Without a node the page stays copy-on-write wherever it is mapped, and
	 * do_swap_page() copies it out of the swap cache (ksm_might_need_to_copy());
	 * rmap walks find nothing, so it is merely not movable. The folio lock keeps
	 * migrations and rmap walks off the node meanwhile.
	 */
	WARN_ON_ONCE(!uksm_folio_is_ksm_of(folio, node));
	parted = !node->rmap_hlist_len && part(folio);
	if (parted) {
		uksm_folio_set_ksm(folio, NULL);
		uksm_stable_node_drop(node);
	}
	folio_unlock(folio);
	folio_put(folio);
	return parted;
}

/* A page that has failed is never freed, so its node would never go. */
static bool failed(struct folio *folio)
{
	return PageHWPoison(folio_page(folio, 0)) && !folio_mapped(folio);
}

static bool unmapped(struct folio *folio)
{
	return !folio_mapped(folio);
}

static bool any(struct folio *folio)
{
	return true;
}

/**
 * uksm_prune_begin() - have the nodes pruned that are out of the tree
 *
 * Such nodes have lost their page, or their last rmap_item while the page was still in
 * use elsewhere (a forked child, the swap cache). Does nothing if
 * stable_node_chains_prune_millisecs have not passed since the last time.
 *
 * Context: the caller holds uksm_mutex.
 * Return: false if it is not time yet.
 */
bool uksm_prune_begin(void)
{
	unsigned int msecs = READ_ONCE(uksm_knobs.stable_node_chains_prune_millisecs);

	lockdep_assert_held(&uksm_mutex);

	if (!uksm_stable_nr_empty())
		return true;
	if (time_before(jiffies, last_prune + msecs_to_jiffies(msecs)))
		return false;
	nr_to_prune = uksm_stable_nr_empty();
	last_prune = jiffies;
	return true;
}

/**
 * uksm_prune_step() - prune some nodes
 * @nodes: how many to look at, at most
 *
 * Context: the caller holds uksm_mutex. May sleep.
 * Return: true if there are more.
 */
bool uksm_prune_step(unsigned int nodes)
{
	struct uksm_stable_node *node;

	lockdep_assert_held(&uksm_mutex);

	nr_to_prune = min(nr_to_prune, uksm_stable_nr_empty());
	for (; nodes && nr_to_prune; nodes--, nr_to_prune--) {
		node = uksm_stable_next_empty();
		if (!node)
			break;
		node_settle(node, failed);
	}
	return nr_to_prune;
}

/**
 * uksm_stable_release() - part nodes without rmap_item from their pages
 * @nodes: how many to look at, at most
 * @force: also where the page is still mapped; otherwise such nodes are kept
 *
 * Context: the caller holds uksm_mutex; nothing is being merged. May sleep.
 * Return: true when there is no such node left.
 */
bool uksm_stable_release(unsigned int nodes, bool force)
{
	struct uksm_stable_node *node;

	lockdep_assert_held(&uksm_mutex);

	nodes = min_t(unsigned long, nodes, uksm_stable_nr_empty());
	while (nodes--) {
		node = uksm_stable_next_empty();
		if (!node)
			break;
		node_settle(node, force ? any : unmapped);
	}
	return !uksm_stable_nr_empty();
}

struct pfn_range {
	unsigned long start;
	unsigned long end;
};

static void node_drop_in_range(struct uksm_stable_node *node, void *arg)
{
	const struct pfn_range *range = arg;

	if (node->kpfn >= range->start && node->kpfn < range->end)
		uksm_stable_node_drop(node);
}

/**
 * uksm_stable_del_pfn_range() - drop the nodes of memory that has gone offline
 * @start_pfn: first page frame
 * @end_pfn: end of the range, exclusive
 *
 * Migration has emptied the range, so the pages of nodes that still point there
 * have been freed; their struct pages must not be looked at any more. It takes as long
 * as there are nodes, as with ksmd: who takes memory offline waits, and the scanner
 * keeps off anyway.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_stable_del_pfn_range(unsigned long start_pfn, unsigned long end_pfn)
{
	struct pfn_range range = { start_pfn, end_pfn };

	uksm_stable_for_each(node_drop_in_range, &range);
}
