// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams of processes that are born, ask for merging, and die: faster than the scanner can look
 * at them.
 */
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"
#include "uapi.h"

#define BIRTH_SECS 0.025
#define CHILD_PAGES 1024UL
#define CHILD_LIFE_SECS 1.0
/* What the victims take at the defaults. */
#define NOMINAL_SECS 1.0
#define LATE_SEED 850000000UL
#define WORKER_PAGES 512UL
#define WORKER_LIFE_SECS 0.5
#define LIVING_MAX 130

/* Slack of a sum of metadata, which comes in pages. */
#define METADATA_SLACK (64 << 10)

/**
 * struct stream - a parent that forks, and what it is told and tells
 * @stop: it is to end with its last child
 * @born: children so far
 * @give_birth: in a child, whose number is @nr
 * @everything: everything that it and its children map is mergeable
 */
struct stream {
	atomic_int stop;
	atomic_ulong born;
	void (*give_birth)(unsigned long nr);
	bool everything;
};

static void reap(unsigned int *living, int options)
{
	while (*living && waitpid(-1, NULL, options) > 0)
		(*living)--;
}

static void stream_main(struct helper *self, void *arg)
{
	struct stream *s = arg;
	double next = now_secs();
	unsigned int living = 0;

	if (s->everything)
		CHECK_SYS(prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	tenant_become();
	while (!atomic_load(&s->stop)) {
		unsigned long nr = atomic_fetch_add(&s->born, 1);
		double wait;

		reap(&living, WNOHANG);
		/* On a machine that does not keep up, no more than can be held in memory. */
		if (living < LIVING_MAX) {
			if (!CHECK_SYS(fork())) {
				s->give_birth(nr);
				_exit(0);
			}
			living++;
		}
		next += BIRTH_SECS;
		wait = next - now_secs();
		if (wait > 0)
			sleep_secs(wait);
		else
			next = now_secs();
	}
	reap(&living, 0);
}

/* It lives as long from its birth, however long it takes to write. */
static void child_of_fork(unsigned long nr)
{
	double born = now_secs(), left;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	area_map_distinct(CHILD_PAGES, 1000000000UL + nr * CHILD_PAGES);
	left = born + CHILD_LIFE_SECS - now_secs();
	if (left > 0)
		sleep_secs(left);
}

/* Every third is a shell that starts others, as in a build. */
static void child_of_exec(unsigned long nr)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nr % 3)
		execl("/proc/self/exe", "hostile", "--work", NULL);
	else
		execl("/bin/busybox", "sh", "-c", "true; ls /proc | sort > /dev/null; /bin/busybox true",
		      NULL);
	test_fail("exec: %m");
}

