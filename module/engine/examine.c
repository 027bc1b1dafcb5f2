// SPDX-License-Identifier: GPL-2.0-only
#include "engine/examine.h"

#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mm.h>

#include "compat/compat.h"
#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/forget.h"
#include "engine/hold.h"
#include "engine/join.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "engine/rmap_item.h"
#include "engine/stats.h"
#include "engine/unstable.h"
#include "page/walk.h"
#include "pure/checksum.h"
#include "pure/policy.h"

/* Written since it was merged: if that is not long ago, it waits for its next merge. */
static bool page_cow_broken(struct uksm_tracked *t)
{
	unsigned int level = uksm_policy_thrash(uksm_tracked_thrash(t),
						(u32)uksm_stats.full_scans - t->merged_at,
						jiffies_to_msecs((u32)jiffies - t->merged_jiffies));

	if (!uksm_tracked_leave(t))
		return false;
	t->key.flags &= ~UKSM_F_THRASH;
	t->key.flags |= level << UKSM_THRASH_SHIFT;
	uksm_domain_add(uksm_tracked_slot(t)->domain, cow_breaks, 1);
	return true;
}

/* What a page holds now it may not hold for long: no equal is searched for yet. */
static void page_changed(struct uksm_tracked *t, u32 checksum)
{
	t->key.checksum = checksum;
	t->key.hold = uksm_hold_begin(uksm_tracked_slot(t)->domain);
	t->still = 0;
	t->since = (u32)jiffies;
}

/*
 * Has it held still for long enough? Where the scanner sets its own pace two looks may
 * be but milliseconds apart, and say little.
 */
static bool page_still_enough(struct uksm_tracked *t, bool again)
{
	/* UINT_MAX is that of a page that was pinned. */
	if (!again && t->still < UINT_MAX)
		t->still++;
	if (!t->still)
		return false;
	if (uksm_knobs_auto() && t->since && !uksm_tracked_slot(t)->asked &&
	    jiffies_to_msecs((u32)jiffies - t->since) < UKSM_LOOK_MSECS)
		return false;
	return uksm_policy_still_enough(uksm_tracked_thrash(t), t->still);
}

/*
 * Does an unshared page stay where it is? One that was kept from other processes' pages until
 * now searches among those. A pinned one is asked for now and then.
 */
static bool page_rests(const struct uksm_tracked *t, unsigned int nid)
{
	if (nid != uksm_tracked_nid(t) || (t->key.flags & UKSM_F_COLLIDES))
		return false;
	if (t->key.hold && !uksm_hold_on(t->key.hold))
		return false;
	return !(t->key.flags & UKSM_F_PINNED) ||
	       !uksm_policy_pinned_due(uksm_tracked_slot(t)->visits,
				       uksm_tracked_address(t) >> PAGE_SHIFT);
}

/*
 * Look at an anonymous page that was known: true if an equal one is to be
 * searched for. An unshared page that is what it was, and on the NUMA node where it
 * was, stays where it is: had there been an equal one in the trees, it would have
 * been merged when it came; one that comes later will find this one.
 */
static bool examine_known(struct uksm_tile_news *news, struct uksm_tracked *t, u32 checksum,
			  unsigned int nid, bool again)
{
	bool unchanged = t->key.checksum == checksum;

	switch (uksm_tracked_state(t)) {
	case UKSM_VOLATILE:
		if (unchanged && page_still_enough(t, again))
			return true;
		news->changed++;
		if (unchanged)
			return false;
		break;
	case UKSM_UNSHARED:
		if (unchanged && page_rests(t, nid))
			return false;
		uksm_unstable_del(t);
		if (unchanged) {
			/* A page that was pinned is worth one try. */
			t->still = t->key.flags & UKSM_F_PINNED ? UINT_MAX : 1;
			return true;
		}
		news->changed++;
		break;
	case UKSM_MERGED:
		news->found = true;
		if (!page_cow_broken(t))
			return false;
		break;
	default:
		news->found = true;
		uksm_tracked_leave(t);
		break;
	}
	page_changed(t, checksum);
	return false;
}

/*
 * A page of which nothing was known: its equal is searched for at once. It may just be being
 * filled; so where the scanner sets its own pace, and will be back soon, when it has held still.
 */
static bool examine_new(struct uksm_tile_news *news, struct uksm_mm_slot *slot,
			unsigned long addr, u32 checksum)
{
	struct uksm_tracked *t = uksm_tracked_add(slot, addr, checksum);

	news->found = true;
	if (!t || (uksm_knobs_auto() && !slot->asked))
		return false;
	t->still = 1;
	return true;
}

/* A KSM page that is not known to be here is to be looked into. */
static bool examine_ksm(struct uksm_tile_news *news, struct uksm_mm_slot *slot,
			unsigned long addr, struct uksm_tracked *t, u32 checksum)
{
	if (!t) {
		news->found = true;
		t = uksm_tracked_add(slot, addr, checksum);
	} else if (uksm_tracked_leave(t)) {
		t->key.checksum = checksum;
	} else {
		return false;
	}
	/* It cannot change where it is. */
	if (t)
		t->still = 1;
	return t;
}

/* Nothing that could be merged is here. */
static void examine_nothing(struct uksm_tile_news *news, struct uksm_tracked *t)
{
	if (!t)
		return;
	uksm_tracked_forget(t);
	news->found = true;
}

