// SPDX-License-Identifier: GPL-2.0-only
#include "engine/uksmd.h"

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "compat/compat.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/scan.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/unmerge.h"
#include "kernel/stock.h"
#include "pure/checksum.h"
#include "pure/policy.h"

DEFINE_MUTEX(uksm_mutex);

static struct task_struct *scanner;

/* Wakes the scanner from the pause between two rounds, and from idling. */
static DECLARE_WAIT_QUEUE_HEAD(scanner_wait);
/* Set by whoever thinks that the scanner should not sleep on. */
static bool scanner_woken;
/* The scanner sleeps because no process has mergeable memory. */
static bool scanner_idle;

/* Memory is going offline: the trees must not be touched. Under uksm_mutex. */
static bool offlining;
static DECLARE_WAIT_QUEUE_HEAD(offlining_wait);

/* Those who wait for uksm_mutex, in mutex_take(). */
static atomic_t nr_waiting;

/* A process has asked for merging since the scanner has last looked. */
static bool newcomers;

/* The module reference that refuses an unload, see unload_guard(). */
static bool unload_refused;

/* How long to wait for exiting processes to free merged pages at unload. */
#define UNLOAD_WAIT_MSECS	10000
/* How often to look for processes with mergeable memory when there are none. */
#define IDLE_MSECS		1000
/* How often to look for those that ask while a full scan is under way. */
#define NEWCOMERS_MSECS		100
/*
 * uksm_mutex is held for no more pages than that, so that whoever writes a knob
 * need not wait for a large batch; and for fewer under a limit on CPU time,
 * since the limit is looked at in between.
 */
#define SLICE_PAGES		4096u
#define SLICE_PAGES_LIMITED	256u
/* Free memory to leave alone when pages are unmerged for an unload. */
#define UNLOAD_RESERVE_PAGES	((32UL << 20) >> PAGE_SHIFT)

/* The scanner, which may have little CPU time for its slice, gives way to who waits here. */
static void mutex_take(void)
{
	atomic_inc(&nr_waiting);
	mutex_lock(&uksm_mutex);
	atomic_dec(&nr_waiting);
}

/**
 * uksmd_is_awaited() - does somebody wait for uksm_mutex?
 *
 * Context: any.
 */
bool uksmd_is_awaited(void)
{
	return atomic_read(&nr_waiting);
}

/* Take uksm_mutex at a time when the trees may be touched. */
static void engine_lock(void)
{
	mutex_take();
	while (offlining) {
		mutex_unlock(&uksm_mutex);
		wait_event(offlining_wait, !READ_ONCE(offlining));
		mutex_take();
	}
}

static void scanner_wake(void)
{
	WRITE_ONCE(scanner_woken, true);
	wake_up_interruptible(&scanner_wait);
}

static bool scanner_wanted(void)
{
	return READ_ONCE(uksm_knobs.run) == UKSM_RUN_MERGE;
}

/*
 * rmmod calls the exit function when it is too late to refuse, and by then each
 * merged page must get memory of its own. So as long as there is not enough for
 * that, the module holds a reference on itself, which makes rmmod fail.
 */
static void unload_guard(void)
{
	unsigned long needed = uksm_stats.pages_sharing;
	long available = si_mem_available();
	bool refuse = needed && needed + UNLOAD_RESERVE_PAGES > max(available, 0L);

	lockdep_assert_held(&uksm_mutex);
	if (refuse == unload_refused)
		return;

	if (!refuse) {
		module_put(THIS_MODULE);
	} else {
		if (!try_module_get(THIS_MODULE))
			return;
		pr_notice("unload is refused for now: it would unmerge %lu MiB, and %lu MiB are available\n",
			  needed >> (20 - PAGE_SHIFT), max(available, 0L) >> (20 - PAGE_SHIFT));
	}
	unload_refused = refuse;
}

/* Sleep until the time is up, or something has changed. */
static void scanner_sleep(unsigned int msecs)
{
	wait_event_freezable_timeout(scanner_wait,
				     READ_ONCE(scanner_woken) || kthread_should_stop(),
				     msecs_to_jiffies(msecs));
	WRITE_ONCE(scanner_woken, false);
}

static void scanner_idle_sleep(void)
{
	WRITE_ONCE(scanner_idle, true);
	scanner_sleep(IDLE_MSECS);
	WRITE_ONCE(scanner_idle, false);
}

/**
 * struct account - what the scanner knows of its own work
 * @left: pages of the batch that are still to be scanned
 * @budget: CPU time that max_cpu_percentage leaves
 * @scanned: pages_scanned when the full scan began
 * @used_ns: CPU time used by then
 * @next_newcomers: when to look for new processes again, in jiffies
 */
struct account {
	unsigned int left;
	struct uksm_budget budget;
	unsigned long scanned;
	u64 used_ns;
	unsigned long next_newcomers;
};

