// SPDX-License-Identifier: GPL-2.0-only
#include "scanner.h"

#include <math.h>

#include "engine.h"
#include "interval.h"
#include "procfs.h"

static double cpu_seconds(const struct scanner *scanner)
{
	return scanner->pid ? thread_cpu_seconds(scanner->pid) : -1;
}

static void start(struct scanner *scanner, pid_t pid)
{
	scanner->pid = pid;
	scanner->cpu_seconds = cpu_seconds(scanner);
	scanner->when = interval_now();
}

void scanner_start_uksmd(struct scanner *scanner)
{
	char text[TEXT_SIZE];
	long long pid;

	if (engine_read(ENGINE_UKSM, "kthread_pid", text) ||
	    text_number(text, &pid) || pid < 0 || pid > 0x7fffffff)
		pid = 0;
	start(scanner, (pid_t)pid);
}

void scanner_start_ksmd(struct scanner *scanner)
{
	start(scanner, thread_find("ksmd"));
}

double scanner_percent(struct scanner *scanner)
{
	const struct scanner before = *scanner;

	scanner->cpu_seconds = cpu_seconds(scanner);
	scanner->when = interval_now();
	if (before.cpu_seconds < 0 ||
	    scanner->cpu_seconds < before.cpu_seconds ||
	    scanner->when <= before.when)
		return NAN;

	return 100 * (scanner->cpu_seconds - before.cpu_seconds) /
	       (scanner->when - before.when);
}
