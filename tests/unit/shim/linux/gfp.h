/* SPDX-License-Identifier: GPL-2.0-only */
#define GFP_KERNEL     0
#define __GFP_NORETRY  0
#define __GFP_NOWARN   0
#define __GFP_RETRY_MAYFAIL 0
