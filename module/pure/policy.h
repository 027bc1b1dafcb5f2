/* SPDX-License-Identifier: GPL-2.0-only */
/* What is worth a look, and when: arithmetic only, no kernel behind it. */
#ifndef UKSM_POLICY_H
#define UKSM_POLICY_H

#include <linux/types.h>

/* Work is measured by what a page costs that is hashed: this is one. */
#define UKSM_PAGE_UNITS	64
/* And this is a record that is forgotten. */
#define UKSM_RECORD_UNITS	4

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

bool uksm_policy_weight_due(unsigned int *credit, unsigned int weight, unsigned int heaviest);

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

#endif /* UKSM_POLICY_H */
