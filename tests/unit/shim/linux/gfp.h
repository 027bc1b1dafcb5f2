/* SPDX-License-Identifier: GPL-2.0-only */
#define GFP_KERNEL 0
