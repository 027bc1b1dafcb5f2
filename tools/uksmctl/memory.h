/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's memory. */
#ifndef UKSMCTL_MEMORY_H
#define UKSMCTL_MEMORY_H

/** memory_available() - MemAvailable of /proc/meminfo in bytes, or -1 when it is not told */
long long memory_available(void);

#endif /* UKSMCTL_MEMORY_H */
