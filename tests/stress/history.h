/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was done to which pages lately, by whom: for the reader of a complaint.
 */
#ifndef STRESS_HISTORY_H
#define STRESS_HISTORY_H

#include <stdint.h>
#include <sys/types.h>

#define HISTORY_MAX 65536

/**
 * struct event - somebody begins to do something to pages of a worker's area
 * @time: of CLOCK_MONOTONIC, in microseconds; 0 while it is written
 * @pid: of the process; its area is at the same address as any other's
 * @tid: of the thread
 * @from: the first page
 * @n: how many
 * @what: in a word; a string constant of the program
 */
struct event {
	uint64_t time;
	pid_t pid, tid;
	unsigned int from, n;
	char what[16];
};

/** history_begin() - this thread is going to do that */
void history_begin(const char *what);

/** history_note() - ... to these pages */
void history_note(unsigned long from, unsigned long n);

/** history_show() - print what was done to a page in the last seconds, and where it lies now */
void history_show(const void *address, unsigned long page, unsigned long origin);

#endif
