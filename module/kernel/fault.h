/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_FAULT_H
#define UKSM_FAULT_H

#include <linux/types.h>

/**
 * uksm_fault() - is a mismatch with the kernel to be simulated?
 * @name: "symbol", "layout", "prototype" or "hook", as the module parameter
 *	fault= of debug builds says
 *
 * Release builds have no such parameter, and what tests it compiles to nothing.
 */
#ifdef UKSM_DEBUG
bool uksm_fault(const char *name);
#else
static inline bool uksm_fault(const char *name)
{
	return false;
}
#endif

#endif
