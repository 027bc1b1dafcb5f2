// SPDX-License-Identifier: GPL-2.0-only
#include "swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "harness.h"
#include "limit.h"
#include "memory.h"

#define ZRAM "/sys/block/zram0/"
#define CGROUP "/sys/fs/cgroup/uksm-reclaim"
#define RECLAIM_SECS 15

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

void swap_start(void)
{
	test_needs("SWAP");
	test_needs("ZRAM");
	swapoff("/dev/zram0");
	CHECK(!access(ZRAM "disksize", F_OK) || !system("modprobe zram num_devices=1"),
	      "no zram to swap to");
	file_write(ZRAM "reset", "1");
	CHECK(!file_write(ZRAM "disksize", "268435456"), "cannot size zram0");
	CHECK(!system("mkswap /dev/zram0 >/dev/null"), "mkswap failed");
	CHECK_SYS(swapon("/dev/zram0", 0));
}

void cgroup_enter(void)
{
	char pid[32];
	int err;

	err = file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (err)
		test_skip("no memory controller: %s", strerror(-err));
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		test_skip("no control group: %s", strerror(errno));
	if (access(CGROUP "/memory.reclaim", F_OK))
		test_skip("this kernel has no memory.reclaim");
	snprintf(pid, sizeof(pid), "%d", getpid());
	err = file_write(CGROUP "/cgroup.procs", pid);
	CHECK(!err, "cannot enter " CGROUP ": %s", strerror(-err));
}

void swap_stop(void)
{
	CHECK_SYS(swapoff("/dev/zram0"));
}

void cgroup_shrink(const char *bytes)
{
	/* It reports EAGAIN when it finds less than was asked for. */
	file_write(CGROUP "/memory.reclaim", bytes);
}

size_t count_swapped(const char *area, size_t pages)
{
	uint64_t *entries = pagemap_entries(area, pages);
	size_t i, swapped = 0;

	for (i = 0; i < pages; i++)
		swapped += !!(entries[i] & PM_SWAP);
	free(entries);
	return swapped;
}

void push_out(const char *area, size_t pages)
{
	struct limit limit = limit_begin(RECLAIM_SECS * harness_slower());
	int round;

	/*
	 * Active pages are made inactive by statistics of the cgroup, which some kernels bring up
	 * to date every two seconds only (6.1: inactive_is_low() in shrink_lruvec()).
	 */
	for (round = 0; !limit_passed(&limit); round++) {
		if (count_swapped(area, pages) == pages)
			return;
		cgroup_shrink("16M");
		usleep(5000);
	}
	test_fail("after %d rounds of reclaim %zu of %zu pages are in swap", round,
		  count_swapped(area, pages), pages);
}
