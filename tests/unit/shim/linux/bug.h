/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_BUG_H
#define UKSM_SHIM_BUG_H

#include <stdio.h>

/* Warnings that a test provoked; each test looks whether it wanted them. */
extern unsigned int warnings;

/* Not only once: in a test, every one counts. */
#define WARN_ONCE(condition, ...)          \
	({                                 \
		_Bool hit_ = !!(condition); \
		if (hit_)                  \
			warnings++;        \
		hit_;                      \
	})

#endif /* UKSM_SHIM_BUG_H */
