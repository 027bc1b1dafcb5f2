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
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "compat/compat.h"
#include "engine/dedup.h"
#include "engine/domain.h"
#include "engine/forget.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/pacer.h"
#include "engine/prune.h"
#include "engine/reaper.h"
#include "engine/scan.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/unmerge.h"
#include "kernel/lru_drain.h"
#include "kernel/stock.h"
#include "pure/checksum.h"

DEFINE_MUTEX(uksm_mutex);

/* Held by who changes run or a knob of the trees, from begin to end. */
static DEFINE_MUTEX(admin_mutex);

static struct task_struct *scanner;

/* Wakes the scanner from the pause between two rounds, and from idling. */
static DECLARE_WAIT_QUEUE_HEAD(scanner_wait);
/* Set by whoever thinks that the scanner should not sleep on. */
static bool scanner_woken;
/* The scanner sleeps because no process has mergeable memory. */
static bool scanner_idle;

/* Where the scanner waits until it may have the engine. */
static DECLARE_WAIT_QUEUE_HEAD(engine_wait);
/* Memory is going offline: the trees must not be touched. Under uksm_mutex. */
static bool offlining;
static DECLARE_WAIT_QUEUE_HEAD(offlining_wait);
/* Somebody unmerges or forgets everything, in steps: the scanner keeps off. Under uksm_mutex. */
static bool admin_at_work;
/* The module is being unloaded. */
static bool stopping;

/* Those who wait for uksm_mutex, in engine_take(). */
static atomic_t nr_waiting;

/* A process has asked for merging since the scanner has last looked. */
static bool newcomers;

/* The module reference that refuses an unload, see unload_guard(). Under uksm_mutex. */
static bool unload_refused;

/* How long an unload waits for memory, and for exiting processes to free merged pages. */
#define UNLOAD_MEMORY_MSECS	30000
#define UNLOAD_EXITS_MSECS	10000
#define UNLOAD_RETRY_MSECS	200
/* How long a write of 2 to run waits for processes to exit, or to end forking. */
#define UNMERGE_EXITS_MSECS	5000
#define UNMERGE_RETRY_MSECS	20
/* How often to look for processes with mergeable memory when there are none. */
#define IDLE_MSECS		1000
/* How long to leave the CPU to who holds the mmap_locks of all that is to be scanned. */
#define LOCKED_MSECS		2
/* How often to look for processes that have exited, while nothing is scanned. */
#define STOPPED_MSECS		500
/*
 * How often to look for those that ask while a full scan is under way; less often where
 * there are many processes to look at, so many in a millisecond.
 */
#define NEWCOMERS_MSECS		100u
#define PROCESSES_A_MSEC	100u
/*
 * A slice of work, for which uksm_mutex is held, and after which others get the CPU. Of fewer
 * pages under a limit on CPU time, since the limit is looked at in between.
 */
#define SLICE_PAGES		4096u
#define SLICE_PAGES_LIMITED	256u
#define SLICE_NS		(200 * NSEC_PER_USEC)
/* Stable nodes looked at without a break. */
#define NODES_AT_ONCE		1024u
/* A count of zero pages that took longer will do for so many times as long; tries for the mutex. */
#define ZERO_PAGES_NS		(200 * NSEC_PER_USEC)
#define ZERO_PAGES_SHARE	50
#define ZERO_PAGES_TRIES	20u
/* Rounds of the reaper during an unload, to see the slots of who was unmerged gone. */
#define UNLOAD_REAPS_MAX	256u
/* Free memory to leave alone when pages are unmerged for an unload. */
#define UNLOAD_RESERVE_PAGES	((32UL << 20) >> PAGE_SHIFT)
/* A refusal ends when there is so much more than needed, so that it does not come and go. */
#define UNLOAD_SPARE_PAGES	((8UL << 20) >> PAGE_SHIFT)

/* The engine */

/* The scanner gives way to who waits here. */
static int engine_take(void)
{
	int err;

	atomic_inc(&nr_waiting);
	err = mutex_lock_killable(&uksm_mutex);
	atomic_dec(&nr_waiting);
	return err;
}

