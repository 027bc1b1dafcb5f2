/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose an address space is, and what that means for it. */
#ifndef UKSM_OWNER_H
#define UKSM_OWNER_H

#include <linux/types.h>

#include "kernel/named.h"

struct mm_struct;

bool uksm_owner_known(void);
bool uksm_owner_any(struct mm_struct *mm);
bool uksm_owner_user(struct mm_struct *mm, u64 *uid);
bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id);
bool uksm_owner_name(struct mm_struct *mm, char name[UKSM_NAME_SIZE]);
bool uksm_owner_excluded(struct mm_struct *mm, bool unknown);
bool uksm_owner_included(struct mm_struct *mm, bool unknown);
bool uksm_owner_enlists(struct mm_struct *mm);
unsigned int uksm_owner_hardening(struct mm_struct *mm);
unsigned int uksm_owner_weight(struct mm_struct *mm, unsigned int otherwise);

#endif
