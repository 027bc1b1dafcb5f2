// SPDX-License-Identifier: GPL-2.0-only
#include "holds.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "harness.h"
#include "memory.h"
#include "order.h"

#define TRACING "/sys/kernel/tracing"
#define BUFFER_KIB 98304

/* struct pages lie from here on, and with them the locks of page tables (Documentation/x86/mm). */
#define VMEMMAP "0xffffea0000000000"
#define VMEMMAP_END "0xffffec0000000000"

/* Holds that have begun, at a time, and all that there were. */
#define OPEN_MAX 64
#define HOLDS_MAX (1U << 20)

/**
 * struct kind - something that is held
 * @name: of it
 * @begin: event that a hold begins with, with what follows it in the trace
 * @end: the one that it ends with
 * @object: what comes before the number that both have in common
 */
struct kind {
	const char *name;
	const char *begin;
	const char *end;
	const char *object;
};

static const struct kind kinds[] = {
	{ "page-table", " bench_lock: ", " bench_unlock: ", " lock=" },
	{ "mmap-lock", " mmap_lock_acquire_returned: ", " mmap_lock_released: ", " mm=" },
	{ "notifier", " bench_range_start: ", " bench_range_end: ", " range=" },
};

/**
 * struct open_hold - one that has not ended
 * @object: a lock or a range
 * @since: by the time stamp counter
 */
struct open_hold {
	uint64_t object;
	uint64_t since;
};

static struct {
	const struct kind *kind;
	struct open_hold open[OPEN_MAX];
	unsigned int nr_open;
	uint64_t *lengths;
	size_t nr;
	uint64_t start_ticks, start_ns;
} holds;

static void put(const char *file, int flags, const char *format, ...)
{
	char path[200], text[200];
	va_list args;
	int fd, len;

	snprintf(path, sizeof(path), "%s/%s", TRACING, file);
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | flags);
	CHECK(fd >= 0, "%s: %m", path);
	CHECK(write(fd, text, len) == len, "\"%s\" to %s: %m", text, path);
	close(fd);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static const struct kind *kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	test_fail("the scanner holds no \"%s\"", name);
}

static void probe(const char *event, const char *function, const char *object)
{
	put("kprobe_events", O_APPEND, "p:bench/%s %s %s=%%di:x64\n", event, function, object);
}

/* Only what is measured is traced, as a probe takes longer than a short hold. */
void holds_open(int pid, const char *name)
{
	if (access(TRACING "/trace", F_OK))
		CHECK_SYS(mount("tracefs", TRACING, "tracefs", 0, NULL));
	holds.kind = kind_find(name);
	put("tracing_on", O_TRUNC, "0");
	put("events/enable", O_TRUNC, "0");
	put("kprobe_events", O_TRUNC, "\n");
	put("trace_clock", O_TRUNC, "x86-tsc");
	put("buffer_size_kb", O_TRUNC, "%d", BUFFER_KIB);
	put("set_event_pid", O_TRUNC, "%d", pid);
	if (!strcmp(name, "mmap-lock")) {
		put("events/mmap_lock/mmap_lock_acquire_returned/enable", O_TRUNC, "1");
		put("events/mmap_lock/mmap_lock_released/enable", O_TRUNC, "1");
	} else if (!strcmp(name, "page-table")) {
		probe("bench_lock", "_raw_spin_lock", "lock");
		probe("bench_unlock", "_raw_spin_unlock", "lock");
		put("events/bench/filter", O_TRUNC,
		    "lock >= " VMEMMAP " && lock < " VMEMMAP_END);
		put("events/bench/enable", O_TRUNC, "1");
	} else {
		probe("bench_range_start", "__mmu_notifier_invalidate_range_start", "range");
		probe("bench_range_end", "__mmu_notifier_invalidate_range_end", "range");
		put("events/bench/enable", O_TRUNC, "1");
	}
	holds.lengths = calloc(HOLDS_MAX, sizeof(*holds.lengths));
	CHECK(holds.lengths, "no memory for holds");
}

