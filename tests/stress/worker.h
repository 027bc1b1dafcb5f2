/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Workers: processes of several threads, each of which draws operations at a rate of its own.
 */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "area.h"
#include "random.h"
#include "tally.h"

#define THREADS 3
#define KIDS_MAX 2

/**
 * struct actor - a thread, and what it works on
 * @rng: what it draws from
 * @number: of the thread
 * @writes: it has done so many
 * @area: known memory, of all threads of the process
 * @loose: memory that all threads map, move and unmap as they like
 * @leaving: set for the process to end
 * @kids: children not yet reaped
 */
struct actor {
	struct rng rng;
	unsigned int number;
	uint32_t writes;
	struct area *area, *loose;
	volatile bool *leaving;
	pid_t kids[KIDS_MAX];
};

/** actor_generation() - a generation that no other write of the process has */
static inline uint32_t actor_generation(struct actor *a)
{
	return ++a->writes * THREADS + a->number;
}

/** actor_range() - some pages of the area: @from and @n, at most @max */
void actor_range(struct actor *a, unsigned long max, unsigned long *from, unsigned long *n);

/**
 * actor_fork() - fork a child that this thread will reap
 *
 * Return: as fork(); -1 when there are enough children already.
 */
pid_t actor_fork(struct actor *a);

/** worker_start() - fork a worker process; what it does follows from the seed */
pid_t worker_start(uint64_t seed, unsigned long pages);

/** worker_area() - where a worker has its known memory */
void *worker_area(void);

#endif
