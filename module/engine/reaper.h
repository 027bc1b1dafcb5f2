/* SPDX-License-Identifier: GPL-2.0-only */
/* Let go of processes that have exited, and keep the trees clean, a little at a time. */
#ifndef UKSM_REAPER_H
#define UKSM_REAPER_H

#include <linux/types.h>

bool uksm_reap(void);
bool uksm_reaper_needed(void);

#endif
