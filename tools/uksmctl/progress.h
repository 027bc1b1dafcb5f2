/* SPDX-License-Identifier: GPL-2.0-only */
/* Long work: how far it is, and whether it is to end. */
#ifndef UKSMCTL_PROGRESS_H
#define UKSMCTL_PROGRESS_H

#include <stdbool.h>

/** progress_begin() - be nice to others, and let SIGINT, SIGTERM and SIGHUP end the work in order */
void progress_begin(void);

/**
 * progress_show() - on a terminal, ten times a second at most: "WHAT: 12 %"
 * @what: what is done
 * @done: how much of it
 * @all: of how much; 0: not known
 *
 * Return: false when the work is to end.
 */
bool progress_show(const char *what, long long done, long long all);

/**
 * progress_pause() - wait
 * @what: what for
 * @seconds: how long
 *
 * Return: false when the work is to end.
 */
bool progress_pause(const char *what, double seconds);

/** progress_end() - clear the line; signals end the program at once again, also one that has come */
void progress_end(void);

#endif /* UKSMCTL_PROGRESS_H */
