// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes whose every byte is known, while an engine merges them and all else that may happen to
 * their memory, to the engine and to the machine happens. See ops.c and engine_acts.c,
 * machine_acts.c for what that is.
 *
 * Prints the seed, counts of what was done, and what is wrong; exit status 0 means that nothing is.
 * The seed decides what each thread does, and in which order. What they meet in the engine differs
 * from run to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "files.h"
#include "guard.h"
#include "ops.h"
#include "tenants.h"
#include "worker.h"

/* In a run of this length each kind must have had its turn. */
#define ALL_SECONDS 300
#define RECOVERY_PAGES 256
#define RECOVERY_SECONDS 60

struct options {
	uint64_t seed;
	unsigned int seconds, workers;
	unsigned long pages;
	const char *module, *isolation, *hardening;
	bool idle, damage;
};

static void refuse_usage(void)
{
	fprintf(stderr,
		"usage: stress [-s SEED] [-t SECONDS] [-w WORKERS] [-m MIB] [-k MODULE] [-q] [-n KIND]... [-i] [-c MODE] [-d]\n"
		"  -m  memory of a worker\n"
		"  -k  unload and load this module meanwhile\n"
		"  -q  the quick mix: nothing loud\n"
		"  -n  leave out a kind of operation\n"
		"  -i  no engine: what is wrong then is the kernel's fault\n"
		"  -c  isolation has this mode all the time\n"
		"  -l  hardening has this level all the time\n"
		"  -d  damage a byte behind the workers' backs, to see it found\n");
	exit(2);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (end == text || *end)
		refuse_usage();
	return n;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* One of those from @at on comes to @at. */
static const struct kind *draw(const struct kind **deck, size_t size, size_t at, struct rng *rng)
{
	size_t other = at + rnd(rng, size - at);
	const struct kind *kind = deck[other];

	deck[other] = deck[at];
	deck[at] = kind;
	return kind;
}

/*
 * At first each kind once, so that a short run has them all; then each as often as its
 * weight says. The order changes from round to round.
 */
static void disturb(const struct kind *acts, struct kind_count *counts, size_t nr, uint64_t seed)
{
	struct actor a = { .rng = { mix64(seed) } };
	const struct kind *deck[KINDS_MAX * 4], *act;
	size_t size, k, i;
	bool first = true;

	for (size = 0; size < nr; size++)
		deck[size] = &acts[size];
	while (!tally->stop) {
		for (i = 0; i < size && !tally->stop; i++) {
			act = draw(deck, size, i, &a.rng);
			kind_run(act, &counts[act - acts], &a);
			usleep(patience(rnd(&a.rng, 200000)));
		}
		for (k = 0; k < nr && first; k++)
			for (i = 1; i < acts[k].weight; i++)
				deck[size++] = &acts[k];
		first = false;
	}
	_exit(0);
}

static pid_t start_disturber(const struct kind *acts, struct kind_count *counts, size_t nr,
			     uint64_t seed)
{
	pid_t pid = fork();

	if (!pid)
		disturb(acts, counts, nr, seed);
	return pid;
}

/* How a process may end: well, or as it was told to. */
static void judge_end(pid_t pid, int status)
{
	static unsigned int kills;

	if (!status || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED))
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && kills < tally->kills) {
		kills++;
		return;
	}
	fprintf(stderr, "stress: process %d ended with status %#x\n", pid, status);
	count_up(tally->failed);
}

/* Which worker was it? -1 for a child that has outlived its parent. */
static int worker_index(pid_t pid)
{
	int i;

	for (i = 0; i < WORKERS_MAX; i++)
		if (tally->workers[i] == pid)
			return i;
	return -1;
}

/* Reap what has ended; @seed, where not NULL, is for the workers that take their place. */
static void reap_all(const struct options *o, uint64_t *seed)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		judge_end(pid, status);
		i = worker_index(pid);
		if (i >= 0) {
			tally->groups[i] = 0;
			count_up(tally->moves[i]);
			tally->workers[i] = seed ? worker_start((*seed)++, o->pages) : 0;
		}
	}
}

static unsigned int workers_alive(void)
{
	unsigned int i, alive = 0;

	for (i = 0; i < WORKERS_MAX; i++)
		alive += tally->workers[i] > 0;
	return alive;
}

/* What no engine should do: change a byte. */
static void damage_byte(struct rng *rng, const struct options *o)
{
	uintptr_t at = (uintptr_t)worker_area() + rnd(rng, o->pages * PAGE_SIZE);
	char path[32], byte;
	int i, fd;

	for (i = 0; i < WORKERS_MAX && tally->workers[i] <= 0; i++)
		;
	if (i == WORKERS_MAX)
		die("no worker to damage");
	snprintf(path, sizeof(path), "/proc/%d/mem", tally->workers[i]);
	fd = open(path, O_RDWR);
	if (fd < 0 || pread(fd, &byte, 1, at) != 1)
		die("%s", path);
	byte ^= 1 << rnd(rng, 8);
	if (pwrite(fd, &byte, 1, at) != 1)
		die("%s", path);
	close(fd);
	printf("# damaged the byte at %#lx of process %d\n", (unsigned long)at, tally->workers[i]);
}

