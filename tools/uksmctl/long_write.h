/* SPDX-License-Identifier: GPL-2.0-only */
/* A write to a file of the module that may take minutes, and can be interrupted. */
#ifndef UKSMCTL_LONG_WRITE_H
#define UKSMCTL_LONG_WRITE_H

#include <signal.h>

/**
 * signals_hold() - let no signal end this program from now on
 * @before: receives which were blocked before
 */
void signals_hold(sigset_t *before);

/**
 * long_write() - write, and say on a terminal how far it is
 * @file: of the module
 * @text: what to write
 * @progress: says that, without a newline; called each second
 * @before: as from signals_hold(), which has been called
 *
 * Return: 0, or -errno; -EINTR when SIGHUP, SIGINT or SIGTERM came before it was done.
 */
int long_write(const char *file, const char *text, void (*progress)(void),
	       const sigset_t *before);

#endif /* UKSMCTL_LONG_WRITE_H */
