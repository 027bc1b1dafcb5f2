/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long the scanner holds what processes and virtual machines wait for: page-table locks,
 * mmap_locks, and MMU notifier ranges, in which no guest may map a page. Traced by the kernel's own
 * probes and events, the same for both engines.
 */
#ifndef UKSM_BENCH_HOLDS_H
#define UKSM_BENCH_HOLDS_H

#include <stdio.h>

/**
 * holds_open() - get ready to trace a thread
 * @pid: the scanner's thread
 * @name: what it holds: page-table, mmap-lock or notifier
 */
void holds_open(int pid, const char *name);

/** holds_start() - begin to trace; what was traced before is forgotten */
void holds_start(void);

/**
 * holds_end() - stop, and print what was seen
 * @out: gets ,"NAME":[N,P50,P99,P99.9,WORST,SUM], the number of holds and their lengths in ns, the
 *	 time of one probe in each
 * @name: NAME
 *
 * Fails if something was lost, or if there was none.
 */
void holds_end(FILE *out, const char *name);

#endif
