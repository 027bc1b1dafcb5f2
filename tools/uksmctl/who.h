/* SPDX-License-Identifier: GPL-2.0-only */
/* Who a process is: what anybody may know of it. */
#ifndef UKSMCTL_WHO_H
#define UKSMCTL_WHO_H

#include <stdbool.h>
#include <sys/types.h>

#define WHO_NAME_SIZE 128

/**
 * struct who - a process
 * @pid: its ID
 * @directory: its directory in /proc, by which it is known if the ID becomes another's
 * @has_memory: it has an address space; kernel threads have none, and what has exited
 * @has_exited: it is there only for its parent to see
 * @uid: its real user ID; -1: not known
 * @name: what it calls itself
 * @vm: it is a virtual machine: QEMU
 * @guest: then, the name of the guest
 * @cgroup: path of its control group (cgroup v2); NULL: it has none, or it is not known
 */
struct who {
	pid_t pid;
	int directory;
	bool has_memory;
	bool has_exited;
	long long uid;
	char name[WHO_NAME_SIZE];
	bool vm;
	char guest[WHO_NAME_SIZE];
	char *cgroup;
};

/**
 * who_born() - when a process began, by which it is known if its ID becomes another's
 * @pid: its ID
 *
 * Return: clock ticks after boot, or 0 when it has gone.
 */
unsigned long long who_born(pid_t pid);

/**
 * who_read() - look at a process
 * @pid: the process
 * @who: receives it; who_free() it, after a failure as well
 *
 * Return: 0 or -errno; -ESRCH when there is none.
 */
int who_read(pid_t pid, struct who *who);

/**
 * who_is_there() - is it still there?
 * @who: the process
 *
 * Return: true if all that was read below /proc/PID since who_read() was of this process.
 */
bool who_is_there(const struct who *who);

void who_free(struct who *who);

#endif /* UKSMCTL_WHO_H */
