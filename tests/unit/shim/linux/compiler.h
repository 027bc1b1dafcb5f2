/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_COMPILER_H
#define UKSM_SHIM_COMPILER_H

#define fallthrough __attribute__((__fallthrough__))

/* For the kernel's own headers, where those are used. */
#define __packed	__attribute__((__packed__))
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define READ_ONCE(place) (*(const volatile __typeof__(place) *)&(place))
#define WRITE_ONCE(place, value) \
	(*(volatile __typeof__(place) *)&(place) = (value))

#endif /* UKSM_SHIM_COMPILER_H */
