// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every point of the debug build's race_points drawn out in turn, while processes write what
 * is merged, fork, and while their pages migrate, are swapped, and are unmerged.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"
#include "swap.h"
#include "uapi.h"

#define PARAMETERS "/sys/module/uksm/parameters/"
#define GROUP "uksm-races"

enum {
	OWNERS = 3,
	AREA_PAGES_MAX = 1024,
	CONTENTS = 8,
	FEW_CONTENTS = 3,
	MS_DEFAULT = 3,
	MEET_MS = 1,
	MEET_PAGES = 8,
	POINTS_MAX = 32,
	MOVE_PAGES_MAX = 256,	/* at once */
	CLEAR_EVERY = 16,	/* pages given back among those written */
	FORK_EVERY = 2048,	/* pages written */
	OFFLINE_EVERY = 4096,
	OFFLINE_MAX = 256,	/* frames in all: they do not come back */
	PAUSE_EVERY = 4,
	SEE_MS = 20,
	/* Times as long where nobody has come. */
	PATIENCE = 3,
	END_SECS = 120,
};

enum writing { WRITE_BACK, WRITE_OTHER, WRITE_OWN, WRITE_SAME, WRITINGS };

/* Of all processes. */
struct shared {
	atomic_bool end;
	atomic_int wrong;
	char why[256];
	char *area[OWNERS];
	pid_t owner[OWNERS];
	atomic_long verified, written, moved, forks, shrinks, toggles, offlined, refused;
};

static struct shared *shared;
static unsigned int ms = MS_DEFAULT;
static unsigned int secs = 6;
static unsigned int contents = CONTENTS;
static size_t area_pages = AREA_PAGES_MAX;
static bool few;

struct page {
	uint64_t seed, last;
};

static void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void wrong(const char *fmt, ...)
{
	va_list ap;

	if (atomic_fetch_add(&shared->wrong, 1))
		return;
	va_start(ap, fmt);
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	va_end(ap);
}

