/* SPDX-License-Identifier: GPL-2.0-only */
/* How much the scanner does before it sleeps, and for how long it does that. */
#ifndef UKSM_PACER_H
#define UKSM_PACER_H

#include <linux/types.h>

#include "pure/pace.h"

/**
 * struct uksm_pacer - what the scanner knows of its own work
 * @left: units of the batch that are still to be done, see UKSM_PAGE_UNITS
 * @worked: units done since it began
 * @sleep_msecs: the sleep after the batch at the automatic pace
 * @budget: CPU time that max_cpu_percentage leaves
 * @scanned: pages_scanned when the full scan began
 * @used_ns: CPU time used by then
 * @began_ns: when the full scan under way began
 * @state: of the automatic pace
 */
struct uksm_pacer {
	s64 left;
	u64 worked;
	unsigned int sleep_msecs;
	struct uksm_budget budget;
	unsigned long scanned;
	u64 used_ns;
	u64 began_ns;
	struct uksm_auto state;
};

void uksm_pacer_begin(struct uksm_pacer *pacer);
void uksm_pacer_worked(struct uksm_pacer *pacer, s64 units);
void uksm_pacer_full_scan(struct uksm_pacer *pacer);
unsigned int uksm_pacer_sleep(const struct uksm_pacer *pacer);
unsigned int uksm_pacer_debt(struct uksm_pacer *pacer);

#endif
