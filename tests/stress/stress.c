// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes whose every byte is known, while an engine merges them and all else
 * that may happen to their memory happens: writes, forks, exits, unmapping,
 * moving, protecting, swapping, collapsing, knobs written at random.
 *
 * usage: stress [-d DIRECTORY] [-s SEED] [-t SECONDS] [-w WORKERS] [-m MIB]
 *
 * Prints the seed, counts of what was done, and one verdict line; exit status 0
 * means that not one byte was wrong. With one worker the same seed does the same
 * things in the same order; what they meet in the engine differs from run to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define PAGE 4096UL
#define WORDS (PAGE / sizeof(uint64_t))
#define WORKERS_MAX 32
#define COMMON_VALUES 6 /* contents that many pages of all workers have */

/* What a page must hold: words that follow from value, and perhaps one odd byte. */
struct content {
	uint64_t value; /* 0: zeroes */
	uint16_t odd_at;
	uint8_t odd;
	bool has_odd;
};

struct region {
	char *base;
	unsigned long pages;
	struct content *want;
};

enum op {
	OP_WRITE, OP_CHECK, OP_ODD, OP_FILL, OP_DONTNEED, OP_CONSENT, OP_MOVE, OP_REMAP,
	OP_PROTECT, OP_FORK, OP_PAGEOUT, OP_COLLAPSE, OP_FREE, OP_EXIT, OP_NR
};

static const char *const op_names[OP_NR] = {
	"writes", "checks", "odd bytes", "fills", "dontneed", "consent", "moves", "remaps",
	"protects", "forks", "pageouts", "collapses", "frees", "exits"
};

/* Of a thousand operations. */
static const int op_weight[OP_NR] = {
	[OP_WRITE] = 380, [OP_CHECK] = 300, [OP_ODD] = 80, [OP_FILL] = 60, [OP_DONTNEED] = 30,
	[OP_CONSENT] = 20, [OP_MOVE] = 20, [OP_REMAP] = 20, [OP_PROTECT] = 20, [OP_FORK] = 12,
	[OP_PAGEOUT] = 20, [OP_COLLAPSE] = 15, [OP_FREE] = 20, [OP_EXIT] = 3
};

struct shared {
	volatile int stop;
	unsigned long done[OP_NR];
	unsigned long wrong;
};

static struct shared *shared;
static const char *engine = "/sys/kernel/mm/uksm";
static uint64_t rng;

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t rnd(uint64_t below)
{
	rng = mix(rng);
	return rng % below;
}

static uint64_t word(uint64_t value, unsigned int i)
{
	return value ? mix(value * WORDS + i) : 0;
}

static void mismatch(const struct region *r, unsigned long page, unsigned int at)
{
	fprintf(stderr, "process %d: page %lu at %p is wrong from byte %u on\n", getpid(), page,
		r->base + page * PAGE, at);
	__atomic_add_fetch(&shared->wrong, 1, __ATOMIC_RELAXED);
}

static void page_check(const struct region *r, unsigned long page)
{
	const struct content *want = &r->want[page];
	const char *p = r->base + page * PAGE;
	unsigned int i;

	for (i = 0; i < WORDS; i++) {
		uint64_t w = word(want->value, i);

		if (want->has_odd && want->odd_at / 8 == i)
			((uint8_t *)&w)[want->odd_at % 8] = want->odd;
		if (memcmp(p + i * 8, &w, 8)) {
			mismatch(r, page, i * 8);
			return;
		}
	}
}

static void region_check(const struct region *r)
{
	unsigned long page;

	for (page = 0; page < r->pages; page++)
		page_check(r, page);
}

static void page_write(struct region *r, unsigned long page, uint64_t value)
{
	uint64_t *p = (uint64_t *)(r->base + page * PAGE);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		p[i] = word(value, i);
	r->want[page] = (struct content){ .value = value };
}

static uint64_t some_value(void)
{
	switch (rnd(8)) {
	case 0:
		return 0;
	case 1:
	case 2:
		return 1000 + rnd(1UL << 40); /* nobody else's */
	default:
		return 1 + rnd(COMMON_VALUES);
	}
}

