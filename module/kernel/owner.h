/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose an address space is. */
#ifndef UKSM_OWNER_H
#define UKSM_OWNER_H

#include <linux/types.h>

struct mm_struct;

bool uksm_owner_known(void);
bool uksm_owner_user(struct mm_struct *mm, u64 *uid);
bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id);

/**
 * enum uksm_cgroup_list - cgroups that the administrator has named
 * @UKSM_CGROUPS_TOGETHER: which are one with all below them, see uksm_owner_cgroup()
 * @UKSM_CGROUPS_EXCLUDED: of which, and of all below them, nothing is merged
 * @UKSM_CGROUPS_INCLUDED: whose processes, and those of all below them, take part without having
 *	asked
 * @UKSM_NR_CGROUP_LISTS: how many lists there are
 */
enum uksm_cgroup_list {
	UKSM_CGROUPS_TOGETHER,
	UKSM_CGROUPS_EXCLUDED,
	UKSM_CGROUPS_INCLUDED,
	UKSM_NR_CGROUP_LISTS,
};

/**
 * struct uksm_cgroup_ref - which cgroup
 * @id: its ID, which no other has after it
 * @level: its depth below the root of the default hierarchy
 */
struct uksm_cgroup_ref {
	u64 id;
	int level;
};

bool uksm_owner_excluded(struct mm_struct *mm, bool unknown);
bool uksm_owner_included(struct mm_struct *mm, bool unknown);
bool uksm_owner_enlists(struct mm_struct *mm);
bool uksm_owner_ever_included(void);
bool uksm_cgroups_any(enum uksm_cgroup_list which);

int uksm_cgroup_find(const char *path, struct uksm_cgroup_ref *ref);
int uksm_cgroup_path(u64 id, char *buf, size_t size);
int uksm_cgroup_put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref);
int uksm_cgroup_take_off(enum uksm_cgroup_list which, u64 id);
void uksm_cgroup_drop_gone(enum uksm_cgroup_list which);
unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr, u64 *id);

#endif
