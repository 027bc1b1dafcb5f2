/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose an address space is. */
#ifndef UKSM_OWNER_H
#define UKSM_OWNER_H

#include <linux/types.h>

struct mm_struct;

bool uksm_owner_known(void);
bool uksm_owner_user(struct mm_struct *mm, u64 *uid);
bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id);

int uksm_cgroup_find(const char *path, u64 *id);
int uksm_cgroup_path(u64 id, char *buf, size_t size);
int uksm_cgroup_group(u64 id, bool together);
unsigned int uksm_cgroup_groups(unsigned int nr, u64 *id);

#endif
