/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the scanner spends its instructions: the kernel's own sampling by its clock, which with
 * --icount ticks by the instruction.
 */
#ifndef UKSM_BENCH_PROFILE_H
#define UKSM_BENCH_PROFILE_H

#include <stdio.h>

/**
 * profile_open() - get ready to sample a thread, which takes a while
 * @pid: the thread
 * @usecs: of its run time between two samples, at least 10
 */
void profile_open(int pid, unsigned int usecs);

/** profile_start() - begin to sample */
void profile_start(void);

/**
 * profile_end() - stop, and print what was seen
 * @out: gets ,"profile":{"samples":N,"lost":N,"places":[["NAME",OFFSET,SAMPLES],...],
 *	 "functions":[["NAME",SELF,TOTAL],...]}; TOTAL counts the samples in which the function or
 *	 one that it called was running
 */
void profile_end(FILE *out);

#endif
