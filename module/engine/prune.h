/* SPDX-License-Identifier: GPL-2.0-only */
/* Stable nodes that have no use any more: drop them, or part them from their page. */
#ifndef UKSM_PRUNE_H
#define UKSM_PRUNE_H

#include <linux/types.h>

bool uksm_prune_begin(void);
bool uksm_prune_step(unsigned int nodes);
bool uksm_stable_release(unsigned int nodes, bool force);
void uksm_stable_del_pfn_range(unsigned long start_pfn, unsigned long end_pfn);

#endif
