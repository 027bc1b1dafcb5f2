/* SPDX-License-Identifier: GPL-2.0-only */
/* How much to scan, and when: arithmetic only, no kernel behind it. */
#ifndef UKSM_POLICY_H
#define UKSM_POLICY_H

#include <linux/types.h>

/**
 * struct uksm_tile_news - what a visit to a tile has found
 * @found: a page was new, gone, merged, or written since it was merged
 * @changed: pages that had changed since the last visit, or could not be merged
 */
struct uksm_tile_news {
	bool found;
	unsigned int changed;
};

u8 uksm_policy_quiet(u8 quiet, unsigned int used, const struct uksm_tile_news *news);
u8 uksm_policy_quiet_process(u8 quiet, bool restless);
bool uksm_policy_due(u8 quiet, unsigned long seq, unsigned long tile);
bool uksm_policy_pinned_due(unsigned long seq, unsigned long number);

unsigned int uksm_policy_thrash(unsigned int level, u32 scans, u32 msecs);
bool uksm_policy_still_enough(unsigned int level, u32 still);

/**
 * struct uksm_lanes - how two kinds of memory share the scanner
 * @balance: units by which newcomers have had more than memory known before, as far
 *	as the other one is still owed them; negative: less
 */
struct uksm_lanes {
	s64 balance;
};

bool uksm_policy_newcomers_turn(struct uksm_lanes *lanes, bool newcomers, bool settled);
void uksm_policy_lane_worked(struct uksm_lanes *lanes, bool newcomer, unsigned long units);

/**
 * struct uksm_pace - what the scan-time advisor knows and wants
 * @pages: pages that one full scan looks at
 * @page_ns: CPU time that one of them takes
 * @sleep_ns: sleep between two batches
 * @target_ns: how long a full scan is to take
 * @max_cpu: percent of one CPU that the scanner may use
 * @min_batch: least number of pages in a batch; wins over the others
 * @max_batch: greatest number of pages in a batch
 */
struct uksm_pace {
	unsigned long pages;
	unsigned long page_ns;
	u64 sleep_ns;
	u64 target_ns;
	unsigned int max_cpu;
	unsigned long min_batch;
	unsigned long max_batch;
};

unsigned long uksm_policy_batch(const struct uksm_pace *pace);

/**
 * struct uksm_budget - CPU time that a thread may still use
 * @at_ns: up to when it has been accounted
 * @used_ns: the thread's CPU time then
 * @credit_ns: what it could have used until then and has not; negative: too much
 */
struct uksm_budget {
	u64 at_ns;
	u64 used_ns;
	s64 credit_ns;
};

u64 uksm_budget_charge(struct uksm_budget *budget, u64 now_ns, u64 used_ns, unsigned int percent);

#endif /* UKSM_POLICY_H */
