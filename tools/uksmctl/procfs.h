/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes, as /proc shows them. Any of them can be gone at any time. */
#ifndef UKSMCTL_PROCFS_H
#define UKSMCTL_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_NAME_SIZE 128

/**
 * struct process - what a process has to do with merging
 * @pid: its ID
 * @vm: it is a virtual machine: QEMU
 * @name: the guest's name, or the command's
 * @rss_bytes: resident memory
 * @mergeable_bytes: of it in mappings that are marked as mergeable; -1: not known
 * @merged_bytes: addresses that map a merged page, in bytes; -1: not known
 * @zero_bytes: addresses that map the zero page by merging; -1: not known
 * @smaps_ksm_bytes: KSM of smaps; -1 where the kernel has it not
 */
struct process {
	pid_t pid;
	bool vm;
	char name[PROCESS_NAME_SIZE];
	long long rss_bytes;
	long long mergeable_bytes;
	long long merged_bytes;
	long long zero_bytes;
	long long smaps_ksm_bytes;
};

/**
 * struct processes - of the whole machine, kernel threads left out
 * @list: the processes
 * @count: their number
 * @unreadable: how many did not let us see their memory
 */
struct processes {
	struct process *list;
	size_t count;
	size_t unreadable;
};

/**
 * processes_read() - look at every process
 * @processes: receives it; processes_free() it
 *
 * A process that ends meanwhile is left out.
 *
 * Return: 0 or -errno of reading /proc.
 */
int processes_read(struct processes *processes);

void processes_free(struct processes *processes);

/**
 * thread_find() - a kernel thread
 * @name: its name
 *
 * Return: its PID, or 0.
 */
pid_t thread_find(const char *name);

/**
 * thread_cpu_seconds() - CPU time that a thread has used
 * @pid: its ID
 *
 * Return: seconds, or a negative number when it has gone.
 */
double thread_cpu_seconds(pid_t pid);

#endif /* UKSMCTL_PROCFS_H */
