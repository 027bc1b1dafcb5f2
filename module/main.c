// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "fault.h"
#include "ksyms.h"
#include "layout.h"

#ifdef UKSM_DEBUG
static char *fault;
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "refuse to load: symbol, layout, prototype or hook");

bool __init uksm_fault(const char *name)
{
	return fault && !strcmp(fault, name);
}
#endif

static int __init uksm_init(void)
{
	int err;

	err = uksm_ksyms_init();
	if (err)
		return err;
	err = uksm_layout_check();
	if (err)
		return err;
	return 0;
}

static void __exit uksm_exit(void)
{
}

module_init(uksm_init);
module_exit(uksm_exit);

MODULE_DESCRIPTION("Merges equal memory pages, beside ksmd");
MODULE_LICENSE("GPL");
