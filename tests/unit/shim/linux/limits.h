/* SPDX-License-Identifier: GPL-2.0-only */
#include <limits.h>
#include <stdint.h>
#include_next <linux/limits.h>

#define U32_MAX UINT32_MAX