/* A full scan is done: let the advisor, if there is one, set the pace of the next. */
static void full_scan_account(struct account *account)
{
	unsigned long pages = uksm_stats.pages_scanned - account->scanned;
	u64 used_ns = uksm_own_runtime_ns();
	struct uksm_pace pace = {
		.pages = pages,
		.page_ns = pages ? div64_u64(used_ns - account->used_ns, pages) : 0,
		.sleep_ns = (u64)READ_ONCE(uksm_knobs.sleep_millisecs) * NSEC_PER_MSEC,
	};

	uksm_knobs_advise(&pace);
	account->scanned += pages;
	account->used_ns = used_ns;
}

static void look_for_newcomers(struct account *account)
{
	if (!READ_ONCE(newcomers) || time_before(jiffies, account->next_newcomers))
		return;
	WRITE_ONCE(newcomers, false);
	uksm_scan_newcomers();
	account->next_newcomers = jiffies + msecs_to_jiffies(NEWCOMERS_MSECS);
}

/* Scan one slice of the batch, unless ksmd is about to unmerge everything. */
static enum uksm_scan_end scan_slice(struct account *account)
{
	unsigned int most = uksm_knobs_cpu_limited() ? SLICE_PAGES_LIMITED : SLICE_PAGES;
	unsigned long scanned = uksm_stats.pages_scanned;
	enum uksm_scan_end end;

	if (!scanner_wanted() || uksm_stock_unmerging())
		return UKSM_SCAN_IDLE;
	if (!account->left)
		account->left = READ_ONCE(uksm_knobs.pages_to_scan);

	look_for_newcomers(account);
	end = uksm_scan(min(most, account->left));
	scanned = uksm_stats.pages_scanned - scanned;
	account->left -= min_t(unsigned long, account->left, scanned);
	if (end == UKSM_SCAN_FULL)
		full_scan_account(account);
	if (end != UKSM_SCAN_MORE)
		account->left = 0;
	return end;
}

/* How long the limit on CPU time wants the scanner to sleep now, in milliseconds. */
static unsigned int budget_sleep(struct account *account)
{
	if (!uksm_knobs_cpu_limited()) {
		account->budget = (struct uksm_budget){ 0 };
		return 0;
	}
	return div_u64(uksm_budget_charge(&account->budget, ktime_get_ns(), uksm_own_runtime_ns(),
					  READ_ONCE(uksm_knobs.max_cpu_percentage)) +
		       NSEC_PER_MSEC - 1, NSEC_PER_MSEC);
}

static void scanner_pause(struct account *account, enum uksm_scan_end end)
{
	unsigned int msecs;

	if (!scanner_wanted()) {
		wait_event_freezable(scanner_wait, scanner_wanted() || kthread_should_stop());
		return;
	}
	if (end == UKSM_SCAN_IDLE) {
		scanner_idle_sleep();
		return;
	}
	msecs = budget_sleep(account);
	if (!account->left)
		msecs = max(msecs, READ_ONCE(uksm_knobs.sleep_millisecs));
	if (msecs || !account->left)
		scanner_sleep(msecs);
}

static int scanner_main(void *unused)
{
	struct account account = { .left = 0 };
	enum uksm_scan_end end;

	set_freezable();
	set_user_nice(current, 5);

	while (!kthread_should_stop()) {
		/* The waits below freeze only if they do wait. */
		try_to_freeze();

		engine_lock();
		end = scan_slice(&account);
		unload_guard();
		mutex_unlock(&uksm_mutex);
		scanner_pause(&account, end);
		cond_resched();
	}
	return 0;
}

/** uksmd_sleep_changed() - what the scanner sleeps by has changed: end its sleep */
void uksmd_sleep_changed(void)
{
	scanner_wake();
}

/**
 * uksmd_work_hint() - a process may have become mergeable
 *
 * It will be scanned next. Ends idling, but not the pause between two batches: how
 * much the scanner works is not for the processes to decide.
 *
 * Context: any that may wake a task, hard interrupts included.
 */
void uksmd_work_hint(void)
{
	WRITE_ONCE(newcomers, true);
	if (READ_ONCE(scanner_idle))
		scanner_wake();
}

/** uksmd_task() - the scanner thread */
struct task_struct *uksmd_task(void)
{
	return scanner;
}

/*
 * ksmd may have the machine again as soon as we do not run and hold nothing. Run
 * 0 stops the scanner with all that is merged, as with ksmd, so it may not.
 */
static void stock_release_if_idle(void)
{
	if (!scanner_wanted() && !uksm_stats.pages_shared && !uksm_stable_release(false))
		uksm_stock_release();
}

