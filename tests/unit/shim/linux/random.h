/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_RANDOM_H
#define UKSM_SHIM_RANDOM_H

#include <linux/types.h>

/* The test's own generator, so that a printed seed repeats a run. */
u32 get_random_u32(void);
void random_fill(void *buffer, size_t size);

static inline u32 get_random_u32_below(u32 ceil)
{
	return get_random_u32() % ceil;
}

static inline void get_random_bytes(void *buffer, size_t size)
{
	random_fill(buffer, size);
}

#endif /* UKSM_SHIM_RANDOM_H */
