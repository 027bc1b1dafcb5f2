/* SPDX-License-Identifier: GPL-2.0-only */
/* The threads that scan, and the CPU time they take. */
#ifndef UKSMCTL_SCANNER_H
#define UKSMCTL_SCANNER_H

#include <sys/types.h>

/**
 * struct scanner - a thread that is watched
 * @pid: its ID; 0 when it was not found
 * @cpu_seconds: what it had used when last looked at; negative: not known
 * @when: when that was
 */
struct scanner {
	pid_t pid;
	double cpu_seconds;
	double when;
};

/** scanner_start_uksmd() - begin to watch uksm's thread */
void scanner_start_uksmd(struct scanner *scanner);

/** scanner_start_ksmd() - begin to watch the kernel's */
void scanner_start_ksmd(struct scanner *scanner);

/**
 * scanner_percent() - what it has used since it was last looked at
 * @scanner: the thread
 *
 * Return: percent of one CPU, or NAN when that is not known.
 */
double scanner_percent(struct scanner *scanner);

#endif /* UKSMCTL_SCANNER_H */
