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
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

/* So many cgroups can be in a list. */
#define LISTED_MAX	64u

#if defined(CONFIG_MEMCG) && defined(CONFIG_CGROUPS)

/*
 * Changed under lists_mutex, looked at under none: an entry that is just being changed may not be
 * found, and is asked for again soon.
 */
static struct cgroup_list {
	struct uksm_cgroup_ref refs[LISTED_MAX];
	unsigned int nr;
	bool ever;
} lists[UKSM_NR_CGROUP_LISTS];
static DEFINE_MUTEX(lists_mutex);

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

/*
 * The highest of a cgroup and those above it that is in a list, or NULL. Under RCU. How deep it
 * lies is for others to decide, so it costs the same at any depth.
 */
static struct cgroup *highest_listed(enum uksm_cgroup_list which, struct cgroup *cgroup)
{
	const struct cgroup_list *list = &lists[which];
	unsigned int nr = min(READ_ONCE(list->nr), LISTED_MAX);
	struct cgroup *highest = NULL, *above;

	while (nr--) {
		above = cgroup_ancestor(cgroup, READ_ONCE(list->refs[nr].level));
		if (above && cgroup_id(above) == READ_ONCE(list->refs[nr].id) &&
		    (!highest || above->level < highest->level))
			highest = above;
	}
	return highest;
}

static u64 cgroup_of(struct task_struct *owner)
{
	struct cgroup *own = task_dfl_cgroup(owner);

	return cgroup_id(highest_listed(UKSM_CGROUPS_TOGETHER, own) ?: own);
}

/**
 * uksm_owner_cgroup() - the cgroup of an address space
 * @mm: address space; the caller holds a reference on the structure
 * @id: set to the ID of its owner's cgroup in the default hierarchy (cgroup v2), or of one
 *	above it that is in %UKSM_CGROUPS_TOGETHER, the highest
 *
 * Context: any. Takes the RCU read lock, under which neither a css_set nor its cgroup goes.
 * Return: false when it has no owner any more.
 */
bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id)
{
	return ask_owner(mm, cgroup_of, id);
}

static u64 excluded_of(struct task_struct *owner)
{
	return highest_listed(UKSM_CGROUPS_EXCLUDED, task_dfl_cgroup(owner)) ? 1 : 0;
}

/**
 * uksm_owner_excluded() - is nothing of an address space to be merged?
 * @mm: address space; the caller holds a reference on the structure
 * @unknown: what to say of one that has no owner any more
 *
 * Context: any. Takes the RCU read lock.
 * Return: true when its owner's cgroup, or one above it, is in %UKSM_CGROUPS_EXCLUDED.
 */
bool uksm_owner_excluded(struct mm_struct *mm, bool unknown)
{
	u64 excluded;

	if (!READ_ONCE(lists[UKSM_CGROUPS_EXCLUDED].nr))
		return false;
	return ask_owner(mm, excluded_of, &excluded) ? excluded : unknown;
}

/*
 * QEMU asks for merging of its guest's memory itself, unless it has been told not to
 * (mem-merge=off, <nosharepages/>), and that is then to be respected. Its binaries are qemu-system-*,
 * qemu-kvm, or kvm.
 */
static bool speaks_for_himself(struct task_struct *owner)
{
	char comm[TASK_COMM_LEN];

	/* He may just be changing his name, as he may at any time. */
	strscpy(comm, owner->comm, sizeof(comm));
	return strstarts(comm, "qemu-") || !strcmp(comm, "kvm");
}

static u64 included_of(struct task_struct *owner)
{
	return highest_listed(UKSM_CGROUPS_INCLUDED, task_dfl_cgroup(owner)) ? 1 : 0;
}

/* What process 1 starts, in whatever group, would inherit the mark from it. */
static u64 unspoken_of(struct task_struct *owner)
{
	return included_of(owner) && !speaks_for_himself(owner) && !is_global_init(owner);
}

/**
 * uksm_owner_included() - does an address space take part although nobody there has asked?
 * @mm: address space; the caller holds a reference on the structure
 * @unknown: what to say of one that has no owner any more
 *
 * Context: any. Takes the RCU read lock.
 * Return: true when its owner's cgroup, or one above it, is in %UKSM_CGROUPS_INCLUDED.
 */
bool uksm_owner_included(struct mm_struct *mm, bool unknown)
{
	u64 included;

	if (!uksm_cgroups_any(UKSM_CGROUPS_INCLUDED))
		return false;
	return ask_owner(mm, included_of, &included) ? included : unknown;
}

/**
 * uksm_owner_enlists() - is it to be made to take part?
 * @mm: address space; the caller holds a reference on the structure
 *
 * Context: any. Takes the RCU read lock.
 * Return: true when it is included and not excluded, and its owner is neither one to ask himself
 * nor process 1.
 */
bool uksm_owner_enlists(struct mm_struct *mm)
{
	u64 unspoken;

	return uksm_cgroups_any(UKSM_CGROUPS_INCLUDED) &&
	       ask_owner(mm, unspoken_of, &unspoken) && unspoken &&
	       !uksm_owner_excluded(mm, true);
}

/** uksm_owner_ever_included() - has there been a cgroup in %UKSM_CGROUPS_INCLUDED? */
bool uksm_owner_ever_included(void)
{
	return READ_ONCE(lists[UKSM_CGROUPS_INCLUDED].ever);
}

