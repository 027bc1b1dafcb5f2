/* SPDX-License-Identifier: GPL-2.0-only */
/* Content that is new must wait before it merges with that of another process. */
#ifndef UKSM_HOLD_H
#define UKSM_HOLD_H

#include <linux/types.h>

struct uksm_domain;

/* Kept as key.hold: no hold, or one of the 255 tags that epochs have in turn. */
#define UKSM_HOLD_NONE	0

void uksm_hold_advance(void);
u8 uksm_hold_begin(const struct uksm_domain *domain);
bool uksm_hold_on(u8 tag);
u8 uksm_hold_of_both(u8 a, u8 b);
u32 uksm_hold_checksum(u64 serial, u32 checksum, u8 hold);

#endif
