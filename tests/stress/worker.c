// SPDX-License-Identifier: GPL-2.0-only
#include "worker.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acts.h"
#include "history.h"
#include "ops.h"

/* Below what mmap chooses by itself, so that nothing else comes into their holes. */
#define AREA_AT ((void *)0x100000000000)
#define LOOSE_AT ((void *)0x110000000000)
#define LOOSE_PAGES 512

/* Of each thread: microseconds that it waits after an operation, at most. */
static const unsigned int pauses[THREADS] = { 1, 3000, 50000 };

void *worker_area(void)
{
	return AREA_AT;
}

void actor_range(struct actor *a, unsigned long max, unsigned long *from, unsigned long *n)
{
	*from = rnd(&a->rng, a->area->pages);
	*n = 1 + rnd(&a->rng, max);
	if (*n > a->area->pages - *from)
		*n = a->area->pages - *from;
	history_note(*from, *n);
}

static void reap(struct actor *a, int flags)
{
	int i, status;

	for (i = 0; i < KIDS_MAX; i++) {
		if (a->kids[i] <= 0 || waitpid(a->kids[i], &status, flags) != a->kids[i])
			continue;
		if (status)
			count_up(tally->failed);
		a->kids[i] = 0;
	}
}

pid_t actor_fork(struct actor *a)
{
	pid_t pid;
	int i;

	reap(a, WNOHANG);
	for (i = 0; i < KIDS_MAX && a->kids[i]; i++)
		;
	if (i == KIDS_MAX)
		return -1;
	pid = fork();
	if (pid > 0)
		a->kids[i] = pid;
	else if (!pid)
		memset(a->kids, 0, sizeof(a->kids));
	return pid;
}

static const struct kind *draw(struct rng *rng)
{
	static unsigned int total;
	const struct kind *kind = ops;
	unsigned int x, i;

	if (!total)
		for (i = 0; i < ops_nr; i++)
			total += ops[i].weight;
	for (x = rnd(rng, total); x >= kind->weight; kind++)
		x -= kind->weight;
	return kind;
}

static void *thread_main(void *arg)
{
	struct actor *a = arg;
	const struct kind *kind;

	while (!tally->stop && !*a->leaving) {
		kind = draw(&a->rng);
		kind_run(kind, &tally->ops[kind - ops], a);
		reap(a, WNOHANG);
		if (!rnd(&a->rng, 8))
			usleep(patience(rnd(&a->rng, 8 * pauses[a->number])));
	}
	reap(a, 0);
	return NULL;
}

static void worker_main(uint64_t seed, unsigned long pages)
{
	struct actor actors[THREADS] = { 0 };
	struct area area, loose;
	bool leaving = false;
	pthread_t threads[THREADS];
	unsigned long i;

	machine_join();
	area_map(&area, AREA_AT, pages, seed);
	area_map(&loose, LOOSE_AT, LOOSE_PAGES, seed);
	for (i = 0; i < THREADS; i++)
		actors[i] = (struct actor){
			.rng = { mix64(seed + i) }, .number = i, .area = &area,
			.loose = &loose, .leaving = &leaving,
		};
	for (i = 0; i < pages; i++)
		area_write(&area, i, actor_generation(&actors[0]));

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_main, &actors[i]))
			die("pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	if (!leaving) {
		count_up(tally->quiet);
		while (!tally->judge)
			usleep(10000);
	}
	area_check_all(&area);
	loose_check(&loose);
	_exit(0);
}

pid_t worker_start(uint64_t seed, unsigned long pages)
{
	pid_t pid = fork();

	if (!pid)
		worker_main(seed, pages);
	return pid;
}
