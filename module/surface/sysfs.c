// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory /sys/kernel/mm/uksm. The list of its files is uksm/names.h,
 * each is defined here, and docs/admin-guide.md says what each means.
 *
 * Tools written for ksm must not tell the difference, so for ksm's names the
 * accepted text, the range and the errno are ksm's, oddities included:
 *
 *  - a number is decimal, with an optional plus sign in front and one optional
 *    newline at its end; nothing else may stand around it;
 *  - a number too big is -EINVAL like any other nonsense, but -ERANGE for
 *    merge_across_nodes and max_page_sharing;
 *  - advisor_max_cpu takes an unsigned long and keeps the low 32 bits of it.
 *
 * An empty write never comes here: sysfs answers it with 0.
 *
 * Nothing here takes a lock. Most reads need none; what a write needs, and the count of
 * zero pages, is taken by the function that it calls.
 */
#include "surface/sysfs.h"

#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/sched/cputime.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include <uksm/names.h>

#include "compat/compat.h"
#include "engine/admin.h"
#include "engine/knobs.h"
#include "engine/stats.h"
#include "engine/uksmd.h"
#include "engine/zero_pages.h"
#include "kernel/owner.h"
#include "pure/checksum.h"
#include "surface/domains.h"

/**
 * struct uksm_file - one file
 * @attr: name, mode, and what reads and writes it
 * @value: the knob or counter behind the generic functions below, of the type
 *	that they have in their name; NULL when the file has functions of its own
 */
struct uksm_file {
	struct kobj_attribute attr;
	void *value;
};

static inline void *value_of(struct kobj_attribute *attr)
{
	return container_of(attr, struct uksm_file, attr)->value;
}

#define FILE_RO(_name)                                          \
	static struct uksm_file _name##_file = {                \
		.attr = __ATTR(_name, 0444, _name##_show, NULL) \
	}

#define FILE_RW(_name)                                                   \
	static struct uksm_file _name##_file = {                         \
		.attr = __ATTR(_name, 0644, _name##_show, _name##_store) \
	}

/*
 * Generic files. _type is a typedef of linux/types.h and the prefix of the pair
 * of functions; a variable of another type draws a warning.
 */
#define VALUE(_type, _pointer) (true ? (_pointer) : (_type *)NULL)

#define COUNTER(_name)                                         \
	static struct uksm_file _name##_file = {               \
		.attr = __ATTR(_name, 0444, ulong_show, NULL), \
		.value = VALUE(ulong, &uksm_stats._name)       \
	}

#define KNOB_FILE(_name, _type, _store)                            \
	static struct uksm_file _name##_file = {                   \
		.attr = __ATTR(_name, 0644, _type##_show, _store), \
		.value = VALUE(_type, &uksm_knobs._name)           \
	}

#define KNOB(_name, _type) KNOB_FILE(_name, _type, _type##_store)

/* A knob that does not take every number, or does more than keep it. */
#define KNOB_STORED(_name, _type) KNOB_FILE(_name, _type, _name##_store)

static ssize_t uint_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	unsigned int *value = value_of(attr);

	return sysfs_emit(buf, "%u\n", READ_ONCE(*value));
}

static ssize_t uint_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	unsigned int *value = value_of(attr);
	unsigned int number;

	if (kstrtouint(buf, 10, &number))
		return -EINVAL;
	WRITE_ONCE(*value, number);

	return count;
}

static ssize_t ulong_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	unsigned long *value = value_of(attr);

	return sysfs_emit(buf, "%lu\n", READ_ONCE(*value));
}

static ssize_t ulong_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	unsigned long *value = value_of(attr);
	unsigned long number;

	if (kstrtoul(buf, 10, &number))
		return -EINVAL;
	WRITE_ONCE(*value, number);

	return count;
}

static ssize_t bool_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	bool *value = value_of(attr);

	return sysfs_emit(buf, "%u\n", READ_ONCE(*value));
}

static ssize_t bool_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	bool *value = value_of(attr);
	bool answer;

	if (kstrtobool(buf, &answer))
		return -EINVAL;
	WRITE_ONCE(*value, answer);

	return count;
}

/* All words that a file takes, the one in force in brackets. */
static ssize_t words_show(const char *const *words, unsigned int nr, unsigned int chosen,
			  char *buf)
{
	unsigned int word;
	int len = 0;

	for (word = 0; word < nr; word++)
		len += sysfs_emit_at(buf, len, word == chosen ? "%s[%s]" : "%s%s",
				     word ? " " : "", words[word]);
	return len + sysfs_emit_at(buf, len, "\n");
}

/* Control of the scanner */

static ssize_t run_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	unsigned int run;
	int err;

	if (kstrtouint(buf, 10, &run) || run > UKSM_RUN_UNMERGE)
		return -EINVAL;
	err = uksm_admin_set_run(run);

	return err ?: count;
}
KNOB_STORED(run, uint);

