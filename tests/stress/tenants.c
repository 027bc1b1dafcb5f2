// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolation: workers are moved from one control group to another, and two that are of different
 * domains must not share a merged page for long.
 */
#include "tenants.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acts.h"
#include "files.h"
#include "worker.h"

#define CGROUPS "/sys/fs/cgroup"
#define GROUPS 3
#define KPF_KSM (1ULL << 21)
#define PRESENT (1ULL << 63)
#define FRAME(entry) ((entry) & ((1ULL << 55) - 1))
/* What a process shares with its old domain must be gone by then, whatever goes on. */
#define LEAVE_SECONDS 30

static const char *work_group;

static const char *const modes[] = { "none", "user", "cgroup", "process" };

static int set_mode(const char *mode)
{
	return file_write(ENGINE "isolation", mode);
}

void tenants_isolate(const char *mode)
{
	int err = set_mode(mode);

	if (err)
		die("isolation=%s", mode);
}

static bool mode_is(const char *mode)
{
	char text[64], word[32];

	snprintf(word, sizeof(word), "[%s]", mode);
	return !file_read(ENGINE "isolation", text, sizeof(text)) && strstr(text, word);
}

void tenants_init(const char *work)
{
	char path[128];
	int i;

	work_group = work;
	for (i = 0; i < GROUPS; i++) {
		snprintf(path, sizeof(path), "%stenant-%d", work, i);
		mkdir(path, 0755);
	}
}

enum outcome act_isolation(struct actor *a)
{
	int err;

	file_write(ENGINE "run", "2");
	err = set_mode(modes[rnd(&a->rng, ARRAY_SIZE(modes))]);
	engine_start(&a->rng);
	return err ? REFUSED : DONE;
}

/* Some worker that lives; WORKERS_MAX if there is none. */
static unsigned int any_worker(struct actor *a)
{
	unsigned int i, start = rnd(&a->rng, WORKERS_MAX);

	for (i = 0; i < WORKERS_MAX; i++)
		if (tally->workers[(start + i) % WORKERS_MAX] > 0)
			return (start + i) % WORKERS_MAX;
	return WORKERS_MAX;
}

enum outcome tenants_move(struct actor *a)
{
	unsigned int worker = any_worker(a), group = rnd(&a->rng, GROUPS);
	char path[128];
	pid_t pid;

	if (worker == WORKERS_MAX)
		return REFUSED;
	pid = tally->workers[worker];

	count_up(tally->moves[worker]);
	snprintf(path, sizeof(path), "%stenant-%u/cgroup.procs", work_group, group);
	if (pid <= 0 || file_write_number(path, pid))
		return REFUSED;
	/* The process may be another's by now, and this its first group. */
	tally->groups[worker] = group + 1;
	count_up(tally->moves[worker]);
	return DONE;
}

/* Puts a group on a list, with a word behind it, or takes it off. */
static int list_group(struct rng *rng, const char *list, const char *word)
{
	const char *path = work_group + strlen(CGROUPS);
	unsigned int group = rnd(rng, GROUPS);
	char text[192];

	if (rnd(rng, 3))
		snprintf(text, sizeof(text), "+%stenant-%u %s", path, group, word);
	else
		snprintf(text, sizeof(text), "-%stenant-%u", path, group);
	return file_write(list, text);
}

/* Each has a name of its own: so nobody shares more by it. */
static int name_worker(struct actor *a)
{
	unsigned int worker = any_worker(a);
	pid_t pid = worker < WORKERS_MAX ? tally->workers[worker] : 0;
	char text[64];

	if (pid <= 0)
		return -ESRCH;
	if (rnd(&a->rng, 2))
		snprintf(text, sizeof(text), "+%d stress-%d", pid, pid);
	else
		snprintf(text, sizeof(text), "-%d", pid);
	return file_write(ENGINE "domains/named", text);
}

enum outcome act_treatment(struct actor *a)
{
	char weight[16];

