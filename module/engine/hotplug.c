// SPDX-License-Identifier: GPL-2.0-only
#include "engine/hotplug.h"

#include <linux/memory.h>
#include <linux/notifier.h>

#include "engine/frames.h"
#include "engine/lock.h"
#include "engine/prune.h"

/*
 * Before the memory's users are asked to go, and before ksmd (100): who then waits for
 * ksmd's OFFLINE bit has no need to wait for us as well.
 */
#define HOTPLUG_PRIORITY	101

/* Drop the nodes of memory that is gone. */
static void memory_offline(unsigned long start_pfn, unsigned long end_pfn)
{
	uksm_engine_take_always();
	uksm_stable_del_pfn_range(start_pfn, end_pfn);
	uksm_engine_drop();
}

/*
 * A stable node knows its page by frame number and holds no reference, so after
 * the frame's struct page is gone the node must be gone as well. While memory is
 * going offline the trees are left alone: migration changes kpfn, and a node
 * could be looked up whose frame has just been taken away.
 */
static int memory_event(struct notifier_block *nb, unsigned long action, void *arg)
{
	struct memory_notify *mn = arg;
	int err;

	switch (action) {
	case MEM_GOING_OFFLINE:
		/* Who was killed meanwhile wants it no more. */
		err = uksm_engine_close();
		if (err)
			return notifier_from_errno(err);
		/* They may lie there, and nobody can move them. */
		uksm_engine_take_always();
		uksm_frames_drain();
		uksm_engine_drop();
		break;
	case MEM_OFFLINE:
		memory_offline(mn->start_pfn, mn->start_pfn + mn->nr_pages);
		uksm_engine_open();
		break;
	case MEM_CANCEL_OFFLINE:
		uksm_engine_open();
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block memory_notifier = {
	.notifier_call = memory_event,
	.priority = HOTPLUG_PRIORITY,
};

/** uksm_hotplug_init() - listen for memory going offline; 0 or -errno */
int uksm_hotplug_init(void)
{
	return register_memory_notifier(&memory_notifier);
}

/** uksm_hotplug_exit() - stop listening */
void uksm_hotplug_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
}
