/* SPDX-License-Identifier: GPL-2.0-only */
/* Merging what a process, or a domain, has, at once. */
#ifndef UKSM_MERGE_NOW_H
#define UKSM_MERGE_NOW_H

#include <linux/types.h>

#include "engine/knobs.h"

int uksm_merge_now_process(int pid);
int uksm_merge_now_domain(enum uksm_isolation isolation, u64 id);

#endif
