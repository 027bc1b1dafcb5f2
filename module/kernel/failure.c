// SPDX-License-Identifier: GPL-2.0-only
/*
 * As long as no memory has failed the scanner does not look at a page's flags before it
 * reads the page. The kernel marks a page that has failed when it begins to handle that, and
 * counts it at the end (action_result()). So the beginning is probed; without the probe the
 * count has to do.
 */
#include "kernel/failure.h"

#include <linux/kprobes.h>

bool uksm_failure_seen __read_mostly;

#ifdef CONFIG_MEMORY_FAILURE

/* Preemption is off here: no lock that sleeps on real-time kernels, nobody is woken. */
static int failing(struct kprobe *probe, struct pt_regs *regs)
{
	WRITE_ONCE(uksm_failure_seen, true);
	return 0;
}
NOKPROBE_SYMBOL(failing);

static struct kprobe failure_probe = {
	.symbol_name = "memory_failure",
	.pre_handler = failing,
};

static bool probed;

/** uksm_failure_init() - be told of failures from their beginning, if possible */
void uksm_failure_init(void)
{
	probed = !register_kprobe(&failure_probe);
	if (!probed)
		pr_info("cannot probe memory_failure, going on without\n");
}

/** uksm_failure_exit() - undo uksm_failure_init() */
void uksm_failure_exit(void)
{
	if (probed)
		unregister_kprobe(&failure_probe);
}

#else

void uksm_failure_init(void)
{
}

void uksm_failure_exit(void)
{
}

#endif