/* The zero page is here, by merging: of this process's memory, or before a fork. */
static void examine_merged_zero(struct uksm_tile_news *news, struct uksm_mm_slot *slot,
				unsigned long addr, struct uksm_tracked *t)
{
	if (t && uksm_tracked_state(t) == UKSM_ZERO)
		return;
	news->found = true;
	if (!t)
		t = uksm_tracked_add(slot, addr, uksm_checksum_zero());
	if (t && uksm_tracked_leave(t)) {
		uksm_tracked_set_zero(t, false);
		slot->zero_pages++;
	}
}

/* Was a page of zeroes here when it was last looked at? */
static bool was_zero_page(const struct uksm_tracked *t)
{
	return (uksm_tracked_state(t) == UKSM_VOLATILE || uksm_tracked_state(t) == UKSM_UNSHARED) &&
	       t->key.checksum == uksm_checksum_zero();
}

/*
 * The zero page is here, and nobody says why. Where the kernel marks those that merging
 * has placed, it came by a read of memory that was never written, which is no saving; or
 * in the place of a page of zeroes, when the huge page was split that it belonged to,
 * which is: then it gets the mark, or is counted apart if merging with the zero page is
 * not wanted.
 */
static void examine_zero(struct uksm_tile_news *news, struct uksm_mm_slot *slot,
			 struct vm_area_struct *vma, struct uksm_tracked *t)
{
	bool by_split;

	if (!t)
		return;
	if (uksm_tracked_state(t) == UKSM_ZERO) {
		by_split = t->key.flags & UKSM_F_SPLIT_ZERO;
		if (!uksm_zero_pages_marked() ||
		    (by_split && !uksm_knobs_zero_page()))
			return;
	} else {
		by_split = uksm_zero_pages_marked() && was_zero_page(t);
	}
	if (!by_split) {
		examine_nothing(news, t);
		return;
	}
	news->found = true;
	uksm_tracked_leave(t);
	uksm_file_split_zero(slot, vma, t);
}

/* The pages that are what their records say: most of them, once all has been seen. */
static void count_known(const struct uksm_batch *batch, const struct uksm_mm_slot *slot,
			struct uksm_examined *seen)
{
	unsigned long before;

	seen->pages = bitmap_weight(batch->known, UKSM_BATCH_PAGES);
	if (slot->seen_until <= batch->start)
		return;
	before = min_t(unsigned long, (slot->seen_until - batch->start) >> PAGE_SHIFT,
		       UKSM_BATCH_PAGES);
	seen->again = bitmap_weight(batch->known, before);
}

/**
 * uksm_examine_batch() - bring the records of a batch up to date
 * @batch: what is mapped, from uksm_batch_get() with checksums; no hole
 * @slot: address space, entered
 * @vma: the mergeable VMA that holds the batch
 * @news: of the tile; what has been found is added
 * @search: bitmap of %UKSM_BATCH_PAGES, empty; set for the pages for which an equal one is
 *	to be searched, by uksm_dedup_batch()
 *
 * Context: the caller holds uksm_mutex and the mmap_lock. Allocates memory for records.
 * Return: what has been looked at.
 */
struct uksm_examined uksm_examine_batch(const struct uksm_batch *batch, struct uksm_mm_slot *slot,
					struct vm_area_struct *vma, struct uksm_tile_news *news,
					unsigned long *search)
{
	struct uksm_examined seen = { 0 };
	struct uksm_tracked *t;
	enum uksm_mapped mapped;
	unsigned long addr;
	unsigned int i;
	bool wanted;

	lockdep_assert_held(&uksm_mutex);

	count_known(batch, slot, &seen);
	for_each_set_bit(i, batch->look, UKSM_BATCH_PAGES) {
		mapped = batch->entry[i].mapped;
		addr = batch->start + i * PAGE_SIZE;
		wanted = false;
		t = batch->row && uksm_tracked_state(&batch->row[i]) != UKSM_UNTRACKED ?
			&batch->row[i] : NULL;
		/* Memory that was only read, or is away: there may be very much of it. */
		if (!t && mapped < UKSM_MAPPED_MERGED_ZERO)
			continue;
		switch (mapped) {
		case UKSM_MAPPED_NONE:
			examine_nothing(news, t);
			break;
		case UKSM_MAPPED_ZERO:
			examine_zero(news, slot, vma, t);
			break;
		case UKSM_MAPPED_MERGED_ZERO:
			examine_merged_zero(news, slot, addr, t);
			break;
		case UKSM_MAPPED_KSM:
			wanted = examine_ksm(news, slot, addr, t, batch->entry[i].checksum);
			break;
		case UKSM_MAPPED_PAGE:
			wanted = t ? examine_known(news, t, batch->entry[i].checksum,
						   batch->entry[i].nid, addr < slot->seen_until) :
				     examine_new(news, slot, addr, batch->entry[i].checksum);
			break;
		default:
			break;
		}
		if (mapped >= UKSM_MAPPED_UNCHANGED) {
			seen.pages++;
			seen.again += addr < slot->seen_until;
		}
		if (wanted)
			__set_bit(i, search);
	}
	seen.entries = uksm_batch_pages(batch) - seen.pages;
	return seen;
}
