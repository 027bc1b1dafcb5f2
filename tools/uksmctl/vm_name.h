/* SPDX-License-Identifier: GPL-2.0-only */
/* Which process is a virtual machine, and what the guest is called. */
#ifndef UKSMCTL_VM_NAME_H
#define UKSMCTL_VM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * vm_name() - the guest's name, from QEMU's command line
 * @pid: the process
 * @name: receives it
 * @size: room in @name
 *
 * Return: false when it is no QEMU.
 */
bool vm_name(pid_t pid, char *name, size_t size);

#endif /* UKSMCTL_VM_NAME_H */
