/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner's walk through all mergeable memory. */
#ifndef UKSM_SCAN_H
#define UKSM_SCAN_H

#include <linux/types.h>

/**
 * enum uksm_scan_end - how a batch of pages ended
 * @UKSM_SCAN_IDLE: there is no memory to scan in any process
 * @UKSM_SCAN_MORE: the full scan goes on
 * @UKSM_SCAN_FULL: it is done
 */
enum uksm_scan_end {
	UKSM_SCAN_IDLE,
	UKSM_SCAN_MORE,
	UKSM_SCAN_FULL,
};

enum uksm_scan_end uksm_scan(unsigned int pages);
void uksm_scan_newcomers(void);
void uksm_scan_reset(void);

#endif
