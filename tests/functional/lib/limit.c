// SPDX-License-Identifier: GPL-2.0-only
#include "limit.h"

#include <time.h>

double now_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

struct limit limit_begin(unsigned int secs)
{
	return (struct limit){ .secs_left = secs, .seen_at = now_secs() };
}

bool limit_passed(struct limit *limit)
{
	double now = now_secs(), passed = now - limit->seen_at;

	limit->secs_left -= passed < 1 ? passed : 1;
	limit->seen_at = now;
	return limit->secs_left < 0;
}
