/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_KERNEL_H
#define UKSM_SHIM_KERNEL_H

#include <linux/compiler.h>
#include <linux/types.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))

#endif /* UKSM_SHIM_KERNEL_H */
