/* SPDX-License-Identifier: GPL-2.0-only */
/* Find the equal of a page, and merge the two. */
#ifndef UKSM_DEDUP_H
#define UKSM_DEDUP_H

struct uksm_mm_slot;
struct uksm_tracked;
struct vm_area_struct;

void uksm_dedup_page(struct uksm_mm_slot *slot, struct vm_area_struct *vma,
		     struct uksm_tracked *t);

#endif
