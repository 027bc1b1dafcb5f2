/* SPDX-License-Identifier: GPL-2.0-only */
/* How many zero pages there are, for who reads a file. */
#ifndef UKSM_ZERO_PAGES_H
#define UKSM_ZERO_PAGES_H

unsigned long uksm_zero_pages(void);

#endif
