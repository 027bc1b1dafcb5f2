// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stats.h"

#include <linux/mm.h>

#include "pure/checksum.h"

struct uksm_stats uksm_stats;

/**
 * uksm_stats_pages() - how many pages the engine keeps track of
 *
 * Return: shared, sharing, unshared and volatile pages together.
 */
unsigned long uksm_stats_pages(void)
{
	return READ_ONCE(uksm_stats.pages_shared) +
	       READ_ONCE(uksm_stats.pages_sharing) +
	       READ_ONCE(uksm_stats.pages_unshared) +
	       READ_ONCE(uksm_stats.pages_volatile);
}

/** uksm_stats_meta_bytes() - memory held to keep track of pages, weak samples among it */
unsigned long uksm_stats_meta_bytes(void)
{
	return READ_ONCE(uksm_stats.meta_bytes) + uksm_checksum_bytes();
}

/**
 * uksm_stats_profit_bytes() - what merging saves, less what it costs
 * @zero_pages: addresses that map the zero page in place of a page of zeroes
 *
 * Return: bytes; negative when the metadata outweighs the pages saved.
 */
long uksm_stats_profit_bytes(unsigned long zero_pages)
{
	unsigned long saved = READ_ONCE(uksm_stats.pages_sharing) + zero_pages;

	return (long)(saved * PAGE_SIZE) - (long)uksm_stats_meta_bytes();
}
