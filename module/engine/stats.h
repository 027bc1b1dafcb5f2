/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters of the engine, as sysfs shows them.
 */
#ifndef UKSM_STATS_H
#define UKSM_STATS_H

#include <linux/compiler.h>

/**
 * struct uksm_stats - counters of the engine
 * @full_scans: times that every registered address space has been scanned
 * @pages_scanned: pages looked at since load
 * @pages_skipped: pages that smart_scan passed over
 * @pages_shared: KSM pages in use
 * @pages_sharing: addresses that map them, less one for each: pages saved
 * @pages_unshared: pages in the unstable tree
 * @pages_volatile: pages tracked that are in no tree, having changed since the
 *	last scan; counted and not derived, so that the sum can be checked
 * @stable_node_chains: stable nodes that stand for a chain of duplicates
 * @stable_node_dups: stable nodes within such chains
 * @zero_pages: addresses mapped to the zero page by merging, when last looked at
 * @split_zero_pages: addresses whose page of zeroes became the zero page when the
 *	kernel split the huge page that it was in
 * @cow_breaks: addresses that have left their KSM page because of a write
 * @meta_bytes: memory held for nodes, rmap_items, tiles, chunks and slots
 * @dead_meta_bytes: the part of it that is for processes that have exited
 *
 * Every field is written under uksm_mutex and read without it: write with the
 * helpers below, read with READ_ONCE(). The four kinds of pages agree with each
 * other under the mutex, and whenever run is not 1.
 */
struct uksm_stats {
	unsigned long full_scans;
	unsigned long pages_scanned;
	unsigned long pages_skipped;
	unsigned long pages_shared;
	unsigned long pages_sharing;
	unsigned long pages_unshared;
	unsigned long pages_volatile;
	unsigned long stable_node_chains;
	unsigned long stable_node_dups;
	unsigned long zero_pages;
	unsigned long split_zero_pages;
	unsigned long cow_breaks;
	unsigned long meta_bytes;
	unsigned long dead_meta_bytes;
};

extern struct uksm_stats uksm_stats;

/*
 * Change one counter, as in uksm_stats_add(pages_scanned, 512).
 * Context: uksm_mutex held: it is what makes the writers one at a time.
 */
#define uksm_stats_add(_field, _n) \
	WRITE_ONCE(uksm_stats._field, uksm_stats._field + (_n))
#define uksm_stats_sub(_field, _n) \
	WRITE_ONCE(uksm_stats._field, uksm_stats._field - (_n))
#define uksm_stats_inc(_field) uksm_stats_add(_field, 1)
#define uksm_stats_dec(_field) uksm_stats_sub(_field, 1)

unsigned long uksm_stats_pages(void);
unsigned long uksm_stats_meta_bytes(void);
long uksm_stats_profit_bytes(unsigned long zero_pages);

#endif /* UKSM_STATS_H */
