// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space belongs to the process that the kernel takes for its owner, mm->owner,
 * by whose cgroup it also charges its memory: the one that has had it first, or, when that
 * has exited, another that uses it (mm_update_next_owner()). Threads that share it and have
 * another user or cgroup count for nothing.
 *
 * An answer may be out of date when it is used. Whoever relies on one asks again later.
 */
#include "kernel/owner.h"

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

/* So many cgroups can be one with all that is below them. */
#define GROUPS_MAX	64u

#if defined(CONFIG_MEMCG) && defined(CONFIG_CGROUPS)

/* Changed under groups_mutex, looked at under none: an answer is asked for again soon. */
static u64 groups[GROUPS_MAX];
static unsigned int nr_groups;
static DEFINE_MUTEX(groups_mutex);

/** uksm_owner_known() - does this kernel say whose an address space is? */
bool uksm_owner_known(void)
{
	return true;
}

/* What @id_of says of the owner. Under RCU, so that neither he nor what he belongs to is freed. */
static bool ask_owner(struct mm_struct *mm, u64 (*id_of)(struct task_struct *owner), u64 *id)
{
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		*id = id_of(owner);
	rcu_read_unlock();
	return owner;
}

static u64 user_of(struct task_struct *owner)
{
	return from_kuid(&init_user_ns, task_uid(owner));
}

/**
 * uksm_owner_user() - the user of an address space
 * @mm: address space; the caller holds a reference on the structure
 * @uid: set to the real user ID of its owner, as the initial user namespace has it
 *
 * Context: any. Takes the RCU read lock.
 * Return: false when it has no owner any more.
 */
bool uksm_owner_user(struct mm_struct *mm, u64 *uid)
{
	return ask_owner(mm, user_of, uid);
}

static bool is_group(u64 id, unsigned int nr)
{
	while (nr--)
		if (READ_ONCE(groups[nr]) == id)
			return true;
	return false;
}

/* The highest cgroup that is one with all below it; where there is none, the owner's own. */
static struct cgroup *group_of(struct cgroup *own)
{
	unsigned int nr = min(READ_ONCE(nr_groups), GROUPS_MAX);
	struct cgroup *group = own, *cgroup;

	for (cgroup = own; nr && cgroup; cgroup = cgroup_parent(cgroup))
		if (is_group(cgroup_id(cgroup), nr))
			group = cgroup;
	return group;
}

static u64 cgroup_of(struct task_struct *owner)
{
	return cgroup_id(group_of(task_dfl_cgroup(owner)));
}

/**
 * uksm_owner_cgroup() - the cgroup of an address space
 * @mm: address space; the caller holds a reference on the structure
 * @id: set to the ID of its owner's cgroup in the default hierarchy (cgroup v2), or of one
 *	above it that uksm_cgroup_group() has made one with all below
 *
 * Context: any. Takes the RCU read lock, under which neither a css_set nor its cgroup goes.
 * Return: false when it has no owner any more.
 */
bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id)
{
	return ask_owner(mm, cgroup_of, id);
}

/**
 * uksm_cgroup_find() - the ID of a cgroup
 * @path: from the root of the default hierarchy, with a slash in front
 * @id: set to it
 *
 * Context: process context.
 * Return: 0, or -ENOENT, -ENOTDIR and the like.
 */
int uksm_cgroup_find(const char *path, u64 *id)
{
	struct cgroup *cgroup = cgroup_get_from_path(path);

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	*id = cgroup_id(cgroup);
	cgroup_put(cgroup);
	return 0;
}

/**
 * uksm_cgroup_path() - the path of a cgroup
 * @id: its ID
 * @buf: where to put it
 * @size: of @buf
 *
 * Context: process context.
 * Return: 0, -ENOENT when there is none of that ID any more, -E2BIG when it does not fit.
 */
int uksm_cgroup_path(u64 id, char *buf, size_t size)
{
	struct cgroup *cgroup = cgroup_get_from_id(id);
	int len;

	if (IS_ERR_OR_NULL(cgroup))
		return -ENOENT;
	len = cgroup_path(cgroup, buf, size);
	cgroup_put(cgroup);
	return len >= 0 && len < size ? 0 : -E2BIG;
}

/**
 * uksm_cgroup_group() - have a cgroup count as one with all below it, or no more
 * @id: its ID
 * @together: as one
 *
 * Context: process context.
 * Return: 0, -ENOSPC when there are too many, -ENOENT when it was not one.
 */
int uksm_cgroup_group(u64 id, bool together)
{
	unsigned int nr;
	int err = 0;

	mutex_lock(&groups_mutex);
	for (nr = 0; nr < nr_groups && groups[nr] != id; nr++)
		;
	if (together && nr == GROUPS_MAX) {
		err = -ENOSPC;
	} else if (together && nr == nr_groups) {
		WRITE_ONCE(groups[nr], id);
		WRITE_ONCE(nr_groups, nr + 1);
	} else if (!together && nr == nr_groups) {
		err = -ENOENT;
	} else if (!together) {
		WRITE_ONCE(groups[nr], groups[nr_groups - 1]);
		WRITE_ONCE(nr_groups, nr_groups - 1);
	}
	mutex_unlock(&groups_mutex);
	return err;
}

/**
 * uksm_cgroup_groups() - the cgroups that are one with all below them
 * @nr: which, from 0 on
 * @id: set to its ID
 *
 * Return: how many there are; @id is set if @nr is less.
 */
unsigned int uksm_cgroup_groups(unsigned int nr, u64 *id)
{
	unsigned int all;

	mutex_lock(&groups_mutex);
	all = nr_groups;
	if (nr < all)
		*id = groups[nr];
	mutex_unlock(&groups_mutex);
	return all;
}

#else

bool uksm_owner_known(void)
{
	return false;
}

bool uksm_owner_user(struct mm_struct *mm, u64 *uid)
{
	return false;
}

bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id)
{
	return false;
}

int uksm_cgroup_find(const char *path, u64 *id)
{
	return -EOPNOTSUPP;
}

int uksm_cgroup_path(u64 id, char *buf, size_t size)
{
	return -EOPNOTSUPP;
}

int uksm_cgroup_group(u64 id, bool together)
{
	return -EOPNOTSUPP;
}

unsigned int uksm_cgroup_groups(unsigned int nr, u64 *id)
{
	return 0;
}

#endif
