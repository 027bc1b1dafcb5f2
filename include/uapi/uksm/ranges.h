/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the writable files of uksm/names.h take. tools check a value with it before
 * they write any; the module is what decides. tests/docs compares the list with
 * docs/admin-guide.md, and tests/uksmctl with the loaded module.
 *
 * NUMBER(name, min, max) for a decimal number, SWITCH(name) for yes or no,
 * CHOICE(name, words) for one of several words. Keep one file to a line, the test
 * reads the lines. A file that is not here is left to the module to judge.
 */
#ifndef UKSM_RANGES_H
#define UKSM_RANGES_H

/* clang-format off */
#define UKSM_RANGES(NUMBER, SWITCH, CHOICE)				\
	NUMBER(run, 0, 2)						\
	NUMBER(pages_to_scan, 0, 4294967295)				\
	NUMBER(sleep_millisecs, 0, 4294967295)				\
	NUMBER(merge_across_nodes, 0, 1)				\
	SWITCH(use_zero_pages)						\
	NUMBER(max_page_sharing, 2, 2147483647)				\
	NUMBER(stable_node_chains_prune_millisecs, 0, 4294967295)	\
	SWITCH(smart_scan)						\
	CHOICE(advisor_mode, "none scan-time auto")				\
	NUMBER(advisor_max_cpu, 0, 4294967295)				\
	NUMBER(advisor_min_pages_to_scan, 0, 18446744073709551615)	\
	NUMBER(advisor_max_pages_to_scan, 0, 18446744073709551615)	\
	NUMBER(advisor_target_scan_time, 1, 18446744073709551615)	\
	CHOICE(isolation, "none user cgroup process")			\
	SWITCH(zero_page_across_domains)				\
	NUMBER(checksum_lines, 1, 64)					\
	NUMBER(max_cpu_percentage, 1, 100)				\
	NUMBER(max_metadata_percentage, 1, 100)
/* clang-format on */

#endif /* UKSM_RANGES_H */
