/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/PID/smaps, one mapping after the other. */
#ifndef UKSMCTL_MAPPINGS_H
#define UKSMCTL_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** enum mapping_flags - what VmFlags says that has to do with merging */
enum mapping_flags {
	MAPPING_MERGEABLE =
		1 << 0, /* its owner asked for merging, and may have it */
	MAPPING_SHARED = 1 << 1, /* or may become so */
	MAPPING_HUGETLB = 1 << 2, /* of hugetlbfs */
	MAPPING_SPECIAL = 1 << 3, /* of another kind that is never merged */
};

/**
 * struct mapping - one of them, with its memory in bytes
 * @start: its first address
 * @end: the address behind it
 * @flags: enum mapping_flags
 * @rss: what is resident, without huge pages of hugetlbfs
 * @anonymous: of @rss, what is no page of a file
 * @ksm: of @anonymous, what is merged; 0 where the kernel does not say
 * @huge: of @anonymous, transparent huge pages that are mapped as such
 * @swap: what is swapped out
 * @hugetlb: huge pages of hugetlbfs
 * @name: a file, or something like [heap], or empty
 */
struct mapping {
	unsigned long long start;
	unsigned long long end;
	unsigned int flags;
	long long rss;
	long long anonymous;
	long long ksm;
	long long huge;
	long long swap;
	long long hugetlb;
	char *name;
};

/**
 * struct mappings - of a process, by address
 * @list: the mappings
 * @count: their number
 * @ksm_known: the kernel says of each how much is merged
 */
struct mappings {
	struct mapping *list;
	size_t count;
	bool ksm_known;
};

/**
 * mappings_read() - read all mappings of a process
 * @pid: the process
 * @mappings: receives them; mappings_free() it, after a failure as well
 *
 * Return: 0 or -errno; -ESRCH when the address space has gone, be it while it was read, and
 * -EBADMSG when the file is not as the kernel writes it or ends too early.
 */
int mappings_read(pid_t pid, struct mappings *mappings);

void mappings_free(struct mappings *mappings);

#endif /* UKSMCTL_MAPPINGS_H */