/* For who cannot be turned away. Not in the state that a hung task is known by. */
static void engine_take_always(void)
{
	atomic_inc(&nr_waiting);
	while (!mutex_trylock(&uksm_mutex))
		schedule_timeout_idle(1);
	atomic_dec(&nr_waiting);
}

static void engine_drop(void)
{
	mutex_unlock(&uksm_mutex);
	if (wq_has_sleeper(&engine_wait))
		wake_up_interruptible(&engine_wait);
}

/* Take uksm_mutex at a time when the trees may be touched; 0 or -EINTR when killed. */
static int engine_lock(void)
{
	int err;

	for (;;) {
		err = engine_take();
		if (err)
			return err;
		if (!offlining)
			return 0;
		engine_drop();
		err = wait_event_killable(offlining_wait, !READ_ONCE(offlining));
		if (err)
			return -EINTR;
	}
}

static void engine_lock_always(void)
{
	for (;;) {
		engine_take_always();
		if (!offlining)
			return;
		engine_drop();
		wait_event_idle(offlining_wait, !READ_ONCE(offlining));
	}
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

/* The scanner takes it when nobody else wants it. Called while about to sleep. */
static bool scanner_try_engine(void)
{
	if (READ_ONCE(offlining) || READ_ONCE(admin_at_work) || uksmd_is_awaited() ||
	    !mutex_trylock(&uksm_mutex))
		return false;
	if (!offlining && !admin_at_work)
		return true;
	mutex_unlock(&uksm_mutex);
	return false;
}

/* False when the thread is to end. Can be frozen, and is not taken for a hung task. */
static bool scanner_take_engine(void)
{
	bool taken = false;

	/* With a timeout, as who wanted it may have gone without having had it. */
	while (!taken && !kthread_should_stop())
		wait_event_freezable_timeout(engine_wait,
					     (taken = scanner_try_engine()) ||
					     kthread_should_stop(), HZ / 10);
	return taken;
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

/* Unloading */

/*
 * rmmod calls the exit function when it is too late to refuse, and by then each
 * merged page must get memory of its own. So as long as there is not enough for
 * that, the module holds a reference on itself, which makes rmmod fail. Looked at after
 * each slice, and twice a second while there is nothing to scan.
 */
static void unload_guard(void)
{
	unsigned long needed = uksm_stats.pages_sharing + uksm_stats.pages_shared;
	unsigned long available = max(si_mem_available(), 0L);
	unsigned long spare = unload_refused ? UNLOAD_SPARE_PAGES : 0;
	bool refuse;

	lockdep_assert_held(&uksm_mutex);
	/* Each address that maps the zero page gets a page, where they can be told. */
	if (uksm_zero_pages_marked())
		needed += uksm_stats.zero_pages;
	refuse = needed && needed + UNLOAD_RESERVE_PAGES + spare > available;
	if (refuse == unload_refused)
		return;

	if (!refuse) {
		module_put(THIS_MODULE);
	} else {
		if (!try_module_get(THIS_MODULE))
			return;
		pr_notice_ratelimited("unload is refused for now: it would unmerge %lu MiB, and %lu MiB are available\n",
				      needed >> (20 - PAGE_SHIFT),
				      available >> (20 - PAGE_SHIFT));
	}
	unload_refused = refuse;
}

/* The scanner thread */

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
 * struct scanner - what the scanner thread keeps
 * @pacer: how much it has done, and may do
 * @next_newcomers: when to look for new processes again, in jiffies
 * @reaping: there is more to be reaped
 */
struct scanner {
	struct uksm_pacer pacer;
	unsigned long next_newcomers;
	bool reaping;
};

/* What a slice was about. */
enum slice_end { SLICE_STOPPED, SLICE_IDLE, SLICE_LOCKED, SLICE_WORKED };

static void look_for_newcomers(struct scanner *scanner)
{
	unsigned int msecs;

	if (!READ_ONCE(newcomers) || time_before(jiffies, scanner->next_newcomers))
		return;
	WRITE_ONCE(newcomers, false);
	msecs = max(NEWCOMERS_MSECS, uksm_scan_newcomers() / PROCESSES_A_MSEC);
	scanner->next_newcomers = jiffies + msecs_to_jiffies(msecs);
}

/* Scan one slice of the batch, unless ksmd is about to unmerge everything. */
static enum slice_end scan_slice(struct scanner *scanner)
{
	bool limited = uksm_knobs_cpu_limited();
	unsigned int pages = limited ? SLICE_PAGES_LIMITED : SLICE_PAGES;
	struct uksm_pacer *pacer = &scanner->pacer;
	struct uksm_work work;
	enum uksm_scan_end end;
	s64 units;

	scanner->reaping = uksm_reap();
	if (!scanner_wanted() || uksm_stock_unmerging()) {
		pacer->left = 0;
		return SLICE_STOPPED;
	}
	uksm_pacer_begin(pacer);
	look_for_newcomers(scanner);
	units = min_t(s64, (s64)pages * UKSM_PAGE_UNITS, pacer->left);
	work.units = units;
	work.until_ns = ktime_get_ns() + SLICE_NS;
	end = uksm_scan(&work);
	uksm_pacer_worked(pacer, units - work.units);
	switch (end) {
	case UKSM_SCAN_IDLE:
		pacer->left = 0;
		return SLICE_IDLE;
	case UKSM_SCAN_LOCKED:
		return SLICE_LOCKED;
	case UKSM_SCAN_FULL:
		uksm_pacer_full_scan(pacer);
		return SLICE_WORKED;
	default:
		return SLICE_WORKED;
	}
}

/* A debt is slept off to the end, whoever wakes us meanwhile. */
static void pay_debt(struct scanner *scanner)
{
	unsigned int msecs;

	while (!kthread_should_stop() && (msecs = uksm_pacer_debt(&scanner->pacer)))
		scanner_sleep(msecs);
}

/* @watch: there are processes that may exit, or an unload is refused that may become possible. */
static void scanner_stopped(struct scanner *scanner, bool watch)
{
	if (scanner->reaping)
		return;
	if (watch)
		wait_event_freezable_timeout(scanner_wait,
					     scanner_wanted() || kthread_should_stop(),
					     msecs_to_jiffies(STOPPED_MSECS));
	else
		wait_event_freezable(scanner_wait, scanner_wanted() || kthread_should_stop());
}

static void scanner_pause(struct scanner *scanner, enum slice_end end, bool watch)
{
	pay_debt(scanner);
	if (end == SLICE_STOPPED && !scanner_wanted())
		scanner_stopped(scanner, watch);
	else if (end == SLICE_STOPPED)
		/* ksmd is told to unmerge: until that is over. */
		scanner_sleep(STOPPED_MSECS);
	else if (end == SLICE_IDLE && !scanner->reaping)
		scanner_idle_sleep();
	else if (scanner->pacer.left <= 0)
		scanner_sleep(uksm_pacer_sleep(&scanner->pacer));
	if (end == SLICE_LOCKED)
		scanner_sleep(LOCKED_MSECS);
}

static int scanner_main(void *unused)
{
	struct scanner scanner = { .reaping = false };
	enum slice_end end;
	bool drain, watch;

	set_freezable();
	set_user_nice(current, 5);

	while (!kthread_should_stop()) {
		/* The waits below freeze only if they do wait. */
		try_to_freeze();

		if (!scanner_take_engine())
			break;
		end = scan_slice(&scanner);
		drain = uksm_scan_wants_drain();
		unload_guard();
		watch = uksm_reaper_needed() || unload_refused;
		engine_drop();
		/* With no lock held: a CPU may take its time. */
		if (drain)
			uksm_lru_drain();
		scanner_pause(&scanner, end, watch);
		/*
		 * A thread that a guest's interrupt has woken does not preempt us before the tick,
		 * for 4 ms, and cond_resched() knows nothing of it. Of our share of a busy CPU this
		 * costs a part, but not most of it (pace.share-of-busy-cpu).
		 */
		yield();
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
 * It will be scanned soon. Ends idling, but not the pause between two batches: how
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

/* What the administrator does */

/* Have the engine without the scanner, from here to admin_end(). 0 or -EINTR. */
static int admin_begin(void)
{
	int err = engine_lock();

	if (!err) {
		WRITE_ONCE(admin_at_work, true);
		engine_drop();
	}
	return err;
}

static void admin_end(void)
{
	engine_take_always();
	WRITE_ONCE(admin_at_work, false);
	unload_guard();
	engine_drop();
}

/* Between two steps, with uksm_mutex dropped: let others have it. */
static void admin_breathe(bool wait)
{
	if (wait)
		schedule_timeout_idle(msecs_to_jiffies(1));
	else
		cond_resched();
}

/*
 * Take uksm_mutex for the next step of an unmerge. The mmap_lock that is in its way is waited for
 * before; with that held uksm_mutex is only tried for, and memory that goes offline is not waited
 * for at all, which may be waiting for the process. 0 or -EINTR; with @unload always 0.
 */
static int unmerge_lock(struct uksm_unmerge *work, bool unload)
{
	/* Who writes run gives up when the module is unloaded, and then it is the unload's turn. */
	if (uksm_unmerge_enter(work, unload ? NULL : &stopping)) {
		if (mutex_trylock(&uksm_mutex)) {
			if (!offlining)
				return 0;
			engine_drop();
		}
		uksm_unmerge_leave(work);
	}
	if (!unload)
		return engine_lock();
	engine_lock_always();
	return 0;
}

/* Work off all steps of an unmerge. Killable; with @unload only while it waits for a lock. */
static int unmerge_run(struct uksm_unmerge *work, bool unload)
{
	bool more = true, wait;
	int err;

	while (more) {
		err = unmerge_lock(work, unload);
		if (err)
			return err;
		do {
			more = uksm_unmerge_step(work);
			wait = work->waits;
			work->waits = false;
		} while (more && !wait && !work->in_line && !uksmd_is_awaited() && !need_resched());
		engine_drop();
		if (unload ? fatal_signal_pending(current) && work->tries : signal_pending(current))
			return -ERESTARTSYS;
		if (!unload && READ_ONCE(stopping))
			return -EINTR;
		if (more)
			admin_breathe(wait);
	}
	return work->err;
}

static int unmerge_all(bool unload)
{
	struct uksm_unmerge work;
	int err = uksm_unmerge_begin(&work);

	if (!err)
		err = unmerge_run(&work, unload);
	uksm_unmerge_end(&work);
	return err;
}

/* Nothing is merged, nor is a node left that the kernel could come upon. Not under uksm_mutex. */
static bool nothing_merged(void)
{
	unsigned long nodes, done = 0;
	bool nothing;

	do {
		engine_take_always();
		nodes = uksm_stable_nr_empty();
		if (!offlining && !uksm_stats.pages_shared)
			uksm_stable_release(NODES_AT_ONCE, false);
		done += NODES_AT_ONCE;
		nothing = !offlining && !uksm_stats.pages_shared && !uksm_stable_nr_empty();
		engine_drop();
	} while (!nothing && done < nodes);
	return nothing;
}

/*
 * ksmd may have the machine again as soon as we do not run and hold nothing. Run
 * 0 stops the scanner with all that is merged, as with ksmd, so it may not. Under
 * admin_mutex, so that run stays what it is; not under uksm_mutex.
 */
static void stock_release_if_idle(void)
{
	if (!scanner_wanted() && nothing_merged())
		uksm_stock_release();
}

/*
 * Forget what those had who have exited: the scanner, which sees to it otherwise, keeps off. As
 * long as it goes on; where a merged page is locked by somebody, until @until, in jiffies.
 */
static int reap_for_unmerge(unsigned long until)
{
	unsigned long before;
	bool more, stuck;
	int err;

	do {
		err = engine_lock();
		if (err)
			return err;
		before = uksm_stats.dead_meta_bytes;
		uksm_reap();
		more = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		stuck = more && uksm_stats.dead_meta_bytes == before;
		engine_drop();
		if (signal_pending(current) || READ_ONCE(stopping))
			return -EINTR;
		if (stuck && time_after(jiffies, until))
			return -EBUSY;
		admin_breathe(stuck);
	} while (more);
	return 0;
}

/*
 * Unmerge until nothing is left. What a process maps that is just exiting, or was forked by one
 * that forks all the time, takes some more rounds; but who writes run is to have an answer.
 */
static int unmerge_to_the_end(void)
{
	unsigned long until = jiffies + msecs_to_jiffies(UNMERGE_EXITS_MSECS);
	int err;

	for (;;) {
		err = unmerge_all(false);
		err = err ?: reap_for_unmerge(until);
		if (err || nothing_merged())
			return err;
		if (time_after(jiffies, until))
			return -EBUSY;
		schedule_timeout_idle(msecs_to_jiffies(UNMERGE_RETRY_MSECS));
	}
}

static int run_unmerge(void)
{
	int err;

	/* Should the copies exhaust memory after all, the writer is the one to go. */
	set_current_oom_origin();
	err = unmerge_to_the_end();
	clear_current_oom_origin();

	engine_take_always();
	uksm_scan_reset();
	/* ksmd starts counting anew as well. */
	if (err)
		WRITE_ONCE(uksm_knobs.run, UKSM_RUN_STOP);
	else
		WRITE_ONCE(uksm_stats.full_scans, 0);
	/* With nothing recorded, what was learnt of checksums can go as well. */
	if (!err && !uksm_stable_nr_empty() && !uksm_mm_slots_first(UKSM_SLOTS_DEAD))
		uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	engine_drop();
	return err;
}

static int run_change(unsigned int run)
{
	int err;

	if (run == UKSM_RUN_MERGE) {
		err = uksm_stock_claim();
		if (err)
			return err;
	}
	err = admin_begin();
	if (err)
		return err;
	WRITE_ONCE(uksm_knobs.run, run);
	if (run == UKSM_RUN_UNMERGE)
		err = run_unmerge();
	admin_end();
	return err;
}

/**
 * uksmd_set_run() - what a write to the run file does
 * @run: enum uksm_run
 *
 * Context: process context; waits for the scanner's slice to end, and with
 * %UKSM_RUN_UNMERGE for all pages to be unmerged. Killable.
 * Return: 0; -EBUSY when ksmd runs or holds merged pages. When unmerging was not
 * completed, and then run is 0: -ENOMEM for want of memory, the machine's or that of a
 * memory cgroup; -EBUSY where userfaultfd keeps the kernel from it, an mmap_lock could not
 * be had for half a minute, or a process is still exiting, or forks too quickly; -ERESTARTSYS, -EINTR.
 */
int uksmd_set_run(unsigned int run)
{
	int err = mutex_lock_killable(&admin_mutex);

	if (err)
		return err;
	if (READ_ONCE(stopping))
		err = -ENODEV;
	else if (run != uksm_knobs.run)
		err = run_change(run);
	if (!READ_ONCE(stopping))
		stock_release_if_idle();
	mutex_unlock(&admin_mutex);
	scanner_wake();
	return err;
}

/* Forget all records, of which none is merged, some at a time. 0 or -EINTR. */
static int forget_all(void)
{
	struct uksm_mm_slot *slot;
	unsigned int records;
	int err;

	do {
		err = engine_lock();
		if (err)
			return err;
		records = 1024;
		slot = uksm_mm_slots_first_living();
		while (slot && records) {
			uksm_forget_range(slot, &slot->address, TASK_SIZE_MAX, &records);
			if (slot->address < TASK_SIZE_MAX)
				break;
			slot->address = 0;
			if (xa_empty(&slot->chunks))
				uksm_mm_slot_bury(slot);
			slot = uksm_mm_slots_first_living();
		}
		/* The dead come last; of them the reaper's work is done. */
		while (!slot && records && uksm_reap())
			records -= min(records, 512u);
		slot = slot ?: uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		engine_drop();
		admin_breathe(false);
	} while (slot && !READ_ONCE(stopping));
	return READ_ONCE(stopping) ? -EINTR : 0;
}

/* A knob that is changed while no page is merged, and none recorded. */
static int change_tree_knob(unsigned int *knob, unsigned int value)
{
	int err;

	if (!nothing_merged())
		return -EBUSY;
	err = engine_lock();
	if (err)
		return err;
	/* All cursors begin anew, so addresses of slots are free for use. */
	uksm_scan_reset();
	uksm_mm_slots_settle_all();
	engine_drop();
	err = forget_all();
	if (err)
		return err;
	err = engine_lock();
	if (err)
		return err;
	/* What was to be announced to pages that are forgotten is none. */
	uksm_dedup_announce_step(UINT_MAX);
	if (!uksm_domains_only_default()) {
		engine_drop();
		return -EBUSY;
	}
	WRITE_ONCE(*knob, value);
	uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	engine_drop();
	return 0;
}

/**
 * uksmd_set_tree_knob() - set a knob that decides what is where in the trees
 * @knob: merge_across_nodes, max_page_sharing, isolation or checksum_lines of uksm_knobs
 * @value: one that is valid for it
 *
 * A change takes effect at once: all that is known of pages that are not merged is
 * forgotten, and found again by the next full scan.
 *
 * Context: process context; waits for the scanner's slice to end. Killable.
 * Return: 0, -EBUSY while pages are merged, or -EINTR.
 */
int uksmd_set_tree_knob(unsigned int *knob, unsigned int value)
{
	int err = mutex_lock_killable(&admin_mutex);

	if (err)
		return err;
	if (READ_ONCE(stopping)) {
		err = -ENODEV;
	} else if (value != *knob) {
		err = admin_begin();
		if (!err) {
			err = change_tree_knob(knob, value);
			admin_end();
		}
		if (!err)
			stock_release_if_idle();
	}
	mutex_unlock(&admin_mutex);
	scanner_wake();
	return err;
}

/* What was last answered, until when it will do, in ns. Under uksm_mutex. */
static struct {
	unsigned long pages;
	u64 until_ns;
} zero_pages;

/*
 * Everybody may read the file, as often as he likes, and an answer takes time for each address
 * space. So one will do for a while, of which the counting takes a small part.
 */
static unsigned long count_zero_pages(void)
{
	u64 began_ns = ktime_get_ns(), took_ns;

	if (began_ns >= zero_pages.until_ns) {
		WRITE_ONCE(zero_pages.pages, uksm_mm_slots_zero_pages());
		took_ns = ktime_get_ns() - began_ns;
		zero_pages.until_ns = began_ns + (took_ns > ZERO_PAGES_NS ? ZERO_PAGES_SHARE * took_ns : 0);
	}
	return zero_pages.pages;
}

/* Does the scanner, which has had to wait, come first? */
static bool scanner_waits(void)
{
	return !READ_ONCE(admin_at_work) && !READ_ONCE(offlining) && wq_has_sleeper(&engine_wait);
}

/**
 * uksmd_zero_pages() - uksm_mm_slots_zero_pages(), for who reads a file
 *
 * Readers do not hold up the scanner: where it works for long they get the last answer.
 *
 * Context: process context. Sleeps for some milliseconds.
 */
unsigned long uksmd_zero_pages(void)
{
	unsigned long pages;
	unsigned int tries;

	/* Mostly there are none. */
	if (!READ_ONCE(uksm_stats.zero_pages))
		return 0;
	for (tries = 0; tries < ZERO_PAGES_TRIES; tries++) {
		if (!scanner_waits() && mutex_trylock(&uksm_mutex)) {
			pages = count_zero_pages();
			engine_drop();
			return pages;
		}
		if (schedule_timeout_killable(1) && fatal_signal_pending(current))
			break;
	}
	return READ_ONCE(zero_pages.pages);
}

/* Memory hotplug */

/** uksmd_memory_going_offline() - keep off the trees until it is decided; 0 or -EINTR */
int uksmd_memory_going_offline(void)
{
	int err = engine_take();

	if (err)
		return err;
	WRITE_ONCE(offlining, true);
	engine_drop();
	return 0;
}

/**
 * uksmd_memory_offline() - drop the nodes of memory that is gone
 * @start_pfn: first page frame
 * @end_pfn: end of the range, exclusive
 */
void uksmd_memory_offline(unsigned long start_pfn, unsigned long end_pfn)
{
	engine_take_always();
	uksm_stable_del_pfn_range(start_pfn, end_pfn);
	engine_drop();
}

/** uksmd_memory_offline_done() - it is decided, one way or the other */
void uksmd_memory_offline_done(void)
{
	engine_take_always();
	WRITE_ONCE(offlining, false);
	engine_drop();
	wake_up_all(&offlining_wait);
}

/* Load and unload */

/** uksmd_start() - create the scanner thread; 0 or -errno */
int uksmd_start(void)
{
	scanner = kthread_run(scanner_main, NULL, "uksmd");
	return PTR_ERR_OR_ZERO(scanner);
}

/**
 * uksmd_stopping() - the module is about to be unloaded: whoever writes a file gives up
 *
 * The files can be removed only when nobody is in them.
 */
void uksmd_stopping(void)
{
	WRITE_ONCE(stopping, true);
}

/*
 * Give all pages memory of their own. Memory that is short is waited for, for a while;
 * nobody is to be killed for the want of it, neither the machine's guests nor those of a
 * cgroup.
 */
static bool unmerge_for_unload(void)
{
	unsigned long until = jiffies + msecs_to_jiffies(UNLOAD_MEMORY_MSECS);
	int err;

	do {
		err = unmerge_all(true);
		if (err != -ENOMEM)
			break;
		pr_warn_ratelimited("waiting to unmerge %lu pages\n", uksm_stats.pages_sharing +
				    uksm_stats.zero_pages);
		schedule_timeout_idle(msecs_to_jiffies(UNLOAD_RETRY_MSECS));
	} while (time_before(jiffies, until));
	return !err;
}

/* Forget what those had who have exited: the scanner thread, which sees to it otherwise, has ended. */
static void reap_for_unload(void)
{
	unsigned int i;
	bool more = true;

	/* One with a page that is locked just now has its turn again the next time. */
	for (i = 0; more && i < UNLOAD_REAPS_MAX; i++) {
		engine_lock_always();
		more = uksm_reap();
		engine_drop();
		admin_breathe(false);
	}
}

/* Pages of processes that are just exiting, or were forked meanwhile, take another round. */
static bool wait_for_exits(void)
{
	unsigned long until = jiffies + msecs_to_jiffies(UNLOAD_EXITS_MSECS);

	reap_for_unload();
	while (!nothing_merged()) {
		if (time_after(jiffies, until))
			return false;
		schedule_timeout_idle(msecs_to_jiffies(UNLOAD_RETRY_MSECS));
		unmerge_all(true);
		reap_for_unload();
	}
	return true;
}

/* Forget what there is, of the living and the dead; then no node has an rmap_item. */
static void forget_for_unload(void)
{
	struct uksm_mm_slot *slot;
	bool more;

	do {
		engine_lock_always();
		while ((slot = uksm_mm_slots_first_living()))
			uksm_mm_slot_bury(slot);
		uksm_reap();
		more = uksm_mm_slots_first(UKSM_SLOTS_DEAD);
		engine_drop();
		admin_breathe(more && uksm_stats.pages_shared);
	} while (more);
}

/*
 * What could not be unmerged stays as it is, without a node: copy-on-write, and not movable.
 * Nothing that a process holds is lost.
 */
static void part_for_unload(void)
{
	unsigned long nodes;
	bool gone;

	engine_lock_always();
	nodes = uksm_stable_nr_empty();
	engine_drop();
	if (nodes)
		pr_warn("%lu merged pages stay mapped, without being movable, until their processes exit or write them\n",
			nodes);
	do {
		engine_lock_always();
		gone = uksm_stable_release(1024, true);
		engine_drop();
		admin_breathe(!gone);
	} while (!gone);
}

/** uksmd_stop() - end the scanner thread and unmerge everything; at unload */
void uksmd_stop(void)
{
	WRITE_ONCE(stopping, true);
	kthread_stop(scanner);

	WRITE_ONCE(uksm_knobs.run, UKSM_RUN_UNMERGE);
	if (unmerge_for_unload())
		wait_for_exits();
	forget_for_unload();
	part_for_unload();
	uksm_stock_release();
}
