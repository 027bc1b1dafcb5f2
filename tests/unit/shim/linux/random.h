/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_RANDOM_H
#define UKSM_SHIM_RANDOM_H

#include <linux/types.h>

/* The test's own generator, so that a printed seed repeats a run. */
u32 get_random_u32(void);

static inline u32 get_random_u32_below(u32 ceil)
{
	return get_random_u32() % ceil;
}

#endif /* UKSM_SHIM_RANDOM_H */
