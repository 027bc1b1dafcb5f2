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

#include "engine/asked.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/merge_now.h"
#include "kernel/cgroups.h"
#include "surface/lists.h"

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
COUNTER(pages_scanned);
COUNTER(pages_shared);
COUNTER(pages_sharing);
COUNTER(pages_unshared);
COUNTER(pages_volatile);
COUNTER(cow_breaks);

/* Whose it is: empty for a process's, whose ID may be another's by now. */
static ssize_t owner_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct uksm_domain_key *key = &kobj_domain(kobj)->key;
	int err;

	switch (key->kind) {
	case UKSM_ISOLATE_USER:
		return sysfs_emit(buf, "%llu\n", key->id);
	case UKSM_ISOLATE_CGROUP:
		err = uksm_cgroup_path(key->id, buf, PAGE_SIZE - 1);
		if (err)
			return err == -ENOENT ? 0 : err;
		strcat(buf, "\n");
		return strlen(buf);
	case UKSM_DOMAIN_NAMED:
		return sysfs_emit(buf, "%s\n", key->name);
	default:
		return 0;
	}
}
static struct kobj_attribute owner_attr = __ATTR(owner, 0400, owner_show, NULL);

static ssize_t hardening_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", uksm_hardening_words[kobj_domain(kobj)->key.hardening]);
}
static struct kobj_attribute hardening_attr = __ATTR(hardening, 0400, hardening_show, NULL);

static struct attribute *domain_attrs[] = {
	&owner_attr.attr,
	&hardening_attr.attr,
	&processes_attr.attr,
	&pages_scanned_attr.attr,
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

static void show(struct uksm_domain *domain)
{
	char name[UKSM_DOMAIN_NAME_SIZE];

	uksm_domain_name(&domain->key, name);
	/* Without memory for it there is no directory, which is no reason not to merge. */
	if (kobject_init_and_add(&domain->kobj, &domain_type, domains_dir, "%s", name))
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

/* A process ID, or the name of a domain; the write returns when it is done. */
static ssize_t merge_now_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	char name[UKSM_DOMAIN_NAME_SIZE];
	struct uksm_domain_key key;
	int pid, err;

	if (strscpy(name, buf, sizeof(name)) < 0)
		return -EINVAL;
	strim(name);
	if (!isdigit(*name))
		err = uksm_domain_parse(name, &key) ?: uksm_merge_now_domain(&key);
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
	domains_queue = alloc_workqueue("uksm_domains", WQ_UNBOUND, 1);
	if (!domains_queue)
		return -ENOMEM;
	domains_dir = kobject_create_and_add("domains", parent);
	if (!domains_dir)
		return -ENOMEM;
	uksm_domains_set_watcher(domains_changed);
	return uksm_list_files_add(domains_dir) ?:
	       sysfs_create_file(domains_dir, &merge_now_attr.attr);
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
