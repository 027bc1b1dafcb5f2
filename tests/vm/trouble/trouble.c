// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make trouble when loaded, so that tests/vm/selftest can see that the VM
 * runner's verdict fails.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *kind = "none";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "a name of the table, or none");

static DEFINE_SPINLOCK(lock_a);
static DEFINE_SPINLOCK(lock_b);
static unsigned long counter;

static void make_warning(void)
{
	WARN(1, "trouble wanted\n");
}

static void make_oops(void)
{
	WRITE_ONCE(*(int *)8, 0);
}

static void make_lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

/* Nothing runs any more, and no watchdog either. */
static void make_standstill(void)
{
	local_irq_disable();
	for (;;)
		halt();
}

static void make_leak(void)
{
	char *lost = kmalloc(120, GFP_KERNEL);

	if (lost)
		strscpy(lost, "lost", 120);
}

static void make_overrun(void)
{
	char *buffer = kmalloc(120, GFP_KERNEL);

	if (!buffer)
		return;
	OPTIMIZER_HIDE_VAR(buffer);
	WRITE_ONCE(buffer[120], 1);
	kfree(buffer);
}

static void make_shift(void)
{
	int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	pr_info("1 << 40 is %d\n", 1 << bits);
}

/* Both orders, one after the other: no deadlock now, but one to come. */
static void make_deadlock(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);

	spin_lock(&lock_b);
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	spin_unlock(&lock_b);
}

static void make_sleep(void)
{
	spin_lock(&lock_a);
	msleep(20);
	spin_unlock(&lock_a);
}

static noinline void count_for(unsigned int secs)
{
	unsigned long end = jiffies + secs * HZ;

	while (time_before(jiffies, end)) {
		counter++;
		cond_resched();
	}
}

static int racer(void *unused)
{
	count_for(5);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

/* Two threads step a counter without a word to each other. */
static void make_race(void)
{
	struct task_struct *thread = kthread_run(racer, NULL, "racer");

	if (IS_ERR(thread))
		return;
	count_for(5);
	kthread_stop(thread);
}

static const struct {
	const char *kind;
	void (*make)(void);
} troubles[] = {
	{ "warn", make_warning },
	{ "oops", make_oops },
	{ "lockup", make_lockup },
	{ "standstill", make_standstill },
	/* These are trouble on debug kernels only. */
	{ "leak", make_leak },
	{ "overrun", make_overrun },
	{ "shift", make_shift },
	{ "deadlock", make_deadlock },
	{ "sleep", make_sleep },
	{ "race", make_race },
};

static int __init trouble_init(void)
{
	unsigned int i;

	if (!strcmp(kind, "none"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(troubles); i++) {
		if (strcmp(kind, troubles[i].kind))
			continue;
		troubles[i].make();
		return 0;
	}
	return -EINVAL;
}

static void __exit trouble_exit(void)
{
}

module_init(trouble_init);
module_exit(trouble_exit);
MODULE_DESCRIPTION("Trouble for the test of the VM runner");
MODULE_LICENSE("GPL");
