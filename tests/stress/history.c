// SPDX-License-Identifier: GPL-2.0-only
#include "history.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "tally.h"

#define SHOW_SECONDS 30
#define SHOW_MAX 60

static __thread const char *doing = "?";

static uint64_t microseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

void history_begin(const char *what)
{
	doing = what;
}

void history_note(unsigned long from, unsigned long n)
{
	struct event *e = &tally->events[count_up(tally->nr_events) % HISTORY_MAX];

	e->time = 0;
	e->pid = getpid();
	e->tid = gettid();
	e->from = from;
	e->n = n;
	snprintf(e->what, sizeof(e->what), "%s", doing);
	__atomic_store_n(&e->time, microseconds(), __ATOMIC_RELEASE);
}

static uint64_t read_word(const char *path, off_t at)
{
	int fd = open(path, O_RDONLY);
	uint64_t word = 0;

	if (fd >= 0 && pread(fd, &word, sizeof(word), at * sizeof(word)) != sizeof(word))
		word = 0;
	close(fd);
	return word;
}

static bool concerns(const struct event *e, unsigned long page)
{
	return e->time && e->from <= page && page - e->from < e->n &&
	       (e->pid == getpid() || e->pid == getppid());
}

/* Entries as Documentation/admin-guide/mm/pagemap.rst has them. */
static void show_place(const char *who, pid_t pid, const void *address)
{
	uint64_t where, flags = 0;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	where = read_word(path, (uintptr_t)address / PAGE_SIZE);
	if (where >> 63)
		flags = read_word("/proc/kpageflags", where << 9 >> 9);
	fprintf(stderr, "#   %s, %d, has pagemap entry %#llx and kpageflags %#llx\n", who, pid,
		(unsigned long long)where, (unsigned long long)flags);
}

static void show_events(unsigned long page)
{
	unsigned long i, nr = tally->nr_events, shown = 0;
	uint64_t now = microseconds();

	fprintf(stderr, "#   page %lu:\n", page);
	for (i = 0; i < HISTORY_MAX && i < nr && shown < SHOW_MAX; i++) {
		const struct event *e = &tally->events[(nr - i) % HISTORY_MAX];

		if (!concerns(e, page) || e->time > now || now - e->time > SHOW_SECONDS * 1000000)
			continue;
		fprintf(stderr, "#   %9.6f s ago %s of %u pages from %u by %d, thread %d\n",
			(now - e->time) / 1e6, e->what, e->n, e->from, e->pid, e->tid);
		shown++;
	}
}

void history_show(const void *address, unsigned long page, unsigned long origin)
{
	show_place("it", getpid(), address);
	show_place("its parent", getppid(), address);
	show_events(page);
	if (origin != page)
		show_events(origin);
}
