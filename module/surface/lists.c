// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that show a list, and change it: of cgroups, some with a value for each, and of
 * processes with a name. What is written puts one on the list, with + in front, or takes it off,
 * with -.
 */
#include "surface/lists.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
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
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/uksmd.h"
#include "kernel/cgroups.h"
#include "kernel/named.h"

/**
 * struct list_file - a file with a list of cgroups
 * @attr: it
 * @which: list
 * @parse: the value behind a path: 0 or -EINVAL; NULL if there is none
 * @print: the same, as it is shown, with a blank in front
 */
struct list_file {
	struct kobj_attribute attr;
	enum uksm_cgroup_list which;
	int (*parse)(const char *text, unsigned int *value);
	int (*print)(char *buf, size_t size, unsigned int value);
};

static const struct list_file *list_file_of(struct kobj_attribute *attr)
{
	return container_of(attr, struct list_file, attr);
}

/* One path to a line; one that does not fit, and what has gone, is left out. */
static ssize_t list_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct list_file *file = list_file_of(attr);
	struct uksm_cgroup_ref ref;
	unsigned int nr;
	char value[16];
	int len = 0, n;

	for (nr = 0; nr < uksm_cgroup_listed(file->which, nr, &ref); nr++) {
		n = file->print ? file->print(value, sizeof(value), ref.value) : 0;
		if (PAGE_SIZE - 1 - len <= n ||
		    uksm_cgroup_path(ref.id, buf + len, PAGE_SIZE - 1 - len - n))
			continue;
		len += strlen(buf + len);
		memcpy(buf + len, value, n);
		len += n;
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

/* What is behind the last blank, which is cut off. */
static int parse_value(const struct list_file *file, char *text, unsigned int *value)
{
	char *blank = strrchr(text, ' ');

	if (!blank)
		return -EINVAL;
	*blank = '\0';
	return file->parse(blank + 1, value);
}

/* A path with + in front, and perhaps a value behind it, or with -. */
static int parse_entry(const struct list_file *file, char *text, struct uksm_cgroup_ref *ref)
{
	unsigned int value = 0;
	int err = 0;

	if ((*text != '+' && *text != '-') || text[1] != '/')
		return -EINVAL;
	if (*text == '+' && file->parse)
		err = parse_value(file, text, &value);
	err = err ?: uksm_cgroup_find(strim(text + 1), ref);
	ref->value = value;
	return err;
}

/* What a change of a list means for those that are on it, or were. */
static int list_changed(enum uksm_cgroup_list which, bool on)
{
	int err = 0;

	/* Also of those that have merged pages by fork() alone. */
	if (which == (on ? UKSM_CGROUPS_EXCLUDED : UKSM_CGROUPS_INCLUDED))
		err = uksm_admin_discover();
	if (err || which != UKSM_CGROUPS_INCLUDED)
		return err;
	uksmd_work_hint();
	if (on && !uksm_merge_any_joins())
		pr_notice_once("on this kernel each new mapping of a process that is included remains one of its own: mind vm.max_map_count\n");
	return 0;
}

static ssize_t list_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			  size_t count)
{
	const struct list_file *file = list_file_of(attr);
	char *text = kstrndup(buf, count, GFP_KERNEL);
	struct uksm_cgroup_ref ref;
	bool on = *buf == '+';
	int err;

	if (!text)
		return -ENOMEM;
	/* What is in front is the sign, and no blank. */
	strim(text);
	err = parse_entry(file, text, &ref);
	kfree(text);
	if (!err && file->which == UKSM_CGROUPS_INCLUDED && !uksm_merge_any_known())
		err = -EOPNOTSUPP;
	if (!err)
		err = on ? put_on(file->which, &ref) : uksm_cgroup_take_off(file->which, ref.id);
	return err ?: list_changed(file->which, on) ?: count;
}

static int parse_level(const char *text, unsigned int *level)
{
	int found = match_string(uksm_hardening_words, UKSM_NR_HARDENINGS, text);

	*level = max(found, 0);
	return found > UKSM_HARDEN_NONE ? 0 : -EINVAL;
}

static int print_level(char *buf, size_t size, unsigned int level)
{
	return scnprintf(buf, size, " %s", uksm_hardening_words[level]);
}

static int parse_weight(const char *text, unsigned int *weight)
{
	return kstrtouint(text, 10, weight) || !*weight || *weight > UKSM_WEIGHT_MAX ? -EINVAL : 0;
}

static int print_weight(char *buf, size_t size, unsigned int weight)
{
	return scnprintf(buf, size, " %u", weight);
}

#define LIST(_name)	__ATTR(_name, 0644, list_show, list_store)

static struct list_file cgroup_files[] = {
	{ .attr = LIST(cgroups), .which = UKSM_CGROUPS_TOGETHER },
	{ .attr = LIST(excluded), .which = UKSM_CGROUPS_EXCLUDED },
	{ .attr = LIST(included), .which = UKSM_CGROUPS_INCLUDED },
	{ .attr = LIST(hardened), .which = UKSM_CGROUPS_HARDENED,
	  .parse = parse_level, .print = print_level },
	{ .attr = LIST(weights), .which = UKSM_CGROUPS_WEIGHTS,
	  .parse = parse_weight, .print = print_weight },
};

static ssize_t named_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return uksm_named_show(buf);
}

/* A process ID with + in front and a name behind it, or with - in front. */
static int named_change(char *text)
{
	bool on = *text == '+';
	char *name = text + 1, *number;
	int pid;

	if (!on && *text != '-')
		return -EINVAL;
	number = strsep(&name, " ");
	if (!isdigit(*number) || kstrtoint(number, 10, &pid) || pid < 1)
		return -EINVAL;
	if (!on)
		return name ? -EINVAL : uksm_named_take(pid);
	return name && uksm_name_valid(name) ? uksm_named_give(pid, name) : -EINVAL;
}

static ssize_t named_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	char text[UKSM_DOMAIN_NAME_SIZE];
	int err;

	if (strscpy(text, buf, sizeof(text)) < 0)
		return -EINVAL;
	strim(text);
	err = named_change(text);
	return err ?: count;
}
/* Whose guests they are is for root to know. */
static struct kobj_attribute named_attr = __ATTR(named, 0600, named_show, named_store);

/**
 * uksm_list_files_add() - create them
 * @dir: where
 *
 * Return: 0 or -errno. They go with the directory.
 */
int uksm_list_files_add(struct kobject *dir)
{
	unsigned int i;
	int err = sysfs_create_file(dir, &named_attr.attr);

	for (i = 0; i < ARRAY_SIZE(cgroup_files) && !err; i++)
		err = sysfs_create_file(dir, &cgroup_files[i].attr.attr);
	return err;
}