int exec_worker(void)
{
	char *area = mmap(NULL, WORKER_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (area == MAP_FAILED)
		return 1;
	madvise(area, WORKER_PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	for (i = 0; i < WORKER_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 3000000000UL + getpid() * WORKER_PAGES + i);
	sleep_secs(WORKER_LIFE_SECS);
	return 0;
}

static struct stream *stream_start(struct helper *h, void (*give_birth)(unsigned long nr),
				   bool everything)
{
	struct stream *s = shared_memory(sizeof(*s));

	s->give_birth = give_birth;
	s->everything = everything;
	helper_start(h, stream_main, s);
	/* Until the first of them end. */
	sleep_secs(1.5);
	return s;
}

static void stream_end(struct helper *h, struct stream *s)
{
	atomic_store(&s->stop, 1);
	child_finish(h->pid);
	close(h->fd);
}

/**
 * struct course - what was seen of the victims in a stream
 * @merge_secs: until the pair had merged
 * @probe_secs: until a third process that came later was merged with it
 * @late_secs: until a pair that came later had merged
 * @scans: full scans in the time
 * @scans_late: of these in the second half
 * @metadata: at half time and at the end
 * @mms: address spaces, then
 */
struct course {
	double merge_secs, probe_secs, late_secs;
	long scans, scans_late;
	long metadata[2], mms[2];
};

static void late_fill(void *page, size_t index)
{
	page_fill(page, LATE_SEED + index);
}

/* The victims are there, but for the late ones, and the engine is stopped. */
static struct course course_run(struct victims *v, struct equals *late, double secs)
{
	struct course c = { .merge_secs = NEVER, .probe_secs = NEVER, .late_secs = NEVER };
	double began = now_secs(), now = 0, probe_at = secs / 5, probe_began = 0;
	long scans = engine_get("full_scans"), scans_half = 0;
	bool half = false;

	engine_set("run", 1);
	while (now < secs) {
		if (c.merge_secs == NEVER && equals_merged(&v->pair, 0, 1) == VICTIM_PAGES)
			c.merge_secs = now_secs() - began;
		if (now >= probe_at && !probe_began) {
			equals_start(&v->pair, 2);
			equals_start_pair(late);
			probe_began = now_secs();
		}
		if (probe_began && c.probe_secs == NEVER &&
		    equals_merged(&v->pair, 0, 2) == VICTIM_PAGES)
			c.probe_secs = now_secs() - probe_began;
		if (probe_began && c.late_secs == NEVER && equals_merged(late, 0, 1) == VICTIM_PAGES)
			c.late_secs = now_secs() - probe_began;
		if (now >= secs / 2 && !half) {
			half = true;
			scans_half = engine_get("full_scans");
			c.metadata[0] = metadata_bytes();
			c.mms[0] = slab_objects("mm_struct");
		}
		sleep_secs(0.05);
		now = now_secs() - began;
	}
	c.metadata[1] = metadata_bytes();
	c.mms[1] = slab_objects("mm_struct");
	c.scans = engine_get("full_scans") - scans;
	c.scans_late = engine_get("full_scans") - scans_half;
	return c;
}

static void course_figures(const char *name, const struct course *c, double secs)
{
	char key[128];

#define FIGURE(what, value)                                           \
	do {                                                          \
		snprintf(key, sizeof(key), "%s.%s", name, what);      \
		figure(key, value);                                   \
	} while (0)
	FIGURE("merge_secs", c->merge_secs);
	FIGURE("probe_secs", c->probe_secs);
	FIGURE("late_secs", c->late_secs);
	FIGURE("full_scans_per_sec", c->scans / secs);
	FIGURE("metadata_half_time_bytes", c->metadata[0]);
	FIGURE("metadata_end_bytes", c->metadata[1]);
	FIGURE("mm_structs_half_time", c->mms[0]);
	FIGURE("mm_structs_end", c->mms[1]);
#undef FIGURE
}

/* The same with and without the stream, or with one that nobody may merge. */
static void stream_case(const char *name, void (*give_birth)(unsigned long nr), bool everything,
			double secs)
{
	double alone_secs = everything ? 9 : 8;
	struct course alone, beset;
	struct equals late;
	struct helper streamer;
	struct victims v;
	struct stream *s = NULL;
	long metadata, mms;
	char key[128];

	equals_init(&late, VICTIM_PAGES, late_fill);
	scanner_tempo(DEFAULT_PAGES, DEFAULT_MSECS);
	/* A stream of programs costs much even if nobody merges it. */
	if (everything)
		s = stream_start(&streamer, give_birth, false);
	victims_start(&v);
	alone = course_run(&v, &late, alone_secs);
	snprintf(key, sizeof(key), "%s.alone", name);
	course_figures(key, &alone, alone_secs);
	CHECK(alone.merge_secs != NEVER, "alone, the pair does not merge");
	/* A batch that an earlier case has left unfinished may go through all of it at once. */
	alone.merge_secs = fmax(alone.merge_secs, NOMINAL_SECS);
	if (alone.probe_secs == NEVER)
		alone.probe_secs = 5;
	if (alone.late_secs == NEVER)
		alone.late_secs = 5;
	if (s)
		stream_end(&streamer, s);
	metadata = metadata_bytes();
	mms = slab_objects("mm_struct");
	victims_stop(&v);
	equals_stop(&late);
	engine_unmerge();

	victims_start(&v);
	s = stream_start(&streamer, give_birth, everything);
	beset = course_run(&v, &late, secs);
	test_note("%lu processes in %.0f s", atomic_load(&s->born), secs);
	course_figures(name, &beset, secs);
	stream_end(&streamer, s);
	sleep_secs(1);
	snprintf(key, sizeof(key), "%s.afterwards_metadata_bytes", name);
	figure(key, metadata_bytes());
	snprintf(key, sizeof(key), "%s.afterwards_mm_structs", name);
	figure(key, slab_objects("mm_struct"));

	judge(beset.merge_secs <= allowed_secs(alone.merge_secs),
	      "the pair merges after %.1f s, alone after %.1f", beset.merge_secs, alone.merge_secs);
	judge(beset.probe_secs <= allowed_secs(alone.probe_secs) ||
		      beset.probe_secs <= figure_of_ksmd("fork-stream.probe_secs", 0),
	      "a third process merges after %.1f s, alone after %.1f", beset.probe_secs,
	      alone.probe_secs);
	judge(beset.late_secs <= allowed_secs(alone.late_secs) ||
		      beset.late_secs <= figure_of_ksmd("fork-stream.late_secs", 0),
	      "a pair that comes later merges after %.1f s, alone after %.1f", beset.late_secs,
	      alone.late_secs);
	judge(beset.scans >= secs / 7 && beset.scans_late >= secs / 20,
	      "%ld full scans in %.0f s, %ld of them in the second half", beset.scans, secs,
	      beset.scans_late);
	judge(beset.metadata[1] <= beset.metadata[0] * 1.2 + METADATA_SLACK,
	      "metadata grows from %ld bytes at half time to %ld", beset.metadata[0],
	      beset.metadata[1]);
	judge(beset.mms[1] <= mms + LIVING_MAX + 100, "%ld mm_structs, before the stream %ld",
	      beset.mms[1], mms);
	judge(metadata_bytes() <= metadata * 1.2 + METADATA_SLACK,
	      "a second after the stream metadata is %ld bytes, before it %ld", metadata_bytes(),
	      metadata);
	judge(slab_objects("mm_struct") <= mms + 100,
	      "a second after the stream there are %ld mm_structs, before it %ld",
	      slab_objects("mm_struct"), mms);
	victims_stop(&v);
	equals_stop(&late);
	judge_end();
}

void case_fork_stream(void)
{
	stream_case("fork-stream", child_of_fork, false, hostile_long() ? 600 : 20);
}

void case_everything_mergeable(void)
{
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) < 0)
		test_skip("this kernel has no PR_SET_MEMORY_MERGE");
	stream_case("everything-mergeable", child_of_exec, true, hostile_long() ? 300 : 12);
}
