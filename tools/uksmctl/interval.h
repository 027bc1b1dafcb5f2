/* SPDX-License-Identifier: GPL-2.0-only */
/* Time: intervals as the command line gives them, and waiting for them. */
#ifndef UKSMCTL_INTERVAL_H
#define UKSMCTL_INTERVAL_H

#include <stdbool.h>

/**
 * interval_parse() - seconds, perhaps with a fraction
 * @text: what was given
 * @seconds: receives them: 0.01 to a day
 *
 * Return: false when it is something else.
 */
bool interval_parse(const char *text, double *seconds);

/** interval_now() - seconds of a clock that nobody sets */
double interval_now(void);

/** interval_sleep() - wait until that clock says @until */
void interval_sleep(double until);

#endif /* UKSMCTL_INTERVAL_H */
