/* SPDX-License-Identifier: GPL-2.0-only */
/* Is there memory for copies, of the machine and of a memory cgroup? */
#ifndef UKSM_ROOM_H
#define UKSM_ROOM_H

#include <linux/types.h>

struct mm_struct;

/* So many copies at most can be asked for at once. */
#define UKSM_ROOM_PAGES_MAX	64

bool uksm_room_ample(unsigned int percent);
int uksm_room_for_copies(struct mm_struct *mm, unsigned int pages);

#endif
