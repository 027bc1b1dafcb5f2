/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the writable files of uksm/names.h take, and what they hold after load. tools
 * check a value with it before they write any; the module is what decides. tests/docs
 * compares the list with docs/admin-guide.md, and tests/uksmctl with the loaded module.
 *
 * NUMBER(name, min, max, default, when) for a decimal number, SWITCH(name, default, when)
 * for yes or no, CHOICE(name, words, default, when) for one of several words. when is
 *
 *   UNMERGED  the module takes a change only while nothing is merged
 *   ANYTIME
 *   LAST      to be written after all the others
 *
 * Several knobs are written in this order, and in that of the list. Keep one file to a
 * line, the test reads the lines. A file that is not here is left to the module to judge.
 */
#ifndef UKSM_RANGES_H
#define UKSM_RANGES_H

/* clang-format off */
#define UKSM_RANGES(NUMBER, SWITCH, CHOICE)				\
	NUMBER(merge_across_nodes, 0, 1, 1, UNMERGED)			\
	NUMBER(max_page_sharing, 2, 2147483647, 256, UNMERGED)		\
	NUMBER(checksum_lines, 1, 64, 4, UNMERGED)			\
	CHOICE(isolation, "none user cgroup process", "none", UNMERGED)	\
	CHOICE(hardening, "none delay frame", "none", UNMERGED)		\
	NUMBER(max_cpu_percentage, 1, 100, 100, ANYTIME)		\
	NUMBER(max_available_percentage, 1, 100, 100, ANYTIME)		\
	NUMBER(max_metadata_percentage, 1, 100, 20, ANYTIME)		\
	NUMBER(sleep_millisecs, 0, 4294967295, 20, ANYTIME)		\
	SWITCH(use_zero_pages, 0, ANYTIME)				\
	SWITCH(zero_page_across_domains, 0, ANYTIME)			\
	SWITCH(smart_scan, 1, ANYTIME)					\
	NUMBER(stable_node_chains_prune_millisecs, 0, 4294967295, 2000, ANYTIME) \
	NUMBER(advisor_max_cpu, 0, 4294967295, 70, ANYTIME)		\
	NUMBER(advisor_min_pages_to_scan, 0, 18446744073709551615, 500, ANYTIME) \
	NUMBER(advisor_max_pages_to_scan, 0, 18446744073709551615, 30000, ANYTIME) \
	NUMBER(advisor_target_scan_time, 1, 18446744073709551615, 200, ANYTIME) \
	CHOICE(advisor_mode, "none scan-time auto", "none", ANYTIME)	\
	NUMBER(pages_to_scan, 0, 4294967295, 100, ANYTIME)		\
	NUMBER(run, 0, 2, 0, LAST)
/* clang-format on */

#endif /* UKSM_RANGES_H */
