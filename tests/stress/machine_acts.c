// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine changes under the engine: memory and CPUs go and come, swap too, everything is
 * frozen, processes are killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acts.h"
#include "files.h"
#include "guard.h"
#include "tenants.h"
#include "worker.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

#define CGROUP "/sys/fs/cgroup/"
#define WORK CGROUP "stress-work/"
#define SMALL CGROUP "stress-small/"
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define MEMORY "/sys/devices/system/memory/"
#define KPF_HWPOISON (1UL << 19)
#define SWAP_DISK "/dev/zram0"

void machine_init(void)
{
	file_write(CGROUP "cgroup.subtree_control", "+memory");
	mkdir(WORK, 0755);
	mkdir(SMALL, 0755);
	tenants_init(WORK);
}

void machine_join(void)
{
	file_write(WORK "cgroup.procs", "0");
}

void machine_restore(void)
{
	file_write(WORK "memory.high", "max");
	file_write(WORK "cgroup.freeze", "0");
}

/* Reclaim pushes some of what the workers have into swap, merged pages too. */
static enum outcome act_squeeze(struct actor *a)
{
	long bytes = file_number(WORK "memory.current");

	if (bytes < 0)
		return not_available("no memory control group");
	if (rnd(&a->rng, 2)) {
		file_write_number(WORK "memory.reclaim", bytes / (2 + rnd(&a->rng, 6)));
	} else {
		file_write_number(WORK "memory.high", bytes - bytes / (4 + rnd(&a->rng, 8)));
		usleep(rnd(&a->rng, 300000));
		file_write(WORK "memory.high", "max");
	}
	return DONE;
}

static enum outcome act_swapoff(struct actor *a)
{
	if (access(SWAP_DISK, F_OK))
		return not_available("no zram");
	if (swapoff(SWAP_DISK))
		return REFUSED;
	usleep(rnd(&a->rng, 100000));
	if (swapon(SWAP_DISK, 0))
		complain("swapon: %s", strerror(errno));
	return DONE;
}

static enum outcome act_compact(struct actor *a)
{
	(void)a;
	return file_write("/proc/sys/vm/compact_memory", "1") ? REFUSED : DONE;
}

static enum outcome act_drop_caches(struct actor *a)
{
	(void)a;
	return file_write("/proc/sys/vm/drop_caches", "3") ? REFUSED : DONE;
}

static enum outcome act_khugepaged(struct actor *a)
{
	static const char *const modes[] = { "always", "always", "madvise", "never" };

	if (access(THP "enabled", F_OK))
		return not_available("no huge pages");
	file_write(THP "enabled", modes[rnd(&a->rng, 4)]);
	file_write_number(THP "khugepaged/scan_sleep_millisecs", rnd(&a->rng, 200));
	file_write_number(THP "khugepaged/max_ptes_shared", rnd(&a->rng, 512));
	return DONE;
}

static enum outcome act_numa_balancing(struct actor *a)
{
	return file_write_number("/proc/sys/kernel/numa_balancing", rnd(&a->rng, 2)) ?
		       not_available("no NUMA balancing") : DONE;
}

