/* SPDX-License-Identifier: GPL-2.0-only */
/* For the kernel's own <linux/jhash.h>, where that is used. */
#ifndef UKSM_SHIM_BITOPS_H
#define UKSM_SHIM_BITOPS_H

#include <linux/kernel.h>

static inline u32 rol32(u32 word, unsigned int bits)
{
	return word << (bits & 31) | word >> (-bits & 31);
}

#endif /* UKSM_SHIM_BITOPS_H */
