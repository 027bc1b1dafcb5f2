/* SPDX-License-Identifier: GPL-2.0-only */
/* Forget pages: one, or those of a range of addresses, a few at a time. */
#ifndef UKSM_FORGET_H
#define UKSM_FORGET_H

#include <linux/types.h>

struct uksm_mm_slot;
struct uksm_tracked;

bool uksm_tracked_leave(struct uksm_tracked *t);
bool uksm_tracked_forget(struct uksm_tracked *t);
bool uksm_forget_range(struct uksm_mm_slot *slot, unsigned long *addr, unsigned long end,
		       unsigned int *records);
bool uksm_forget_in_pieces(struct uksm_mm_slot *slot, unsigned long *addr, unsigned long end,
			   unsigned int *records);

#endif
