// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each domain has a directory with its part of the counters. Domains come and go under
 * uksm_mutex, but to remove a file waits for its readers; so directories are made and removed
 * by a work item, in turn. What they say of a tenant's memory is for root only.
 *
 * A domain that has a directory is freed with its kobject: by the work item, after the
 * engine has let go of it.
 */
#include "surface/domains.h"

#include <linux/ctype.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "engine/admin.h"
#include "engine/asked.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/merge_now.h"
#include "engine/uksmd.h"
#include "kernel/owner.h"

static struct kobject *domains_dir;
/* Not bound to a CPU: thousands at once keep it busy for long, and a CPU's others would wait. */
static struct workqueue_struct *domains_queue;

static struct uksm_domain *kobj_domain(struct kobject *kobj)
{
	return container_of(kobj, struct uksm_domain, kobj);
}

#define COUNTER(_name)                                                              \
	static ssize_t _name##_show(struct kobject *kobj, struct kobj_attribute *attr, \
				    char *buf)                                      \
	{                                                                           \
		return sysfs_emit(buf, "%lu\n", READ_ONCE(kobj_domain(kobj)->_name)); \
	}                                                                           \
	static struct kobj_attribute _name##_attr = __ATTR(_name, 0400, _name##_show, NULL)

COUNTER(processes);
COUNTER(pages_shared);
COUNTER(pages_sharing);
COUNTER(pages_unshared);
COUNTER(pages_volatile);
COUNTER(cow_breaks);

/* Whose it is: empty for a process's, whose ID may be another's by now. */
static ssize_t owner_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	u64 id = kobj_domain(kobj)->id;
	int err;

	switch (kobj_domain(kobj)->isolation) {
	case UKSM_ISOLATE_USER:
		return sysfs_emit(buf, "%llu\n", id);
	case UKSM_ISOLATE_CGROUP:
		err = uksm_cgroup_path(id, buf, PAGE_SIZE - 1);
		if (err)
			return err == -ENOENT ? 0 : err;
		strcat(buf, "\n");
		return strlen(buf);
	default:
		return 0;
	}
}
static struct kobj_attribute owner_attr = __ATTR(owner, 0400, owner_show, NULL);

static struct attribute *domain_attrs[] = {
	&owner_attr.attr,
	&processes_attr.attr,
	&pages_shared_attr.attr,
	&pages_sharing_attr.attr,
	&pages_unshared_attr.attr,
	&pages_volatile_attr.attr,
	&cow_breaks_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(domain);

static void domain_release(struct kobject *kobj)
{
	kfree(kobj_domain(kobj));
}

static const struct kobj_type domain_type = {
	.release = domain_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = domain_groups,
};

/* What the names of directories begin with; without isolation there is none. */
static const char *const kinds[] = {
	[UKSM_ISOLATE_USER] = "user",
	[UKSM_ISOLATE_CGROUP] = "cgroup",
	[UKSM_ISOLATE_PROCESS] = "process",
};

static void show(struct uksm_domain *domain)
{
	/* Without memory for it there is no directory, which is no reason not to merge. */
	if (kobject_init_and_add(&domain->kobj, &domain_type, domains_dir, "%s-%llu",
				 kinds[domain->isolation], domain->id))
		pr_warn_ratelimited("no directory for a domain\n");
}

/* The last reference frees it. */
static void hide(struct uksm_domain *domain)
{
	/* Not there when show() has failed; that cannot be told to kobject_del(), which warns. */
	if (domain->kobj.state_in_sysfs)
		kobject_del(&domain->kobj);
	kobject_put(&domain->kobj);
}

static void domains_work_fn(struct work_struct *work)
{
	struct uksm_domain *domain;
	bool gone;

	while ((domain = uksm_domain_changed(&gone))) {
		if (gone)
			hide(domain);
		else
			show(domain);
		cond_resched();
	}
}
static DECLARE_WORK(domains_work, domains_work_fn);

static void domains_changed(void)
{
	queue_work(domains_queue, &domains_work);
}

/* A file that shows a list of cgroups, and changes it. */
struct list_file {
	struct kobj_attribute attr;
	enum uksm_cgroup_list which;
};

/* One path to a line. */
static ssize_t list_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	enum uksm_cgroup_list which = container_of(attr, struct list_file, attr)->which;
	unsigned int nr;
	int len = 0;
	u64 id;

	for (nr = 0; nr < uksm_cgroup_listed(which, nr, &id); nr++) {
		if (uksm_cgroup_path(id, buf + len, PAGE_SIZE - 1 - len))
			continue;
		len += strlen(buf + len);
		buf[len++] = '\n';
	}
	return len;
}

static void drop_gone_fn(struct work_struct *work)
{
	enum uksm_cgroup_list which;

	for (which = 0; which < UKSM_NR_CGROUP_LISTS; which++)
		uksm_cgroup_drop_gone(which);
}
static DECLARE_WORK(drop_gone_work, drop_gone_fn);

/* Those that have gone cannot be taken off, and are not to take up the room. */
static int put_on(enum uksm_cgroup_list which, const struct uksm_cgroup_ref *ref)
{
	schedule_work(&drop_gone_work);
	flush_work(&drop_gone_work);
	return uksm_cgroup_put_on(which, ref);
}

