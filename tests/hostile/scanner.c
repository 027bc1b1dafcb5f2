// SPDX-License-Identifier: GPL-2.0-only
#include "scanner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "figures.h"
#include "harness.h"
#include "memory.h"

void scanner_tempo(long pages, long msecs)
{
	engine_set("pages_to_scan", pages);
	engine_set("sleep_millisecs", msecs);
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 0);
}

void scanner_smart(void)
{
	if (engine_has("smart_scan"))
		engine_set("smart_scan", 1);
}

pid_t scanner_pid(void)
{
	const char *wanted = engine_is_stock() ? "ksmd\n" : "uksmd\n";
	struct dirent *entry;
	static pid_t pid;
	DIR *proc;

	if (pid)
		return pid;
	proc = opendir("/proc");
	CHECK(proc, "/proc: %m");
	while (!pid && (entry = readdir(proc))) {
		char path[300], name[64] = "";
		FILE *comm;

		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = fopen(path, "r");
		if (!comm)
			continue;
		if (fgets(name, sizeof(name), comm) && !strcmp(name, wanted))
			pid = atoi(entry->d_name);
		fclose(comm);
	}
	closedir(proc);
	CHECK(pid, "no thread %s", wanted);
	return pid;
}

double scanner_cpu_secs(void)
{
	unsigned long long nsecs = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", scanner_pid());
	file = fopen(path, "r");
	CHECK(file && fscanf(file, "%llu", &nsecs) == 1, "%s: %m", path);
	fclose(file);
	return nsecs / 1e9;
}

double scanner_share(double secs)
{
	double used = scanner_cpu_secs(), began = now_secs();

	sleep_secs(secs);
	return (scanner_cpu_secs() - used) / (now_secs() - began) * 100;
}

long slab_objects(const char *cache)
{
	long objects = sys_field("/proc/slabinfo", cache);

	return objects < 0 ? 0 : objects;
}

long metadata_bytes(void)
{
	if (engine_has("metadata_bytes"))
		return engine_get("metadata_bytes");
	/* An item of 64 bytes for each address, and a node of as many for each merged page. */
	return 64 * (2 * engine_get("pages_shared") + engine_get("pages_sharing") +
		     engine_get("pages_unshared") + engine_get("pages_volatile"));
}

void sleep_secs(double secs)
{
	struct timespec ts = { .tv_sec = (time_t)secs, .tv_nsec = (secs - (time_t)secs) * 1e9 };

	nanosleep(&ts, NULL);
}
