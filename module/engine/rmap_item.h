/* SPDX-License-Identifier: GPL-2.0-only */
/* The addresses that map a merged page. */
#ifndef UKSM_RMAP_ITEM_H
#define UKSM_RMAP_ITEM_H

#include "kernel/twin.h"

struct uksm_mm_slot;
struct vm_area_struct;

struct uksm_rmap_item *uksm_rmap_item_alloc(struct uksm_mm_slot *slot);
void uksm_rmap_item_free(struct uksm_rmap_item *item, struct uksm_mm_slot *slot);
void uksm_rmap_item_link(struct uksm_rmap_item *item, struct uksm_tracked *t,
			 struct uksm_stable_node *node, struct vm_area_struct *vma);
bool uksm_rmap_item_del(struct uksm_tracked *t);
void __uksm_rmap_item_del(struct uksm_rmap_item *item);
void uksm_stable_node_drop(struct uksm_stable_node *node);

#endif