/* Engine and machine are left alone and as they were: merging works, and nothing is left over. */
static void check_recovery(void)
{
	static const char *const counters[] = { "pages_shared", "pages_sharing", "pages_unshared",
						"pages_volatile" };
	time_t end = now() + patience(RECOVERY_SECONDS);
	char path[100];
	struct area area;
	unsigned long i;

	file_write(ENGINE "run", "2");
	engine_restore();
	area_map(&area, worker_area(), RECOVERY_PAGES, 1);
	for (i = 0; i < RECOVERY_PAGES; i++)
		common_fill(1, area_page(&area, i));
	file_write_number(ENGINE "pages_to_scan", 10000);
	file_write(ENGINE "run", "1");
	while (file_number(ENGINE "pages_sharing") < RECOVERY_PAGES / 2 && now() < end)
		usleep(100000);
	if (now() >= end)
		complain("afterwards %ld of %d equal pages merge in %u s",
			 file_number(ENGINE "pages_sharing"), RECOVERY_PAGES,
			 patience(RECOVERY_SECONDS));
	file_write(ENGINE "run", "2");
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		snprintf(path, sizeof(path), ENGINE "%s", counters[i]);
		if (file_number(path))
			complain("%s is %ld after run=2", counters[i], file_number(path));
	}
}

static void run(const struct options *o)
{
	uint64_t next = mix64(o->seed);
	struct rng rng = { o->seed };
	long sharing, peak = 0, full_scans = 0;
	pid_t disturbers[2];
	unsigned int i, nr = 0;
	time_t end;

	if (!o->idle)
		engine_start(&rng);
	for (i = 0; i < o->workers; i++)
		tally->workers[i] = worker_start(next++, o->pages);
	disturbers[nr++] = start_disturber(machine_acts, tally->acts + engine_acts_nr,
					   machine_acts_nr, o->seed + 2);
	if (!o->idle)
		disturbers[nr++] = start_disturber(engine_acts, tally->acts, engine_acts_nr,
						   o->seed + 1);

	for (end = now() + o->seconds; now() < end; usleep(50000)) {
		reap_all(o, &next);
		sharing = file_number(ENGINE "pages_sharing");
		peak = sharing > peak ? sharing : peak;
		sharing = file_number(ENGINE "full_scans");
		full_scans = sharing > full_scans ? sharing : full_scans;
	}
	tally->stop = 1;
	for (i = 0; i < nr; i++) {
		int status = -1;

		waitpid(disturbers[i], &status, 0);
		judge_end(disturbers[i], status);
	}
	machine_restore();
	while (tally->quiet < workers_alive()) {
		reap_all(o, NULL);
		usleep(10000);
	}
	if (o->damage)
		damage_byte(&rng, o);
	tally->judge = 1;
	do {
		reap_all(o, NULL);
		usleep(10000);
	} while (waitpid(-1, NULL, WNOHANG | WNOWAIT) >= 0);

	printf("# peak of pages_sharing %ld, of full_scans %ld, %u workers killed\n", peak,
	       full_scans, tally->kills);
	if (peak < 100 && !o->idle)
		complain("pages_sharing never came above %ld", peak);
}

/* A kind of that name, or whatever is loud. */
static void leave_out(const char *name)
{
	bool found = kinds_leave_out(name, ops, tally->ops, ops_nr);

	found |= kinds_leave_out(name, engine_acts, tally->acts, engine_acts_nr);
	found |= kinds_leave_out(name, machine_acts, tally->acts + engine_acts_nr, machine_acts_nr);
	if (!found)
		refuse_usage();
}

int main(int argc, char **argv)
{
	struct options o = { .seed = time(NULL), .seconds = 60, .workers = 4, .pages = 2048 };
	int opt, attach = -1;
	bool all;

	tally_init();
	while ((opt = getopt(argc, argv, "s:t:w:m:k:qn:ic:l:dx:")) != -1) {
		switch (opt) {
		case 's':
			o.seed = number(optarg);
			break;
		case 't':
			o.seconds = number(optarg);
			break;
		case 'w':
			o.workers = number(optarg);
			break;
		case 'm':
			o.pages = number(optarg) << 8;
			break;
		case 'k':
			o.module = optarg;
			break;
		case 'q':
			leave_out(NULL);
			break;
		case 'n':
			leave_out(optarg);
			break;
		case 'i':
			o.idle = true;
			break;
		case 'c':
		case 'l':
			if (opt == 'c')
				o.isolation = optarg;
			else
				o.hardening = optarg;
			leave_out("isolation");
			leave_out("hardening");
			leave_out("knob");
			leave_out("knobs-restored");
			leave_out("reload");
			break;
		case 'd':
			o.damage = true;
			break;
		case 'x':
			attach = number(optarg);
			break;
		default:
			refuse_usage();
		}
	}
	if (optind < argc || !o.workers || o.workers > WORKERS_MAX || !o.pages ||
	    o.pages > 65536 || !o.seconds)
		refuse_usage();
	if (attach >= 0)
		return exec_main(o.seed, attach);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %llu, %u workers of %lu pages, %u s\n", (unsigned long long)o.seed,
	       o.workers, o.pages, o.seconds);
	guard_init();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (!o.idle)
		engine_init(o.module);
	machine_init();
	if (o.isolation)
		tenants_isolate(o.isolation);
	if (o.hardening && file_write(ENGINE "hardening", o.hardening))
		die("hardening=%s", o.hardening);
	run(&o);
	if (!o.idle)
		check_recovery();

	all = o.seconds >= ALL_SECONDS;
	kinds_report("op", ops, tally->ops, ops_nr, all);
	kinds_report("engine", engine_acts, tally->acts, engine_acts_nr, all && !o.idle);
	kinds_report("machine", machine_acts, tally->acts + engine_acts_nr, machine_acts_nr, all);
	printf("# %lu pages checked, %lu lost to %u poisonings, %lu protections lifted early\n",
	       tally->checked, tally->lost_pages, tally->poisonings, tally->rescues);
	printf("# wrong %lu, processes that failed %lu\n", tally->wrong, tally->failed);
	if (!tally->checked)
		complain("nothing was checked");
	return tally->wrong || tally->failed;
}
