/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner's walk through all mergeable memory. */
#ifndef UKSM_SCAN_H
#define UKSM_SCAN_H

#include <linux/types.h>

bool uksm_scan(unsigned int pages);
void uksm_scan_reset(void);

#endif
