/* SPDX-License-Identifier: GPL-2.0-only */
#define GOLDEN_RATIO_32 0x61C88647
