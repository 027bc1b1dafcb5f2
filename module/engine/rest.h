/* SPDX-License-Identifier: GPL-2.0-only */
/* What a full scan may pass over, with smart_scan: memory in which nothing happens. */
#ifndef UKSM_REST_H
#define UKSM_REST_H

#include <linux/types.h>

struct uksm_mm_slot;
struct vm_area_struct;

bool uksm_slot_rests(struct uksm_mm_slot *slot, unsigned int *looks);
unsigned int uksm_tile_rests(struct uksm_mm_slot *slot, const struct vm_area_struct *vma,
			     unsigned long tile, unsigned int *looks);

#endif
