// SPDX-License-Identifier: GPL-2.0-only
/*
 * race=NAME[:MSECS] arms one point, race= none. race_hits counts who has come to it since,
 * race_met how often somebody came in between, and race_points lists the names.
 */
#include "kernel/race.h"

#ifdef UKSM_DEBUG

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

#define MSECS_DEFAULT	5
#define MSECS_MAX	1000

static const char * const names[] = {
	"get-lock",		/* a stable node's page found, and not locked yet */
	"protect-replace",	/* pages write-protected and compared, and still mapped */
	"discover-enter",	/* an address space found, and not entered */
	"compare-link",		/* pages compared, and not linked or locked */
	"peer-enter",		/* a page found in the unstable tree, its process not entered */
	"unshare-del",		/* a page unmerged, and its record still there */
	"prune-lock",		/* a node's page locked, and not parted from it */
	"hash-next",		/* some pages of a locked page table hashed, and others to come */
};

/* The armed one, or -1. */
static int armed = -1;
static unsigned int msecs = MSECS_DEFAULT;
static atomic_t hits = ATOMIC_INIT(0);
static atomic_t met = ATOMIC_INIT(0);

static bool is_armed(const char *name)
{
	int point = READ_ONCE(armed);

	return point >= 0 && !strcmp(names[point], name);
}

void uksm_race_point(const char *name)
{
	if (!is_armed(name))
		return;
	atomic_inc(&hits);
	if (READ_ONCE(msecs))
		schedule_timeout_uninterruptible(msecs_to_jiffies(READ_ONCE(msecs)) ?: 1);
	else
		schedule();
}

void uksm_race_spin(const char *name)
{
	if (!is_armed(name))
		return;
	atomic_inc(&hits);
	/* On real-time kernels who holds a spinlock is preempted. */
	preempt_disable();
	mdelay(READ_ONCE(msecs));
	preempt_enable();
}

/*
 * Of a race with a migration the other side must be slow as well: between the moment from which on
 * the kernel does not go back and the unlocking of the old page are but microseconds.
 */
#define MIGRATION_USECS	500

static int migration_delay(struct kprobe *p, struct pt_regs *regs)
{
	if (is_armed("get-lock"))
		udelay(MIGRATION_USECS);
	return 0;
}

static struct kprobe migration_probe = {
	.symbol_name = "folio_migrate_flags",
	.pre_handler = migration_delay,
};

void uksm_race_init(void)
{
	if (register_kprobe(&migration_probe))
		pr_warn("races with migrations are not drawn out\n");
}

void uksm_race_exit(void)
{
	unregister_kprobe(&migration_probe);
}

void uksm_race_met(const char *name)
{
	if (is_armed(name))
		atomic_inc(&met);
}

static int race_set(const char *text, const struct kernel_param *param)
{
	char name[32];
	char *colon;
	unsigned int ms = MSECS_DEFAULT;
	int point;

	strscpy(name, text, sizeof(name));
	strim(name);
	colon = strchr(name, ':');
	if (colon) {
		*colon = '\0';
		if (kstrtouint(colon + 1, 10, &ms) || ms > MSECS_MAX)
			return -EINVAL;
	}
	point = -1;
	if (*name) {
		point = match_string(names, ARRAY_SIZE(names), name);
		if (point < 0)
			return -EINVAL;
	}
	WRITE_ONCE(armed, -1);
	atomic_set(&hits, 0);
	atomic_set(&met, 0);
	WRITE_ONCE(msecs, ms);
	WRITE_ONCE(armed, point);
	return 0;
}

static int race_get(char *text, const struct kernel_param *param)
{
	int point = READ_ONCE(armed);

	return sysfs_emit(text, "%s\n", point < 0 ? "" : names[point]);
}

static int hits_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&hits));
}

static int met_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&met));
}

static int points_get(char *text, const struct kernel_param *param)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		n += sysfs_emit_at(text, n, "%s\n", names[i]);
	return n;
}

static const struct kernel_param_ops race_ops = { .set = race_set, .get = race_get };
static const struct kernel_param_ops hits_ops = { .get = hits_get };
static const struct kernel_param_ops met_ops = { .get = met_get };
static const struct kernel_param_ops points_ops = { .get = points_get };

module_param_cb(race, &race_ops, NULL, 0644);
MODULE_PARM_DESC(race, "NAME[:MSECS]: sleep at that point, or spin where a spinlock is held; empty: at none");
module_param_cb(race_hits, &hits_ops, NULL, 0444);
MODULE_PARM_DESC(race_hits, "how often that point was come to");
module_param_cb(race_met, &met_ops, NULL, 0444);
MODULE_PARM_DESC(race_met, "how often somebody came in between there, which was noticed");
module_param_cb(race_points, &points_ops, NULL, 0444);
MODULE_PARM_DESC(race_points, "names for race");

#endif /* UKSM_DEBUG */