/* A path with + in front has that cgroup put on the list, with - taken off. */
static ssize_t list_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			  size_t count)
{
	enum uksm_cgroup_list which = container_of(attr, struct list_file, attr)->which;
	struct uksm_cgroup_ref ref;
	char *path;
	int err;

	if ((*buf != '+' && *buf != '-') || buf[1] != '/')
		return -EINVAL;
	path = kstrndup(buf + 1, count, GFP_KERNEL);
	if (!path)
		return -ENOMEM;
	err = uksm_cgroup_find(strim(path), &ref);
	kfree(path);
	if (err)
		return err;
	if (which == UKSM_CGROUPS_INCLUDED && !uksm_merge_any_known())
		return -EOPNOTSUPP;
	err = *buf == '+' ? put_on(which, &ref) : uksm_cgroup_take_off(which, ref.id);
	/* Also of those that have merged pages by fork() alone. */
	if (!err && which == (*buf == '+' ? UKSM_CGROUPS_EXCLUDED : UKSM_CGROUPS_INCLUDED))
		err = uksm_admin_discover();
	if (!err && which == UKSM_CGROUPS_INCLUDED)
		uksmd_work_hint();
	if (!err && which == UKSM_CGROUPS_INCLUDED && *buf == '+' && !uksm_merge_any_joins())
		pr_notice_once("on this kernel each new mapping of a process that is included remains one of its own: mind vm.max_map_count\n");

	return err ?: count;
}

static struct list_file together_file = {
	__ATTR(cgroups, 0644, list_show, list_store), UKSM_CGROUPS_TOGETHER
};

static struct list_file excluded_file = {
	__ATTR(excluded, 0644, list_show, list_store), UKSM_CGROUPS_EXCLUDED
};

static struct list_file included_file = {
	__ATTR(included, 0644, list_show, list_store), UKSM_CGROUPS_INCLUDED
};

/* A name as directories have it: what the domain is, a hyphen, its ID in decimal. */
static int merge_now_domain(char *name)
{
	char *id = strchr(name, '-');
	u64 number;
	int i;

	if (!id)
		return -EINVAL;
	*id++ = '\0';
	for (i = UKSM_ISOLATE_USER; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i]))
			break;
	if (i == ARRAY_SIZE(kinds) || !isdigit(*id) || kstrtou64(id, 10, &number))
		return -EINVAL;
	return uksm_merge_now_domain(i, number);
}

/* A process ID, or the name of a domain; the write returns when it is done. */
static ssize_t merge_now_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	char name[64];
	int pid, err;

	if (strscpy(name, buf, sizeof(name)) < 0)
		return -EINVAL;
	strim(name);
	if (!isdigit(*name))
		err = merge_now_domain(name);
	else if (kstrtoint(name, 10, &pid) || pid < 1)
		err = -EINVAL;
	else
		err = uksm_merge_now_process(pid);
	return err ?: count;
}

/* How many pages have been looked at, and of how many; nothing if nobody has asked for any. */
static ssize_t merge_now_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct uksm_asked now = uksm_asked_progress();

	if (!now.slots)
		return 0;
	return sysfs_emit(buf, "%lu %lu\n", min(now.looked, now.pages), now.pages);
}
static struct kobj_attribute merge_now_attr = __ATTR(merge_now, 0600, merge_now_show, merge_now_store);

/**
 * uksm_domain_files_init() - create the directory of the domains
 * @parent: /sys/kernel/mm/uksm
 *
 * Return: 0 or -errno; uksm_domain_files_stop() and uksm_domain_files_exit() are called in any case.
 */
int uksm_domain_files_init(struct kobject *parent)
{
	int err;

	domains_queue = alloc_workqueue("uksm_domains", WQ_UNBOUND, 1);
	if (!domains_queue)
		return -ENOMEM;
	domains_dir = kobject_create_and_add("domains", parent);
	if (!domains_dir)
		return -ENOMEM;
	uksm_domains_set_watcher(domains_changed);
	err = sysfs_create_file(domains_dir, &together_file.attr.attr);
	err = err ?: sysfs_create_file(domains_dir, &excluded_file.attr.attr);
	err = err ?: sysfs_create_file(domains_dir, &included_file.attr.attr);
	return err ?: sysfs_create_file(domains_dir, &merge_now_attr.attr);
}

/**
 * uksm_domain_files_stop() - let nobody in any more, and wait for who is
 *
 * Removes the directory with all below. The domains still have their kobjects.
 */
void uksm_domain_files_stop(void)
{
	uksm_domains_set_watcher(NULL);
	cancel_work_sync(&domains_work);
	kobject_del(domains_dir);
}

/** uksm_domain_files_exit() - free the domains that the engine has let go of since: all */
void uksm_domain_files_exit(void)
{
	struct uksm_domain *domain;
	bool gone;

	while ((domain = uksm_domain_changed(&gone))) {
		/* One that was to be shown, and is not any more, is not in the list. */
		WARN_ON_ONCE(!gone);
		hide(domain);
	}
	kobject_put(domains_dir);
	domains_dir = NULL;
	if (domains_queue)
		destroy_workqueue(domains_queue);
	domains_queue = NULL;
}
