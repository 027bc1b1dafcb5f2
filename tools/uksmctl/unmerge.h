/* SPDX-License-Identifier: GPL-2.0-only */
/* To unmerge everything, which may take minutes, and to be interrupted in it. */
#ifndef UKSMCTL_UNMERGE_H
#define UKSMCTL_UNMERGE_H

#include <signal.h>

/**
 * signals_hold() - let no signal end this program from now on
 * @before: receives which were blocked before
 */
void signals_hold(sigset_t *before);

/**
 * unmerge() - write 2 to run, and say on a terminal how much is left
 * @before: as from signals_hold(), which has been called
 *
 * Return: 0, or -errno; -EINTR when SIGHUP, SIGINT or SIGTERM came before it was done.
 */
int unmerge(const sigset_t *before);

#endif /* UKSMCTL_UNMERGE_H */
