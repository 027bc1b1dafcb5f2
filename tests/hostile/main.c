// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tenants that do what they may and mean harm: what they do to others, under ksmd and under uksm.
 */
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "harness.h"

static const struct test tests[] = {
	{ "fork-stream", case_fork_stream, 1500 },
	{ "everything-mergeable", case_everything_mergeable, 900 },
	{ "zero-readers", case_zero_readers, 300 },
	{ "emptied", case_emptied, 300 },
	{ "swapped", case_swapped, 300 },
	{ "collisions", case_collisions, 900 },
	{ "veto-dead", case_veto_dead, 300 },
	{ "veto-locked", case_veto_locked, 300 },
	{ "pinned", case_pinned, 300 },
	{ "rwp", case_rwp, 120 },
	{ "many-vmas", case_many_vmas, 300 },
	{ "big-munmap", case_big_munmap, 300 },
	{ "big-death", case_big_death, 300 },
	{ "knob-latency", case_knob_latency, 300 },
	{ "rt-hog", case_rt_hog, 300 },
};

bool hostile_long(void)
{
	return getenv("HOSTILE_LONG") != NULL;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--work"))
		return exec_worker();
	return harness_main("hostile", tests, ARRAY_SIZE(tests), argc, argv);
}
