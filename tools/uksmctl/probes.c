// SPDX-License-Identifier: GPL-2.0-only
#include "probes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "array.h"
#include "engine.h"
#include "text.h"

#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

static enum answer answer(bool yes)
{
	return yes ? ANSWER_YES : ANSWER_NO;
}

/* A file of the kernel's own ksm. */
static enum answer ask_ksm_file(const char *file)
{
	char text[TEXT_SIZE];

	if (engine_ksm_is_uksm())
		return ANSWER_HIDDEN;

	return answer(!engine_read(ENGINE_KSM, file, text));
}

static enum answer ask_file(const char *file)
{
	char path[PATH_SIZE];

	return answer(!access(make_path(path, "%s", file), F_OK));
}

/* "FILE:WORD": a line that begins with the word. */
static enum answer ask_line(const char *subject)
{
	const char *word = strchr(subject, ':') + 1;
	char path[PATH_SIZE], *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *file;

	make_path(path, "%.*s", (int)(word - 1 - subject), subject);
	file = text_open(path);
	if (!file)
		return ANSWER_NO;
	while (!found && getline(&line, &room, file) > 0)
		found = !strncmp(line, word, strlen(word));
	free(line);
	fclose(file);

	return answer(found);
}

static enum answer ask_madvise(const char *subject)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool taken;

	(void)subject;
	if (page == MAP_FAILED)
		return ANSWER_NO;
	taken = !madvise(page, size, MADV_MERGEABLE);
	munmap(page, size);

	return answer(taken);
}

static enum answer ask_prctl(const char *subject)
{
	(void)subject;

	return answer(prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) >= 0);
}

const struct probe probes[] = {
	{ "ksm", "the kernel's own ksm", "/sys/kernel/mm/ksm/run", ask_file },
	{ "madvise", "madvise(MADV_MERGEABLE)", "", ask_madvise },
	{ "prctl", "prctl(PR_SET_MEMORY_MERGE), MemoryKSM= of systemd", "",
	  ask_prctl },
	{ "btf", "type information, which uksm needs to load",
	  "/sys/kernel/btf/vmlinux", ask_file },
	{ "ksm_merging_pages", "merged pages in /proc/PID/ksm_merging_pages",
	  "/proc/self/ksm_merging_pages", ask_file },
	{ "ksm_stat", "/proc/PID/ksm_stat", "/proc/self/ksm_stat", ask_file },
	{ "ksm_stat_zero_pages", "... with zero pages",
	  "/proc/self/ksm_stat:ksm_zero_pages", ask_line },
	{ "ksm_stat_mergeable", "... with whether anything is mergeable",
	  "/proc/self/ksm_stat:ksm_mergeable", ask_line },
	{ "smaps_ksm", "KSM in /proc/PID/smaps",
	  "/proc/self/smaps:KSM:", ask_line },
	{ "vmstat_cow_ksm", "cow_ksm in /proc/vmstat", "/proc/vmstat:cow_ksm",
	  ask_line },
	{ "zero_pages", "ksm counts zero pages, also for uksm",
	  "ksm_zero_pages", ask_ksm_file },
	{ "general_profit", "ksm shows its profit", "general_profit",
	  ask_ksm_file },
	{ "pages_scanned", "ksm counts the pages it scans", "pages_scanned",
	  ask_ksm_file },
	{ "smart_scan", "ksm has smart scan", "smart_scan", ask_ksm_file },
	{ "advisor", "ksm has an advisor", "advisor_mode", ask_ksm_file },
};

const size_t probe_count = ARRAY_SIZE(probes);
