/* SPDX-License-Identifier: GPL-2.0-only */
/* Address spaces that leave their domain for another. */
#ifndef UKSM_LEAVE_H
#define UKSM_LEAVE_H

#include <linux/types.h>

struct uksm_mm_slot;

void uksm_leave_begin(struct uksm_mm_slot *slot);
bool uksm_leave_step(void);

#endif
