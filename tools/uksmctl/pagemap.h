/* SPDX-License-Identifier: GPL-2.0-only */
/* Which page a process has at an address: /proc/PID/pagemap and /proc/kpageflags. */
#ifndef UKSMCTL_PAGEMAP_H
#define UKSMCTL_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As many as one page table has. */
#define PAGEMAP_BATCH 512

/** enum page_kind - what is at an address */
enum page_kind {
	PAGE_OTHER, /* no page, or none that could be merged */
	PAGE_ANONYMOUS,
	PAGE_MERGED,
};

/**
 * struct pagemap - the files, open
 * @entries: pagemap of the process
 * @flags: kpageflags, which is of all processes
 */
struct pagemap {
	int entries;
	int flags;
};

/**
 * struct page_batch - neighbouring addresses
 * @first: the number of the first one's page: the address by the size of a page
 * @count: how many
 * @kinds: enum page_kind of each
 * @pfns: frames, of those that are not PAGE_OTHER
 */
struct page_batch {
	uint64_t first;
	size_t count;
	uint8_t kinds[PAGEMAP_BATCH];
	uint64_t pfns[PAGEMAP_BATCH];
};

/** kpageflags_open() - open kpageflags. Return: a descriptor, or -errno. */
int kpageflags_open(void);

/**
 * pagemap_open() - open the pagemap of a process
 * @pid: the process
 *
 * Return: a descriptor, or -errno; -ESRCH when it has gone.
 */
int pagemap_open(pid_t pid);

/**
 * pagemap_read() - look up a batch
 * @map: the files
 * @batch: @first and @count are set, the rest is filled in
 *
 * Nothing of the process is touched: the kernel walks its page tables and reads them. Zero pages
 * are PAGE_OTHER, and so are huge pages of hugetlbfs and what has failed.
 *
 * Return: 0 or -errno; -ESRCH when the address space has gone, -ENODATA when the kernel does
 * not tell frames.
 */
int pagemap_read(const struct pagemap *map, struct page_batch *batch);

#endif /* UKSMCTL_PAGEMAP_H */
