// SPDX-License-Identifier: GPL-2.0-only
#include "interval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MIN 0.01
#define SECONDS_MAX 86400.0

bool interval_parse(const char *text, double *seconds)
{
	char *end;

	/* Not what else strtod() takes: blanks, signs, hexadecimal, infinity. */
	if (!*text || text[strspn(text, "0123456789.")])
		return false;
	*seconds = strtod(text, &end);

	return !*end && *seconds >= SECONDS_MIN && *seconds <= SECONDS_MAX;
}

double interval_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void interval_sleep(double until)
{
	struct timespec deadline = { .tv_sec = (time_t)until };

	deadline.tv_nsec = (long)((until - (double)deadline.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline,
			       NULL) == EINTR)
		;
}
