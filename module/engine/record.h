/* SPDX-License-Identifier: GPL-2.0-only */
/* The record of one page seen: its states, and what leads from one to another. */
#ifndef UKSM_RECORD_H
#define UKSM_RECORD_H

#include <linux/bits.h>
#include <linux/types.h>

#include "pure/index.h"

struct uksm_rmap_item;

/**
 * enum uksm_page_state - what is known of the page at one address
 * @UKSM_UNTRACKED: nothing; the record is free
 * @UKSM_VOLATILE: seen, but in no tree: new, changed since the last full scan,
 *	or not searchable just now (counted as pages_volatile)
 * @UKSM_UNSHARED: in the unstable tree (counted as pages_unshared)
 * @UKSM_MERGED: maps a merged page; the record points to its rmap_item
 *	(counted as pages_shared or pages_sharing)
 * @UKSM_ZERO: mapped to the kernel's zero page by merging (counted as ksm_zero_pages),
 *	or, with %UKSM_F_SPLIT_ZERO, by the split of a huge page (split_zero_pages)
 *
 * Every change goes through VOLATILE, which belongs to nothing:
 *
 *	UNTRACKED -> VOLATILE	uksm_tracked_set_seen()		chunk.c, for a page found
 *	VOLATILE -> UNSHARED	uksm_tracked_set_unshared()	unstable.c, after adding it
 *	VOLATILE -> MERGED	uksm_tracked_set_merged()	rmap_item.c, after linking it
 *	VOLATILE -> ZERO	uksm_tracked_set_zero()		join.c and examine.c
 *	UNSHARED -> VOLATILE	uksm_tracked_set_volatile()	unstable.c, after removal
 *	MERGED -> VOLATILE	uksm_tracked_set_volatile()	rmap_item.c, after unlinking
 *	ZERO -> VOLATILE	uksm_tracked_set_volatile()	whoever finds it changed
 *	VOLATILE -> UNTRACKED	uksm_tracked_set_untracked()	chunk.c, to free it
 */
enum uksm_page_state {
	UKSM_UNTRACKED,
	UKSM_VOLATILE,
	UKSM_UNSHARED,
	UKSM_MERGED,
	UKSM_ZERO,
};

/*
 * Flags of a tracked page, the low bits of key.flags. Those of UKSM_F_THRASH
 * count how often the page was written soon after it had been merged. The bits
 * above UKSM_NID_SHIFT hold the number of the unstable tree that holds the page.
 */
#define UKSM_F_COLLIDES		BIT(0)	/* unshared: search again in each full scan */
#define UKSM_THRASH_SHIFT	1
#define UKSM_F_THRASH		GENMASK(3, UKSM_THRASH_SHIFT)
#define UKSM_F_PINNED		BIT(4)	/* unshared, for somebody uses it: ask now and then */
#define UKSM_F_SPLIT_ZERO	BIT(5)	/* zero: not by merging */
#define UKSM_NID_SHIFT		6

/**
 * struct uksm_tracked - a page that the scanner has seen (32 bytes)
 * @key: checksum, state, flags, and since when it has held what it holds (hold.c); the tree
 *	node while @UKSM_UNSHARED
 * @rmap: the rmap_item while @UKSM_MERGED, in place of the tree node
 * @merged_at: the full scan in which it was merged, while @UKSM_MERGED
 * @merged_jiffies: the time when it was merged, while @UKSM_MERGED
 * @still: how many times it was found unchanged, while @UKSM_VOLATILE
 * @since: the time when it was found new or changed, while @UKSM_VOLATILE; 0: long ago
 */
struct uksm_tracked {
	union {
		struct uksm_key key;
		struct {
			struct uksm_rmap_item *rmap;
			u32 merged_at;
			u32 merged_jiffies;
		};
		struct {
			u32 still;
			u32 since;
		};
	};
};

void uksm_tracked_set_seen(struct uksm_tracked *t, u32 checksum);
void uksm_tracked_set_unshared(struct uksm_tracked *t);
void uksm_tracked_set_merged(struct uksm_tracked *t, struct uksm_rmap_item *item,
			     u32 full_scans, u32 now);
void uksm_tracked_set_zero(struct uksm_tracked *t, bool by_split);
void uksm_tracked_set_volatile(struct uksm_tracked *t);
void uksm_tracked_set_untracked(struct uksm_tracked *t);

static inline enum uksm_page_state uksm_tracked_state(const struct uksm_tracked *t)
{
	return t->key.state;
}

/* uksm_tracked_nid() - which unstable tree holds an %UKSM_UNSHARED page */
static inline unsigned int uksm_tracked_nid(const struct uksm_tracked *t)
{
	return t->key.flags >> UKSM_NID_SHIFT;
}

/* uksm_tracked_thrash() - how often in a row merging it was in vain */
static inline unsigned int uksm_tracked_thrash(const struct uksm_tracked *t)
{
	return (t->key.flags & UKSM_F_THRASH) >> UKSM_THRASH_SHIFT;
}

#endif
