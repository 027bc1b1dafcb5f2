/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What engine and kernel say at one moment.
 */
#ifndef UKSM_BENCH_SAMPLE_H
#define UKSM_BENCH_SAMPLE_H

#include <stdint.h>
#include <stdio.h>

/**
 * struct sample - the figures; -1 is what the kernel or the engine does not tell
 * @time_ns: CLOCK_MONOTONIC
 * @cpu_ns: of the scanner's threads, from their schedstat
 * @full_scans: this and the next: the engine's counters
 * @pages_scanned:
 * @pages_skipped:
 * @pages_shared:
 * @pages_sharing:
 * @pages_unshared:
 * @pages_volatile:
 * @ksm_zero_pages:
 * @pages_to_scan: changes under an advisor
 * @metadata_bytes: uksm's own
 * @cow_breaks: uksm's own
 * @cow_ksm: this and the next: /proc/vmstat
 * @thp_split_page:
 * @thp_split_pmd:
 * @nr_anon_pages:
 * @anon_huge_kib: this and the next: /proc/meminfo
 * @slab_kib:
 * @other_kib: pages that no line of /proc/meminfo accounts for
 * @ksm_slab_bytes: of ksm's caches in /proc/slabinfo, whole slabs
 */
struct sample {
	long time_ns;
	long cpu_ns;
	long full_scans;
	long pages_scanned;
	long pages_skipped;
	long pages_shared;
	long pages_sharing;
	long pages_unshared;
	long pages_volatile;
	long ksm_zero_pages;
	long pages_to_scan;
	long metadata_bytes;
	long cow_breaks;
	long cow_ksm;
	long thp_split_page;
	long thp_split_pmd;
	long nr_anon_pages;
	long anon_huge_kib;
	long slab_kib;
	long other_kib;
	long ksm_slab_bytes;
};

/** sample_scanner() - from now on, samples are of the threads whose names begin so, NULL for none */
void sample_scanner(const char *name);

/** sample_settle_slabs() - have the kernel give back slabs that hold nothing */
void sample_settle_slabs(void);

/** sample_take() - all fields */
struct sample sample_take(void);

/** sample_quick() - time, CPU time, full scans and the saving only; the rest is 0 */
struct sample sample_quick(void);

/**
 * sample_saving_by_use() - from now on, the saving is what fewer anonymous pages are in use than now
 *
 * For what the engine does not count. It takes the machine longer.
 */
void sample_saving_by_use(void);

/** sample_saving() - pages that the engine says it saves, or see above */
long sample_saving(const struct sample *s);

/** sample_print() - as a JSON object */
void sample_print(FILE *out, const struct sample *s);

/** scanner_thread() - PID of the scanner's thread, the first if there are several */
int scanner_thread(void);

#endif
