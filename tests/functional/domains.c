// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crowd of processes, each a domain of its own: as many as $UKSM_DOMAINS says, a thousand if it
 * does not. All at once, as a stream, and through a change of isolation; and what is left of them,
 * which is to be nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "kernel_amounts.h"
#include "limit.h"
#include "memory.h"

#define DOMAINS_DEFAULT 1000
#define DOMAINS_MAX 20000

/* What each has: two equal pages and two others, the same as everybody has. */
#define PAGES 4
#define SEED 100

/* All that was a thousand domains must be gone within so many seconds after they have died. */
#define GONE_SECS_A_THOUSAND 2
#define GONE_SECS 5

/* How long a knob may take, but for one time in a hundred: the machine has one CPU for all. */
#define KNOB_MSECS 100

/* Of the stream: so many live at a time, and each so long. */
#define STREAM_AT_ONCE 64
#define STREAM_USECS 100000

#define TIMES_MAX 20000

enum phase { MERGING, DYING, NR_PHASES };

static const char *const phase_names[] = { "while they merge", "while they go" };

/* Knobs that are asked for: one that is read, one that takes a walk over all, one that is written. */
enum knob { PAGES_SHARING, GENERAL_PROFIT, SLEEP_MILLISECS, NR_KNOBS };

static const char *const knob_names[] = { "pages_sharing", "general_profit", "sleep_millisecs" };

/**
 * struct shared - what all processes of a test have in common
 * @ready: processes of the crowd that have their memory
 * @ended: those that found it as it was
 * @phase: enum phase
 * @nr: of @msecs, so many are filled in
 * @msecs: how long each knob took
 * @seen: domains seen by who lists them
 * @read: files of theirs that could be read
 * @gone: those whose domain had gone before
 * @stop: who lists them ends
 */
struct shared {
	atomic_uint ready;
	atomic_uint ended;
	atomic_uint phase;
	unsigned int nr[NR_PHASES];
	double msecs[NR_PHASES][NR_KNOBS][TIMES_MAX];
	unsigned int seen;
	unsigned int read;
	unsigned int gone;
	atomic_bool stop;
};

static struct shared *shared;
static char *area;
static pid_t crowd[DOMAINS_MAX];
static int hold[2];

static unsigned int wanted(void)
{
	const char *text = getenv("UKSM_DOMAINS");
	unsigned int nr = text && *text ? atoi(text) : DOMAINS_DEFAULT;

	CHECK(nr >= 1 && nr <= DOMAINS_MAX, "UKSM_DOMAINS=%s", text);
	return nr / harness_slower();
}

static void begin(void)
{
	if (engine_is_stock())
		test_skip("ksm has no isolation");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED, "mmap: %m");
	area = area_map(PAGES);
	CHECK_SYS(pipe2(hold, O_CLOEXEC));
}

static void isolate(const char *mode)
{
	int err = knob_write(engine_dir(), "isolation", mode, strlen(mode));

	CHECK(!err, "isolation=%s: %s", mode, strerror(-err));
}

static uint64_t seed_of(unsigned int page)
{
	return SEED + (page ? page - 1 : 0);
}

static void memory_make(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		page_fill(area + i * PAGE_SIZE, seed_of(i));
	area_mergeable(area, PAGES);
}

static void memory_check(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		CHECK_PAGE(area + i * PAGE_SIZE, seed_of(i));
}

static pid_t child_start(void)
{
	pid_t pid = CHECK_SYS(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(hold[1]);
	}
	return pid;
}

/* They live until nobody holds the other end of the pipe. */
static void crowd_start(unsigned int nr)
{
	struct limit limit = limit_begin(120 * harness_slower());
	unsigned int i;
	char byte;

	shared->ready = 0;
	shared->ended = 0;
	for (i = 0; i < nr; i++) {
		crowd[i] = child_start();
		if (crowd[i])
			continue;
		memory_make();
		atomic_fetch_add(&shared->ready, 1);
		CHECK(read(hold[0], &byte, 1) == 0, "the pipe: %m");
		memory_check();
		atomic_fetch_add(&shared->ended, 1);
		_exit(0);
	}
	while (shared->ready < nr) {
		CHECK(!limit_passed(&limit), "%u of %u processes are ready", shared->ready, nr);
		usleep(10000);
	}
}

static void crowd_end(unsigned int nr)
{
	unsigned int i;

	close(hold[1]);
	for (i = 0; i < nr; i++)
		CHECK_SYS(waitpid(crowd[i], NULL, 0));
	CHECK(shared->ended == nr, "%u of %u processes found what they had", shared->ended, nr);
	close(hold[0]);
	CHECK_SYS(pipe2(hold, O_CLOEXEC));
}

