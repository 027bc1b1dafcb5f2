/* SPDX-License-Identifier: GPL-2.0-only */
/* The address spaces that have mergeable memory. */
#ifndef UKSM_MM_SLOT_H
#define UKSM_MM_SLOT_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <linux/xarray.h>

/**
 * struct uksm_mm_slot - an address space that the scanner visits
 * @mm: holds a reference on the structure (mmgrab), not on the address space:
 *	whoever looks inside takes mmget_not_zero() for the time of the look
 * @hash: link in the table keyed by @mm
 * @list: link in the scanner's round
 * @chunks: struct uksm_chunk by address >> PMD_SHIFT
 */
struct uksm_mm_slot {
	struct mm_struct *mm;
	struct hlist_node hash;
	struct list_head list;
	struct xarray chunks;
};

struct uksm_mm_slot *uksm_mm_slots_discover(struct uksm_mm_slot *after);
struct uksm_mm_slot *uksm_mm_slot_first(void);
struct uksm_mm_slot *uksm_mm_slot_last(void);
struct uksm_mm_slot *uksm_mm_slot_next(struct uksm_mm_slot *slot);
void uksm_mm_slot_del(struct uksm_mm_slot *slot);
void uksm_mm_slots_forget_pages(void);

bool uksm_mm_slot_enter(struct uksm_mm_slot *slot);
bool uksm_mm_slot_tryenter(struct uksm_mm_slot *slot);
void uksm_mm_slot_leave(struct uksm_mm_slot *slot);

void uksm_mm_slots_exit(void);

#endif
