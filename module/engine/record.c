// SPDX-License-Identifier: GPL-2.0-only
#include "engine/record.h"

#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/jiffies.h>
#include <linux/numa.h>
#include <linux/string.h>

#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/hold.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"

static_assert(sizeof(struct uksm_tracked) == 32);
/* The highest number of a NUMA node fits above the flags. */
static_assert(MAX_NUMNODES <= 1 << (16 - UKSM_NID_SHIFT));

/* Merged pages are counted by their stable node. */
static void count(const struct uksm_tracked *t, long n)
{
	struct uksm_domain *domain = uksm_tracked_slot(t)->domain;

	switch (uksm_tracked_state(t)) {
	case UKSM_VOLATILE:
		uksm_domain_add(domain, pages_volatile, n);
		break;
	case UKSM_UNSHARED:
		uksm_domain_add(domain, pages_unshared, n);
		break;
	case UKSM_ZERO:
		if (t->key.flags & UKSM_F_SPLIT_ZERO)
			uksm_domain_add(domain, split_zero_pages, n);
		else
			uksm_domain_add(domain, zero_pages, n);
		break;
	default:
		break;
	}
}

/* A wrong transition would corrupt a tree through the union: say so, at once. */
static void change(struct uksm_tracked *t, enum uksm_page_state from, enum uksm_page_state to)
{
	lockdep_assert_held(&uksm_mutex);
	WARN_ON_ONCE(uksm_tracked_state(t) != from);
	count(t, -1);
	t->key.state = to;
	count(t, 1);
}

/**
 * uksm_tracked_set_seen() - %UKSM_UNTRACKED to %UKSM_VOLATILE: begin a record
 * @t: free record
 * @checksum: of the page
 *
 * Context: for this and the following, the caller holds uksm_mutex.
 */
void uksm_tracked_set_seen(struct uksm_tracked *t, u32 checksum)
{
	change(t, UKSM_UNTRACKED, UKSM_VOLATILE);
	t->key.checksum = checksum;
	t->key.hold = uksm_hold_begin(uksm_tracked_slot(t)->domain);
	t->still = 0;
	t->since = (u32)jiffies;
}

/**
 * uksm_tracked_set_unshared() - %UKSM_VOLATILE to %UKSM_UNSHARED
 * @t: record whose key is in the unstable tree by now
 */
void uksm_tracked_set_unshared(struct uksm_tracked *t)
{
	change(t, UKSM_VOLATILE, UKSM_UNSHARED);
}

/**
 * uksm_tracked_set_merged() - %UKSM_VOLATILE to %UKSM_MERGED
 * @t: record
 * @item: its rmap_item, linked to a stable node
 * @full_scans: number of the full scan
 * @now: jiffies
 */
void uksm_tracked_set_merged(struct uksm_tracked *t, struct uksm_rmap_item *item,
			     u32 full_scans, u32 now)
{
	change(t, UKSM_VOLATILE, UKSM_MERGED);
	t->rmap = item;
	t->merged_at = full_scans;
	t->merged_jiffies = now;
}

/**
 * uksm_tracked_set_zero() - %UKSM_VOLATILE to %UKSM_ZERO
 * @t: record of an address that maps the zero page
 * @by_split: that was not merging's work
 */
void uksm_tracked_set_zero(struct uksm_tracked *t, bool by_split)
{
	t->key.flags &= ~UKSM_F_SPLIT_ZERO;
	if (by_split)
		t->key.flags |= UKSM_F_SPLIT_ZERO;
	change(t, UKSM_VOLATILE, UKSM_ZERO);
}

/**
 * uksm_tracked_set_volatile() - to %UKSM_VOLATILE, from any other state but
 *	%UKSM_UNTRACKED
 * @t: record that is in no tree any more and has no rmap_item
 */
void uksm_tracked_set_volatile(struct uksm_tracked *t)
{
	WARN_ON_ONCE(uksm_tracked_state(t) == UKSM_UNTRACKED);
	change(t, uksm_tracked_state(t), UKSM_VOLATILE);
	/* The tree's place, or the pointer that was here, is worth nothing now. */
	t->still = 0;
	t->since = 0;
}

/**
 * uksm_tracked_set_untracked() - %UKSM_VOLATILE to %UKSM_UNTRACKED: free a record
 * @t: record
 */
void uksm_tracked_set_untracked(struct uksm_tracked *t)
{
	change(t, UKSM_VOLATILE, UKSM_UNTRACKED);
	memset(t, 0, sizeof(*t));
}
