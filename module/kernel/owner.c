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
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "kernel/cgroups.h"
#include "kernel/named.h"

#if defined(CONFIG_MEMCG) && defined(CONFIG_CGROUPS)

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

/** uksm_owner_any() - has an address space an owner still, who can be asked about? */
bool uksm_owner_any(struct mm_struct *mm)
{
	return rcu_access_pointer(mm->owner);
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

static u64 cgroup_of(struct task_struct *owner)
{
	struct cgroup *own = task_dfl_cgroup(owner);

	return cgroup_id(uksm_cgroup_highest(UKSM_CGROUPS_TOGETHER, own) ?: own);
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
	return uksm_cgroup_highest(UKSM_CGROUPS_EXCLUDED, task_dfl_cgroup(owner)) ? 1 : 0;
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

	if (!uksm_cgroups_any(UKSM_CGROUPS_EXCLUDED))
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
	return uksm_cgroup_highest(UKSM_CGROUPS_INCLUDED, task_dfl_cgroup(owner)) ? 1 : 0;
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

/**
 * uksm_owner_name() - the name that the process of an address space was given
 * @mm: address space; the caller holds a reference on the structure
 * @name: set to it, with zeroes behind
 *
 * Context: any. Takes the RCU read lock.
 * Return: false when it has none, or no owner any more.
 */
bool uksm_owner_name(struct mm_struct *mm, char name[UKSM_NAME_SIZE])
{
	struct task_struct *owner;
	bool named = false;

	if (!uksm_named_any())
		return false;
	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		/* None while it exits. */
		named = uksm_named_find(task_tgid(owner), name);
	rcu_read_unlock();
	return named;
}

static u64 hardening_of(struct task_struct *owner)
{
	return uksm_cgroup_greatest_value(UKSM_CGROUPS_HARDENED, task_dfl_cgroup(owner));
}

/**
 * uksm_owner_hardening() - to what level an address space is hardened at least
 * @mm: address space; the caller holds a reference on the structure
 *
 * Context: any. Takes the RCU read lock.
 * Return: enum uksm_hardening, the highest for its owner's cgroup and all above it in
 * %UKSM_CGROUPS_HARDENED; of one without an owner the lowest.
 */
unsigned int uksm_owner_hardening(struct mm_struct *mm)
{
	u64 level;

	if (!uksm_cgroups_any(UKSM_CGROUPS_HARDENED))
		return 0;
	return ask_owner(mm, hardening_of, &level) ? level : 0;
}

/* No weight is 0. */
static u64 weight_of(struct task_struct *owner)
{
	return uksm_cgroup_nearest_value(UKSM_CGROUPS_WEIGHTS, task_dfl_cgroup(owner), 0);
}

/**
 * uksm_owner_weight() - the weight of an address space
 * @mm: address space; the caller holds a reference on the structure
 * @otherwise: of one whose owner has none
 *
 * Context: any. Takes the RCU read lock.
 * Return: that of its owner's cgroup, or of the nearest above it, in %UKSM_CGROUPS_WEIGHTS.
 */
unsigned int uksm_owner_weight(struct mm_struct *mm, unsigned int otherwise)
{
	u64 weight;

	if (!uksm_cgroups_any(UKSM_CGROUPS_WEIGHTS) || !ask_owner(mm, weight_of, &weight))
		return otherwise;
	return weight ?: otherwise;
}

#else

bool uksm_owner_known(void)
{
	return false;
}

bool uksm_owner_any(struct mm_struct *mm)
{
	return true;
}

bool uksm_owner_user(struct mm_struct *mm, u64 *uid)
{
	return false;
}

bool uksm_owner_cgroup(struct mm_struct *mm, u64 *id)
{
	return false;
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

bool uksm_owner_name(struct mm_struct *mm, char name[UKSM_NAME_SIZE])
{
	return false;
}

unsigned int uksm_owner_hardening(struct mm_struct *mm)
{
	return 0;
}

unsigned int uksm_owner_weight(struct mm_struct *mm, unsigned int otherwise)
{
	return otherwise;
}

#endif
