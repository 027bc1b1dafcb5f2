/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose content is a function of a seed, and what the kernel says of its pages.
 */
#ifndef UKSM_TEST_MEMORY_H
#define UKSM_TEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_SIZE 4096UL
#define HPAGE_SIZE (2UL << 20)

/* Bits of a /proc/PID/pagemap entry. */
#define PM_SOFT_DIRTY (1ULL << 55)
#define PM_UFFD_WP (1ULL << 57)
#define PM_SWAP (1ULL << 62)
#define PM_PRESENT (1ULL << 63)

/* Bits of a /proc/kpageflags entry. */
#define KPF_MASK_HWPOISON (1ULL << 19)
#define KPF_MASK_KSM (1ULL << 21)
#define KPF_MASK_THP (1ULL << 22)
#define KPF_MASK_ZERO (1ULL << 24)

/** page_fill() - write one page whose every word depends on the seed; seed 0 writes zeros */
void page_fill(void *page, uint64_t seed);

/** page_holds() - does the page hold exactly what page_fill() wrote for this seed? */
bool page_holds(const void *page, uint64_t seed);

/** CHECK_PAGE() - fail the test unless the page holds the seed's content */
#define CHECK_PAGE(page, seed)                                                                     \
	CHECK(page_holds(page, seed), "content of %p is not that of seed %llu", (void *)(page),    \
	      (unsigned long long)(seed))

/**
 * area_map() - private anonymous memory without huge pages, not yet touched
 * @pages: size in pages
 *
 * The area has an unmapped page on either side, so that no VMA merges with it.
 */
char *area_map(size_t pages);

/**
 * area_no_huge() - MADV_NOHUGEPAGE, which must succeed
 * @addr: area
 * @bytes: its size
 *
 * Kernels without huge pages do not know it, and need not be told.
 */
void area_no_huge(void *addr, size_t bytes);

/** area_map_same() - area_map(), every page filled from one seed, and MADV_MERGEABLE */
char *area_map_same(size_t pages, uint64_t seed);

/** area_map_distinct() - the same, page i filled from seed + i */
char *area_map_distinct(size_t pages, uint64_t seed);

/**
 * huge_map() - aligned private memory of huge pages, page i filled from seed + i, all from 0 if seed is 0
 * @hpages: size in huge pages
 * @seed: of the content
 *
 * Not advised to be merged. Skips the test where there are no huge pages to be had.
 */
char *huge_map(size_t hpages, uint64_t seed);

/** area_mergeable() - MADV_MERGEABLE, which must succeed */
void area_mergeable(void *addr, size_t pages);

/** area_check_same() - every page must hold the seed's content */
void area_check_same(const char *addr, size_t pages, uint64_t seed);

/** area_check_distinct() - page i must hold the content of seed + i */
void area_check_distinct(const char *addr, size_t pages, uint64_t seed);

/** pagemap_entry() - the pagemap entry of an address of the calling process */
uint64_t pagemap_entry(const void *addr);

/** pagemap_entry_of() - the pagemap entry of an address of another process */
uint64_t pagemap_entry_of(pid_t pid, const void *addr);

/**
 * pagemap_entries() - the pagemap entries of an area of the calling process
 * @addr: the area
 * @pages: its size
 *
 * Read at once: page by page takes minutes on debug kernels, and pages may move meanwhile.
 *
 * Return: an array that the caller frees.
 */
uint64_t *pagemap_entries(const void *addr, size_t pages);

/** pfn_of() - the frame that backs an address of this process, 0 if none is present */
uint64_t pfn_of(const void *addr);

/** pfn_of_other() - the frame that backs an address of another process, 0 if none is present */
uint64_t pfn_of_other(pid_t pid, const void *addr);

/** pfn_flags() - the /proc/kpageflags word of a frame */
uint64_t pfn_flags(uint64_t pfn);

/** ksm_frames() - how many frames of the machine are merged pages that somebody maps; or skips */
size_t ksm_frames(void);

/** page_touch() - write a page without changing its content */
void page_touch(void *page);

/**
 * check_page_ksm() - is the address backed by a KSM page, as the test expects?
 * @where: what has just happened, for the message
 * @addr: the address
 * @expected: true for a KSM page
 *
 * Judged by KPF_KSM in /proc/kpageflags. 6.12 sets that bit on every anonymous page; where it does,
 * nothing is checked here, and the frames, the smaps field and the counters have to tell.
 */
void check_page_ksm(const char *where, const void *addr, bool expected);

/** zero_pfn() - the frame of the kernel's shared zero page */
uint64_t zero_pfn(void);

/** pages_distinct() - number of different frames behind an area; absent pages do not count */
size_t pages_distinct(const char *addr, size_t pages);

/** pages_max_sharers() - the largest number of pages of the area that one frame backs */
size_t pages_max_sharers(const char *addr, size_t pages);

/** pages_of_frame() - number of pages of the area that one frame backs */
size_t pages_of_frame(const char *addr, size_t pages, uint64_t pfn);

/** pages_together() - number of pages of two areas that share a frame with the other's */
size_t pages_together(const char *addr, const char *other, size_t pages);

/** check_merged() - all pages of the area are one KSM page */
void check_merged(const char *where, const char *addr, size_t pages);

/**
 * wait_merged() - wait until the area is one KSM page, which must be within some full scans
 * @where: what has just happened, for the message
 * @addr: the area
 * @pages: its size
 * @scans: so many full scans at most; for what an engine may put off, not for fresh memory
 */
void wait_merged(const char *where, const char *addr, size_t pages, unsigned int scans);

/** check_unmerged() - no two pages of the area share a frame, and none is a KSM page */
void check_unmerged(const char *where, const char *addr, size_t pages);

/**
 * smaps_kib() - a field of /proc/self/smaps for the mapping that holds an address
 * @addr: the address
 * @field: name with its colon, as "AnonHugePages:"
 *
 * Return: the value in KiB, or -1 if the kernel does not print the field.
 */
long smaps_kib(const void *addr, const char *field);

/** proc_number() - the number in a one-number file of a process, or -1 if there is no such file */
long proc_number(pid_t pid, const char *file);

/** proc_field() - the number after a name in a "NAME NUMBER" file of a process, or -1 */
long proc_field(pid_t pid, const char *file, const char *name);

/** sys_field() - the same for any file with lines "NAME NUMBER", as /proc/vmstat */
long sys_field(const char *path, const char *name);

#endif
