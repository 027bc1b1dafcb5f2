/* SPDX-License-Identifier: GPL-2.0-only */
/* The one that libc itself includes: what <errno.h> is made of. */
#include_next <linux/errno.h>
