// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name is given to a process, not to an address space: it stays through execve(), whichever
 * thread calls that, and ends with the process. Children have none of their own.
 *
 * Names are looked for by the scanner, under RCU; so one that is changed is another entry.
 */
#include "kernel/named.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/* So many processes can have one: what a file can show, of seven digits and a whole name each. */
#define NAMED_MAX	100u

/**
 * struct named - a process with a name
 * @process: its process ID, with a reference: no other has it meanwhile
 * @hash: link in the table keyed by @process
 * @list: link in the list of all
 * @rcu: to free it
 * @name: with zeroes behind
 */
struct named {
	struct pid *process;
	struct rhash_head hash;
	struct list_head list;
	struct rcu_head rcu;
	char name[UKSM_NAME_SIZE];
};

static const struct rhashtable_params named_params = {
	.key_len = sizeof(struct pid *),
	.key_offset = offsetof(struct named, process),
	.head_offset = offsetof(struct named, hash),
	.automatic_shrinking = true,
};

/* Changed under named_mutex. */
static DEFINE_MUTEX(named_mutex);
static struct rhashtable named_table;
static LIST_HEAD(named_list);
static unsigned int nr_named;

/** uksm_named_any() - has any process a name? */
bool uksm_named_any(void)
{
	return READ_ONCE(nr_named);
}

/**
 * uksm_named_find() - the name of a process
 * @process: its process ID, or NULL
 * @name: set to it, with zeroes behind
 *
 * Context: under RCU.
 * Return: false when it has none.
 */
bool uksm_named_find(struct pid *process, char name[UKSM_NAME_SIZE])
{
	const struct named *named;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "names are freed under RCU");
	named = process ? rhashtable_lookup(&named_table, &process, named_params) : NULL;
	if (named)
		memcpy(name, named->name, UKSM_NAME_SIZE);
	return named;
}

/** uksm_name_valid() - may this be a name: 1 to 31 of A-Z, a-z, 0-9, _ and -? */
bool uksm_name_valid(const char *name)
{
	size_t len = strnlen(name, UKSM_NAME_SIZE), i;

	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || !(isalnum(name[i]) || name[i] == '_' || name[i] == '-'))
			return false;
	return len && len < UKSM_NAME_SIZE;
}

static void named_free_rcu(struct rcu_head *rcu)
{
	struct named *named = container_of(rcu, struct named, rcu);

	/* Not before: a reader may compare it with that of a process that has come since. */
	put_pid(named->process);
	kfree(named);
}

static void named_remove(struct named *named)
{
	lockdep_assert_held(&named_mutex);
	rhashtable_remove_fast(&named_table, &named->hash, named_params);
	list_del(&named->list);
	WRITE_ONCE(nr_named, nr_named - 1);
	call_rcu(&named->rcu, named_free_rcu);
}

static bool exited(struct pid *process)
{
	bool gone;

	rcu_read_lock();
	gone = !pid_task(process, PIDTYPE_TGID);
	rcu_read_unlock();
	return gone;
}

/* Those that have exited cannot be taken off, and are not to take up the room. */
static void drop_exited(void)
{
	struct named *named, *next;

	lockdep_assert_held(&named_mutex);
	list_for_each_entry_safe(named, next, &named_list, list)
		if (exited(named->process))
			named_remove(named);
}

/* The name of a process becomes @named, which is in use then. Up to then it has the one before. */
static int give(struct named *named)
{
	struct named *before;
	int err;

	lockdep_assert_held(&named_mutex);
	before = rhashtable_lookup_fast(&named_table, &named->process, named_params);
	if (!before && nr_named >= NAMED_MAX)
		return -ENOSPC;
	if (before)
		err = rhashtable_replace_fast(&named_table, &before->hash, &named->hash,
					      named_params);
	else
		err = rhashtable_insert_fast(&named_table, &named->hash, named_params);
	if (err)
		return err;
	list_add_tail(&named->list, &named_list);
	if (before) {
		list_del(&before->list);
		call_rcu(&before->rcu, named_free_rcu);
	} else {
		WRITE_ONCE(nr_named, nr_named + 1);
	}
	return 0;
}

/**
 * uksm_named_give() - give a process a name, in place of the one that it has
 * @pid: its process ID, as the caller's namespace has it
 * @name: uksm_name_valid()
 *
 * Context: process context.
 * Return: 0; -ESRCH if there is no such process, -ENOSPC if too many have a name, -ENOMEM.
 */
int uksm_named_give(int pid, const char *name)
{
	struct named *named = kzalloc(sizeof(*named), GFP_KERNEL);
	int err;

	if (!named)
		return -ENOMEM;
	strscpy(named->name, name, sizeof(named->name));
	named->process = find_get_pid(pid);
	mutex_lock(&named_mutex);
	drop_exited();
	err = named->process && !exited(named->process) ? give(named) : -ESRCH;
	mutex_unlock(&named_mutex);
	if (err) {
		put_pid(named->process);
		kfree(named);
	}
	return err;
}

/**
 * uksm_named_take() - take a process's name away
 * @pid: its process ID, as the caller's namespace has it
 *
 * Context: process context.
 * Return: 0, or -ENOENT when it has none.
 */
int uksm_named_take(int pid)
{
	struct pid *process = find_get_pid(pid);
	struct named *named = NULL;

	mutex_lock(&named_mutex);
	if (process)
		named = rhashtable_lookup_fast(&named_table, &process, named_params);
	if (named)
		named_remove(named);
	mutex_unlock(&named_mutex);
	put_pid(process);
	return named ? 0 : -ENOENT;
}

/**
 * uksm_named_show() - those that have names, one to a line: process ID and name
 * @buf: of PAGE_SIZE, as a file in sysfs has
 *
 * Process IDs are those of the caller's namespace; of others nothing is shown.
 *
 * Context: process context.
 * Return: how many bytes there are.
 */
int uksm_named_show(char *buf)
{
	const struct named *named;
	int len = 0;

	mutex_lock(&named_mutex);
	drop_exited();
	list_for_each_entry(named, &named_list, list)
		if (pid_vnr(named->process))
			len += sysfs_emit_at(buf, len, "%d %s\n", pid_vnr(named->process),
					     named->name);
	mutex_unlock(&named_mutex);
	return len;
}

/** uksm_named_init() - make the table; 0 or -ENOMEM */
int uksm_named_init(void)
{
	return rhashtable_init(&named_table, &named_params);
}

/** uksm_named_exit() - forget all names; nobody looks for any more */
void uksm_named_exit(void)
{
	struct named *named, *next;

	mutex_lock(&named_mutex);
	list_for_each_entry_safe(named, next, &named_list, list)
		named_remove(named);
	mutex_unlock(&named_mutex);
	/* Those that are still to be freed need this code. */
	rcu_barrier();
	rhashtable_destroy(&named_table);
}
