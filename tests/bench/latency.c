// SPDX-License-Identifier: GPL-2.0-only
#include "latency.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "engine.h"
#include "guest.h"
#include "harness.h"
#include "memory.h"
#include "order.h"
#include "phase.h"
#include "profile.h"
#include "sample.h"
#include "work.h"

#define NSECS 1000000000ULL

/* Most operations that there is room for. */
#define OPS_MAX (1UL << 20)

/* Of 100 operations so many are on the hot part, and so many pages are that. */
#define IN_HOT_PERCENT 80
#define HOT_PERCENT 10

/* One write in so many changes a page, or changes one back; so many are changed at a time. */
#define CHANGE_ONE_IN 32
#define CHANGED_PAGES 64

/* Fresh pages of one operation. */
#define FRESH_PAGES 4

/*
 * Counters are read this often while pages are merged. Not a multiple of any sleep, and long beside
 * what the reading takes.
 */
#define POLL_NS 31000000
/* No maximum for so many full scans: settled. And when to give up. */
#define SETTLED_SCANS 4
#define SETTLE_SCANS_MAX 40
/* Merging is over when so many of 100 pages share that do later on. */
#define MERGED_PERCENT 95
/* The process is left alone so long after what the samples take. */
#define CALM_NS 100000000
/* Reads of pages_sharing in a steady state, one a second. */
#define POINTS_MAX 16384

/**
 * struct op - one operation, in ns of CLOCK_MONOTONIC
 * @due: when it was to begin
 * @begun: when the process was on the CPU
 * @done: when it was over
 * @faults: page faults within
 * @preempted: times that the CPU was taken from the process within
 */
struct op {
	uint64_t due;
	uint64_t begun;
	uint64_t done;
	uint32_t faults;
	uint32_t preempted;
};

/**
 * struct point - counters at a moment
 * @time_ns: CLOCK_MONOTONIC
 * @cpu_ns: of the scanner
 * @sharing: pages_sharing
 * @full_scans:
 */
struct point {
	uint64_t time_ns;
	long cpu_ns;
	long sharing;
	long full_scans;
};

/* Shared by the process, which fills it in, and its parent. */
static struct {
	uint64_t nr;
	struct op op[OPS_MAX];
} *ops;

static const struct operation *operation;

static struct point points[POINTS_MAX];
static unsigned int nr_points;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSECS + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = { .tv_sec = ns / NSECS, .tv_nsec = ns % NSECS };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* The operations, in the process */

static size_t draw_page(const struct guest *g)
{
	size_t hot = g->pages * HOT_PERCENT / 100;

	if (draw_below(100) < IN_HOT_PERCENT)
		return draw_below(hot);
	return hot + draw_below(g->pages - hot);
}

static volatile char *byte_of(const struct guest *g, size_t page)
{
	return (volatile char *)guest_address(g, page) + page * 2497 % PAGE_SIZE;
}

/*
 * Mostly what is there already. A page that is changed is changed back later, so that there is as
 * much to be merged all the time.
 */
static void write_once(const struct guest *g)
{
	static size_t changed[CHANGED_PAGES];
	static unsigned int writes;
	size_t page = draw_page(g);
	unsigned int change;
	char flip = 0;

	if (++writes % CHANGE_ONE_IN == 0) {
		change = writes / CHANGE_ONE_IN;
		flip = 1;
		if (change / CHANGED_PAGES % 2)
			page = changed[change % CHANGED_PAGES];
		else
			changed[change % CHANGED_PAGES] = page;
	}
	*byte_of(g, page) ^= flip;
}

static void read_once(const struct guest *g)
{
	(void)*byte_of(g, draw_page(g));
}

static void fault_once(const struct guest *g)
{
	size_t len = FRESH_PAGES * PAGE_SIZE, i;
	char *fresh = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)g;
	CHECK(fresh != MAP_FAILED, "mmap: %m");
	CHECK_SYS(madvise(fresh, len, MADV_MERGEABLE));
	for (i = 0; i < len; i += PAGE_SIZE)
		fresh[i] = 1;
	CHECK_SYS(munmap(fresh, len));
}

static void fork_once(const struct guest *g)
{
	pid_t child = CHECK_SYS(fork());

	(void)g;
	if (!child)
		_exit(0);
	CHECK_SYS(waitpid(child, NULL, 0));
}

static const struct operation operations[] = {
	{ "write", 200000, true, write_once },
	{ "read", 200000, false, read_once },
	{ "fault", 200000, false, fault_once },
	{ "fork", 2000000, false, fork_once },
};

const struct operation *operation_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	}
	test_fail("there is no operation \"%s\"", name);
}

static void operate(const struct guest *g, int fd)
{
	struct rusage before, after;
	struct op *op;
	uint64_t start;
	char byte;

	prctl(PR_SET_TIMERSLACK, 1);
	/* So that no page of it is missing later on. */
	memset(ops, 0, sizeof(*ops));
	CHECK(read(fd, &byte, 1) == 1, "nobody says when to begin");
	start = now_ns();
	getrusage(RUSAGE_SELF, &before);
	for (op = ops->op;; op++) {
		CHECK(ops->nr < OPS_MAX, "more than %lu operations", OPS_MAX);
		op->due = start + ops->nr * operation->period_ns + draw_below(operation->period_ns);
		sleep_until(op->due);
		op->begun = now_ns();
		operation->once(g);
		op->done = now_ns();
		getrusage(RUSAGE_SELF, &after);
		op->faults = after.ru_minflt - before.ru_minflt;
		op->preempted = after.ru_nivcsw - before.ru_nivcsw;
		before = after;
		__atomic_store_n(&ops->nr, ops->nr + 1, __ATOMIC_RELEASE);
	}
}