static ssize_t pages_to_scan_store(struct kobject *kobj,
				   struct kobj_attribute *attr, const char *buf,
				   size_t count)
{
	unsigned int pages;
	int err;

	if (kstrtouint(buf, 10, &pages))
		return -EINVAL;
	err = uksm_knobs_set_pages_to_scan(pages);

	return err ?: count;
}
KNOB_STORED(pages_to_scan, uint);

static ssize_t sleep_millisecs_store(struct kobject *kobj,
				     struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	unsigned int msecs;

	if (kstrtouint(buf, 10, &msecs))
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.sleep_millisecs, msecs);
	uksmd_wake();

	return count;
}
KNOB_STORED(sleep_millisecs, uint);

/* What merges with what */

static ssize_t merge_across_nodes_store(struct kobject *kobj,
					struct kobj_attribute *attr,
					const char *buf, size_t count)
{
	unsigned long across;
	int err;

	err = kstrtoul(buf, 10, &across);
	if (err)
		return err;
	if (across > 1)
		return -EINVAL;
	err = uksm_admin_set_tree_knob(&uksm_knobs.merge_across_nodes, across);

	return err ?: count;
}
KNOB_STORED(merge_across_nodes, uint);

static ssize_t max_page_sharing_store(struct kobject *kobj,
				      struct kobj_attribute *attr,
				      const char *buf, size_t count)
{
	int sharers;
	int err;

	err = kstrtoint(buf, 10, &sharers);
	if (err)
		return err;
	/* A page comes to be a KSM page by two addresses sharing it. */
	if (sharers < 2)
		return -EINVAL;
	err = uksm_admin_set_tree_knob(&uksm_knobs.max_page_sharing, sharers);

	return err ?: count;
}
KNOB_STORED(max_page_sharing, uint);

KNOB(use_zero_pages, bool);

/* As isolation shows them, by enum uksm_isolation. */
static const char *const isolation_words[] = { "none", "user", "cgroup", "process" };

static ssize_t isolation_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return words_show(isolation_words, ARRAY_SIZE(isolation_words),
			  READ_ONCE(uksm_knobs.isolation), buf);
}

static ssize_t isolation_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	int mode = sysfs_match_string(isolation_words, buf);
	int err;

	if (mode < 0)
		return -EINVAL;
	if ((mode == UKSM_ISOLATE_USER || mode == UKSM_ISOLATE_CGROUP) && !uksm_owner_known())
		return -EOPNOTSUPP;
	err = uksm_admin_set_tree_knob(&uksm_knobs.isolation, mode);

	return err ?: count;
}
FILE_RW(isolation);

static ssize_t hardening_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return words_show(uksm_hardening_words, UKSM_NR_HARDENINGS,
			  READ_ONCE(uksm_knobs.hardening), buf);
}

static ssize_t hardening_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	int level = sysfs_match_string(uksm_hardening_words, buf);
	int err;

	if (level < 0)
		return -EINVAL;
	err = uksm_admin_set_tree_knob(&uksm_knobs.hardening, level);

	return err ?: count;
}
FILE_RW(hardening);

KNOB(zero_page_across_domains, bool);
KNOB(stable_node_chains_prune_millisecs, uint);

static ssize_t checksum_lines_store(struct kobject *kobj,
				    struct kobj_attribute *attr,
				    const char *buf, size_t count)
{
	unsigned int lines;
	int err;

	if (kstrtouint(buf, 10, &lines))
		return -EINVAL;
	if (lines < 1 || lines > UKSM_LINES)
		return -EINVAL;
	err = uksm_admin_set_tree_knob(&uksm_knobs.checksum_lines, lines);

	return err ?: count;
}
KNOB_STORED(checksum_lines, uint);

/* How much to scan */

KNOB(smart_scan, bool);

static ssize_t max_cpu_percentage_store(struct kobject *kobj,
					struct kobj_attribute *attr,
					const char *buf, size_t count)
{
	unsigned int percent;

	if (kstrtouint(buf, 10, &percent))
		return -EINVAL;
	if (percent < 1 || percent > 100)
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.max_cpu_percentage, percent);
	uksmd_wake();

	return count;
}
KNOB_STORED(max_cpu_percentage, uint);

static ssize_t max_available_percentage_store(struct kobject *kobj,
					      struct kobj_attribute *attr,
					      const char *buf, size_t count)
{
	unsigned int percent;

	if (kstrtouint(buf, 10, &percent))
		return -EINVAL;
	if (percent < 1 || percent > 100)
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.max_available_percentage, percent);
	uksmd_wake();

	return count;
}
KNOB_STORED(max_available_percentage, uint);

static ssize_t max_metadata_percentage_store(struct kobject *kobj,
					     struct kobj_attribute *attr,
					     const char *buf, size_t count)
{
	unsigned int percent;

	if (kstrtouint(buf, 10, &percent))
		return -EINVAL;
	if (percent < 1 || percent > 100)
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.max_metadata_percentage, percent);

	return count;
}
KNOB_STORED(max_metadata_percentage, uint);