static bool ended(void)
{
	return atomic_load(&shared->end);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void verify(const char *who, const char *area, const struct page *pages, size_t i)
{
	atomic_fetch_add(&shared->verified, 1);
	if (!page_holds(area + i * PAGE_SIZE, pages[i].seed))
		wrong("%s: page %zu at %p does not hold seed %llu", who, i, area + i * PAGE_SIZE,
		      (unsigned long long)pages[i].seed);
}

static uint64_t seed_of(struct page *page, uint64_t *random)
{
	static uint64_t own = 1000;

	switch (random_next(random) % WRITINGS) {
	case WRITE_BACK:
		return page->last;
	case WRITE_OTHER:
		return 1 + random_next(random) % contents;
	case WRITE_OWN:
		return own++ + (uint64_t)getpid() * 1000000000;
	default:
		return page->seed;
	}
}

static void rewrite(char *area, struct page *pages, size_t i, uint64_t *random)
{
	uint64_t seed = seed_of(&pages[i], random);

	pages[i].last = pages[i].seed <= CONTENTS ? pages[i].seed : pages[i].last;
	pages[i].seed = seed;
	if (!(random_next(random) % CLEAR_EVERY))
		madvise(area + i * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
	page_fill(area + i * PAGE_SIZE, seed);
	atomic_fetch_add(&shared->written, 1);
}

/* A child that has what its parent had, writes a few of its pages, and looks at all. */
static pid_t child_start(char *area, struct page *pages, uint64_t *random)
{
	pid_t pid = fork();
	size_t i;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = random_next(random) % 8; i < area_pages; i += 8)
		rewrite(area, pages, i, random);
	for (i = 0; i < area_pages && !ended(); i++)
		verify("child", area, pages, i);
	_exit(0);
}

static void child_reap(pid_t pid)
{
	int status;

	if (pid <= 0)
		return;
	if (waitpid(pid, &status, 0) == pid && status)
		wrong("a child ended with status %#x", status);
}

static void offline(char *page)
{
	if (atomic_load(&shared->offlined) >= OFFLINE_MAX)
		return;
	if (madvise(page, PAGE_SIZE, MADV_SOFT_OFFLINE))
		atomic_fetch_add(&shared->refused, 1);
	else
		atomic_fetch_add(&shared->offlined, 1);
}

static void owner(int which)
{
	uint64_t random = 88172645463325252ULL + which * 7919 + getpid();
	struct page *pages = calloc(area_pages, sizeof(*pages));
	char *area = area_map(area_pages);
	pid_t child = 0;
	unsigned long n;
	size_t i;

	CHECK(pages, "no memory");
	cgroup_join(GROUP);
	for (i = 0; i < area_pages; i++) {
		pages[i].seed = pages[i].last = 1 + i % contents;
		page_fill(area + i * PAGE_SIZE, pages[i].seed);
	}
	area_mergeable(area, area_pages);
	shared->area[which] = area;
	for (n = 1; !ended(); n++) {
		/* Two are looked at for one that is written, so that some stay as they are. */
		verify("owner", area, pages, random_next(&random) % area_pages);
		i = random_next(&random) % area_pages;
		verify("owner", area, pages, i);
		/* A half is left to merge. */
		if (i % 2)
			rewrite(area, pages, i, &random);
		if (!(n % OFFLINE_EVERY))
			offline(area + random_next(&random) % area_pages * PAGE_SIZE);
		/* Few pages would otherwise be written all the time, and hardly ever merge. */
		if (few && !(n % PAUSE_EVERY))
			usleep(4000);
		if (n % (few ? FORK_EVERY / 8 : FORK_EVERY))
			continue;
		child_reap(child);
		child = child_start(area, pages, &random);
		atomic_fetch_add(&shared->forks, 1);
	}
	child_reap(child);
	for (i = 0; i < area_pages; i++)
		verify("at the end", area, pages, i);
	_exit(0);
}

static bool areas_mapped(void)
{
	int i;

	for (i = 0; i < OWNERS; i++)
		if (!*(char *volatile *)&shared->area[i])
			return false;
	return true;
}

static void mover(void)
{
	size_t at_once = area_pages < MOVE_PAGES_MAX ? area_pages : MOVE_PAGES_MAX;
	void *pages[MOVE_PAGES_MAX];
	int nodes[MOVE_PAGES_MAX], status[MOVE_PAGES_MAX];
	unsigned long n;
	size_t i;

	while (!areas_mapped() && !ended())
		usleep(1000);
	for (n = 0; !ended(); n++) {
		unsigned long from = n / OWNERS * at_once % area_pages;
		int node = n / OWNERS / (area_pages / at_once) % 2;

		for (i = 0; i < at_once; i++) {
			pages[i] = shared->area[n % OWNERS] + (from + i) * PAGE_SIZE;
			nodes[i] = node;
			status[i] = -1;
		}
		syscall(SYS_move_pages, shared->owner[n % OWNERS], at_once, pages,
			nodes, status, MPOL_MF_MOVE_ALL);
		for (i = 0; i < at_once; i++)
			if (status[i] == node)
				atomic_fetch_add(&shared->moved, 1);
	}
	_exit(0);
}

static void shrinker(void)
{
	while (!ended()) {
		file_write("/sys/fs/cgroup/" GROUP "/memory.reclaim", few ? "16K" : "512K");
		atomic_fetch_add(&shared->shrinks, 1);
		usleep(few ? 500000 : 50000);
	}
	_exit(0);
}

static void toggler(void)
{
	while (!ended()) {
		unsigned int left = few ? 6 : 20 * harness_slower();

		while (left-- && !ended())
			usleep(50000);
		/* A run=2 that is interrupted by run=1 from elsewhere is none of this. */
		engine_try_set("run", 2);
		engine_try_set("run", 1);
		atomic_fetch_add(&shared->toggles, 1);
	}
	_exit(0);
}

enum { PROCESSES = OWNERS + 4 };

static pid_t process_start(int which)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %m");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (which < OWNERS)
		owner(which);
	else if (which < OWNERS + 2)
		mover();
	else if (which == OWNERS + 2)
		shrinker();
	else
		toggler();
	_exit(1);
}

static long parameter(const char *name)
{
	char text[64] = "";
	FILE *f;

	snprintf(text, sizeof(text), PARAMETERS "%s", name);
	f = fopen(text, "r");
	CHECK(f && fgets(text, sizeof(text), f), "no %s: not the debug build?", name);
	fclose(f);
	return atol(text);
}

static void race_set(const char *text)
{
	int err = file_write(PARAMETERS "race", text);

	CHECK(!err, "race=%s: %s", text, strerror(-err));
}

static void process_end(pid_t *pid, int which, double until)
{
	int status = 0;

	while (now_secs() < until) {
		if (waitpid(*pid, &status, WNOHANG) == *pid) {
			if (status)
				wrong("process %d ended with status %#x", which, status);
			return;
		}
		usleep(10000);
	}
	wrong("process %d has not ended", which);
	kill(*pid, SIGKILL);
	waitpid(*pid, &status, 0);
}

/* Who wakes it up on a CPU gets no further there: what is under way is met half done. */
static void scanner_first(void)
{
	CHECK(!system("chrt -f -p 1 $(pgrep -x uksmd)"), "cannot have uksmd come first\n");
}

/* With few pages all meet at the same ones. */
static void pages_set(size_t pages)
{
	area_pages = pages;
	few = area_pages < AREA_PAGES_MAX;
	contents = few ? FEW_CONTENTS : CONTENTS;
}

