/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc/PID/smaps says of merging. */
#ifndef UKSMCTL_SMAPS_H
#define UKSMCTL_SMAPS_H

#include <sys/types.h>

/**
 * struct smaps - sums over the mappings of a process
 * @mergeable_bytes: resident memory of those that are marked as mergeable
 * @ksm_bytes: memory in KSM pages; -1 where the kernel does not say
 */
struct smaps {
	long long mergeable_bytes;
	long long ksm_bytes;
};

/**
 * smaps_read() - add up a process
 * @pid: the process
 * @smaps: receives the sums
 *
 * Return: 0 or -errno.
 */
int smaps_read(pid_t pid, struct smaps *smaps);

#endif /* UKSMCTL_SMAPS_H */
