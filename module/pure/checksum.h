/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_CHECKSUM_H
#define UKSM_CHECKSUM_H

#include <linux/types.h>

#define UKSM_PAGE_BYTES	4096u
#define UKSM_LINE_BYTES	64u
#define UKSM_LINE_WORDS	16u
#define UKSM_LINES	64u	/* cache lines of a page */

/* Of a large sample the first lines are prefetched; the rest is a stream. */
#define UKSM_PREFETCH_LINES	8u

/**
 * struct uksm_checksum_key - what makes checksums unforeseeable
 * @word: added to the words of each line
 * @seed: of the hash of the sum
 */
struct uksm_checksum_key {
	u32 word[UKSM_LINES][UKSM_LINE_WORDS];
	u32 seed;
};

void uksm_checksum_init(void);
void uksm_checksum_setup(const struct uksm_checksum_key *key,
			 const u8 order[UKSM_LINES], unsigned int lines);
void uksm_checksum_set_lines(unsigned int lines);
unsigned int uksm_checksum_lines(void);
u32 uksm_checksum(const void *page);
void uksm_checksum_prefetch(const void *page);
bool uksm_checksum_strengthen(const void *page, u32 checksum);
u32 uksm_checksum_zero(void);

#endif /* UKSM_CHECKSUM_H */
