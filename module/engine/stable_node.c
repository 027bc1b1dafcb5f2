// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_node.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "compat/pte.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/stats.h"
#include "kernel/race.h"

/* How often to look again whose page it is before it is left for later. */
#define LOCK_TRIES	16u

/* Only its address counts: see struct uksm_stable_node. */
static const char uksm_stable_marker[1];

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
	node->key.state = UKSM_STABLE_NEW;
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
	WARN_ON_ONCE(node->rmap_hlist_len || node->key.state != UKSM_STABLE_NEW);
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

/** uksm_stable_node_is_empty() - is a node out of the tree, for want of rmap_items? */
bool uksm_stable_node_is_empty(const struct uksm_stable_node *node)
{
	return node->key.state == UKSM_STABLE_EMPTY;
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