static void page_set_odd(struct region *r, unsigned long page)
{
	struct content *want = &r->want[page];

	if (want->has_odd)
		page_write(r, page, want->value);
	want->odd_at = rnd(PAGE);
	want->odd = rnd(256);
	want->has_odd = true;
	r->base[page * PAGE + want->odd_at] = want->odd;
}

static void forget(struct region *r, unsigned long from, unsigned long n)
{
	memset(&r->want[from], 0, n * sizeof(r->want[0]));
}

static void die(const char *what)
{
	fprintf(stderr, "stress: %s: %s\n", what, strerror(errno));
	_exit(2);
}

static void region_map(struct region *r)
{
	r->base = mmap(NULL, r->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (r->base == MAP_FAILED)
		die("mmap");
	madvise(r->base, r->pages * PAGE, MADV_MERGEABLE);
}

static void region_move(struct region *r)
{
	unsigned long size = r->pages * PAGE;
	void *to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* A region of several VMAs does not move as one; then it stays. */
	if (to == MAP_FAILED)
		die("mmap");
	if (mremap(r->base, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		munmap(to, size);
	else
		r->base = to;
}

static void region_protect(struct region *r, char *start, unsigned long size,
			   unsigned long from, unsigned long n)
{
	unsigned long i;

	mprotect(start, size, PROT_READ);
	for (i = 0; i < n; i++)
		page_check(r, from + i);
	if (rnd(2))
		mprotect(start, size, PROT_NONE);
	if (mprotect(start, size, PROT_READ | PROT_WRITE))
		die("mprotect");
}

/* A child sees what its parent had, whatever either writes; some have children. */
static void child_main(struct region *r)
{
	int i, generation, status;

	for (generation = 0; generation < 3; generation++) {
		region_check(r);
		for (i = 0; i < 20; i++)
			page_write(r, rnd(r->pages), some_value());
		if (rnd(2) || fork())
			break;
	}
	usleep(rnd(100000));
	region_check(r);
	if (rnd(2))
		wait(&status);
	_exit(0);
}

static void do_op(struct region *r, enum op op)
{
	unsigned long from = rnd(r->pages), n = 1 + rnd(64), i;
	char *start = r->base + from * PAGE;
	unsigned long size;

	if (n > r->pages - from)
		n = r->pages - from;
	size = n * PAGE;

	switch (op) {
	case OP_WRITE:
		page_write(r, from, some_value());
		break;
	case OP_CHECK:
		page_check(r, from);
		break;
	case OP_ODD:
		page_set_odd(r, from);
		break;
	case OP_FILL:
		for (i = 0; i < n; i++)
			page_write(r, from + i, some_value());
		break;
	case OP_DONTNEED:
		if (!madvise(start, size, MADV_DONTNEED))
			forget(r, from, n);
		break;
	case OP_CONSENT:
		madvise(start, size, MADV_UNMERGEABLE);
		for (i = 0; i < n; i++)
			page_check(r, from + i);
		madvise(start, size, MADV_MERGEABLE);
		break;
	case OP_MOVE:
		region_move(r);
		break;
	case OP_REMAP:
		if (mmap(start, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			die("mmap over");
		forget(r, from, n);
		madvise(start, size, MADV_MERGEABLE);
		break;
	case OP_PROTECT:
		region_protect(r, start, size, from, n);
		break;
	case OP_FORK:
		if (!fork())
			child_main(r);
		break;
	case OP_PAGEOUT:
		madvise(start, size, MADV_PAGEOUT);
		break;
	case OP_COLLAPSE:
		madvise(r->base, r->pages * PAGE, rnd(4) ? MADV_COLLAPSE : MADV_HUGEPAGE);
		break;
	case OP_FREE:
		/* May be zeroes or the old content until it is written. */
		madvise(start, size, MADV_FREE);
		for (i = 0; i < n; i++)
			page_write(r, from + i, some_value());
		break;
	default:
		break;
	}
}

static enum op some_op(void)
{
	int x = rnd(1000), op = 0;

	while (x >= op_weight[op] && op < OP_NR - 1)
		x -= op_weight[op++];
	return op;
}

static void worker_main(uint64_t seed, unsigned long pages)
{
	struct region r = { .pages = pages };
	unsigned long i;
	int status;
	enum op op;

	rng = seed;
	r.want = calloc(pages, sizeof(*r.want));
	if (!r.want)
		die("calloc");
	region_map(&r);
	for (i = 0; i < pages; i++)
		page_write(&r, i, some_value());

	do {
		op = some_op();
		do_op(&r, op);
		__atomic_add_fetch(&shared->done[op], 1, __ATOMIC_RELAXED);
		while (waitpid(-1, &status, WNOHANG) > 0)
			;
		if (!rnd(64))
			usleep(rnd(20000));
	} while (!shared->stop && op != OP_EXIT);

	region_check(&r);
	while (wait(&status) > 0)
		;
	_exit(0);
}

/* Write a knob; what the engine refuses is its own business. */
static void knob(const char *dir, const char *name, unsigned long value)
{
	char path[256], text[32];
	int fd, len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	len = snprintf(text, sizeof(text), "%lu", value);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	if (write(fd, text, len) < 0 && errno == EIO)
		die(path);
	close(fd);
}

static void disturb(void)
{
	switch (rnd(12)) {
	case 0:
		knob(engine, "run", 2);
		knob(engine, "run", 1);
		break;
	case 1:
		knob(engine, "run", 0);
		usleep(rnd(200000));
		knob(engine, "run", 1);
		break;
	case 2:
		knob(engine, "use_zero_pages", rnd(2));
		break;
	case 3:
		knob(engine, "sleep_millisecs", rnd(20));
		break;
	case 4:
		knob("/proc/sys/vm", "compact_memory", 1);
		break;
	case 5:
		/* Needs an empty engine most of the time, and is refused. */
		knob(engine, "max_page_sharing", 2 + rnd(300));
		break;
	case 6:
		knob(engine, "merge_across_nodes", rnd(2));
		break;
	case 7:
		knob("/sys/kernel/mm/ksm", "run", 1);
		knob("/sys/kernel/mm/ksm", "run", 0);
		break;
	default:
		knob(engine, "pages_to_scan", 1 + rnd(5000));
		break;
	}
}

static pid_t start_worker(uint64_t seed, unsigned long pages)
{
	pid_t pid = fork();

	if (!pid)
		worker_main(seed, pages);
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long pages = 8 << 20 >> 12, workers = 4, i, restarts = 0;
	int seconds = 60, opt, status, bad_exits = 0;
	uint64_t seed = time(NULL), next;
	pid_t pid[WORKERS_MAX], ended;
	time_t end;

	while ((opt = getopt(argc, argv, "d:s:t:w:m:")) != -1) {
		switch (opt) {
		case 'd':
			engine = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'w':
			workers = strtoul(optarg, NULL, 0);
			break;
		case 'm':
			pages = strtoul(optarg, NULL, 0) << 20 >> 12;
			break;
		default:
			return 2;
		}
	}
	if (!workers || workers > WORKERS_MAX || !pages || seconds <= 0)
		return 2;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	printf("# seed %llu, %lu workers of %lu pages, %d s\n", (unsigned long long)seed, workers,
	       pages, seconds);
	fflush(stdout);

	next = seed;
	for (i = 0; i < workers; i++)
		pid[i] = start_worker(next++, pages);
	rng = mix(seed);
	knob(engine, "run", 1);

	for (end = time(NULL) + seconds; time(NULL) < end; usleep(50000)) {
		disturb();
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
			bad_exits += status != 0;
			for (i = 0; i < workers && pid[i] != ended; i++)
				;
			if (i < workers) {
				pid[i] = start_worker(next++, pages);
				restarts++;
			}
		}
	}
	shared->stop = 1;
	while (wait(&status) > 0 || errno == EINTR)
		bad_exits += status != 0;
	knob(engine, "run", 2);

	printf("#");
	for (i = 0; i < OP_NR; i++)
		printf(" %s %lu", op_names[i], shared->done[i]);
	printf(", %lu workers begun anew\n", restarts);
	printf("# wrong pages %lu, processes that failed %d\n", shared->wrong, bad_exits);
	if (!shared->done[OP_CHECK]) {
		printf("# nothing was checked\n");
		return 1;
	}
	return shared->wrong || bad_exits;
}
