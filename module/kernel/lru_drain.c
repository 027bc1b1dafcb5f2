// SPDX-License-Identifier: GPL-2.0-only
/*
 * A freshly faulted page waits for the LRU in a batch of its CPU, with one reference more
 * than its mappings, and cannot be merged until then. lru_add_drain_all() takes these, and
 * waits for every CPU; one that a real-time task keeps for itself never comes to it, and
 * the caller hangs. So here each CPU is asked, and waited for only for a moment: what has
 * not been drained by then is drained some time, and its pages merge later.
 */
#include "kernel/lru_drain.h"

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/compat.h"

/* How long to wait for the CPUs; mostly they need some ten microseconds. */
#define WAIT_MSECS	20

static struct workqueue_struct *queue;
static DEFINE_PER_CPU(struct work_struct, drain_work);

/* Works that have been queued and have not run. */
static atomic_t nr_pending;
static DECLARE_WAIT_QUEUE_HEAD(pending_wait);

static void drain(struct work_struct *work)
{
	uksm_kcall(lru_add_drain)();
	if (atomic_dec_and_test(&nr_pending))
		wake_up_interruptible(&pending_wait);
}

/**
 * uksm_lru_drain() - have all CPUs drain their batches, as far as they come to it soon
 *
 * A CPU may go offline meanwhile: its batches are drained then anyway, and the work runs on
 * another one.
 *
 * Context: a kernel thread that holds no lock. Sleeps for some milliseconds at most; can be
 * frozen and ended meanwhile.
 */
void uksm_lru_drain(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		/* Before it can run; one that is still pending is counted already. */
		atomic_inc(&nr_pending);
		if (!queue_work_on(cpu, queue, &per_cpu(drain_work, cpu)))
			atomic_dec(&nr_pending);
	}
	wait_event_freezable_timeout(pending_wait,
				     !atomic_read(&nr_pending) || kthread_should_stop(),
				     msecs_to_jiffies(WAIT_MSECS));
}

/** uksm_lru_drain_init() - make the work queue; 0 or -ENOMEM */
int uksm_lru_drain_init(void)
{
	unsigned int cpu;

	queue = alloc_workqueue("uksm_drain", UKSM_WQ_PERCPU, 0);
	if (!queue)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu(drain_work, cpu), drain);
	return 0;
}

/**
 * uksm_lru_drain_exit() - undo uksm_lru_drain_init()
 *
 * What no CPU has come to is cancelled, not waited for.
 */
void uksm_lru_drain_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu(drain_work, cpu));
	destroy_workqueue(queue);
}
