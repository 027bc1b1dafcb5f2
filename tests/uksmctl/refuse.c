// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: lets write(2) to files fail as REFUSE says, NAME=ERRNO for every
 * write to a file of that name, NAME@N=ERRNO from the Nth on, separated by commas. With
 * -SIGNAL instead of ERRNO the process gets a signal, and the write is done; with a number
 * from 1000 on it takes so many milliseconds.
 * Only files below UKSMCTL_ROOT are looked at; what is written there replaces all that
 * the file held, as with a knob. NAME=VALUE of each write, refused or not, is appended
 * to the file WRITES. So are fsync(2) of a file or folder there, which fails by rules for
 * the name fsync, and rename(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES_MAX 32
#define SLOW_FROM 1000

/* How many writes each rule has seen. */
static int seen[RULES_MAX];

static const char *name_of(int file, char *path)
{
	const char *root = getenv("UKSMCTL_ROOT");
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return NULL;
	path[length] = '\0';
	if (!root || strncmp(path, root, strlen(root)))
		return NULL;

	return strrchr(path, '/') + 1;
}

/* Return: the errno to fail with, or 0. */
static int refusal(const char *name)
{
	char rules[1024], *rule, *rest = rules;
	int index = 0;

	snprintf(rules, sizeof(rules), "%s", getenv("REFUSE") ?: "");
	while ((rule = strsep(&rest, ",")) && index < RULES_MAX) {
		int *count = &seen[index++];
		char wanted[64];
		int from = 1, error;

		if (sscanf(rule, "%63[^@=]@%d=%d", wanted, &from, &error) !=
			    3 &&
		    sscanf(rule, "%63[^@=]=%d", wanted, &error) != 2)
			continue;
		if (!strcmp(wanted, name) && ++*count >= from)
			return error;
	}

	return 0;
}

static void log_write(const char *name, const void *data, size_t size)
{
	const char *path = getenv("WRITES");
	FILE *log = path ? fopen(path, "a") : NULL;

	if (!log)
		return;
	fprintf(log, "%s=%.*s\n", name, (int)size, (const char *)data);
	fclose(log);
}

ssize_t write(int file, const void *data, size_t size)
{
	char path[PATH_MAX];
	const char *name = name_of(file, path);
	int error = name ? refusal(name) : 0;

	if (name)
		log_write(name, data, size);
	if (error < 0)
		kill(getpid(), -error);
	if (error >= SLOW_FROM) {
		usleep((useconds_t)error * 1000);
	} else if (error > 0) {
		errno = error;
		return -1;
	}

	/* A knob keeps what was written last, and no more of what it held. */
	if (name && ftruncate(file, 0))
		return -1;

	return syscall(SYS_write, file, data, size);
}

int fsync(int file)
{
	char path[PATH_MAX];
	int error = name_of(file, path) ? refusal("fsync") : 0;

	log_write("fsync", "", 0);
	if (error > 0) {
		errno = error;
		return -1;
	}

	return (int)syscall(SYS_fsync, file);
}

int rename(const char *from, const char *to)
{
	log_write("rename", "", 0);

	return (int)syscall(SYS_rename, from, to);
}
