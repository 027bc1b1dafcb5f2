/* SPDX-License-Identifier: GPL-2.0-only */
/* Find the equals of pages, and merge them. */
#ifndef UKSM_DEDUP_H
#define UKSM_DEDUP_H

#include "engine/join.h"

struct uksm_mm_slot;
struct vm_area_struct;

/* After so many pages it is looked whether somebody waits for the mmap_lock. */
#define UKSM_DEDUP_AT_ONCE	8u

unsigned int uksm_dedup_batch(struct uksm_join *join, struct uksm_mm_slot *slot,
			      struct vm_area_struct *vma, unsigned long start,
			      const unsigned long *wanted);

#endif
