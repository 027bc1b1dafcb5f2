// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

#define THREADS_MAX 16

#define VMSTAT "/proc/vmstat"
#define MEMINFO "/proc/meminfo"

static int threads[THREADS_MAX];
static unsigned int nr_threads;

/* Anonymous pages in use without any saving; 0 if the engine's counters tell. */
static long pages_unsaved;

static bool named(const char *pid, const char *name)
{
	char path[300], comm[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	fclose(file);
	return !strncmp(comm, name, strlen(name));
}

void sample_scanner(const char *name)
{
	struct dirent *entry;
	DIR *proc;

	nr_threads = 0;
	if (!name)
		return;
	proc = opendir("/proc");
	CHECK(proc, "/proc: %m");
	while ((entry = readdir(proc))) {
		if (!isdigit(entry->d_name[0]) || !named(entry->d_name, name))
			continue;
		CHECK(nr_threads < THREADS_MAX, "more than %d threads %s", THREADS_MAX, name);
		threads[nr_threads++] = atoi(entry->d_name);
	}
	closedir(proc);
	CHECK(nr_threads, "there is no thread %s", name);
}

int scanner_thread(void)
{
	return threads[0];
}

static long cpu_ns(void)
{
	unsigned long long ns, sum = 0;
	unsigned int i;
	char path[64];
	FILE *file;

	for (i = 0; i < nr_threads; i++) {
		snprintf(path, sizeof(path), "/proc/%d/schedstat", threads[i]);
		file = fopen(path, "r");
		CHECK(file && fscanf(file, "%llu", &ns) == 1, "%s: %m", path);
		fclose(file);
		sum += ns;
	}
	return sum;
}

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Counters of a CPU of its own are not in /proc/vmstat until this is done. */
static void vmstat_refresh(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		test_note("stat_refresh: %m");
	close(fd);
}

static long vmstat(const char *name)
{
	return sys_field(VMSTAT, name);
}

static long meminfo(const char *name)
{
	return sys_field(MEMINFO, name);
}

/* Free pages that a CPU keeps for itself; /proc/meminfo does not take them for free. */
static long cpu_list_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	char line[256];
	long pages, sum = 0;

	CHECK(file, "/proc/zoneinfo: %m");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " count: %ld", &pages) == 1)
			sum += pages;
	}
	fclose(file);
	return sum;
}

/* A tile of uksm's is a page that the kernel counts nowhere. */
static long other_kib(void)
{
	static const char *const known[] = {
		"MemFree:", "Buffers:",	   "Cached:",	   "AnonPages:", "Slab:",
		"Percpu:",  "KernelStack:", "PageTables:",
	};
	long kib = meminfo("MemTotal:") - cpu_list_pages() * (long)(PAGE_SIZE / 1024);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		kib -= meminfo(known[i]);
	return kib;
}

void sample_settle_slabs(void)
{
	DIR *caches = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[300];
	int fd;

	if (!caches)
		return;
	while ((entry = readdir(caches))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		fd = open(path, O_WRONLY);
		if (fd < 0)
			continue;
		if (write(fd, "1", 1) < 0)
			test_note("%s: %m", path);
		close(fd);
	}
	closedir(caches);
}

static long ksm_slab_bytes(void)
{
	unsigned long per_slab, slabs;
	char line[512], name[64];
	FILE *file = fopen("/proc/slabinfo", "r");
	long bytes = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "ksm_", 4))
			continue;
		if (sscanf(line, "%63s %*u %*u %*u %*u %lu : tunables %*u %*u %*u : slabdata %*u %lu",
			   name, &per_slab, &slabs) == 3)
			bytes += per_slab * slabs * PAGE_SIZE;
	}
	fclose(file);
	return bytes;
}

static long anon_pages(void)
{
	vmstat_refresh();
	return vmstat("nr_anon_pages");
}

void sample_saving_by_use(void)
{
	pages_unsaved = anon_pages();
}

struct sample sample_quick(void)
{
	return (struct sample){
		.time_ns = now_ns(),
		.cpu_ns = cpu_ns(),
		.full_scans = engine_get("full_scans"),
		.pages_sharing = engine_get("pages_sharing"),
		.ksm_zero_pages = engine_get_or("ksm_zero_pages", -1),
		.nr_anon_pages = pages_unsaved ? anon_pages() : 0,
	};
}

struct sample sample_take(void)
{
	struct sample s = sample_quick();

	s.pages_scanned = engine_get_or("pages_scanned", -1);
	s.pages_skipped = engine_get_or("pages_skipped", -1);
	s.pages_shared = engine_get("pages_shared");
	s.pages_unshared = engine_get("pages_unshared");
	s.pages_volatile = engine_get("pages_volatile");
	s.pages_to_scan = engine_get("pages_to_scan");
	s.metadata_bytes = engine_get_or("metadata_bytes", -1);
	s.cow_breaks = engine_get_or("cow_breaks", -1);
	s.nr_anon_pages = anon_pages();
	s.cow_ksm = vmstat("cow_ksm");
	s.thp_split_page = vmstat("thp_split_page");
	s.thp_split_pmd = vmstat("thp_split_pmd");
	s.anon_huge_kib = meminfo("AnonHugePages:");
	s.slab_kib = meminfo("Slab:");
	s.other_kib = other_kib();
	s.ksm_slab_bytes = ksm_slab_bytes();
	return s;
}

long sample_saving(const struct sample *s)
{
	if (pages_unsaved)
		return pages_unsaved - s->nr_anon_pages;
	return s->pages_sharing + (s->ksm_zero_pages > 0 ? s->ksm_zero_pages : 0);
}

/* The names are the structure's, in its order. */
void sample_print(FILE *out, const struct sample *s)
{
	static const char *const names[] = {
		"time_ns",
		"cpu_ns",
		"full_scans",
		"pages_scanned",
		"pages_skipped",
		"pages_shared",
		"pages_sharing",
		"pages_unshared",
		"pages_volatile",
		"ksm_zero_pages",
		"pages_to_scan",
		"metadata_bytes",
		"cow_breaks",
		"cow_ksm",
		"thp_split_page",
		"thp_split_pmd",
		"nr_anon_pages",
		"anon_huge_kib",
		"slab_kib",
		"other_kib",
		"ksm_slab_bytes",
	};
	const long *values = (const long *)s;
	size_t i;

	_Static_assert(sizeof(*s) == ARRAY_SIZE(names) * sizeof(long), "a field lacks its name");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		fprintf(out, "%c\"%s\":%ld", i ? ',' : '{', names[i], values[i]);
	fputc('}', out);
}
