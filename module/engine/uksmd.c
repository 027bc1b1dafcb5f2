// SPDX-License-Identifier: GPL-2.0-only
#include "engine/uksmd.h"

#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "engine/asked.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/pacer.h"
#include "engine/reaper.h"
#include "engine/scan.h"
#include "engine/step.h"
#include "engine/unload.h"
#include "kernel/cgroups.h"
#include "kernel/lru_drain.h"
#include "kernel/room.h"
#include "kernel/stock.h"
#include "pure/policy.h"

static struct task_struct *scanner;

/* Wakes the scanner from the pause between two rounds, and from idling. */
static DECLARE_WAIT_QUEUE_HEAD(scanner_wait);
/* Set by whoever thinks that the scanner should not sleep on. */
static bool scanner_woken;
/* The scanner sleeps because no process has mergeable memory. */
static bool scanner_idle;

/* A process has asked for merging since the scanner has last looked. */
static bool newcomers;

/* How often to look for processes with mergeable memory when there are none. */
#define IDLE_MSECS		1000
/* How often to look whether memory has become short. */
#define AMPLE_MSECS		1000
/* How long to leave the CPU to who holds the mmap_locks of all that is to be scanned. */
#define LOCKED_MSECS		2
/* How often to look for processes that have exited, while nothing is scanned. */
#define EXITS_MSECS		500
/* How often to look whether what was asked for can be scanned by now. */
#define ASKED_MSECS		20
/* How long to pause between two pieces of what is to be reaped, between two batches. */
#define REAP_PAUSE_MSECS	4
/*
 * How often to look for those that ask while a full scan is under way; less often where
 * there are many processes to look at, so many in a millisecond.
 */
#define NEWCOMERS_MSECS		100u
#define PROCESSES_A_MSEC	100u
/* How much less often where nobody has asked, but there may be some who are to take part. */
#define INCLUDED_MSECS		900
/*
 * A slice of work, for which uksm_mutex is held, and after which others get the CPU. Of fewer
 * pages under a limit on CPU time, since the limit is looked at in between.
 */
#define SLICE_PAGES		4096u
#define SLICE_PAGES_LIMITED	256u
#define SLICE_NS		(200 * NSEC_PER_USEC)

/** uksmd_wake() - what the scanner sleeps by, or runs by, has changed: end its sleep */
void uksmd_wake(void)
{
	WRITE_ONCE(scanner_woken, true);
	wake_up_interruptible(&scanner_wait);
}

