// SPDX-License-Identifier: GPL-2.0-only
#include "who.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status.h"
#include "text.h"
#include "vm_name.h"

/* The 22nd field of stat; the second may hold anything. */
unsigned long long who_born(pid_t pid)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	unsigned long long born;
	const char *end;

	if (text_read(make_path(path, "/proc/%d/stat", (int)pid), text))
		return 0;
	end = strrchr(text, ')');
	if (!end ||
	    sscanf(end + 1,
		   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		   &born) != 1)
		return 0;

	return born;
}

/* Lines of /proc/PID/status; that with the groups can be long. */
static void take_line(const char *line, struct who *who)
{
	char state;

	if (sscanf(line, "State: %c", &state) == 1)
		who->has_exited = state == 'Z' || state == 'X';
	else if (!strncmp(line, "VmSize:", 7))
		who->has_memory = true;
	else if (sscanf(line, "Uid: %lld", &who->uid) != 1)
		sscanf(line, "Name:\t%127[^\n]", who->name);
}

static char *read_cgroup(pid_t pid)
{
	char path[PATH_SIZE], *line = NULL, *found = NULL;
	size_t room = 0;
	FILE *file;

	file = text_open(make_path(path, "/proc/%d/cgroup", (int)pid));
	if (!file)
		return NULL;
	while (!found && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			found = require_memory(strdup(line + 3));
	}
	free(line);
	fclose(file);

	return found;
}

int who_read(pid_t pid, struct who *who)
{
	char path[PATH_SIZE], *line = NULL;
	size_t room = 0;
	FILE *file;

	*who = (struct who){ .pid = pid, .uid = -1, .name = "?" };
	who->directory = open(make_path(path, "/proc/%d", (int)pid),
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (who->directory < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	file = text_open(make_path(path, "/proc/%d/status", (int)pid));
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	/* A read of it fails if the process has just gone; has_memory stays false then. */
	while (getline(&line, &room, file) > 0)
		take_line(line, who);
	free(line);
	fclose(file);
	who->vm = vm_name(pid, who->guest, sizeof(who->guest));
	who->cgroup = read_cgroup(pid);

	return 0;
}

bool who_is_there(const struct who *who)
{
	return !faccessat(who->directory, "status", F_OK, 0);
}

void who_free(struct who *who)
{
	if (who->directory >= 0)
		close(who->directory);
	who->directory = -1;
	free(who->cgroup);
	who->cgroup = NULL;
}
