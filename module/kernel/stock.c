// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own engine, ksmd: kept off while uksm merges.
 *
 * Were both to run, ksmd would take our stable nodes for its own, link its
 * rmap_items to them and free them. Only a write of 1 to /sys/kernel/mm/ksm/run
 * sets ksmd going, so its store function is hooked for as long as the module is
 * loaded. The hook lets everything through until uksm_stock_claim(), which
 * refuses if ksmd runs or still holds pages; from then on it refuses that 1,
 * until uksm_stock_release().
 *
 * A claim is made, and is looked at by a store until it is done, under stock_mutex. So a
 * claim meets no store half way that would set ksmd going after the claim has seen it idle.
 * A release waits for nobody: a store that has seen the claim was refused, and one that has
 * not finds uksm stopped and empty. The stores that entered before the hook was there are
 * waited for when the module is loaded.
 *
 * A store may wait for memory that goes offline with stock_mutex held; the lock order is in
 * engine/lock.h. Hooking takes cpu_hotplug_lock first, and so must not happen under any of
 * these.
 */
#include "kernel/stock.h"

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait_bit.h>

#include "compat/compat.h"
#include "kernel/fault.h"
#include "kernel/ksyms.h"

/* Values of ksm_run. */
#define RUN_MERGE 1UL
#define RUN_UNMERGE 2UL
#define RUN_OFFLINE 4UL

#define STOCK_RUN "/sys/kernel/mm/ksm/run"
#define UKSM_RUN "/sys/kernel/mm/uksm/run"

static DEFINE_MUTEX(stock_mutex);
/* Set under stock_mutex, cleared by uksm_stock_release() alone. */
static bool claimed;
/* When that was, in ns since boot; ksmd has not scanned from then on. */
static u64 claimed_at_ns;

/* Tasks in hooked_run_store(), counted before they enter it. */
static atomic_t nr_stores;

DEFINE_STATIC_CALL_NULL(uksm_run_store, *((struct kobj_attribute *)0)->store);

/* What a write to ksmd's run file does instead. */
static ssize_t hooked_run_store(struct kobject *kobj,
				struct kobj_attribute *attr, const char *buf,
				size_t count)
{
	unsigned int run;
	bool refuse;
	ssize_t ret;

	if (kstrtouint(buf, 10, &run))
		run = 0;

	ret = mutex_lock_killable(&stock_mutex);
	if (ret)
		goto out;
	/* Pairs with the release of a claim: what uksm had is gone when ksmd starts. */
	refuse = smp_load_acquire(&claimed);
	if (refuse && run == RUN_MERGE) {
		pr_notice_ratelimited(
			"ksmd stays off while uksm runs or holds pages: write 2 to " UKSM_RUN
			" first\n");
		ret = -EBUSY;
	} else {
		if (refuse && run == RUN_UNMERGE)
			pr_notice_ratelimited(
				"paused until 0 is written to " STOCK_RUN "\n");
		/*
		 * The hook knows this call by where it returns to: it must not
		 * become a jump.
		 */
		ret = static_call(uksm_run_store)(kobj, attr, buf, count);
	}
	mutex_unlock(&stock_mutex);
out:
	if (atomic_dec_and_test(&nr_stores))
		wake_up_var(&nr_stores);
	return ret;
}

static_assert(__same_type(hooked_run_store,
			  *((struct kobj_attribute *)0)->store));

static void notrace redirect_run_store(unsigned long ip,
				       unsigned long parent_ip,
				       struct ftrace_ops *ops,
				       struct ftrace_regs *fregs)
{
	if (within_module(parent_ip, THIS_MODULE))
		return;
	atomic_inc(&nr_stores);
	uksm_ftrace_set_ip(fregs, (unsigned long)hooked_run_store);
}

/*
 * PERMANENT: kernel.ftrace_enabled=0 is refused while the hook is there. Not
 * RECURSION, with which ftrace would leave a call alone that it takes for a
 * recursive one: the function above is called for run_store() only, and calls
 * nothing that could end up there.
 */
static struct ftrace_ops run_store_ops = {
	.func = redirect_run_store,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY |
		 FTRACE_OPS_FL_PERMANENT,
};

static unsigned long run_store_addr;

/*
 * run_store is a name that any sysfs directory could have a function of: take
 * the one that ksmd's attribute points to.
 */
