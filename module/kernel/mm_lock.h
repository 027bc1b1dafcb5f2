/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for an mmap_lock, but not for as long as its holder likes. */
#ifndef UKSM_MM_LOCK_H
#define UKSM_MM_LOCK_H

#include <linux/types.h>

struct mm_struct;

int uksm_mm_lock_within(struct mm_struct *mm, unsigned int msecs, const bool *stop);

#endif
