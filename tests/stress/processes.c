// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies of a process: forks and forks of forks, program starts, and many ends at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "ops.h"
#include "worker.h"

#define GENERATIONS 3
#define STORM 6
#define EXEC_PAGES 128

/*
 * This process's memory is as its parent had it, whatever either writes from now on. The
 * loose memory only counts while others work on it.
 */
static void child_begin(struct actor *a)
{
	guard_single();
	a->area->salt = count_up(tally->forks);
	history_begin("child begins");
	history_note(0, a->area->pages);
	area_adopt(a->area);
}

static void child_write(struct actor *a)
{
	unsigned long i, writes = rnd(&a->rng, 40);

	for (i = 0; i < writes; i++)
		area_write(a->area, rnd(&a->rng, a->area->pages), actor_generation(a));
}

static void child_main(struct actor *a)
{
	int generation, status, failed = 0;

	for (generation = 1; ; generation++) {
		child_begin(a);
		area_check_all(a->area);
		if (rnd(&a->rng, 2))
			loose_check(a->loose);
		child_write(a);
		if (generation == GENERATIONS || rnd(&a->rng, 2) || fork())
			break;
	}
	usleep(rnd(&a->rng, 200000));
	area_check_all(a->area);
	/* Some end before their children. */
	while (rnd(&a->rng, 2) && wait(&status) > 0)
		failed |= status;
	_exit(!!failed);
}

enum outcome op_fork(struct actor *a)
{
	pid_t pid = actor_fork(a);

	if (!pid)
		child_main(a);
	return pid > 0 ? DONE : REFUSED;
}

enum outcome op_exec(struct actor *a)
{
	pid_t pid = actor_fork(a);
	char seed[32], fd[16];

	if (pid)
		return pid > 0 ? DONE : REFUSED;
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)rnd(&a->rng, 1UL << 32));
	if (rnd(&a->rng, 2)) {
		child_begin(a);
		child_write(a);
	}
	snprintf(fd, sizeof(fd), "%d", tally->fd);
	execl("/proc/self/exe", "stress", "-s", seed, "-x", fd, NULL);
	die("exec");
}

int exec_main(uint64_t seed, int tally_fd)
{
	struct rng rng = { seed };
	struct area area;
	unsigned long i;

	guard_init();
	guard_single();
	tally_attach(tally_fd);
	area_map(&area, worker_area(), EXEC_PAGES, seed);
	for (i = 0; i < area.pages; i++)
		area_write(&area, i, 1);
	usleep(rnd(&rng, 300000));
	area_check_all(&area);
	return 0;
}

/* Many that end at the same time, most of them without having done a thing. */
enum outcome op_exits(struct actor *a)
{
	pid_t pid = actor_fork(a);
	int i;

	if (pid)
		return pid > 0 ? DONE : REFUSED;
	child_begin(a);
	for (i = 0; i < STORM; i++)
		if (!fork())
			break;
	if (rnd(&a->rng, 2))
		child_write(a);
	usleep(rnd(&a->rng, 5000));
	_exit(0);
}

enum outcome op_leave(struct actor *a)
{
	*a->leaving = true;
	return DONE;
}