static const char *domains_dir(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/domains", engine_dir());
	return path;
}

/* Calls @each with every domain's name, and counts them. */
static unsigned int domains_for_each(void (*each)(const char *name))
{
	DIR *dir = opendir(domains_dir());
	struct dirent *entry;
	unsigned int nr = 0;

	CHECK(dir, "%s: %m", domains_dir());
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		nr++;
		if (each)
			each(entry->d_name);
	}
	closedir(dir);
	return nr;
}

static void wait_domains(unsigned int nr, unsigned int secs)
{
	struct limit limit = limit_begin(secs * harness_slower());
	unsigned int got;

	while ((got = domains_for_each(NULL)) != nr) {
		CHECK(!limit_passed(&limit), "%u domains in sysfs after %u s, not %u", got, secs, nr);
		usleep(20000);
	}
}

static int domain_read(const char *name, const char *counter, char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", domains_dir(), name);
	return knob_read(path, counter, text);
}

/* Asks for knobs all the time, in a process of its own. */
static pid_t watch_start(void)
{
	pid_t pid = child_start();

	if (pid)
		return pid;
	for (;;) {
		unsigned int phase = shared->phase, nr = shared->nr[phase], knob;
		char text[KNOB_TEXT_MAX];

		for (knob = 0; nr < TIMES_MAX && knob < NR_KNOBS; knob++) {
			double began = now_secs();

			if (knob == SLEEP_MILLISECS)
				engine_set(knob_names[knob], 1);
			else
				CHECK(!knob_read(engine_dir(), knob_names[knob], text), "%s",
				      knob_names[knob]);
			shared->msecs[phase][knob][nr] = 1000 * (now_secs() - began);
		}
		shared->nr[phase] = nr + (nr < TIMES_MAX);
		usleep(2000);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void watch_judge(pid_t watch)
{
	unsigned int phase, knob;

	CHECK_SYS(kill(watch, SIGKILL));
	CHECK_SYS(waitpid(watch, NULL, 0));
	for (phase = 0; phase < NR_PHASES; phase++) {
		unsigned int nr = shared->nr[phase];

		CHECK(nr > 10, "%u times asked %s", nr, phase_names[phase]);
		for (knob = 0; knob < NR_KNOBS; knob++) {
			double *msecs = shared->msecs[phase][knob];

			qsort(msecs, nr, sizeof(*msecs), by_value);
			test_note("%s %s: %u times, median %.2f ms, 99 %% %.2f ms, longest %.2f ms",
				  knob_names[knob], phase_names[phase], nr, msecs[nr / 2],
				  msecs[nr * 99 / 100], msecs[nr - 1]);
			CHECK(msecs[nr * 99 / 100] < KNOB_MSECS * harness_slower(),
			      "%s takes %.0f ms %s", knob_names[knob], msecs[nr * 99 / 100],
			      phase_names[phase]);
		}
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* In each process the first two pages are one, and no two processes have a frame in common. */
static void check_frames(unsigned int nr)
{
	uint64_t *frames = malloc(nr * (PAGES - 1) * sizeof(*frames));
	unsigned int i, page, n = 0;

	CHECK(frames, "out of memory");
	for (i = 0; i < nr; i++) {
		CHECK(pfn_of_other(crowd[i], area) == pfn_of_other(crowd[i], area + PAGE_SIZE),
		      "process %u of %u: its equal pages are not merged", i, nr);
		for (page = 1; page < PAGES; page++) {
			frames[n] = pfn_of_other(crowd[i], area + page * PAGE_SIZE);
			CHECK(frames[n++], "page %u of process %u is not there", page, i);
		}
	}
	qsort(frames, n, sizeof(*frames), by_number);
	for (i = 1; i < n; i++)
		CHECK(frames[i] != frames[i - 1], "a frame is shared across domains");
	free(frames);
}

static long sum;

static void add_pages_sharing(const char *name)
{
	char text[KNOB_TEXT_MAX];

	CHECK(!domain_read(name, "pages_sharing", text), "no pages_sharing of %s", name);
	CHECK(!strcmp(text, "1"), "pages_sharing of %s is %s", name, text);
	sum += atol(text);
}

static unsigned int gone_secs(unsigned int nr)
{
	return GONE_SECS + nr * GONE_SECS_A_THOUSAND / 1000;
}

/* The processes have died at @began: nothing may be left of them soon. */
static void check_gone(unsigned int nr, long metadata, double began)
{
	double dirs;

	wait_domains(0, gone_secs(nr));
	dirs = now_secs() - began;
	engine_wait_at_most("all are dead", "metadata_bytes", metadata, gone_secs(nr));
	engine_wait_at_most("all are dead", "dead_metadata_bytes", 0, gone_secs(nr));
	test_note("their directories have gone after %.1f s, all else after %.1f s", dirs,
		  now_secs() - began);
}

/* Has a cache that domains are taken from grown by a part of their number? */
static const char *grown(const struct kernel_amounts *before, unsigned int nr, long *by)
{
	static struct kernel_amounts after;
	const char *worst = NULL;
	size_t a;

	kernel_amounts_take(&after);
	*by = nr / 4 + 200;
	for (a = 0; a < after.nr; a++) {
		const char *name = after.amounts[a].name;
		long more = after.amounts[a].value - kernel_amount(before, name);

		if (more <= *by || !(kernel_cache_matters(name) || !strcmp(name, "kernfs_node_cache")))
			continue;
		*by = more;
		worst = name;
	}
	return worst;
}

/* What one domain leaks, each of them does. What is freed late, after RCU, is asked for again. */
static void check_amounts(const struct kernel_amounts *before, unsigned int nr)
{
	const char *name;
	unsigned int tries = 0;
	long by;

	while ((name = grown(before, nr, &by))) {
		CHECK(++tries < 10, "%s has grown by %ld objects, by %u domains", name, by, nr);
		sleep(1);
	}
	test_note("no cache has grown by more than %ld objects, asked %u times", by, tries + 1);
}

static void test_crowd(void)
{
	static struct kernel_amounts before, without, with;
	unsigned int nr = wanted();
	double began;
	long metadata;
	pid_t watch;

	begin();
	isolate("process");
	/* So that what is only kept for later use is there before. */
	crowd_start(nr / 4);
	engine_start();
	wait_domains(nr / 4, 60);
	crowd_end(nr / 4);
	wait_domains(0, gone_secs(nr));
	engine_pause();
	metadata = engine_get("metadata_bytes");
	kernel_amounts_take(&before);

	began = now_secs();
	crowd_start(nr);
	test_note("%u processes were there after %.1f s", nr, now_secs() - began);
	kernel_amounts_take(&without);
	watch = watch_start();
	began = now_secs();
	engine_start();
	engine_wait_full_scans(3);
	test_note("3 full scans had ended after %.1f s", now_secs() - began);
	wait_domains(nr, 30);
	test_note("all directories were there after %.1f s", now_secs() - began);
	engine_check_counters("a crowd", nr, nr, 2 * nr, 0);
	domains_for_each(add_pages_sharing);
	CHECK(sum == nr, "pages_sharing of all domains is %ld", sum);
	check_frames(nr);
	kernel_amounts_take(&with);
	test_note("a domain and its process: %ld bytes of metadata_bytes, %ld of the kernel's memory",
		  (engine_get("metadata_bytes") - metadata) / nr,
		  1024 * (kernel_amount(&with, "Slab:") - kernel_amount(&without, "Slab:")) / nr);
	engine_set("run", 1);

	shared->phase = DYING;
	crowd_end(nr);
	check_gone(nr, metadata, now_secs());
	watch_judge(watch);
	check_amounts(&before, nr);
}

/* What the scanner needs for what it has to ask of each process, scanning or not. */
static void note_cpu(unsigned int nr)
{
	double stopped = engine_cpu_percent(2);
	long scans, msecs;

	engine_set("run", 1);
	engine_wait_full_scans(1);
	scans = engine_get("full_scans");
	msecs = engine_get("uksmd_cpu_msecs");
	engine_wait_full_scans(2);
	scans = engine_get("full_scans") - scans;
	msecs = engine_get("uksmd_cpu_msecs") - msecs;
	test_note("a full scan takes %ld us of CPU a process; the stopped scanner %.1f %% of a CPU",
		  1000 * msecs / scans / nr, stopped);
}

/* They die while nothing is scanned. */
static void test_crowd_stopped(void)
{
	unsigned int nr = wanted() / 4 + 1;
	long metadata;

	begin();
	metadata = engine_get("metadata_bytes");
	isolate("process");
	crowd_start(nr);
	engine_start();
	engine_wait_full_scans(3);
	wait_domains(nr, 30);
	engine_check_counters("a crowd", nr, nr, 2 * nr, 0);
	note_cpu(nr);
	engine_pause();
	crowd_end(nr);
	check_gone(nr, metadata, now_secs());
}

static void look_into(const char *name)
{
	char text[KNOB_TEXT_MAX];
	int err = domain_read(name, "pages_sharing", text);

	CHECK(!err || err == -ENOENT || err == -ENODEV, "reading of %s: %s", name, strerror(-err));
	if (err)
		shared->gone++;
	else
		shared->read++;
}

static pid_t list_start(void)
{
	pid_t pid = child_start();

	if (pid)
		return pid;
	while (!shared->stop)
		shared->seen += domains_for_each(look_into);
	_exit(0);
}

static void short_life(void)
{
	pid_t pid = child_start();

	if (pid)
		return;
	memory_make();
	usleep(STREAM_USECS);
	memory_check();
	atomic_fetch_add(&shared->ended, 1);
	_exit(0);
}

/* They come and go, while somebody lists them and reads what there is. */
static void test_stream(void)
{
	static struct kernel_amounts before;
	unsigned int nr = wanted(), i;
	long metadata, most = 0;
	double began = now_secs();
	pid_t list;

	begin();
	metadata = engine_get("metadata_bytes");
	isolate("process");
	kernel_amounts_take(&before);
	list = list_start();
	engine_start();
	for (i = 0; i < nr + STREAM_AT_ONCE; i++) {
		if (i >= STREAM_AT_ONCE)
			CHECK_SYS(waitpid(-1, NULL, 0));
		if (i < nr)
			short_life();
		if (engine_get("metadata_bytes") > most)
			most = engine_get("metadata_bytes");
	}
	CHECK(shared->ended == nr, "%u of %u processes found what they had", shared->ended, nr);
	test_note("%u processes have come and gone in %.1f s; metadata_bytes was %ld at most", nr,
		  now_secs() - began, most);
	shared->stop = true;
	CHECK_SYS(waitpid(list, NULL, 0));
	test_note("%u names were listed, %u files read, %u had gone", shared->seen, shared->read,
		  shared->gone);
	CHECK(shared->read, "no domain was seen");
	check_gone(STREAM_AT_ONCE, metadata, now_secs());
	check_amounts(&before, nr);
}

/* Who has a file open when its domain goes gets an error, and no more. */
static void test_file_kept(void)
{
	struct dirent *entry;
	char name[sizeof(entry->d_name)] = "", path[512], text[16];
	DIR *dir;
	int fd;

	begin();
	isolate("process");
	crowd_start(1);
	engine_start();
	wait_domains(1, 20);
	dir = opendir(domains_dir());
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "process-", 8))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	snprintf(path, sizeof(path), "%s/%s/processes", domains_dir(), name);
	fd = CHECK_SYS(open(path, O_RDONLY));
	CHECK(pread(fd, text, sizeof(text), 0) == 2 && text[0] == '1', "processes: %m");
	crowd_end(1);
	wait_domains(0, GONE_SECS);
	CHECK(pread(fd, text, sizeof(text), 0) == -1 && errno == ENODEV, "of a domain that has gone: %m");
	CHECK(openat(dirfd(dir), name, O_RDONLY) == -1 && errno == ENOENT, "%s: %m", name);
	close(fd);
	closedir(dir);
}

/* From domains of their own into one, and back, while all live. */
static void test_change(void)
{
	static const char *const modes[] = { "process", "user", "none", "process" };
	unsigned int nr = wanted();
	long metadata, slab;
	double began;
	size_t m;

	begin();
	metadata = engine_get("metadata_bytes");
	crowd_start(nr);
	slab = sys_field("/proc/meminfo", "Slab:");
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		bool apart = !strcmp(modes[m], "process");

		isolate(modes[m]);
		began = now_secs();
		engine_start();
		engine_wait_full_scans(4);
		wait_domains(apart ? nr : !strcmp(modes[m], "user"), 30);
		test_note("isolation %s: %.1f s", modes[m], now_secs() - began);
		if (apart)
			engine_check_counters(modes[m], nr, nr, 2 * nr, 0);
		engine_pause();
		test_note("isolation %s: %ld bytes of metadata_bytes a process, %ld of the kernel's slabs",
			  modes[m], (engine_get("metadata_bytes") - metadata) / nr,
			  1024 * (sys_field("/proc/meminfo", "Slab:") - slab) / nr);
		CHECK(apart || engine_get("pages_shared") + engine_get("pages_sharing") == PAGES * nr,
		      "isolation %s: %ld pages shared, %ld sharing", modes[m], engine_get("pages_shared"),
		      engine_get("pages_sharing"));
		if (apart)
			check_frames(nr);
		began = now_secs();
		engine_unmerge();
		test_note("unmerged in %.1f s", now_secs() - began);
		CHECK(!engine_get("pages_shared"), "%ld pages are shared", engine_get("pages_shared"));
	}
	crowd_end(nr);
	check_gone(nr, metadata, now_secs());
}

static const struct test tests[] = {
	{ "crowd", test_crowd, 240 },
	{ "crowd-stopped", test_crowd_stopped },
	{ "stream", test_stream, 240 },
	{ "file-kept", test_file_kept },
	{ "change", test_change, 240 },
};

int main(int argc, char **argv)
{
	return harness_main("domains", tests, ARRAY_SIZE(tests), argc, argv);
}
