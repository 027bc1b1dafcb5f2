/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner's walk through all mergeable memory. */
#ifndef UKSM_SCAN_H
#define UKSM_SCAN_H

#include <linux/types.h>

struct uksm_mm_slot;
struct uksm_work;

/**
 * enum uksm_scan_end - how a slice of work ended
 * @UKSM_SCAN_IDLE: there is no memory to scan in any process
 * @UKSM_SCAN_MORE: the full scan goes on
 * @UKSM_SCAN_LOCKED: it goes on, but others hold the mmap_locks of all that is left of it
 * @UKSM_SCAN_FULL: it is done
 */
enum uksm_scan_end {
	UKSM_SCAN_IDLE,
	UKSM_SCAN_MORE,
	UKSM_SCAN_LOCKED,
	UKSM_SCAN_FULL,
};

enum uksm_scan_end uksm_scan(struct uksm_work *work);
void uksm_scan_drain(void);
bool uksm_scan_wants_drain(void);
unsigned int uksm_scan_newcomers(void);
bool uksm_scan_meets_new(void);
bool uksm_scan_urgent(void);
void uksm_scan_slot_grown(struct uksm_mm_slot *slot);
void uksm_scan_slot_asked(struct uksm_mm_slot *slot);
void uksm_scan_leave_slot(const struct uksm_mm_slot *slot);
void uksm_scan_reset(void);

#endif
