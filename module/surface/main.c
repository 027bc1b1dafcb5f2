// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading. What may refuse because of the kernel below comes
 * first, and has no effect when it does.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/string.h>

#include "engine/admin.h"
#include "engine/domain.h"
#include "engine/enlist.h"
#include "engine/hotplug.h"
#include "engine/knobs.h"
#include "engine/mm_slot.h"
#include "engine/stable_tree.h"
#include "engine/uksmd.h"
#include "engine/unload.h"
#include "kernel/failure.h"
#include "kernel/fault.h"
#include "kernel/ksyms.h"
#include "kernel/layout.h"
#include "kernel/lru_drain.h"
#include "kernel/named.h"
#include "kernel/race.h"
#include "kernel/stock.h"
#include "pure/checksum.h"
#include "surface/domains.h"
#include "surface/sysfs.h"

static unsigned int run;
module_param(run, uint, 0444);
MODULE_PARM_DESC(run, "what to write to the run file first: 0 (default) or 1");

#ifdef UKSM_DEBUG
static char *fault;
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "refuse to load: symbol, layout, prototype or hook");

bool __init uksm_fault(const char *name)
{
	return fault && !strcmp(fault, name);
}
#endif

/*
 * Everything that can be refused is looked at before the first side effect,
 * which is the hook on ksmd's run file. The scanner sleeps until run is written.
 */
static int __init uksm_init(void)
{
	int err;

	if (run != UKSM_RUN_STOP && run != UKSM_RUN_MERGE) {
		pr_err("run must be 0 or 1: refusing to load\n");
		return -EINVAL;
	}

	err = uksm_ksyms_init();
	if (err)
		return err;
	err = uksm_layout_check();
	if (err)
		return err;

	uksm_checksum_init();
	uksm_checksum_set_lines(uksm_knobs.checksum_lines);
	err = uksm_named_init();
	if (err)
		goto undo_checksum;
	err = uksm_domains_init(uksm_stable_tie);
	if (err)
		goto undo_named;
	err = uksm_mm_slots_init();
	if (err)
		goto undo_domains;
	err = uksm_lru_drain_init();
	if (err)
		goto undo_slots;
	err = uksm_stock_init();
	if (err)
		goto undo_drain;
	err = uksm_hotplug_init();
	if (err)
		goto undo_stock;
	err = uksm_enlist_init();
	if (err)
		goto undo_hotplug;
	uksm_failure_init();
	uksm_race_init();
	err = uksmd_start();
	if (err)
		goto undo_failure;
	uksm_stock_set_enter_hint(uksmd_work_hint);
	err = uksm_sysfs_init();
	if (err)
		goto undo_uksmd;
	err = uksm_admin_set_run(run);
	if (err)
		goto undo_sysfs;
	return 0;

undo_sysfs:
	uksm_sysfs_exit();
undo_uksmd:
	uksm_stock_set_enter_hint(NULL);
	uksmd_stop();
	uksm_unload();
	uksm_domain_files_exit();
undo_failure:
	uksm_race_exit();
	uksm_failure_exit();
	uksm_enlist_exit();
undo_hotplug:
	uksm_hotplug_exit();
undo_stock:
	uksm_stock_exit();
undo_drain:
	uksm_lru_drain_exit();
undo_slots:
	uksm_mm_slots_exit();
	uksm_stable_exit();
undo_domains:
	uksm_domains_exit();
undo_named:
	uksm_named_exit();
undo_checksum:
	uksm_checksum_exit();
	return err;
}

/*
 * The files go first, so that nobody can set the scanner running again, and whoever is
 * at it gives up; then
 * everything is unmerged, before anything that holds the trees together goes.
 */
static void __exit uksm_exit(void)
{
	uksm_admin_stopping();
	uksm_sysfs_exit();
	uksm_stock_set_enter_hint(NULL);
	uksmd_stop();
	uksm_unload();
	uksm_domain_files_exit();
	uksm_race_exit();
	uksm_failure_exit();
	uksm_enlist_exit();
	uksm_hotplug_exit();
	uksm_stock_exit();
	uksm_lru_drain_exit();
	uksm_mm_slots_exit();
	uksm_stable_exit();
	uksm_domains_exit();
	uksm_named_exit();
	uksm_checksum_exit();
}

module_init(uksm_init);
module_exit(uksm_exit);

MODULE_DESCRIPTION("Merges equal memory pages, beside ksmd");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
