/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_TEST_KLOG_H
#define UKSM_TEST_KLOG_H

/** klog_open() - a reader of the kernel log that starts at its present end */
int klog_open(void);

/**
 * klog_count() - read what the log has gained, and count the module's lines that hold a text
 * @fd: from klog_open()
 * @text: the text; "" counts every line of the module's
 */
unsigned int klog_count(int fd, const char *text);

#endif
