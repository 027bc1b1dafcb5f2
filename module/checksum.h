/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_CHECKSUM_H
#define UKSM_CHECKSUM_H

#include <linux/types.h>

#define UKSM_PAGE_BYTES	4096u
#define UKSM_LINE_BYTES	64u
#define UKSM_LINES	64	/* cache lines of a page */

int uksm_checksum_init(void);
void uksm_checksum_setup(u32 seed, const u8 order[UKSM_LINES],
			 unsigned int lines);
void uksm_checksum_set_lines(unsigned int lines);
unsigned int uksm_checksum_lines(void);
u32 uksm_checksum(const void *page);
u32 uksm_checksum_zero(void);

#endif /* UKSM_CHECKSUM_H */