static bool came(bool must_meet)
{
	return parameter("race_hits") && (!must_meet || parameter("race_met"));
}

/* @must_meet: somebody must have come in between, where the module can tell. */
static bool try_point(const char *name, bool must_meet)
{
	char text[1100], why[400] = "";
	pid_t pids[PROCESSES];
	double began, until;
	long most = 0, hits, met;
	int i;

	memset(shared, 0, sizeof(*shared));
	snprintf(text, sizeof(text), "%s:%u", name, ms);
	race_set(text);
	engine_set("run", 1);
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = process_start(i);
		if (i < OWNERS)
			shared->owner[i] = pids[i];
	}
	/* How soon somebody comes hangs on how fast the machine is. */
	for (began = now_secs(); now_secs() < began + secs ||
	     (now_secs() < began + PATIENCE * secs && !came(must_meet));) {
		long now = engine_get("pages_shared");

		most = now > most ? now : most;
		usleep(SEE_MS * 1000);
	}
	hits = parameter("race_hits");
	met = parameter("race_met");
	/* Asleep at the point, nobody would come to an end. */
	race_set("\n");
	atomic_store(&shared->end, true);
	until = now_secs() + END_SECS * harness_slower();
	for (i = 0; i < PROCESSES; i++)
		process_end(&pids[i], i, until);
	engine_set("run", 1);

	printf("# %s: %ld hits, met %ld times, pages_shared up to %ld; %ld pages verified, %ld written, %ld moved, "
	       "%ld forks, %ld shrinks, %ld toggles, %ld offlined, %ld refused\n", name, hits, met, most,
	       shared->verified, shared->written, shared->moved, shared->forks, shared->shrinks,
	       shared->toggles, shared->offlined, shared->refused);
	if (shared->wrong)
		snprintf(why, sizeof(why), "%d times wrong, first: %s", shared->wrong, shared->why);
	else if (!hits)
		snprintf(why, sizeof(why), "nobody has come to the point");
	else if (!most)
		snprintf(why, sizeof(why), "nothing has merged");
	else if (!shared->moved)
		snprintf(why, sizeof(why), "no page has moved");
	else if (must_meet && !met)
		snprintf(why, sizeof(why), "nobody has come in between");
	snprintf(text, sizeof(text), "races/%s%s", name, must_meet ? "-met" : "");
	harness_verdict(*why ? "not ok" : "ok", text, *why ? why : NULL);
	return !*why;
}

static int points_read(char names[][32])
{
	FILE *f = fopen(PARAMETERS "race_points", "r");
	int n = 0;

	CHECK(f, "no race_points: not the debug build?");
	while (n < POINTS_MAX && fscanf(f, "%31s", names[n]) == 1)
		n++;
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	char names[POINTS_MAX][32];
	bool failed = false;
	int i, j, n, rounds;

	n = points_read(names);
	if (getenv("RACES_MS"))
		ms = atoi(getenv("RACES_MS"));
	if (getenv("RACES_PAGES"))
		pages_set(atoi(getenv("RACES_PAGES")));
	CHECK(area_pages > 0 && area_pages <= AREA_PAGES_MAX, "not so many pages\n");
	secs = getenv("RACES_SECS") ? atoi(getenv("RACES_SECS")) : 6;
	rounds = harness_slower() > 1 && !getenv("RACES_SECS") ? 3 : 1;
	secs *= rounds;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED, "mmap: %m");
	swap_start();
	cgroup_make(GROUP);
	engine_set("pages_to_scan", 20000);
	engine_set("stable_node_chains_prune_millisecs", 0);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
	if (getenv("RACES_FIRST"))
		scanner_first();
	for (i = 1; i < argc; i++) {
		for (j = 0; j < n && strcmp(names[j], argv[i]); j++)
			;
		CHECK(j < n, "no point \"%s\"\n", argv[i]);
	}
	for (i = 0; i < n; i++) {
		for (j = 1; j < argc && strcmp(names[i], argv[j]); j++)
			;
		if (argc > 1 && j == argc)
			continue;
		/* 0, 1 .. 5 ms */
		engine_set("sleep_millisecs", i % 6);
		failed |= !try_point(names[i], false);
		/* A migration is between its last check and its end but for a moment. */
		if (strcmp(names[i], "get-lock") || getenv("RACES_PAGES") || getenv("RACES_MS"))
			continue;
		pages_set(MEET_PAGES);
		ms = MEET_MS;
		failed |= !try_point(names[i], true);
		pages_set(AREA_PAGES_MAX);
		ms = MS_DEFAULT;
	}
	engine_unmerge();
	swap_stop();
	return failed;
}
