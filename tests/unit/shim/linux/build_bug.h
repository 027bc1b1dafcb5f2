/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_BUILD_BUG_H
#define UKSM_SHIM_BUILD_BUG_H

/* C11 wants a message, which the kernel's makes of the condition. */
#define static_assert(condition) _Static_assert(condition, #condition)

#endif /* UKSM_SHIM_BUILD_BUG_H */
