// SPDX-License-Identifier: GPL-2.0-only
#include "engine/rmap_item.h"

#include <linux/lockdep.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "engine/record.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "surface/trace.h"

/**
 * uksm_rmap_item_alloc() - memory for one rmap_item
 *
 * Context: may sleep. No folio lock may be held: reclaim might want it.
 * Return: an item, or NULL.
 */
struct uksm_rmap_item *uksm_rmap_item_alloc(void)
{
	struct uksm_rmap_item *item;

	item = kzalloc(sizeof(*item), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (item)
		uksm_stats_add(meta_bytes, sizeof(*item));
	return item;
}

/**
 * uksm_rmap_item_free() - free an item that is not linked
 * @item: from uksm_rmap_item_alloc(), or NULL
 */
void uksm_rmap_item_free(struct uksm_rmap_item *item)
{
	if (!item)
		return;
	kfree(item);
	uksm_stats_sub(meta_bytes, sizeof(*item));
}

/**
 * uksm_rmap_item_link() - record that an address maps a merged page
 * @item: a free item
 * @t: the tracked page at that address, %UKSM_VOLATILE; becomes %UKSM_MERGED
 * @node: the merged page's stable node
 * @vma: the VMA that holds the address, with anon_vma and %VM_MERGEABLE
 *
 * Context: the caller holds uksm_mutex, the mmap_lock and the KSM folio's lock,
 * which keeps rmap walks off the list.
 */
void uksm_rmap_item_link(struct uksm_rmap_item *item, struct uksm_tracked *t,
			 struct uksm_stable_node *node, struct vm_area_struct *vma)
{
	unsigned long addr = uksm_tracked_address(t);

	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(uksm_tracked_state(t) != UKSM_VOLATILE);

	item->tracked = t;
	item->anon_vma = vma->anon_vma;
	uksm_get_anon_vma(item->anon_vma);
	item->mm = vma->vm_mm;
	item->address = addr;
	item->linear_page_index = uksm_page_index(vma, addr);
	item->node = node;
	hlist_add_head(&item->hlist, &node->hlist);

	uksm_tracked_set_state(t, UKSM_MERGED);
	t->rmap = item;
	t->merged_at = uksm_stats.full_scans;
	t->merged_jiffies = jiffies;
	uksm_mm_merging_add(item->mm, 1);
	uksm_stable_node_count_rmap(node, 1);
}

/**
 * __uksm_rmap_item_del() - unlink and free an item whose folio cannot be walked
 * @item: a linked item; gone on return. Its tracked page becomes %UKSM_VOLATILE.
 *
 * Context: the caller holds uksm_mutex, and either the KSM folio's lock or the
 * knowledge that no folio points to the stable node any more.
 */
void __uksm_rmap_item_del(struct uksm_rmap_item *item)
{
	struct uksm_tracked *t = item->tracked;

	lockdep_assert_held(&uksm_mutex);

	hlist_del(&item->hlist);
	uksm_stable_node_count_rmap(item->node, -1);
	uksm_mm_merging_add(item->mm, -1);
	trace_uksm_remove_rmap_item(item->node->kpfn, item, item->mm);
	uksm_put_anon_vma(item->anon_vma);
	t->rmap = NULL;
	uksm_tracked_set_state(t, UKSM_VOLATILE);
	uksm_rmap_item_free(item);
}

/**
 * uksm_rmap_item_del() - record that an address maps its merged page no more
 * @t: tracked page, %UKSM_MERGED; becomes %UKSM_VOLATILE
 *
 * Context: the caller holds uksm_mutex and no folio lock. Waits for the lock of
 * the KSM folio, so that no rmap walk stands on the item.
 */
void uksm_rmap_item_del(struct uksm_tracked *t)
{
	struct uksm_rmap_item *item = t->rmap;
	struct uksm_stable_node *node = item->node;
	struct folio *kfolio;

	kfolio = uksm_stable_node_get_folio(node);
	if (!kfolio) {
		/* The page is gone, and with it the node and all its items. */
		uksm_stable_node_del(node);
		return;
	}

	folio_lock(kfolio);
	__uksm_rmap_item_del(item);
	folio_unlock(kfolio);
	folio_put(kfolio);
}
