/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time limits in machines whose clock jumps when their host has stood still.
 */
#ifndef UKSM_TEST_LIMIT_H
#define UKSM_TEST_LIMIT_H

#include <stdbool.h>

/** now_secs() - CLOCK_MONOTONIC */
double now_secs(void);

/**
 * struct limit - how long something may still take
 * @secs_left: seconds
 * @seen_at: when that was found, by CLOCK_MONOTONIC
 */
struct limit {
	double secs_left;
	double seen_at;
};

/**
 * limit_begin() - from now on, something may take so long
 * @secs: seconds; harness_slower() is the caller's business
 */
struct limit limit_begin(unsigned int secs);

/**
 * limit_passed() - has it taken longer than it may?
 * @limit: from limit_begin(); to be asked several times a second
 *
 * While the host stood still nothing could go on. So between two questions a second passes at
 * most, whatever the clock says.
 */
bool limit_passed(struct limit *limit);

#endif
