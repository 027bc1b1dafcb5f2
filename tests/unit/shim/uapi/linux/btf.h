/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's own header: <uapi/...> is a name inside the kernel tree only. */
#include <linux/btf.h>
