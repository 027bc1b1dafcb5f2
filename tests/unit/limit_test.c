// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits by which tests in a machine give up (tests/functional/lib/limit.c).
 */
#include <unistd.h>

#include "check.h"
#include "../functional/lib/limit.h"

#define POLL_USECS 20000

/* Milliseconds until the limit has passed, asked as a test does; or -1 after ten seconds. */
static double passes_after(struct limit *limit)
{
	double began = now_msecs();

	while (!limit_passed(limit)) {
		if (now_msecs() - began > 10000)
			return -1;
		usleep(POLL_USECS);
	}
	return now_msecs() - began;
}

static void time_passes(void)
{
	struct limit limit = limit_begin(1);
	double msecs = passes_after(&limit);

	expect(msecs >= 990, "a second has passed after %.0f ms", msecs);
}

/* As if the host had stood still: nobody asks for longer than the limit. */
static void a_jump_counts_as_a_second(void)
{
	struct limit limit = limit_begin(2);
	double msecs;

	usleep(2500000);
	expect(!limit_passed(&limit), "a jump of 2.5 s has used up two seconds");
	msecs = passes_after(&limit);
	expect(msecs >= 990, "the second that was left has passed after %.0f ms", msecs);
}

int main(void)
{
	check_start();
	run_test(time_passes);
	run_test(a_jump_counts_as_a_second);
	return check_status();
}