/* Sleep until the time is up, or something has changed: then true. */
static bool scanner_sleep(unsigned int msecs)
{
	bool woken;

	wait_event_freezable_timeout(scanner_wait,
				     READ_ONCE(scanner_woken) || kthread_should_stop(),
				     msecs_to_jiffies(msecs));
	/* At once, for what changes from here on is to end the next sleep. */
	woken = xchg(&scanner_woken, false);
	return woken || kthread_should_stop();
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
 * @urgent: something is to be scanned at once, whatever the pace
 * @rest_msecs: what is left of a rest that was broken off for that
 */
struct scanner {
	struct uksm_pacer pacer;
	unsigned long next_newcomers;
	bool reaping;
	bool urgent;
	unsigned int rest_msecs;
};

/* What a slice was about. */
enum slice_end {
	SLICE_STOPPED,
	SLICE_AMPLE,
	SLICE_RESTING,
	SLICE_IDLE,
	SLICE_LOCKED,
	SLICE_WORKED,
};

/* Those that ask for merging tell; those that are made to take part do not. */
static bool newcomers_due(const struct scanner *scanner)
{
	unsigned long at = scanner->next_newcomers;

	if (READ_ONCE(newcomers))
		return time_after_eq(jiffies, at);
	return uksm_cgroups_any(UKSM_CGROUPS_INCLUDED) &&
	       time_after_eq(jiffies, at + msecs_to_jiffies(INCLUDED_MSECS));
}

static void look_for_newcomers(struct scanner *scanner)
{
	unsigned int msecs;

	if (!newcomers_due(scanner))
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
	scanner->urgent = false;
	if (!uksm_knobs_merging() || uksm_stock_unmerging()) {
		pacer->left = 0;
		scanner->rest_msecs = 0;
		return SLICE_STOPPED;
	}
	scanner->urgent = uksm_scan_urgent();
	if (!scanner->urgent) {
		if (scanner->rest_msecs)
			return SLICE_RESTING;
		if (pacer->left <= 0 &&
		    uksm_room_ample(READ_ONCE(uksm_knobs.max_available_percentage)))
			return SLICE_AMPLE;
		uksm_pacer_begin(pacer);
	}
	look_for_newcomers(scanner);
	units = (s64)pages * UKSM_PAGE_UNITS;
	if (!scanner->urgent)
		units = min(units, pacer->left);
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

/* A debt is slept off to the end; who wakes us meanwhile has it taken notice of afterwards. */
static void pay_debt(struct scanner *scanner)
{
	unsigned int msecs;
	bool woken = false;

	while (!kthread_should_stop() && (msecs = uksm_pacer_debt(&scanner->pacer)))
		woken = scanner_sleep(msecs) || woken;
	if (woken)
		WRITE_ONCE(scanner_woken, true);
}

/* @watch: there are processes that may exit, or an unload is refused that may become possible. */
static void scanner_stopped(struct scanner *scanner, bool watch)
{
	if (scanner->reaping)
		return;
	if (watch)
		wait_event_freezable_timeout(scanner_wait,
					     uksm_knobs_merging() || kthread_should_stop(),
					     msecs_to_jiffies(EXITS_MSECS));
	else
		wait_event_freezable(scanner_wait, uksm_knobs_merging() || kthread_should_stop());
}

/*
 * Between two batches. Who exits, leaves or is excluded does not wait for that, which may be
 * long: he is looked for meanwhile, and what is to be reaped or unmerged is worked off, some of
 * the time. Nor does what was asked for, and could not be scanned when it was tried.
 */
static void scanner_rest(struct scanner *scanner, unsigned int msecs)
{
	unsigned int pause;

	scanner->rest_msecs = 0;
	for (;;) {
		if (scanner->reaping)
			pause = REAP_PAUSE_MSECS;
		else
			pause = uksm_asked_any() ? ASKED_MSECS : EXITS_MSECS;
		if (msecs <= pause)
			break;
		if (scanner_sleep(pause) || !uksm_engine_lock_scanner())
			return;
		scanner->reaping = uksm_reap();
		scanner->urgent = uksm_knobs_merging() && uksm_scan_urgent();
		uksm_engine_drop();
		pay_debt(scanner);
		msecs -= pause;
		if (scanner->urgent) {
			scanner->rest_msecs = msecs;
			return;
		}
	}
	scanner_sleep(msecs);
}

static void scanner_pause(struct scanner *scanner, enum slice_end end, bool watch)
{
	pay_debt(scanner);
	if (end == SLICE_STOPPED && !uksm_knobs_merging())
		scanner_stopped(scanner, watch);
	else if (end == SLICE_STOPPED)
		/* ksmd is told to unmerge: until that is over. */
		scanner_sleep(EXITS_MSECS);
	else if (end == SLICE_AMPLE)
		scanner_rest(scanner, AMPLE_MSECS);
	else if (end == SLICE_RESTING)
		scanner_rest(scanner, scanner->rest_msecs);
	else if (end == SLICE_IDLE && !scanner->reaping)
		scanner_idle_sleep();
	else if (scanner->pacer.left <= 0 && !scanner->urgent)
		scanner_rest(scanner, uksm_pacer_sleep(&scanner->pacer));
	/* Who wakes us has changed something: a rest is not gone on with. */
	if (end == SLICE_LOCKED && scanner_sleep(LOCKED_MSECS))
		scanner->rest_msecs = 0;
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

		if (!uksm_engine_lock_scanner())
			break;
		end = scan_slice(&scanner);
		drain = uksm_scan_wants_drain();
		uksm_unload_guard();
		watch = uksm_reaper_needed() || uksm_unload_refused();
		uksm_engine_drop();
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
		uksmd_wake();
}

/** uksmd_task() - the scanner thread */
struct task_struct *uksmd_task(void)
{
	return scanner;
}

/** uksmd_start() - create the scanner thread; 0 or -errno */
int uksmd_start(void)
{
	scanner = kthread_run(scanner_main, NULL, "uksmd");
	return PTR_ERR_OR_ZERO(scanner);
}

/** uksmd_stop() - end the scanner thread */
void uksmd_stop(void)
{
	kthread_stop(scanner);
}
