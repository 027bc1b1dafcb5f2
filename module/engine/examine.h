/* SPDX-License-Identifier: GPL-2.0-only */
/* What a look at some pages says: new, changed, still as they were, merged, gone. */
#ifndef UKSM_EXAMINE_H
#define UKSM_EXAMINE_H

struct uksm_batch;
struct uksm_mm_slot;
struct uksm_tile_news;
struct vm_area_struct;

/**
 * struct uksm_examined - how much has been looked at
 * @pages: pages
 * @again: of them, those that had been looked at in this full scan
 * @entries: entries of page tables that hold none
 */
struct uksm_examined {
	unsigned int pages;
	unsigned int again;
	unsigned int entries;
};

struct uksm_examined uksm_examine_batch(const struct uksm_batch *batch, struct uksm_mm_slot *slot,
					struct vm_area_struct *vma, struct uksm_tile_news *news,
					unsigned long *search);

#endif
