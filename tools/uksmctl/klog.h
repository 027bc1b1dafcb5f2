/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's log says of loading the module. */
#ifndef UKSMCTL_KLOG_H
#define UKSMCTL_KLOG_H

#define KLOG_LINE_SIZE 256

/**
 * struct klog - the last lines of each kind; "" where there is none
 * @refusal: why the module, or the kernel's loader, has refused this one
 * @rejection: why the kernel has rejected a module for its signature; it does not
 *	say which module
 */
struct klog {
	char refusal[KLOG_LINE_SIZE];
	char rejection[KLOG_LINE_SIZE];
};

/**
 * klog_read() - look through the log
 * @klog: receives it
 *
 * Return: 0, or -errno when the log cannot be read.
 */
int klog_read(struct klog *klog);

#endif /* UKSMCTL_KLOG_H */
