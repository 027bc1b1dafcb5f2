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
 * @pid: of the process; all have their area at the same address
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

/**
 * history_show() - print where a page lies, and what this process and its parent did to it
 * @address: of the page
 * @page: its number in the area
 * @origin: the number of the page that its content was written to
 */
void history_show(const void *address, unsigned long page, unsigned long origin);

#endif