/* As advisor_mode shows them, by enum uksm_advisor. */
static const char *const advisor_words[] = { "none", "scan-time", "auto" };

static ssize_t advisor_mode_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return words_show(advisor_words, ARRAY_SIZE(advisor_words),
			  READ_ONCE(uksm_knobs.advisor_mode), buf);
}

static ssize_t advisor_mode_store(struct kobject *kobj,
				  struct kobj_attribute *attr, const char *buf,
				  size_t count)
{
	int mode = sysfs_match_string(advisor_words, buf);

	if (mode < 0)
		return -EINVAL;
	uksm_knobs_set_advisor_mode(mode);
	uksmd_wake();

	return count;
}
FILE_RW(advisor_mode);

static ssize_t advisor_max_cpu_store(struct kobject *kobj,
				     struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	unsigned long percent;

	if (kstrtoul(buf, 10, &percent))
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.advisor_max_cpu, (unsigned int)percent);

	return count;
}
KNOB_STORED(advisor_max_cpu, uint);

KNOB(advisor_min_pages_to_scan, ulong);
KNOB(advisor_max_pages_to_scan, ulong);

static ssize_t advisor_target_scan_time_store(struct kobject *kobj,
					      struct kobj_attribute *attr,
					      const char *buf, size_t count)
{
	unsigned long seconds;

	if (kstrtoul(buf, 10, &seconds) || seconds < 1)
		return -EINVAL;
	WRITE_ONCE(uksm_knobs.advisor_target_scan_time, seconds);

	return count;
}
KNOB_STORED(advisor_target_scan_time, ulong);

/* Counters */

COUNTER(full_scans);
COUNTER(pages_scanned);
COUNTER(pages_shared);
COUNTER(pages_sharing);
COUNTER(pages_unshared);
COUNTER(pages_volatile);
COUNTER(pages_skipped);
COUNTER(stable_node_chains);
COUNTER(stable_node_dups);
COUNTER(cow_breaks);

/*
 * Not the kernel's count of all, which drifts: fork() adds to it what it does not copy.
 */
static ssize_t ksm_zero_pages_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", uksm_zero_pages());
}
FILE_RO(ksm_zero_pages);

COUNTER(split_zero_pages);

static ssize_t general_profit_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%ld\n", uksm_stats_profit_bytes(uksm_zero_pages()));
}
FILE_RO(general_profit);

static ssize_t metadata_bytes_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", uksm_stats_meta_bytes());
}
FILE_RO(metadata_bytes);

static ssize_t dead_metadata_bytes_show(struct kobject *kobj,
					struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", READ_ONCE(uksm_stats.dead_meta_bytes));
}
FILE_RO(dead_metadata_bytes);

/* The scanner thread, which outlives this directory */

static ssize_t uksmd_cpu_msecs_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	u64 utime, stime;

	task_cputime_adjusted(uksmd_task(), &utime, &stime);

	return sysfs_emit(buf, "%llu\n", div_u64(utime + stime, NSEC_PER_MSEC));
}
FILE_RO(uksmd_cpu_msecs);

static ssize_t kthread_pid_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", task_pid_nr(uksmd_task()));
}
FILE_RO(kthread_pid);

#define FILE_ENTRY(_name) &_name##_file.attr.attr,

static struct attribute *uksm_attrs[] = { UKSM_FILES(FILE_ENTRY, FILE_ENTRY)
						  NULL };

static const struct attribute_group uksm_attr_group = {
	.attrs = uksm_attrs,
};

static struct kobject *uksm_dir;

/**
 * uksm_sysfs_init() - create /sys/kernel/mm/uksm
 *
 * Context: the last step of loading: a file can be written as soon as it is
 * there, so everything that it reaches must be ready.
 * Return: 0 or -errno.
 */
int uksm_sysfs_init(void)
{
	int err;

	uksm_dir = kobject_create_and_add(UKSM_SYSFS_NAME, uksm_mm_kobject());
	if (!uksm_dir)
		return -ENOMEM;
	err = uksm_domain_files_init(uksm_dir);
	err = err ?: sysfs_create_group(uksm_dir, &uksm_attr_group);
	if (err)
		uksm_sysfs_exit();
	return err;
}

/**
 * uksm_sysfs_exit() - remove /sys/kernel/mm/uksm
 *
 * kernfs lets no new access in and waits for those under way, so on return none
 * of the functions above runs or will run, and the engine may be taken down.
 *
 * Context: the first step of unloading. May sleep for as long as a write to run
 * takes; the caller must hold no lock that a write takes, uksm_mutex in
 * particular.
 */
void uksm_sysfs_exit(void)
{
	uksm_domain_files_stop();
	kobject_del(uksm_dir);
	kobject_put(uksm_dir);
}
