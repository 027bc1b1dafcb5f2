/* SPDX-License-Identifier: GPL-2.0-only */
/* What is kept of a page: a digest of its content, and where it is. */
#ifndef UKSMCTL_PAGE_RECORD_H
#define UKSMCTL_PAGE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* As many processes as the kernel can have (PID_MAX_LIMIT). */
#define PAGE_PROCESS_BITS 22
#define PAGE_MERGED_BIT 22
#define PAGE_PFN_SHIFT 24

/**
 * struct page_record - a page at an address of a process
 * @digest: of its content, 128 bits
 * @place: its frame, whether it is a merged one, and the number of the process
 *
 * There is one for each page of the machine, so it is small: 24 bytes.
 */
struct page_record {
	uint64_t digest[2];
	uint64_t place;
};

static inline uint64_t page_place(uint64_t pfn, bool merged, uint32_t process)
{
	return pfn << PAGE_PFN_SHIFT | (uint64_t)merged << PAGE_MERGED_BIT |
	       process;
}

static inline uint64_t page_pfn(uint64_t place)
{
	return place >> PAGE_PFN_SHIFT;
}

static inline bool page_is_merged(uint64_t place)
{
	return place >> PAGE_MERGED_BIT & 1;
}

static inline uint32_t page_process(uint64_t place)
{
	return place & ((1U << PAGE_PROCESS_BITS) - 1);
}

#endif /* UKSMCTL_PAGE_RECORD_H */
