// SPDX-License-Identifier: GPL-2.0-only
#include "tenant.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"

const char *domains_dir(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/domains", engine_dir());
	return path;
}

void isolate(const char *mode)
{
	int err = knob_write(engine_dir(), "isolation", mode, strlen(mode));

	CHECK(!err, "isolation=%s: %s", mode, strerror(-err));
}

void check_content(const struct tenant *t)
{
	size_t i;

	for (i = 0; i < t->pages; i++)
		CHECK_PAGE(t->area + i * PAGE_SIZE, t->seed + i % (t->pages / 2));
}

void tenant_run(struct helper *self, void *arg)
{
	const struct tenant *t = arg;
	size_t i;

	if (t->cgroup)
		cgroup_join(t->cgroup);
	if (t->uid)
		CHECK_SYS(setresuid(t->uid, t->uid, 0));
	for (i = 0; i < t->pages; i++)
		page_fill(t->area + i * PAGE_SIZE, t->seed + i % (t->pages / 2));
	area_mergeable(t->area, t->pages);
	helper_step(self);
	check_content(t);
}

void tenant_start(struct tenant *t, void (*run)(struct helper *self, void *arg))
{
	if (!t->pages)
		t->pages = TENANT_PAGES;
	if (t->cgroup)
		cgroup_make(t->cgroup);
	t->area = area_map(t->pages);
	helper_start(&t->helper, run, t);
	helper_wait(&t->helper);
}

void tenant_move(const struct tenant *t, const char *cgroup)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", t->helper.pid);
	cgroup_make(cgroup);
	cgroup_set(cgroup, "cgroup.procs", pid);
}

/* The frames of a tenant, 0 for what is not present; of the calling process. */
static uint64_t *frames_of(const struct tenant *t)
{
	uint64_t *frames = calloc(t->pages, sizeof(*frames));
	size_t i;

	CHECK(frames, "no memory");
	for (i = 0; i < t->pages; i++)
		frames[i] = pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE);
	return frames;
}

static bool has_frame(const uint64_t *frames, size_t nr, uint64_t pfn)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (frames[i] == pfn)
			return true;
	return false;
}

size_t frames_common(const struct tenant *a, const struct tenant *b)
{
	uint64_t *of_a = frames_of(a), *of_b = frames_of(b);
	size_t i, common = 0;

	for (i = 0; i < a->pages; i++)
		common += of_a[i] && has_frame(of_b, b->pages, of_a[i]);
	free(of_a);
	free(of_b);
	return common;
}

void wait_apart(const char *where, const struct tenant *a, const struct tenant *b)
{
	struct limit limit = limit_begin(TENANT_LEAVE_SECS * harness_slower());
	size_t common;

	while ((common = frames_common(a, b))) {
		CHECK(!limit_passed(&limit), "%s: %zu frames are shared after %d s", where, common,
		      TENANT_LEAVE_SECS);
		usleep(20000);
	}
}

void check_apart(const char *where, const struct tenant *a, const struct tenant *b)
{
	size_t common = frames_common(a, b);

	CHECK(!common, "%s: %zu frames are shared across domains", where, common);
}

void check_together(const char *where, const struct tenant *a, const struct tenant *b)
{
	size_t common = frames_common(a, b);

	CHECK(common == a->pages, "%s: %zu frames of %zu are shared inside a domain", where, common,
	      a->pages);
}

size_t count_merged_of(const struct tenant *t)
{
	size_t half = t->pages / 2, i, merged = 0;

	for (i = 0; i < half; i++)
		merged += pfn_of_other(t->helper.pid, t->area + i * PAGE_SIZE) ==
			  pfn_of_other(t->helper.pid, t->area + (half + i) * PAGE_SIZE);
	return merged;
}

void wait_merged_of(const char *where, const struct tenant *t)
{
	struct limit limit = limit_begin(20 * harness_slower());

	while (count_merged_of(t) != t->pages / 2) {
		CHECK(!limit_passed(&limit), "%s: %zu contents of %zu are merged", where,
		      count_merged_of(t), t->pages / 2);
		usleep(20000);
	}
}

void wait_together(const char *where, const struct tenant *a, const struct tenant *b)
{
	struct limit limit = limit_begin(20 * harness_slower());

	while (frames_common(a, b) != a->pages) {
		CHECK(!limit_passed(&limit), "%s: %zu frames of %zu are shared", where,
		      frames_common(a, b), a->pages);
		usleep(20000);
	}
}

unsigned int count_domains(void)
{
	char path[128];
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/domains", engine_dir());
	dir = opendir(path);
	CHECK(dir, "%s: %m", path);
	while ((entry = readdir(dir)))
		nr += entry->d_type == DT_DIR && entry->d_name[0] != '.';
	closedir(dir);
	return nr;
}

void wait_domains(unsigned int nr)
{
	struct limit limit = limit_begin(20 * harness_slower());

	while (count_domains() != nr) {
		CHECK(!limit_passed(&limit), "%u domains in sysfs, not %u", count_domains(), nr);
		usleep(20000);
	}
}

/* The sum of a counter over all domains. */
static long sum_domains(const char *counter)
{
	char path[128], file[512], text[KNOB_TEXT_MAX];
	struct dirent *entry;
	long sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/domains", engine_dir());
	dir = opendir(path);
	CHECK(dir, "%s: %m", path);
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		CHECK(!knob_read(file, counter, text), "no %s in %s", counter, file);
		sum += atol(text);
	}
	closedir(dir);
	return sum;
}

void check_sums(const char *where)
{
	static const char *const counters[] = {
		"pages_shared", "pages_sharing", "pages_unshared", "pages_volatile",
	};
	size_t i;

	engine_pause();
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		CHECK(sum_domains(counters[i]) == engine_get(counters[i]),
		      "%s: %s is %ld in all domains, and %ld in total", where, counters[i],
		      sum_domains(counters[i]), engine_get(counters[i]));
	engine_set("run", 1);
}

long domain_counter(const char *domain, const char *counter)
{
	char path[256], text[KNOB_TEXT_MAX];

	snprintf(path, sizeof(path), "%s/domains/%s", engine_dir(), domain);
	CHECK(!knob_read(path, counter, text), "no %s of domain %s", counter, domain);
	return atol(text);
}
