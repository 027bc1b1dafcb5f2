/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much the kernel holds of everything, to see whether something is leaked.
 */
#ifndef UKSM_TEST_KERNEL_AMOUNTS_H
#define UKSM_TEST_KERNEL_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#define KERNEL_AMOUNTS_MAX 500

/* Free pages, those on the CPUs' own lists included, which nr_free_pages leaves out. */
#define KERNEL_FREE_PAGES "free_pages"

/**
 * struct kernel_amounts - what the kernel held at a moment
 * @amounts: name and value: KiB for those of /proc/meminfo, whose names end in a colon; pages for
 *	those of /proc/vmstat, which begin with "nr_"; objects for slab caches
 * @nr: their number
 */
struct kernel_amounts {
	struct {
		char name[64];
		long value;
	} amounts[KERNEL_AMOUNTS_MAX];
	size_t nr;
};

/** kernel_amounts_take() - read all, after what can be freed has been */
void kernel_amounts_take(struct kernel_amounts *k);

/** kernel_amount() - one of them; 0 if there is none of this name */
long kernel_amount(const struct kernel_amounts *k, const char *name);

/**
 * kernel_cache_matters() - is it a slab cache that an engine takes from, directly or through the
 * pages and processes that it holds?
 */
bool kernel_cache_matters(const char *name);

#endif
