// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"
#include "swap.h"

#define CGROUPS "/sys/fs/cgroup/"

static void path_of(char *path, size_t len, const char *name, const char *file)
{
	snprintf(path, len, CGROUPS "%s/%s", name, file);
}

void cgroup_make(const char *name)
{
	int err = file_write(CGROUPS "cgroup.subtree_control", "+memory");
	char path[128];

	if (err)
		test_skip("no memory controller: %s", strerror(-err));
	path_of(path, sizeof(path), name, "");
	if (mkdir(path, 0755) && errno != EEXIST)
		test_skip("no control group: %m");
	cgroup_set(name, "memory.max", "max");
}

void cgroup_join(const char *name)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", getpid());
	cgroup_set(name, "cgroup.procs", pid);
}

void cgroup_set(const char *name, const char *file, const char *text)
{
	char path[128];
	int err;

	path_of(path, sizeof(path), name, file);
	err = file_write(path, text);
	CHECK(!err, "%s to %s: %s", text, path, strerror(-err));
}

long cgroup_get(const char *name, const char *file)
{
	char path[128];
	long value = -1;
	FILE *f;

	path_of(path, sizeof(path), name, file);
	f = fopen(path, "r");
	CHECK(f, "%s: %m", path);
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

long cgroup_oom_kills(const char *name)
{
	char path[128];
	long kills;

	path_of(path, sizeof(path), name, "memory.events");
	kills = sys_field(path, "oom_kill");
	CHECK(kills >= 0, "no oom_kill in %s", path);
	return kills;
}