	switch (rnd(&a->rng, 3)) {
	case 0:
		snprintf(weight, sizeof(weight), "%u",
			 1 + (unsigned int)rnd(&a->rng, 400));
		return list_group(&a->rng, ENGINE "domains/weights", weight) ? REFUSED : DONE;
	case 1:
		return list_group(&a->rng, ENGINE "domains/hardened",
				  rnd(&a->rng, 2) ? "delay" : "frame") ? REFUSED : DONE;
	default:
		return name_worker(a) ? REFUSED : DONE;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The frames behind the known memory of a process, in order. */
static size_t frames_of(pid_t pid, uint64_t *frames, size_t max)
{
	char path[32];
	size_t i, nr = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = pread(fd, frames, max * sizeof(*frames),
		    (uintptr_t)worker_area() / PAGE_SIZE * sizeof(*frames));
	close(fd);
	for (i = 0; got > 0 && i < got / sizeof(*frames); i++)
		if (frames[i] & PRESENT)
			frames[nr++] = FRAME(frames[i]);
	qsort(frames, nr, sizeof(*frames), by_value);
	return nr;
}

static bool is_merged(int fd, uint64_t frame)
{
	uint64_t flags;

	return pread(fd, &flags, sizeof(flags), frame * sizeof(flags)) == sizeof(flags) &&
	       flags & KPF_KSM;
}

/* How many merged pages two processes share. */
static size_t merged_common(pid_t a, pid_t b)
{
	static uint64_t of_a[TENANT_PAGES], of_b[TENANT_PAGES];
	size_t nr_a = frames_of(a, of_a, TENANT_PAGES), nr_b = frames_of(b, of_b, TENANT_PAGES);
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	size_t i, j = 0, common = 0;

	for (i = 0; i < nr_a; i++) {
		if (i && of_a[i] == of_a[i - 1])
			continue;
		while (j < nr_b && of_b[j] < of_a[i])
			j++;
		if (j < nr_b && of_b[j] == of_a[i])
			common += is_merged(fd, of_a[i]);
	}
	close(fd);
	return common;
}

/* Two workers and what was so when they were chosen. */
struct pair {
	unsigned int a, b;
	pid_t pid_a, pid_b;
	unsigned int moves_a, moves_b;
};

static bool pair_apart(const struct pair *p, bool by_group)
{
	if (p->pid_a <= 0 || p->pid_b <= 0)
		return false;
	return !by_group || tally->groups[p->a] != tally->groups[p->b];
}

/* Two workers of different domains; false if there are none. */
static bool pair_choose(struct actor *a, bool by_group, struct pair *p)
{
	unsigned int i;

	p->a = any_worker(a);
	if (p->a == WORKERS_MAX)
		return false;
	for (i = 1; i < WORKERS_MAX; i++) {
		p->b = (p->a + i) % WORKERS_MAX;
		p->moves_a = tally->moves[p->a];
		p->moves_b = tally->moves[p->b];
		p->pid_a = tally->workers[p->a];
		p->pid_b = tally->workers[p->b];
		if (pair_apart(p, by_group))
			return true;
	}
	return false;
}

static bool pair_same(const struct pair *p)
{
	return tally->workers[p->a] == p->pid_a && tally->workers[p->b] == p->pid_b &&
	       tally->moves[p->a] == p->moves_a && tally->moves[p->b] == p->moves_b &&
	       !tally->stop;
}

enum outcome act_tenants(struct actor *a)
{
	bool by_group = mode_is("cgroup");
	unsigned int tries = 0;
	size_t common;
	struct pair p;

	if (!by_group && !mode_is("process"))
		return REFUSED;
	if (!pair_choose(a, by_group, &p)) {
		tenants_move(a);
		return REFUSED;
	}
	do {
		common = merged_common(p.pid_a, p.pid_b);
		if (!pair_same(&p))
			return REFUSED;
		if (!common)
			return DONE;
		usleep(100000);
	} while (++tries < patience(LEAVE_SECONDS) * 10);
	complain("%zu merged pages are shared by two domains after %u s", common,
		 patience(LEAVE_SECONDS));
	return DONE;
}