void latency_prepare(struct guest *g, const struct operation *o)
{
	ops = mmap(NULL, sizeof(*ops), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(ops != MAP_FAILED, "no memory for %lu operations", OPS_MAX);
	operation = o;
	g->live = operate;
}

/* Counters, in the parent: with as few instructions as can be, as they keep the process waiting */

static int open_counter(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC));
}

static long read_counter(int fd)
{
	char text[64];
	ssize_t len = CHECK_SYS(pread(fd, text, sizeof(text) - 1, 0));

	text[len] = '\0';
	return atol(text);
}

/* The last is the scanner's time, where there is one. */
static struct point *read_point(bool engine)
{
	static int sharing = -1, full_scans, cpu;
	struct point *p = &points[nr_points];
	char dir[64];

	CHECK(nr_points < POINTS_MAX, "this takes too long");
	if (sharing < 0) {
		sharing = open_counter(engine_dir(), "pages_sharing");
		full_scans = open_counter(engine_dir(), "full_scans");
		snprintf(dir, sizeof(dir), "/proc/%d", engine ? scanner_thread() : 0);
		cpu = engine ? open_counter(dir, "schedstat") : -1;
	}
	nr_points++;
	p->sharing = read_counter(sharing);
	p->full_scans = read_counter(full_scans);
	p->cpu_ns = cpu < 0 ? 0 : read_counter(cpu);
	p->time_ns = now_ns();
	return p;
}

static void wait_settled(void)
{
	struct point *p = read_point(true);
	long most = 0, grown_at = p->full_scans, first = p->full_scans;

	for (;;) {
		sleep_until(p->time_ns + POLL_NS);
		p = read_point(true);
		if (p->sharing > most) {
			most = p->sharing;
			grown_at = p->full_scans;
		}
		if (most && p->full_scans - grown_at > SETTLED_SCANS)
			break;
		if (p->full_scans - first > SETTLE_SCANS_MAX)
			break;
	}
}

/* One point a second, from the first that is returned. */
static struct point *watch_steady(unsigned int seconds, bool engine)
{
	struct point *first, *p;

	sleep_until(now_ns() + CALM_NS);
	first = p = read_point(engine);
	while (seconds--) {
		sleep_until(p->time_ns + NSECS);
		p = read_point(engine);
	}
	return first;
}

/* What the process did within a time, in figures */

static void print_percentiles(FILE *out, const char *name, uint64_t *ns, size_t nr)
{
	qsort(ns, nr, sizeof(*ns), by_number);
	fprintf(out, ",\"%s\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", name,
		permille_of(ns, nr, 500), permille_of(ns, nr, 990), permille_of(ns, nr, 999),
		ns[nr - 1]);
}

/* Those that fell due from one point to another, and had an end. */
static void print_phase(FILE *out, const char *name, const struct point *from,
			const struct point *to, long sharing)
{
	uint64_t *whole = calloc(ops->nr, sizeof(*whole));
	uint64_t *own = calloc(ops->nr, sizeof(*own));
	unsigned long faults = 0, preempted = 0;
	size_t nr = 0, i;

	CHECK(whole && own, "no memory for %" PRIu64 " operations", ops->nr);
	for (i = 0; i < ops->nr; i++) {
		const struct op *op = &ops->op[i];

		if (op->due < from->time_ns || op->due >= to->time_ns)
			continue;
		whole[nr] = op->done - op->due;
		own[nr++] = op->done - op->begun;
		faults += op->faults;
		preempted += op->preempted > 0;
	}
	CHECK(nr, "no operation while %s", name);
	fprintf(out,
		"\"%s\":{\"time_ns\":%" PRIu64 ",\"cpu_ns\":%ld,\"sharing\":%ld,\"ops\":%zu"
		",\"preempted\":%lu",
		name, to->time_ns - from->time_ns, to->cpu_ns - from->cpu_ns, sharing, nr,
		preempted);
	if (operation->write)
		fprintf(out, ",\"faults\":%lu", faults);
	print_percentiles(out, "whole", whole, nr);
	print_percentiles(out, "own", own, nr);
	fputs("}", out);
	free(whole);
	free(own);
}

static long sharing_between(const struct point *from, const struct point *to)
{
	const struct point *p;
	long sum = 0;

	for (p = from; p <= to; p++)
		sum += p->sharing;
	return sum / (to - from + 1);
}

static const struct point *merged_at(const struct point *last, long sharing)
{
	const struct point *p;

	for (p = points; p < last; p++) {
		if (p->sharing && p->sharing * 100 >= sharing * MERGED_PERCENT)
			break;
	}
	return p;
}

void phase_latency(struct run *run, struct guest *g)
{
	unsigned int seconds = run->settings->seconds;
	bool engine = !run->preset->none, profile = run->settings->profile && engine;
	const struct point *settled, *steady, *end;
	long sharing;

	guest_go(g);
	phase_start(run);
	read_point(engine);
	if (engine)
		wait_settled();
	else
		watch_steady(seconds, engine);
	settled = &points[nr_points - 1];
	phase_sample(run, "settled");
	if (profile)
		profile_start();
	steady = watch_steady(seconds, engine);
	end = &points[nr_points - 1];
	if (profile)
		profile_end(run->out);
	phase_sample(run, "measured");
	guest_stop(g);
	sharing = sharing_between(steady, end);
	fputs(",\"latency\":{", run->out);
	print_phase(run->out, "merging", points, engine ? merged_at(settled, sharing) : settled,
		    sharing);
	fputs(",", run->out);
	print_phase(run->out, "steady", steady, end, sharing);
	fputs("}", run->out);
}
