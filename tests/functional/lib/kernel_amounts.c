// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_amounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"
#include "swap.h"

static void amount_add(struct kernel_amounts *k, const char *name, long value)
{
	CHECK(k->nr < KERNEL_AMOUNTS_MAX, "too many slab caches");
	snprintf(k->amounts[k->nr].name, sizeof(k->amounts[k->nr].name), "%s", name);
	k->amounts[k->nr++].value = value;
}

#define CACHES_MAX 512

/*
 * The files that shrink the slab caches, opened once: to open one takes an object that RCU frees
 * much later (kernfs_open_node, of kmalloc-96), and with some hundred of them that cache would
 * be the one that scatters most. Returns their number.
 */
static size_t open_shrinkers(int fds[CACHES_MAX])
{
	struct dirent *cache;
	size_t nr = 0;
	DIR *dir;

	dir = opendir("/sys/kernel/slab");
	while (dir && (cache = readdir(dir))) {
		char path[400];

		if (cache->d_name[0] == '.')
			continue;
		CHECK(nr < CACHES_MAX, "too many slab caches");
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache->d_name);
		fds[nr] = open(path, O_WRONLY | O_CLOEXEC);
		if (fds[nr] >= 0)
			nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

/*
 * Free what can be had again, so that what stays is what is held. The caches come last: the kernel
 * counts all objects of the CPUs' slabs as used, and every use of a cache makes such slabs.
 */
static void settle_kernel(void)
{
	static int fds[CACHES_MAX];
	static size_t nr;
	size_t i;

	if (!nr)
		nr = open_shrinkers(fds);
	sync();
	file_write("/proc/sys/vm/drop_caches", "3");
	/* RCU callbacks and deferred work of the last round. */
	usleep(300000);
	/* A cache that is gone has no file any more: that fails. */
	for (i = 0; i < nr; i++)
		if (pwrite(fds[i], "1", 1, 0) != 1)
			continue;
}

/* Lines "NAME VALUE..." whose name begins with @prefix. */
static void add_lines(struct kernel_amounts *k, const char *path, const char *prefix)
{
	char line[512], name[64];
	FILE *file = fopen(path, "r");
	long value;

	CHECK(file, "%s: %m", path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %ld", name, &value) == 2 && name[0] != '#' &&
		    !strncmp(name, prefix, strlen(prefix)))
			amount_add(k, name, value);
	fclose(file);
}

static long free_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long free = 0, pages;
	char line[256];

	CHECK(file, "/proc/zoneinfo: %m");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %ld", &pages) == 1 ||
		    sscanf(line, " count: %ld", &pages) == 1)
			free += pages;
	fclose(file);
	return free;
}

void kernel_amounts_take(struct kernel_amounts *k)
{
	static const char *const fields[] = {
		"AnonPages:", "Slab:", "SUnreclaim:", "KernelStack:", "PageTables:",
		"VmallocUsed:", "Percpu:",
	};
	size_t i;

	settle_kernel();
	k->nr = 0;
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		amount_add(k, fields[i], sys_field("/proc/meminfo", fields[i]));
	amount_add(k, KERNEL_FREE_PAGES, free_pages());
	add_lines(k, "/proc/vmstat", "nr_");
	add_lines(k, "/proc/slabinfo", "");
}

long kernel_amount(const struct kernel_amounts *k, const char *name)
{
	size_t i;

	for (i = 0; i < k->nr; i++)
		if (!strcmp(k->amounts[i].name, name))
			return k->amounts[i].value;
	return 0;
}

bool kernel_cache_matters(const char *name)
{
	static const char *const prefixes[] = {
		"kmalloc-", "uksm", "ksm_", "mm_struct", "anon_vma", "vm_area_struct",
		"task_struct", "signal_cache", "pid", "radix_tree_node", "maple_node",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}
