/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tunables, as the administrator set them through sysfs.
 */
#ifndef UKSM_KNOBS_H
#define UKSM_KNOBS_H

#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/types.h>

#include "pure/checksum.h"

struct uksm_auto;
struct uksm_pace;

/* Values of the run file, numbered as ksm's. */
enum uksm_run {
	UKSM_RUN_STOP = 0,
	UKSM_RUN_MERGE = 1,
	UKSM_RUN_UNMERGE = 2,
};

/* Which policy sets pages_to_scan, see advisor_mode. */
enum uksm_advisor {
	UKSM_ADVISOR_NONE,
	UKSM_ADVISOR_SCAN_TIME,
	UKSM_ADVISOR_AUTO,
};

/* Which pages may merge with each other, see isolation. */
enum uksm_isolation {
	UKSM_ISOLATE_NONE,
	UKSM_ISOLATE_USER,
	UKSM_ISOLATE_CGROUP,
	UKSM_ISOLATE_PROCESS,
	UKSM_NR_ISOLATIONS,
};

/* What is done against those who learn or choose by merging, see hardening. Each has all before it. */
enum uksm_hardening {
	UKSM_HARDEN_NONE,
	UKSM_HARDEN_DELAY,
	UKSM_HARDEN_FRAME,
	UKSM_NR_HARDENINGS,
};

/* As they are written and read, by number. */
extern const char *const uksm_hardening_words[UKSM_NR_HARDENINGS];

#define UKSM_PAGES_TO_SCAN_DEFAULT 100
#define UKSM_CHECKSUM_LINES_DEFAULT 4

/**
 * struct uksm_knobs - what the files below /sys/kernel/mm/uksm set
 * @run: enum uksm_run; written by uksm_admin_set_run() alone
 * @pages_to_scan: pages the scanner looks at before it sleeps
 * @sleep_millisecs: how long it sleeps then
 * @merge_across_nodes: 0: pages of different NUMA nodes stay apart; written by
 *	uksm_admin_set_tree_knob() alone
 * @use_zero_pages: map a page of zeroes to the kernel's zero page
 * @max_page_sharing: how many addresses may map one KSM page, at least 2;
 *	written by uksm_admin_set_tree_knob() alone
 * @stable_node_chains_prune_millisecs: least time between two prunings of a
 *	chain
 * @isolation: enum uksm_isolation; written by uksm_admin_set_tree_knob() alone
 * @hardening: enum uksm_hardening, of all domains at least; written by
 *	uksm_admin_set_tree_knob() alone
 * @zero_page_across_domains: with isolation, @use_zero_pages holds nevertheless
 * @checksum_lines: cache lines that go into the checksum of a page, 1 to 64;
 *	written by uksm_admin_set_tree_knob() alone
 * @max_cpu_percentage: of one CPU, that the scanner may use, 1 to 100; 100: no limit
 * @max_available_percentage: of the machine's memory, 1 to 100: the scanner works as long as
 *	less is available; 100: always
 * @max_metadata_percentage: of the machine's memory, that may be used to keep track
 *	of pages, 1 to 100
 * @smart_scan: pass over memory where nothing has happened for a while
 * @advisor_mode: enum uksm_advisor; decides who sets @pages_to_scan
 * @advisor_max_cpu: percent of one CPU that the advisor may make the scanner use
 * @advisor_min_pages_to_scan: least value of @pages_to_scan that the advisor sets,
 *	and its first
 * @advisor_max_pages_to_scan: greatest value that it sets
 * @advisor_target_scan_time: seconds that it wants a full scan to take
 *
 * The fields with a writer of their own in admin.c change under uksm_mutex
 * only. The others change at any time: read them with READ_ONCE(), once for
 * each decision.
 */
struct uksm_knobs {
	unsigned int run;
	unsigned int pages_to_scan;
	unsigned int sleep_millisecs;
	unsigned int merge_across_nodes;
	bool use_zero_pages;
	unsigned int max_page_sharing;
	unsigned int stable_node_chains_prune_millisecs;
	unsigned int isolation;
	unsigned int hardening;
	bool zero_page_across_domains;
	unsigned int checksum_lines;
	unsigned int max_cpu_percentage;
	unsigned int max_available_percentage;
	unsigned int max_metadata_percentage;
	bool smart_scan;
	unsigned int advisor_mode;
	unsigned int advisor_max_cpu;
	unsigned long advisor_min_pages_to_scan;
	unsigned long advisor_max_pages_to_scan;
	unsigned long advisor_target_scan_time;
};

extern struct uksm_knobs uksm_knobs;

/**
 * uksm_nr_nids() - how many node numbers the trees are kept apart by
 *
 * Context: uksm_mutex held, or the answer may be out of date when it is used.
 * Return: 1 when pages merge across nodes, else the number of possible nodes.
 */
static inline unsigned int uksm_nr_nids(void)
{
	return READ_ONCE(uksm_knobs.merge_across_nodes) ? 1 : nr_node_ids;
}

/**
 * uksm_kpfn_nid() - the node number under which a page belongs in the trees
 * @kpfn: page frame number of an online page
 *
 * Context: as uksm_nr_nids().
 * Return: a number below uksm_nr_nids().
 */
static inline int uksm_kpfn_nid(unsigned long kpfn)
{
	return READ_ONCE(uksm_knobs.merge_across_nodes) ? 0 : pfn_to_nid(kpfn);
}

/** uksm_knobs_zero_page() - may a page of zeroes be merged with the kernel's zero page? */
static inline bool uksm_knobs_zero_page(void)
{
	return READ_ONCE(uksm_knobs.use_zero_pages) &&
	       (READ_ONCE(uksm_knobs.isolation) == UKSM_ISOLATE_NONE ||
		READ_ONCE(uksm_knobs.zero_page_across_domains));
}

/** uksm_knobs_cpu_limited() - is there a limit on the scanner's CPU time? */
static inline bool uksm_knobs_cpu_limited(void)
{
	return READ_ONCE(uksm_knobs.max_cpu_percentage) < 100;
}

/** uksm_knobs_merging() - is the scanner to run? */
static inline bool uksm_knobs_merging(void)
{
	return READ_ONCE(uksm_knobs.run) == UKSM_RUN_MERGE;
}

/** uksm_knobs_auto() - does uksm set its own pace? */
static inline bool uksm_knobs_auto(void)
{
	return READ_ONCE(uksm_knobs.advisor_mode) == UKSM_ADVISOR_AUTO;
}

int uksm_knobs_set_pages_to_scan(unsigned int pages);
void uksm_knobs_set_advisor_mode(enum uksm_advisor mode);
void uksm_knobs_advise(struct uksm_pace *pace);
unsigned int uksm_knobs_auto_pace(const struct uksm_auto *state, unsigned long pages);

#endif /* UKSM_KNOBS_H */
