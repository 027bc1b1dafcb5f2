/* SPDX-License-Identifier: GPL-2.0-only */
/* Let pages share the KSM pages that they equal, or the zero page, many at a time. */
#ifndef UKSM_JOIN_H
#define UKSM_JOIN_H

#include <linux/types.h>

#include "engine/batch.h"
#include "page/merge.h"

struct folio;
struct page;
struct uksm_mm_slot;
struct uksm_rmap_item;
struct uksm_stable_node;
struct uksm_tracked;
struct vm_area_struct;

/**
 * struct uksm_join_entry - a page that is to share a KSM page, or the zero page
 * @t: its record, %UKSM_VOLATILE
 * @node: the KSM page's stable node, NULL for the zero page
 * @kfolio: the KSM page, with a reference. Whether it is @node's is asked again once it
 *	is locked: a migration may have counted references before
 * @item: for the record when it is %UKSM_MERGED
 * @locked: the page's folio lock is held
 * @klocked: this entry holds the KSM folio's lock, for others as well
 */
struct uksm_join_entry {
	struct uksm_tracked *t;
	struct uksm_stable_node *node;
	struct folio *kfolio;
	struct uksm_rmap_item *item;
	bool locked;
	bool klocked;
};

/**
 * struct uksm_join - pages of one page table, in the order of their addresses
 * @slot: address space, entered
 * @vma: the VMA that holds them all
 * @nr: how many
 * @entry: them
 * @mapping: for each the page, with a reference, and its KSM page
 * @window: scratch memory
 * @batch: scratch memory
 *
 * Filled and emptied within one batch, with uksm_mutex and mmap_lock held throughout.
 */
struct uksm_join {
	struct uksm_mm_slot *slot;
	struct vm_area_struct *vma;
	unsigned int nr;
	struct uksm_join_entry entry[UKSM_MERGE_MAX];
	struct uksm_mapping mapping[UKSM_MERGE_MAX];
	struct uksm_window window;
	struct uksm_batch batch;
};

void uksm_join_begin(struct uksm_join *join, struct uksm_mm_slot *slot,
		     struct vm_area_struct *vma);
bool uksm_join_crowded(const struct uksm_join *join, const struct uksm_stable_node *node);
bool uksm_join_add(struct uksm_join *join, struct uksm_tracked *t, struct page *page,
		   struct uksm_stable_node *node, struct folio *kfolio);
bool uksm_join_full(const struct uksm_join *join);
void uksm_join_end(struct uksm_join *join);

void uksm_file_split_zero(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
			  struct uksm_tracked *t);
void uksm_file_in_use(struct uksm_tracked *t, struct page *page);

#endif