static int __init find_run_store(void)
{
	const struct attribute_group *group = uksm_kdata.ksm_attr_group;
	struct attribute **attrs = group->attrs;
	struct kobj_attribute *run;
	char text[KSYM_SYMBOL_LEN];

	if (!group->name || strcmp(group->name, "ksm") || !attrs)
		goto unknown;
	while (*attrs && strcmp((*attrs)->name, "run"))
		attrs++;
	if (!*attrs)
		goto unknown;

	run = container_of(*attrs, struct kobj_attribute, attr);
	run_store_addr = (unsigned long)run->store;
	sprint_symbol(text, run_store_addr);
	if (!strstarts(text, "run_store+0x0/"))
		goto unknown;
	static_call_update(uksm_run_store, run->store);
	return 0;
unknown:
	pr_err("cannot find the store function of " STOCK_RUN
	       ": refusing to load\n");
	return -ENOENT;
}

/*
 * Wait for stores that began before the hook. synchronize_rcu_tasks() does for
 * those that run or are preempted, but takes sleepers for gone: in run_store()
 * they sleep holding ksm_thread_mutex, or waiting for it, or for memory to have
 * been offlined.
 */
static int __init drain_early_stores(void)
{
	unsigned int tries;

	synchronize_rcu_tasks();
	for (tries = 0; tries < 100; tries++) {
		bool quiet;

		mutex_lock(uksm_kdata.ksm_thread_mutex);
		quiet = !uksm_mutex_has_waiters(uksm_kdata.ksm_thread_mutex) &&
			!(*uksm_kdata.ksm_run & RUN_OFFLINE);
		mutex_unlock(uksm_kdata.ksm_thread_mutex);
		if (quiet)
			return 0;
		msleep(20);
	}
	pr_err("someone keeps writing to " STOCK_RUN
	       ", or memory is going offline: refusing to load\n");
	return -EBUSY;
}

static void unhook_run_store(void)
{
	WARN_ON(unregister_ftrace_function(&run_store_ops));
	ftrace_set_filter_ip(&run_store_ops, run_store_addr, 1, 0);

	/*
	 * redirect_run_store() has been left by all; who was redirected is
	 * counted until almost the end of hooked_run_store(), and runs or is
	 * preempted from there to its return. A second at a time: such a store takes as
	 * long as memory takes to go offline, and who waits is not to be taken for hung.
	 */
	while (!wait_var_event_timeout(&nr_stores, !atomic_read(&nr_stores), HZ))
		;
	synchronize_rcu_tasks();
}

static int __init hook_run_store(void)
{
	int err = -EBUSY;

	if (!uksm_fault("hook"))
		err = ftrace_set_filter_ip(&run_store_ops, run_store_addr, 0,
					   0);
	if (!err) {
		err = register_ftrace_function(&run_store_ops);
		if (err)
			ftrace_set_filter_ip(&run_store_ops, run_store_addr, 1,
					     0);
	}
	if (err) {
		pr_err("cannot hook " STOCK_RUN
		       " (error %d; is it live-patched, or kernel.ftrace_enabled 0?): refusing to load\n",
		       err);
		return -EBUSY;
	}

	err = drain_early_stores();
	if (err)
		unhook_run_store();
	return err;
}

/*
 * An early word of processes that ask for merging. __ksm_enter() is called with
 * mmap_lock held and the probe's handler must not be delayed, so the word is
 * passed on from an interrupt.
 *
 * The handler runs with preemption off. On real-time kernels it cannot wake a
 * task itself, as the lock of a wait queue sleeps there; nor can a hard interrupt.
 * An irq_work that does not insist on one (no IRQ_WORK_HARD_IRQ) is run by a
 * thread of its CPU there, which may take that lock.
 */
static void (*enter_hint)(void);

static void pass_enter_hint(struct irq_work *work)
{
	typeof(*enter_hint) *hint = READ_ONCE(enter_hint);

	if (hint)
		hint();
}

static DEFINE_IRQ_WORK(enter_work, pass_enter_hint);

static int probed_ksm_enter(struct kprobe *probe, struct pt_regs *regs)
{
	irq_work_queue(&enter_work);
	return 0;
}
NOKPROBE_SYMBOL(probed_ksm_enter);

static struct kprobe enter_probe = {
	.symbol_name = "__ksm_enter",
	.pre_handler = probed_ksm_enter,
};

static bool enter_probed;

/**
 * uksm_stock_set_enter_hint() - be told of processes that ask for merging
 * @hint: called soon after a process asked, from hard interrupt context, or on
 *	real-time kernels from a thread: it may wake a task and little else. Calls
 *	may be lost. NULL: no more calls, and none is under way on return.
 *
 * Context: may sleep.
 */
