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
 * struct page_flags - kpageflags, open, which is of all processes
 * @file: its descriptor
 * @merged_told: it says which pages are merged; Linux 6.12 says that of every anonymous page
 */
struct page_flags {
	int file;
	bool merged_told;
};

/**
 * struct pagemap - the files, open
 * @entries: pagemap of the process
 * @flags: kpageflags
 */
struct pagemap {
	int entries;
	struct page_flags flags;
};

/**
 * struct page_batch - neighbouring addresses
 * @first: the number of the first one's page: the address by the size of a page
 * @count: how many
 * @may_be_merged: smaps says that the mapping has merged pages, or does not say anything of that.
 *	Where kpageflags does not tell them, they are small pages there that nobody has for himself;
 *	which holds for those that fork() shares as well.
 * @kinds: enum page_kind of each
 * @pfns: frames, of those that are not PAGE_OTHER
 */
struct page_batch {
	uint64_t first;
	size_t count;
	bool may_be_merged;
	uint8_t kinds[PAGEMAP_BATCH];
	uint64_t pfns[PAGEMAP_BATCH];
};

/**
 * page_flags_open() - open kpageflags
 * @flags: receives it; page_flags_close() it, after a failure as well
 *
 * Return: 0 or -errno.
 */
int page_flags_open(struct page_flags *flags);

void page_flags_close(struct page_flags *flags);

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
 * @batch: @first, @count and @may_be_merged are set, the rest is filled in
 *
 * Nothing of the process is touched: the kernel walks its page tables and reads them. Zero pages
 * are PAGE_OTHER, and so are huge pages of hugetlbfs and what has failed.
 *
 * Return: 0 or -errno; -ESRCH when the address space has gone, -ENODATA when the kernel does
 * not tell frames.
 */
int pagemap_read(const struct pagemap *map, struct page_batch *batch);

#endif /* UKSMCTL_PAGEMAP_H */