void holds_start(void)
{
	put("trace", O_TRUNC, "\n");
	holds.nr = holds.nr_open = 0;
	holds.start_ns = now_ns();
	holds.start_ticks = __rdtsc();
	put("tracing_on", O_TRUNC, "1");
}

/* One that begins twice has failed to begin at first: a page table that was not there. */
static void hold_begins(uint64_t object, uint64_t ticks)
{
	unsigned int i;

	for (i = 0; i < holds.nr_open; i++) {
		if (holds.open[i].object == object)
			break;
	}
	CHECK(i < OPEN_MAX, "more than %d holds at a time", OPEN_MAX);
	holds.open[i] = (struct open_hold){ object, ticks };
	if (i == holds.nr_open)
		holds.nr_open++;
}

/* One that had begun before the trace is none. */
static void hold_ends(uint64_t object, uint64_t ticks)
{
	unsigned int i;

	for (i = 0; i < holds.nr_open; i++) {
		if (holds.open[i].object != object)
			continue;
		CHECK(holds.nr < HOLDS_MAX, "more than %u holds", HOLDS_MAX);
		holds.lengths[holds.nr++] = ticks - holds.open[i].since;
		holds.open[i] = holds.open[--holds.nr_open];
		return;
	}
}

/* COMMAND-PID [CPU] FLAGS TICKS: EVENT: ... */
static void parse(const char *line)
{
	const char *begin = strstr(line, holds.kind->begin), *end = strstr(line, holds.kind->end);
	const char *event = begin ? begin : end, *stamp, *object;
	uint64_t ticks, number;

	if (!event)
		return;
	object = strstr(event, holds.kind->object);
	stamp = event;
	while (stamp > line && stamp[-1] != ' ')
		stamp--;
	CHECK(object && sscanf(stamp, "%" SCNu64 ":", &ticks) == 1, "a line of the trace: %s", line);
	if (strstr(event, "success=false") || strstr(event, "write=true"))
		return;
	number = strtoull(object + strlen(holds.kind->object), NULL, 16);
	if (begin)
		hold_begins(number, ticks);
	else
		hold_ends(number, ticks);
}

static void check_nothing_lost(void)
{
	char line[200];
	FILE *file;
	int cpu, lost;

	for (cpu = 0;; cpu++) {
		snprintf(line, sizeof(line), TRACING "/per_cpu/cpu%d/stats", cpu);
		file = fopen(line, "r");
		if (!file)
			break;
		while (fgets(line, sizeof(line), file))
			CHECK((sscanf(line, "overrun: %d", &lost) != 1 &&
			       sscanf(line, "dropped events: %d", &lost) != 1) || !lost,
			      "the trace is not complete: %s", line);
		fclose(file);
	}
}

void holds_end(FILE *out, const char *name)
{
	static const unsigned int permille[] = { 500, 990, 999, 1000 };
	double ns_per_tick, sum = 0;
	char line[1000];
	FILE *trace;
	size_t i;

	put("tracing_on", O_TRUNC, "0");
	ns_per_tick = (double)(now_ns() - holds.start_ns) / (__rdtsc() - holds.start_ticks);
	check_nothing_lost();
	trace = fopen(TRACING "/trace", "r");
	CHECK(trace, "%s/trace: %m", TRACING);
	while (fgets(line, sizeof(line), trace))
		parse(line);
	fclose(trace);
	CHECK(holds.nr, "the scanner has held no %s", holds.kind->name);
	qsort(holds.lengths, holds.nr, sizeof(*holds.lengths), by_number);
	fprintf(out, ",\"%s\":[%zu", name, holds.nr);
	for (i = 0; i < ARRAY_SIZE(permille); i++)
		fprintf(out, ",%.0f",
			ns_per_tick * permille_of(holds.lengths, holds.nr, permille[i]));
	for (i = 0; i < holds.nr; i++)
		sum += holds.lengths[i];
	fprintf(out, ",%.0f]", ns_per_tick * sum);
}