void uksm_stock_set_enter_hint(void (*hint)(void))
{
	WRITE_ONCE(enter_hint, hint);
	irq_work_sync(&enter_work);
}

static void claim(void)
{
	WRITE_ONCE(claimed_at_ns, ktime_get_boottime_ns());
	WRITE_ONCE(claimed, true);
}

/**
 * uksm_stock_claim() - keep ksmd off from now on
 *
 * Call before anything is merged. A second claim has no effect.
 *
 * Context: not under uksm_mutex: it may take as long as ksmd's unmerging, or as memory takes
 * to go offline. Can be interrupted.
 *
 * Return: 0, -EINTR when a signal came, or -EBUSY after one line in the log when
 * ksmd is not idle and empty: when its run file does not read 0, or it holds
 * pages.
 */
int uksm_stock_claim(void)
{
	unsigned long run, pages_shared;
	int err;

	err = mutex_lock_interruptible(&stock_mutex);
	if (err)
		return err;
	if (claimed)
		goto out;

	/* A look that needs not wait for ksmd's batch of pages. */
	run = READ_ONCE(*uksm_kdata.ksm_run);
	pages_shared = 0;
	if (!(run & RUN_MERGE)) {
		err = mutex_lock_interruptible(uksm_kdata.ksm_thread_mutex);
		if (err)
			goto out;
		run = *uksm_kdata.ksm_run;
		pages_shared = *uksm_kdata.ksm_pages_shared;
		mutex_unlock(uksm_kdata.ksm_thread_mutex);
	}

	if (run & RUN_MERGE)
		pr_notice_ratelimited(
			"ksmd is running: write 2, then 0 to " STOCK_RUN
			" first\n");
	else if (pages_shared)
		pr_notice_ratelimited(
			"ksmd holds %lu pages: write 2, then 0 to " STOCK_RUN
			" first\n",
			pages_shared);
	else if (run & RUN_UNMERGE)
		pr_notice_ratelimited(
			"ksmd is set to unmerge: write 0 to " STOCK_RUN
			" first\n");
	else
		claim();
	if (!claimed)
		err = -EBUSY;
out:
	mutex_unlock(&stock_mutex);
	return err;
}

/**
 * uksm_stock_release() - ksmd may run again
 *
 * Call when uksm neither runs nor holds any merged page. A second release has no
 * effect.
 *
 * Context: any; of one caller at a time, who does not claim meanwhile.
 */
void uksm_stock_release(void)
{
	/* Pairs with the acquire in hooked_run_store(): all that uksm had is gone by now. */
	smp_store_release(&claimed, false);
}

/**
 * uksm_stock_idle_since() - has ksmd scanned nothing since a moment?
 * @boottime_ns: the moment, in ns since boot
 *
 * Context: any, while ksmd is kept off.
 */
bool uksm_stock_idle_since(u64 boottime_ns)
{
	return boottime_ns > READ_ONCE(claimed_at_ns);
}

/**
 * uksm_stock_unmerging() - was ksmd told to unmerge everything?
 *
 * It breaks uksm's merges too, and the scanner should not make new ones until 0
 * is written.
 *
 * Context: any. The answer may be outdated at once, which is harmless.
 */
bool uksm_stock_unmerging(void)
{
	return READ_ONCE(*uksm_kdata.ksm_run) & RUN_UNMERGE;
}

/**
 * uksm_stock_init() - hook ksmd's run file
 *
 * After uksm_layout_check().
 *
 * Return: 0, or after one line in the log
 *	-ENOENT: ksmd's run file is not what it was;
 *	-EBUSY: it cannot be hooked, or not now.
 */
int __init uksm_stock_init(void)
{
	int err;

	err = find_run_store();
	if (err)
		return err;
	err = hook_run_store();
	if (err)
		return err;

	/* Only a hint: without it new processes wait for the next full scan. */
	enter_probed = !register_kprobe(&enter_probe);
	if (!enter_probed)
		pr_info("cannot probe __ksm_enter, going on without\n");
	return 0;
}

/**
 * uksm_stock_exit() - undo uksm_stock_init()
 *
 * Call when released. Nobody is in the module's code through ksmd's run file, or
 * comes there, on return.
 *
 * Context: may sleep, as long as a write to ksmd's run file takes.
 */
void uksm_stock_exit(void)
{
	if (enter_probed)
		unregister_kprobe(&enter_probe);
	irq_work_sync(&enter_work);
	unhook_run_store();
}
