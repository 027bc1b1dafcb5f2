/* SPDX-License-Identifier: GPL-2.0-only */
/* Address spaces that the administrator wants merged now, see merge_now.c. */
#ifndef UKSM_ASKED_H
#define UKSM_ASKED_H

#include <linux/types.h>

struct uksm_mm_slot;

/**
 * struct uksm_asked - how far that has got
 * @slots: address spaces that are still to be scanned
 * @lost: one of them is not going to be, although its process has not exited
 * @looked: pages that have been looked at
 * @pages: pages that were to be
 * @units: what that has cost, and all that is no page: see UKSM_PAGE_UNITS
 */
struct uksm_asked {
	unsigned long slots;
	bool lost;
	unsigned long looked;
	unsigned long pages;
	unsigned long units;
};

void uksm_asked_begin(void);
void uksm_asked_add(struct uksm_mm_slot *slot);
void uksm_asked_drop(struct uksm_mm_slot *slot, bool lost);
bool uksm_asked_visited(struct uksm_mm_slot *slot);
void uksm_asked_looked(const struct uksm_mm_slot *slot, unsigned int pages);
void uksm_asked_cost(struct uksm_mm_slot *slot, long units);
bool uksm_asked_urgent(const struct uksm_mm_slot *slot);
void uksm_asked_put_off(struct uksm_mm_slot *slot);
struct uksm_mm_slot *uksm_asked_due(void);
bool uksm_asked_any(void);
struct uksm_asked uksm_asked_progress(void);
int uksm_asked_wait(unsigned int msecs);

#endif
