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

/* So many samples can be weak at a time, that is 8 MiB of memory. */
#define UKSM_WEAK_MAX	(1u << 18)

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
u32 uksm_checksum_zero(void);
void uksm_checksum_exit(void);

u64 uksm_checksum_whole(const void *page);
u32 uksm_checksum_of_whole(u64 whole);

bool uksm_checksum_samples_agree(const void *a, const void *b);
bool uksm_checksum_strengthen(const void *page, u32 checksum);
u32 uksm_checksum_weak_sample(const void *page);
bool uksm_checksum_hold(u32 sample);
void uksm_checksum_unhold(u32 sample);
void uksm_checksum_age(void);
unsigned int uksm_checksum_age_step(unsigned int buckets);
unsigned int uksm_checksum_nr_weak(void);
unsigned long uksm_checksum_bytes(void);

#endif /* UKSM_CHECKSUM_H */
