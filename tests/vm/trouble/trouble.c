// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make trouble when loaded, so that tests/vm/selftest can see that the VM
 * runner's verdict fails.
 */
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/string.h>

static char *kind = "none";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "none, warn, oops or lockup");

static int __init trouble_init(void)
{
	if (!strcmp(kind, "warn")) {
		WARN(1, "trouble wanted\n");
	} else if (!strcmp(kind, "oops")) {
		WRITE_ONCE(*(int *)8, 0);
	} else if (!strcmp(kind, "lockup")) {
		preempt_disable();
		for (;;)
			cpu_relax();
	}
	return 0;
}

static void __exit trouble_exit(void)
{
}

module_init(trouble_init);
module_exit(trouble_exit);
MODULE_DESCRIPTION("Trouble for the test of the VM runner");
MODULE_LICENSE("GPL");
