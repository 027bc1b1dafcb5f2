// SPDX-License-Identifier: GPL-2.0-only
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "saturate.h"
#include "smaps.h"
#include "status.h"
#include "text.h"
#include "vm_name.h"

static pid_t pid_of_entry(const struct dirent *entry)
{
	long long pid;

	if (text_number(entry->d_name, &pid) || pid <= 0 || pid > 0x7fffffff)
		return 0;

	return (pid_t)pid;
}

static int process_read_text(pid_t pid, const char *file, char *text)
{
	char path[PATH_SIZE];

	return text_read(make_path(path, "/proc/%d/%s", (int)pid, file), text);
}

/* ksm_stat is the owner's to read, ksm_merging_pages too. */
static void read_ksm_figures(struct process *process)
{
	const long long page_size = sysconf(_SC_PAGESIZE);
	char text[TEXT_SIZE];
	long long pages = -1, zero_pages = -1;

	if (!process_read_text(process->pid, "ksm_stat", text)) {
		text_keyed_number(text, "ksm_zero_pages", &zero_pages);
		text_keyed_number(text, "ksm_merging_pages", &pages);
	}
	process->zero_bytes =
		zero_pages < 0 ? -1 : multiply_saturated(zero_pages, page_size);
	if (pages < 0 &&
	    (process_read_text(process->pid, "ksm_merging_pages", text) ||
	     text_number(text, &pages)))
		pages = -1;
	process->merged_bytes =
		pages < 0 ? -1 : multiply_saturated(pages, page_size);
}

static void read_name(struct process *process)
{
	char text[TEXT_SIZE];

	process->vm =
		vm_name(process->pid, process->name, sizeof(process->name));
	if (process->vm)
		return;
	if (process_read_text(process->pid, "comm", text))
		text[0] = '\0';
	snprintf(process->name, sizeof(process->name), "%.64s",
		 *text ? text : "?");
}

/* Return: 0, -ESRCH when it has gone or has no memory, -EACCES when it is not ours to see. */
static int read_process(struct process *process)
{
	char text[TEXT_SIZE];
	struct smaps smaps;
	long size, resident;
	int err;

	if (process_read_text(process->pid, "statm", text) ||
	    sscanf(text, "%ld %ld", &size, &resident) != 2 || !size)
		return -ESRCH;
	process->rss_bytes =
		multiply_saturated(resident, sysconf(_SC_PAGESIZE));
	read_name(process);
	read_ksm_figures(process);

	err = smaps_read(process->pid, &smaps);
	process->mergeable_bytes = err ? -1 : smaps.mergeable_bytes;
	process->smaps_ksm_bytes = err ? -1 : smaps.ksm_bytes;
	if (process->merged_bytes < 0)
		process->merged_bytes = process->smaps_ksm_bytes;
	if (err == -EACCES || err == -EPERM)
		return -EACCES;

	return err ? -ESRCH : 0;
}

int processes_read(struct processes *processes)
{
	char path[PATH_SIZE];
	DIR *dir = opendir(make_path(path, "/proc"));
	struct dirent *entry;
	size_t room = 0;

	memset(processes, 0, sizeof(*processes));
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		struct process process = { .pid = pid_of_entry(entry) };
		int err = process.pid ? read_process(&process) : -ESRCH;

		if (err == -EACCES)
			processes->unreadable++;
		if (err)
			continue;
		if (processes->count == room) {
			room = room ? 2 * room : 256;
			processes->list = require_memory(reallocarray(
				processes->list, room, sizeof(process)));
		}
		processes->list[processes->count++] = process;
	}
	closedir(dir);

	return 0;
}

void processes_free(struct processes *processes)
{
	free(processes->list);
	memset(processes, 0, sizeof(*processes));
}

/* Kernel threads are children of process 2, and nothing else is. */
static bool is_thread(pid_t pid, const char *name)
{
	char text[TEXT_SIZE], wanted[32];
	const char *end;
	int parent;

	if (process_read_text(pid, "stat", text))
		return false;
	snprintf(wanted, sizeof(wanted), "(%s)", name);
	end = strrchr(text, ')');
	if (!end || !strstr(text, wanted))
		return false;

	return sscanf(end + 1, " %*c %d", &parent) == 1 && parent == 2;
}

pid_t thread_find(const char *name)
{
	char path[PATH_SIZE];
	DIR *dir = opendir(make_path(path, "/proc"));
	struct dirent *entry;
	pid_t found = 0;

	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir))) {
		pid_t pid = pid_of_entry(entry);

		if (pid && is_thread(pid, name))
			found = pid;
	}
	closedir(dir);

	return found;
}

double thread_cpu_seconds(pid_t pid)
{
	unsigned long long nanoseconds, user, system;
	char text[TEXT_SIZE];
	const char *end;

	if (!process_read_text(pid, "schedstat", text) &&
	    sscanf(text, "%llu", &nanoseconds) == 1)
		return (double)nanoseconds / 1e9;

	/* Without CONFIG_SCHED_INFO: in ticks. */
	if (process_read_text(pid, "stat", text))
		return -1;
	end = strrchr(text, ')');
	if (!end ||
	    sscanf(end + 1,
		   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
		   &user, &system) != 2)
		return -1;

	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
