// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/cgroups.h"

#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

/* So many cgroups can be in a list. */
#define LISTED_MAX	64u

#if defined(CONFIG_MEMCG) && defined(CONFIG_CGROUPS)

/*
 * Changed under lists_mutex, looked at under none, from the last entry on: one that stays on the
 * list is found at any time, there or where it has been moved to.
 */
static struct cgroup_list {
	struct uksm_cgroup_ref refs[LISTED_MAX];
	unsigned int nr;
	bool ever;
} lists[UKSM_NR_CGROUP_LISTS];
static DEFINE_MUTEX(lists_mutex);

/** uksm_cgroups_any() - is there any cgroup in a list? */
bool uksm_cgroups_any(enum uksm_cgroup_list which)
{
	return READ_ONCE(lists[which].nr);
}

/** uksm_cgroups_ever() - has there been any cgroup in a list? */
bool uksm_cgroups_ever(enum uksm_cgroup_list which)
{
	return READ_ONCE(lists[which].ever);
}

static unsigned int nr_listed(const struct cgroup_list *list)
{
	/* Pairs with set_nr(). */
	return min(smp_load_acquire(&list->nr), LISTED_MAX);
}

/*
 * The cgroup itself, or that above it, which an entry names, and what is said of it; or NULL, as of
 * an entry that is just being set. Under RCU.
 */
static struct cgroup *named_by(const struct uksm_cgroup_ref *ref, struct cgroup *cgroup,
			       unsigned int *value)
{
	/* Pairs with set_entry(). */
	u64 id = smp_load_acquire(&ref->id);
	struct cgroup *above = cgroup_ancestor(cgroup, READ_ONCE(ref->level));

	*value = READ_ONCE(ref->value);
	/* Pairs with set_entry() as well: had it begun by then, the ID is another. */
	smp_rmb();
	return above && id == cgroup_id(above) && id == READ_ONCE(ref->id) ? above : NULL;
}

/**
 * uksm_cgroup_highest() - the highest of a cgroup and those above it that is in a list
 * @which: list
 * @cgroup: cgroup
 *
 * How deep it lies is for others to decide, so it costs the same at any depth.
 *
 * Context: for this and the two that follow, under RCU.
 * Return: that, or NULL.
 */
struct cgroup *uksm_cgroup_highest(enum uksm_cgroup_list which, struct cgroup *cgroup)
{
	const struct cgroup_list *list = &lists[which];
	struct cgroup *highest = NULL, *above;
	unsigned int nr = nr_listed(list), value;

	while (nr--) {
		above = named_by(&list->refs[nr], cgroup, &value);
		if (above && (!highest || above->level < highest->level))
			highest = above;
	}
	return highest;
}

/**
 * uksm_cgroup_nearest_value() - what a list says of a cgroup, or of the nearest above it
 * @which: list
 * @cgroup: cgroup
 * @otherwise: what to return when it says nothing of any
 */
unsigned int uksm_cgroup_nearest_value(enum uksm_cgroup_list which, struct cgroup *cgroup,
				       unsigned int otherwise)
{
	const struct cgroup_list *list = &lists[which];
	struct cgroup *nearest = NULL, *above;
	unsigned int nr = nr_listed(list), value;

	while (nr--) {
		above = named_by(&list->refs[nr], cgroup, &value);
		if (!above || (nearest && above->level < nearest->level))
			continue;
		nearest = above;
		otherwise = value;
	}
	return otherwise;
}

/** uksm_cgroup_greatest_value() - the greatest that it says of it, or of any above it; or 0 */
unsigned int uksm_cgroup_greatest_value(enum uksm_cgroup_list which, struct cgroup *cgroup)
{
	const struct cgroup_list *list = &lists[which];
	unsigned int nr = nr_listed(list), greatest = 0, value;

	while (nr--)
		if (named_by(&list->refs[nr], cgroup, &value))
			greatest = max(greatest, value);
	return greatest;
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

/* One that is not in use, or goes, becomes another. No cgroup has ID 0. */
static void set_entry(struct cgroup_list *list, unsigned int nr, const struct uksm_cgroup_ref *ref)
{
	WRITE_ONCE(list->refs[nr].id, 0);
	/* Who reads the level or the value of the next one finds no ID, or that of the next one. */
	smp_wmb();
	WRITE_ONCE(list->refs[nr].level, ref->level);
	WRITE_ONCE(list->refs[nr].value, ref->value);
	/* Pairs with named_by(). */
	smp_store_release(&list->refs[nr].id, ref->id);
}

/* Whoever counts an entry finds it as it was set, or where the last one was moved from. */
static void set_nr(struct cgroup_list *list, unsigned int nr)
{
	/* Pairs with nr_listed(). */
	smp_store_release(&list->nr, nr);
}

/* The last one takes its place. */
static void remove_entry(struct cgroup_list *list, unsigned int nr)
{
	unsigned int last = list->nr - 1;

	lockdep_assert_held(&lists_mutex);
	if (nr != last)
		set_entry(list, nr, &list->refs[last]);
	set_nr(list, last);
}

/**
 * uksm_cgroup_put_on() - add a cgroup to a list, or have another value for it there
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
	} else if (nr < list->nr) {
		/* It is found at any time, with the one value or the other. */
		WRITE_ONCE(list->refs[nr].value, ref->value);
	} else {
		set_entry(list, nr, ref);
		WRITE_ONCE(list->ever, true);
		set_nr(list, nr + 1);
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
 * @ref: set to it
 *
 * Return: how many there are; @ref is set if @nr is less.
 */
unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr,
				struct uksm_cgroup_ref *ref)
{
	const struct cgroup_list *list = &lists[which];
	unsigned int all;

	mutex_lock(&lists_mutex);
	all = list->nr;
	if (nr < all)
		*ref = list->refs[nr];
	mutex_unlock(&lists_mutex);
	return all;
}

#else

bool uksm_cgroups_any(enum uksm_cgroup_list which)
{
	return false;
}

bool uksm_cgroups_ever(enum uksm_cgroup_list which)
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

int uksm_cgroup_put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref)
{
	return -EOPNOTSUPP;
}

int uksm_cgroup_take_off(enum uksm_cgroup_list which, u64 id)
{
	return -EOPNOTSUPP;
}

void uksm_cgroup_drop_gone(enum uksm_cgroup_list which)
{
}

unsigned int uksm_cgroup_listed(enum uksm_cgroup_list which, unsigned int nr,
				struct uksm_cgroup_ref *ref)
{
	return 0;
}

#endif
