/* SPDX-License-Identifier: GPL-2.0-only */
/* Unmerge everything from begin to end, in turns with others. */
#ifndef UKSM_UNMERGE_ALL_H
#define UKSM_UNMERGE_ALL_H

#include <linux/types.h>

int uksm_unmerge_all(const bool *stop);
bool uksm_nothing_merged(void);

#endif
