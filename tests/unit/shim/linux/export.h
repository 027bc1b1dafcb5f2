/* SPDX-License-Identifier: GPL-2.0-only */
/* For the kernel's own rbtree.c, where that is used. */
#define EXPORT_SYMBOL(name)
