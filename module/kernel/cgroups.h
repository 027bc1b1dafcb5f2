/* SPDX-License-Identifier: GPL-2.0-only */
/* Control groups that the administrator has put on a list. */
#ifndef UKSM_CGROUPS_H
#define UKSM_CGROUPS_H

#include <linux/types.h>

struct cgroup;

/**
 * enum uksm_cgroup_list - cgroups that the administrator has named
 * @UKSM_CGROUPS_TOGETHER: which are one with all below them, see uksm_owner_cgroup()
 * @UKSM_CGROUPS_EXCLUDED: of which, and of all below them, nothing is merged
 * @UKSM_CGROUPS_INCLUDED: whose processes, and those of all below them, take part without having
 *	asked
 * @UKSM_CGROUPS_HARDENED: with a level, enum uksm_hardening, for them and all below them
 * @UKSM_CGROUPS_WEIGHTS: with a weight, for them and all below them that have none of their own
 * @UKSM_NR_CGROUP_LISTS: how many lists there are
 */
enum uksm_cgroup_list {
	UKSM_CGROUPS_TOGETHER,
	UKSM_CGROUPS_EXCLUDED,
	UKSM_CGROUPS_INCLUDED,
	UKSM_CGROUPS_HARDENED,
	UKSM_CGROUPS_WEIGHTS,
	UKSM_NR_CGROUP_LISTS,
};

/**
 * struct uksm_cgroup_ref - which cgroup, and what is said of it
 * @id: its ID, which no other has after it
 * @level: its depth below the root of the default hierarchy
 * @value: a level of hardening, or a weight; without meaning in other lists
 */
struct uksm_cgroup_ref {
	u64 id;
	int level;
	unsigned int value;
};

bool uksm_cgroups_any(enum uksm_cgroup_list which);
bool uksm_cgroups_ever(enum uksm_cgroup_list which);
struct cgroup *uksm_cgroup_highest(enum uksm_cgroup_list which, struct cgroup *cgroup);
unsigned int uksm_cgroup_nearest_value(enum uksm_cgroup_list which, struct cgroup *cgroup,
				       unsigned int otherwise);
unsigned int uksm_cgroup_greatest_value(enum uksm_cgroup_list which, struct cgroup *cgroup);

int uksm_cgroup_find(const char *path, struct uksm_cgroup_ref *ref);
int uksm_cgroup_path(u64 id, char *buf, size_t size);
int uksm_cgroup_put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref);
int uksm_cgroup_take_off(enum uksm_cgroup_list which, u64 id);
void uksm_cgroup_drop_gone(enum uksm_cgroup_list which);
unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr,
				struct uksm_cgroup_ref *ref);

#endif
