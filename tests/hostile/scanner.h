/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The thread of the engine under test: its pace, its CPU time, and what it holds.
 */
#ifndef UKSM_HOSTILE_SCANNER_H
#define UKSM_HOSTILE_SCANNER_H

#include <sys/types.h>

/* The defaults of both engines. */
#define DEFAULT_PAGES 100
#define DEFAULT_MSECS 20

/** scanner_tempo() - so many pages a round, so long a sleep, smart_scan off */
void scanner_tempo(long pages, long msecs);

/** scanner_smart() - smart_scan on, where the engine has it */
void scanner_smart(void);

/** scanner_pid() - the thread's id */
pid_t scanner_pid(void);

/** scanner_cpu_secs() - CPU time that it has used, to the nanosecond */
double scanner_cpu_secs(void);

/** scanner_share() - percent of a CPU that it uses over some seconds from now on */
double scanner_share(double secs);

/** metadata_bytes() - what the engine holds for pages; of ksmd, by its counters */
long metadata_bytes(void);

/** slab_objects() - objects in use in a slab cache, 0 if there is no such */
long slab_objects(const char *cache);

/** sleep_secs() - sleep */
void sleep_secs(double secs);

#endif