/** uksm_cgroups_any() - is there any cgroup in a list? */
bool uksm_cgroups_any(enum uksm_cgroup_list which)
{
	return READ_ONCE(lists[which].nr);
}

/**
 * uksm_cgroup_find() - which cgroup a path means
 * @path: from the root of the default hierarchy that the caller sees, with a slash in front
 * @ref: filled in
 *
 * Context: process context.
 * Return: 0, or -ENOENT, -ENOTDIR and the like.
 */
int uksm_cgroup_find(const char *path, struct uksm_cgroup_ref *ref)
{
	struct cgroup *cgroup = cgroup_get_from_path(path);

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	*ref = (struct uksm_cgroup_ref){ .id = cgroup_id(cgroup), .level = cgroup->level };
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

/* Where in the list it is; at the end when it is not. */
static unsigned int position(const struct cgroup_list *list, u64 id)
{
	unsigned int nr;

	lockdep_assert_held(&lists_mutex);
	for (nr = 0; nr < list->nr && list->refs[nr].id != id; nr++)
		;
	return nr;
}

static void set_entry(struct cgroup_list *list, unsigned int nr, const struct uksm_cgroup_ref *ref)
{
	WRITE_ONCE(list->refs[nr].id, ref->id);
	WRITE_ONCE(list->refs[nr].level, ref->level);
}

/* The last one takes its place. */
static void remove_entry(struct cgroup_list *list, unsigned int nr)
{
	set_entry(list, nr, &list->refs[list->nr - 1]);
	WRITE_ONCE(list->nr, list->nr - 1);
}

/**
 * uksm_cgroup_put_on() - add a cgroup to a list, once
 * @which: list
 * @ref: cgroup
 *
 * Context: process context.
 * Return: 0, or -ENOSPC when there are too many.
 */
int uksm_cgroup_put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref)
{
	struct cgroup_list *list = &lists[which];
	unsigned int nr;
	int err = 0;

	mutex_lock(&lists_mutex);
	nr = position(list, ref->id);
	if (nr == LISTED_MAX) {
		err = -ENOSPC;
	} else if (nr == list->nr) {
		set_entry(list, nr, ref);
		WRITE_ONCE(list->ever, true);
		WRITE_ONCE(list->nr, nr + 1);
	}
	mutex_unlock(&lists_mutex);
	return err;
}

/**
 * uksm_cgroup_take_off() - remove a cgroup from a list
 * @which: list
 * @id: its ID
 *
 * Context: process context.
 * Return: 0, or -ENOENT when it is not there.
 */
int uksm_cgroup_take_off(enum uksm_cgroup_list which, u64 id)
{
	struct cgroup_list *list = &lists[which];
	unsigned int nr;
	int err = 0;

	mutex_lock(&lists_mutex);
	nr = position(list, id);
	if (nr < list->nr)
		remove_entry(list, nr);
	else
		err = -ENOENT;
	mutex_unlock(&lists_mutex);
	return err;
}

/**
 * uksm_cgroup_drop_gone() - remove those from a list that do not exist any more
 * @which: list
 *
 * Context: a kernel thread: of a process in a cgroup namespace the kernel would say that all
 * outside it are gone.
 */
void uksm_cgroup_drop_gone(enum uksm_cgroup_list which)
{
	struct cgroup_list *list = &lists[which];
	struct cgroup *cgroup;
	unsigned int nr;

	mutex_lock(&lists_mutex);
	for (nr = list->nr; nr--;) {
		cgroup = cgroup_get_from_id(list->refs[nr].id);
		if (IS_ERR_OR_NULL(cgroup))
			remove_entry(list, nr);
		else
			cgroup_put(cgroup);
	}
	mutex_unlock(&lists_mutex);
}

/**
 * uksm_cgroup_listed() - the cgroups in a list
 * @which: list
 * @nr: which of it, from 0 on
 * @id: set to its ID
 *
 * Return: how many there are; @id is set if @nr is less.
 */
unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr, u64 *id)
{
	const struct cgroup_list *list = &lists[which];
	unsigned int all;

	mutex_lock(&lists_mutex);
	all = list->nr;
	if (nr < all)
		*id = list->refs[nr].id;
	mutex_unlock(&lists_mutex);
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

int uksm_cgroup_find(const char *path, struct uksm_cgroup_ref *ref)
{
	return -EOPNOTSUPP;
}

int uksm_cgroup_path(u64 id, char *buf, size_t size)
{
	return -EOPNOTSUPP;
}

bool uksm_owner_excluded(struct mm_struct *mm, bool unknown)
{
	return false;
}

bool uksm_owner_included(struct mm_struct *mm, bool unknown)
{
	return false;
}

bool uksm_owner_enlists(struct mm_struct *mm)
{
	return false;
}

bool uksm_owner_ever_included(void)
{
	return false;
}

bool uksm_cgroups_any(enum uksm_cgroup_list which)
{
	return false;
}

int uksm_cgroup_put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref)
{
	return -EOPNOTSUPP;
}

void uksm_cgroup_drop_gone(enum uksm_cgroup_list which)
{
}

int uksm_cgroup_take_off(enum uksm_cgroup_list which, u64 id)
{
	return -EOPNOTSUPP;
}

unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr, u64 *id)
{
	return 0;
}

#endif
