/* SPDX-License-Identifier: GPL-2.0-only */
/* What is mapped in a short range of addresses, compared with its records. */
#ifndef UKSM_BATCH_H
#define UKSM_BATCH_H

#include "page/merge.h"
#include "page/walk.h"

struct uksm_mm_slot;
struct uksm_tracked;

#define UKSM_BATCH_PAGES	UKSM_WALK_MAX

/**
 * struct uksm_batch - what is mapped in a short range of addresses
 * @start: first address
 * @end: end of the range, exclusive
 * @hole: nothing is mapped in the range, and @entry does not cover it
 * @row: the records of the range, see uksm_tracked_row(), or NULL
 * @entry: what is mapped at @start + n * PAGE_SIZE; and if asked for, the checksum of
 *	%UKSM_MAPPED_PAGE and %UKSM_MAPPED_KSM, and uksm_kpfn_nid() of the former
 */
struct uksm_batch {
	unsigned long start;
	unsigned long end;
	bool hole;
	struct uksm_tracked *row;
	struct {
		u32 checksum;
		unsigned int nid;
		enum uksm_mapped mapped;
	} entry[UKSM_BATCH_PAGES];
};

void uksm_batch_get(struct uksm_batch *batch, struct uksm_mm_slot *slot,
		    struct vm_area_struct *vma, unsigned long start, unsigned int max_pages,
		    bool hash);

#endif
