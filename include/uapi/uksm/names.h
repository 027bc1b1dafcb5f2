/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of /sys/kernel/mm/uksm, by name and mode. This is the one list of them:
 * the module builds its attribute group from it, tools learn the names from it, and
 * tests/docs compares docs/admin-guide.md with it.
 *
 * Both lists are X-macros: RW(name) for a file with mode 0644, RO(name) for 0444. Keep
 * one file to a line, the test reads the lines.
 */
#ifndef UKSM_NAMES_H
#define UKSM_NAMES_H

#define UKSM_SYSFS_NAME "uksm"
#define UKSM_SYSFS_DIR "/sys/kernel/mm/" UKSM_SYSFS_NAME

/* Name, meaning and unit are ksm's: what a tool written for /sys/kernel/mm/ksm expects. */
/* clang-format off */
#define UKSM_KSM_FILES(RW, RO)						\
	RW(run)			/* 0 stop, 1 merge, 2 stop and unmerge */ \
	RW(pages_to_scan)	/* pages in one batch */		\
	RW(sleep_millisecs)	/* sleep between two batches */		\
	RW(merge_across_nodes)	/* 0: merge within a NUMA node only */	\
	RW(use_zero_pages)	/* 1: map zeroed pages to the zero page */ \
	RW(max_page_sharing)	/* sharers of one merged page, at most */ \
	RW(stable_node_chains_prune_millisecs)				\
	RW(smart_scan)							\
	RW(advisor_mode)						\
	RW(advisor_max_cpu)	/* percent of one CPU */		\
	RW(advisor_min_pages_to_scan)					\
	RW(advisor_max_pages_to_scan)					\
	RW(advisor_target_scan_time) /* seconds */			\
	RO(full_scans)							\
	RO(pages_scanned)						\
	RO(pages_shared)	/* merged pages */			\
	RO(pages_sharing)	/* further addresses that use them: the saving */ \
	RO(pages_unshared)	/* unique pages in the unstable tree */	\
	RO(pages_volatile)	/* pages that change too fast for a tree */ \
	RO(pages_skipped)						\
	RO(ksm_zero_pages)						\
	RO(stable_node_chains)						\
	RO(stable_node_dups)						\
	RO(general_profit)	/* bytes, may be negative */

/* Name and meaning are uksm's own. */
#define UKSM_OWN_FILES(RW, RO)						\
	RW(isolation)		/* which pages may merge: none user cgroup process */ \
	RW(hardening)		/* against news and frames by merging: none delay frame */ \
	RW(zero_page_across_domains) /* 1: use_zero_pages with isolation as well */ \
	RW(checksum_lines)	/* cache lines of a page that are hashed */ \
	RW(max_cpu_percentage)	/* of one CPU, for the scanner; 100: no limit */ \
	RW(max_available_percentage) /* of memory, up to which the scanner works */ \
	RW(max_metadata_percentage) /* of memory, to keep track of pages */ \
	RO(split_zero_pages)	/* zero pages that splits of huge pages have placed */ \
	RO(cow_breaks)		/* merged addresses written since */	\
	RO(metadata_bytes)	/* memory held to keep track of pages */ \
	RO(dead_metadata_bytes)	/* of it, for processes that have exited */ \
	RO(uksmd_cpu_msecs)	/* CPU time of the scanner thread */	\
	RO(kthread_pid)		/* PID of the scanner thread */
/* clang-format on */

/* Everything, in the order in which a list shows it. */
#define UKSM_FILES(RW, RO) UKSM_KSM_FILES(RW, RO) UKSM_OWN_FILES(RW, RO)

#endif /* UKSM_NAMES_H */
