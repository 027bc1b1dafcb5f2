/* SPDX-License-Identifier: GPL-2.0-only */
/* What is mapped in a short range of addresses, compared with its records. */
#ifndef UKSM_BATCH_H
#define UKSM_BATCH_H

#include <linux/bitmap.h>
#include <linux/mm.h>

#include "page/merge.h"
#include "page/walk.h"

struct uksm_mm_slot;
struct uksm_tracked;

#define UKSM_BATCH_PAGES	UKSM_WALK_MAX

/**
 * struct uksm_batch - what is mapped in a short range of addresses
 * @start: first address
 * @end: end of the range, exclusive
 * @hash: checksums are told
 * @whole: they are of all of a page, see uksm_domain_checksum()
 * @hole: nothing is mapped in the range, and the rest does not cover it
 * @row: the records of the range, see uksm_tracked_row(), or NULL
 * @known: pages that are what their records say: %UKSM_MAPPED_UNCHANGED or
 *	%UKSM_MAPPED_MERGED; by number, from @start on
 * @look: the others that have something mapped, or a record
 * @entry: of these and those, what is mapped there; of %UKSM_MAPPED_PAGE and
 *	%UKSM_MAPPED_KSM, if asked for, the checksum, and of the former uksm_kpfn_nid()
 */
struct uksm_batch {
	unsigned long start;
	unsigned long end;
	bool hash;
	bool whole;
	bool hole;
	struct uksm_tracked *row;
	DECLARE_BITMAP(known, UKSM_BATCH_PAGES);
	DECLARE_BITMAP(look, UKSM_BATCH_PAGES);
	struct {
		u32 checksum;
		unsigned int nid;
		enum uksm_mapped mapped;
	} entry[UKSM_BATCH_PAGES];
};

/* uksm_batch_mapped() - what is mapped at the nth address of a batch */
static inline enum uksm_mapped uksm_batch_mapped(const struct uksm_batch *batch, unsigned int n)
{
	return test_bit(n, batch->known) || test_bit(n, batch->look) ? batch->entry[n].mapped :
								       UKSM_MAPPED_NONE;
}

/* uksm_batch_pages() - how many addresses it covers */
static inline unsigned int uksm_batch_pages(const struct uksm_batch *batch)
{
	return (batch->end - batch->start) >> PAGE_SHIFT;
}

void uksm_batch_get(struct uksm_batch *batch, struct uksm_mm_slot *slot,
		    struct vm_area_struct *vma, unsigned long start, unsigned int max_pages,
		    bool hash);

#endif
