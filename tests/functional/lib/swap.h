/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap on compressed memory, and a control group that is told to use it.
 */
#ifndef UKSM_TEST_SWAP_H
#define UKSM_TEST_SWAP_H

#include <stddef.h>

/** file_write() - write a text to a file in one write(2); returns 0 or a negative errno */
int file_write(const char *path, const char *text);

/** swap_start() - swap to zram; skips the test where there is none */
void swap_start(void);

/** swap_stop() - swapoff, which must succeed */
void swap_stop(void);

/**
 * cgroup_enter() - charge this process's memory from here on to a group that can be told to shrink
 *
 * Skips the test where the kernel has no memory.reclaim.
 */
void cgroup_enter(void);

/** cgroup_shrink() - ask the group to give up so many bytes, as "16M" */
void cgroup_shrink(const char *bytes);

/** count_swapped() - how many pages of an area are in swap */
size_t count_swapped(const char *area, size_t pages);

/**
 * push_out() - shrink the group until the whole area is in swap, which must succeed
 *
 * A page with many sharers takes several rounds.
 */
void push_out(const char *area, size_t pages);

#endif
