/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_LOG2_H
#define UKSM_SHIM_LOG2_H

/* Of a number that is not 0. */
static inline int ilog2(unsigned long number)
{
	return 63 - __builtin_clzl(number);
}

#endif /* UKSM_SHIM_LOG2_H */