static unsigned long block_bytes(void)
{
	char text[32];

	return file_read(MEMORY "block_size_bytes", text, sizeof(text)) ? 0 :
									   strtoul(text, NULL, 16);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A write that a signal ends, should it take too long. */
static int write_for(unsigned int seconds, const char *path, const char *text)
{
	struct sigaction action = { .sa_handler = nothing };
	int err;

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
	err = file_write(path, text);
	alarm(0);
	return err;
}

/* Poisoned frames keep a block from coming online: give them back first. */
static void block_unpoison(const char *block)
{
	long index = strtol(strrchr(block, 'y') + 1, NULL, 10);
	unsigned long pfn, nr = block_bytes() / PAGE_SIZE;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t flags;

	for (pfn = index * nr; pfn < (index + 1) * nr; pfn++)
		if (pread(fd, &flags, sizeof(flags), pfn * sizeof(flags)) == sizeof(flags) &&
		    flags & KPF_HWPOISON)
			file_write_number("/sys/kernel/debug/hwpoison/unpoison-pfn", pfn);
	close(fd);
}

/* A block of movable memory, which all kinds of pages have got into, is emptied. */
static enum outcome act_memory_offline(struct actor *a)
{
	enum outcome outcome = not_available("no movable memory block");
	char path[64], text[64];
	unsigned long i, start;
	glob_t blocks;
	int tries, err = -EBUSY;

	if (glob(MEMORY "memory[0-9]*", 0, NULL, &blocks))
		return outcome;
	start = rnd(&a->rng, blocks.gl_pathc);
	for (i = 0; i < blocks.gl_pathc && outcome == UNAVAILABLE; i++) {
		const char *block = blocks.gl_pathv[(start + i) % blocks.gl_pathc];

		snprintf(path, sizeof(path), "%s/valid_zones", block);
		if (file_read(path, text, sizeof(text)) || strcmp(text, "Movable"))
			continue;
		block_unpoison(block);
		snprintf(path, sizeof(path), "%s/state", block);
		outcome = write_for(10, path, "offline") ? REFUSED : DONE;
	}
	globfree(&blocks);
	if (outcome != DONE)
		return outcome;
	usleep(rnd(&a->rng, 200000));
	for (tries = 0; tries < 20 && err && err != -EHWPOISON; tries++) {
		err = file_write(path, "online_movable");
		if (err)
			usleep(100000);
	}
	if (err && err != -EHWPOISON)
		complain("%s does not come online: %s", path, strerror(-err));
	return outcome;
}

static enum outcome act_cpu_offline(struct actor *a)
{
	const char *cpu = "/sys/devices/system/cpu/cpu1/online";
	int err;

	if (access(cpu, F_OK))
		return not_available("one CPU");
	err = file_write(cpu, "0");
	usleep(rnd(&a->rng, 200000));
	if (!err && file_write(cpu, "1"))
		complain("CPU 1 does not come online");
	return err ? REFUSED : DONE;
}

/* As before a suspend: every process and thread is frozen, and thawed after a second. */
static enum outcome act_system_freeze(struct actor *a)
{
	(void)a;
	if (file_write("/sys/power/pm_test", "freezer"))
		return not_available("no /sys/power/pm_test");
	file_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	file_write("/sys/power/pm_freeze_timeout", "5000");
	return file_write("/sys/power/state", "freeze") ? REFUSED : DONE;
}

static enum outcome act_group_freeze(struct actor *a)
{
	if (file_write(WORK "cgroup.freeze", "1"))
		return not_available("no control group freezer");
	usleep(rnd(&a->rng, 500000));
	file_write(WORK "cgroup.freeze", "0");
	return DONE;
}

/* A process whose memory the scanner is at, waiting for its end. */
static void victim(struct actor *a, const char *cgroup, unsigned long pages)
{
	struct area area;
	unsigned long page;

	if (cgroup)
		file_write(cgroup, "0");
	guard_single();
	area_map(&area, worker_area(), pages, rnd(&a->rng, 1UL << 32));
	area.salt = count_up(tally->forks);
	for (page = 0; page < pages; page++) {
		area_write(&area, page, 1);
		if (!(page % 64))
			usleep(1000);
	}
	for (;;)
		pause();
}

static bool killed(pid_t pid, unsigned int seconds)
{
	unsigned int tries;
	int status;

	for (tries = 0; tries < seconds * 20; tries++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		usleep(50000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return false;
}

/* More than its group may have, and no swap: the kernel kills and reaps it. */
static enum outcome act_oom(struct actor *a)
{
	pid_t pid;

	if (file_write(SMALL "memory.max", "12M") || file_write(SMALL "memory.swap.max", "0"))
		return not_available("no memory control group");
	pid = fork();
	if (!pid)
		victim(a, SMALL "cgroup.procs", 16384);
	if (pid < 0)
		return REFUSED;
	if (!killed(pid, patience(60)))
		complain("64 MiB in a group of 12 MiB: nobody was killed");
	return DONE;
}

/* As a user-space memory killer does: memory is taken away while the process dies. */
static enum outcome act_reap(struct actor *a)
{
	pid_t pid = fork();
	int fd, err;

	if (!pid)
		victim(a, NULL, 1024);
	if (pid < 0)
		return REFUSED;
	usleep(rnd(&a->rng, 500000));
	/* It is not to be gone before its memory is asked for. */
	setpriority(PRIO_PROCESS, pid, 19);
	fd = syscall(SYS_pidfd_open, pid, 0);
	kill(pid, SIGKILL);
	err = syscall(SYS_process_mrelease, fd, 0);
	close(fd);
	if (!killed(pid, patience(60)))
		complain("SIGKILL did not end a process");
	return err ? REFUSED : DONE;
}

static enum outcome act_kill(struct actor *a)
{
	unsigned int i, start = rnd(&a->rng, WORKERS_MAX);
	pid_t pid = 0;

	for (i = 0; i < WORKERS_MAX && !pid; i++)
		pid = tally->workers[(start + i) % WORKERS_MAX];
	if (!pid)
		return REFUSED;
	count_up(tally->kills);
	return kill(pid, SIGKILL) ? REFUSED : DONE;
}

const struct kind machine_acts[] = {
	{ "squeeze", 6, act_squeeze },
	{ "swapoff", 2, act_swapoff },
	{ "compaction", 3, act_compact },
	{ "drop-caches", 1, act_drop_caches },
	{ "khugepaged", 2, act_khugepaged },
	{ "numa-balancing", 2, act_numa_balancing },
	{ "memory-offline", 3, act_memory_offline },
	{ "cpu-offline", 2, act_cpu_offline },
	{ "system-freeze", 1, act_system_freeze, .loud = true },
	{ "group-freeze", 2, act_group_freeze },
	{ "oom-kill", 1, act_oom, .loud = true },
	{ "kill-and-reap", 1, act_reap },
	{ "kill-worker", 2, act_kill },
	{ "move-worker", 6, tenants_move },
};

const size_t machine_acts_nr = ARRAY_SIZE(machine_acts);
