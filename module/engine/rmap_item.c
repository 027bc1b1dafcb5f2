// SPDX-License-Identifier: GPL-2.0-only
#include "engine/rmap_item.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/stable_tree.h"
#include "engine/stats.h"
#include "kernel/race.h"
#include "surface/trace.h"

/**
 * uksm_rmap_item_alloc() - memory for one rmap_item
 * @slot: the address space that it will be for, which answers for the memory
 *
 * Context: may sleep. No folio lock may be held: reclaim might want it.
 * Return: an item, or NULL: memory is short, or the address space has too much already.
 */
struct uksm_rmap_item *uksm_rmap_item_alloc(struct uksm_mm_slot *slot)
{
	struct uksm_rmap_item *item;

	if (!uksm_mm_slot_may_grow(slot))
		return NULL;
	item = kzalloc(sizeof(*item), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (item)
		uksm_mm_slot_meta_add(slot, sizeof(*item));
	return item;
}

/**
 * uksm_rmap_item_free() - free an item that is not linked
 * @item: from uksm_rmap_item_alloc(), or NULL
 * @slot: what it was allocated for
 */
void uksm_rmap_item_free(struct uksm_rmap_item *item, struct uksm_mm_slot *slot)
{
	if (!item)
		return;
	kfree(item);
	uksm_mm_slot_meta_add(slot, -(long)sizeof(*item));
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
	item->tracked = t;
	item->anon_vma = vma->anon_vma;
	uksm_get_anon_vma(item->anon_vma);
	item->mm = vma->vm_mm;
	item->address = addr;
	item->linear_page_index = uksm_page_index(vma, addr);
	item->node = node;
	hlist_add_head(&item->hlist, &node->hlist);

	uksm_tracked_count_merged(t, 1);
	uksm_tracked_set_merged(t, item, uksm_stats.full_scans, jiffies);
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
	struct uksm_mm_slot *slot = uksm_tracked_slot(t);

	lockdep_assert_held(&uksm_mutex);

	hlist_del(&item->hlist);
	uksm_stable_node_count_rmap(item->node, -1);
	uksm_tracked_count_merged(t, -1);
	/* Of an address space that is gone the structure may be another's by now. */
	if (slot->mm)
		uksm_mm_merging_add(slot->mm, -1);
	trace_uksm_remove_rmap_item(item->node->kpfn, item, item->mm);
	uksm_put_anon_vma(item->anon_vma);
	uksm_tracked_set_volatile(t);
	uksm_rmap_item_free(item, slot);
}

/**
 * uksm_stable_node_drop() - free a node, with its rmap_items
 * @node: a node; gone on return
 *
 * Context: the caller holds uksm_mutex, and knows that no folio points to the
 * node: its page is gone, or its mapping was cleared under the folio lock.
 */
void uksm_stable_node_drop(struct uksm_stable_node *node)
{
	struct uksm_rmap_item *item;
	struct hlist_node *next;

	lockdep_assert_held(&uksm_mutex);

	uksm_stable_node_unhook(node);
	hlist_for_each_entry_safe(item, next, &node->hlist, hlist) {
		__uksm_rmap_item_del(item);
		cond_resched();
	}
	uksm_stable_node_free(node);
}

/**
 * uksm_rmap_item_del() - record that an address maps its merged page no more
 * @t: tracked page, %UKSM_MERGED; becomes %UKSM_VOLATILE
 *
 * Under the lock of the KSM folio, so that no rmap walk stands on the item. That is
 * tried for only: the folio may be locked for as long as swap is slow.
 *
 * Context: the caller holds uksm_mutex and no folio lock.
 * Return: false when the folio is locked by somebody else, and nothing has changed:
 * the item can stay, as rmap walks look at the page table.
 */
bool uksm_rmap_item_del(struct uksm_tracked *t)
{
	struct uksm_rmap_item *item = t->rmap;
	struct uksm_stable_node *node = item->node;
	struct folio *kfolio;

	kfolio = uksm_stable_node_lock_folio(node);
	uksm_race_point("unshare-del");
	if (IS_ERR(kfolio))
		return false;
	if (!kfolio) {
		/* The page is gone, and with it the node and all its items. */
		uksm_stable_node_drop(node);
		return true;
	}
	/* Under the lock of another page rmap walks may stand on the item. */
	WARN_ON_ONCE(!uksm_folio_is_ksm_of(kfolio, node));
	__uksm_rmap_item_del(item);
	folio_unlock(kfolio);
	folio_put(kfolio);
	return true;
}