static int run_change(unsigned int run)
{
	int err = 0;

	if (run == UKSM_RUN_MERGE) {
		err = uksm_stock_claim();
		if (err)
			return err;
	}

	WRITE_ONCE(uksm_knobs.run, run);
	if (run == UKSM_RUN_UNMERGE) {
		/* Should the copies exhaust memory, the writer is the one to go. */
		set_current_oom_origin();
		err = uksm_unmerge_all(true);
		clear_current_oom_origin();
		uksm_scan_reset();
		/* ksmd starts counting anew as well. */
		if (err)
			WRITE_ONCE(uksm_knobs.run, UKSM_RUN_STOP);
		else
			WRITE_ONCE(uksm_stats.full_scans, 0);
		/* With nothing recorded, what was learnt of checksums can go as well. */
		if (!err && !uksm_stable_release(false))
			uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	}
	stock_release_if_idle();
	unload_guard();
	return err;
}

/**
 * uksmd_set_run() - what a write to the run file does
 * @run: enum uksm_run
 *
 * Context: process context; waits for the scanner's round to end, and with
 * %UKSM_RUN_UNMERGE for all pages to be unmerged.
 * Return: 0; -EBUSY when ksmd runs or holds merged pages; -ENOMEM or
 * -ERESTARTSYS when unmerging was not completed, and then run is 0.
 */
int uksmd_set_run(unsigned int run)
{
	int err = 0;

	engine_lock();
	if (run != uksm_knobs.run)
		err = run_change(run);
	else
		stock_release_if_idle();
	mutex_unlock(&uksm_mutex);
	scanner_wake();
	return err;
}

/* See to it that no page is merged, and that of none a checksum or a place is kept. */
static int forget_unmerged(void)
{
	if (uksm_stats.pages_shared || uksm_stable_release(false))
		return -EBUSY;
	uksm_mm_slots_forget_pages();
	uksm_scan_reset();
	stock_release_if_idle();
	return 0;
}

/**
 * uksmd_set_tree_knob() - set a knob that decides what is where in the trees
 * @knob: merge_across_nodes, max_page_sharing or checksum_lines of uksm_knobs
 * @value: one that is valid for it
 *
 * A change takes effect at once: all that is known of pages that are not merged is
 * forgotten, and found again by the next full scan.
 *
 * Context: process context; waits for the scanner's round to end.
 * Return: 0, or -EBUSY while pages are merged.
 */
int uksmd_set_tree_knob(unsigned int *knob, unsigned int value)
{
	int err = 0;

	engine_lock();
	if (value != *knob) {
		err = forget_unmerged();
		if (!err) {
			WRITE_ONCE(*knob, value);
			uksm_checksum_set_lines(uksm_knobs.checksum_lines);
		}
	}
	mutex_unlock(&uksm_mutex);
	return err;
}

/** uksmd_memory_going_offline() - keep off the trees until it is decided */
void uksmd_memory_going_offline(void)
{
	mutex_take();
	offlining = true;
	mutex_unlock(&uksm_mutex);
}

/**
 * uksmd_memory_offline() - drop the nodes of memory that is gone
 * @start_pfn: first page frame
 * @end_pfn: end of the range, exclusive
 */
void uksmd_memory_offline(unsigned long start_pfn, unsigned long end_pfn)
{
	mutex_take();
	uksm_stable_del_pfn_range(start_pfn, end_pfn);
	mutex_unlock(&uksm_mutex);
}

/** uksmd_memory_offline_done() - it is decided, one way or the other */
void uksmd_memory_offline_done(void)
{
	mutex_take();
	offlining = false;
	mutex_unlock(&uksm_mutex);
	wake_up_all(&offlining_wait);
}

/** uksmd_start() - create the scanner thread; 0 or -errno */
int uksmd_start(void)
{
	scanner = kthread_run(scanner_main, NULL, "uksmd");
	return PTR_ERR_OR_ZERO(scanner);
}

/*
 * Nothing may be left when this returns, so lack of memory is waited out. It is
 * not to be expected, thanks to unload_guard().
 */
static void unmerge_for_unload(void)
{
	unsigned int waited;

	while (uksm_unmerge_all(false)) {
		pr_warn_ratelimited("waiting for memory to unmerge %lu pages\n",
				    uksm_stats.pages_sharing);
		mutex_unlock(&uksm_mutex);
		msleep(1000);
		engine_lock();
	}

	/* Pages of processes that are just exiting go by themselves. */
	for (waited = 0; waited < UNLOAD_WAIT_MSECS; waited += 100) {
		if (!uksm_stable_release(false))
			return;
		mutex_unlock(&uksm_mutex);
		msleep(100);
		engine_lock();
	}
	pr_warn("%lu merged pages stay mapped, without being movable, until their processes exit\n",
		uksm_stable_release(true));
}

/** uksmd_stop() - end the scanner thread and unmerge everything; at unload */
void uksmd_stop(void)
{
	kthread_stop(scanner);

	engine_lock();
	WRITE_ONCE(uksm_knobs.run, UKSM_RUN_UNMERGE);
	unmerge_for_unload();
	uksm_stock_release();
	mutex_unlock(&uksm_mutex);
}
