// SPDX-License-Identifier: GPL-2.0-only
#include "klog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "text.h"

#define PREFIX "uksm: "
/* More than the kernel gives for a record. */
#define RECORD_SIZE 8192

/* The module's own words, and those of the kernel's loader. */
static const char *const refusals[] = { "refusing to load",
					"write 2, then 0 to", "version magic",
					"disagrees about", "Unknown symbol" };
static const char *const rejections[] = {
	"Loading of unsigned module", "Loading of module with",
	"unsigned module loading is restricted"
};

static bool has_one(const char *line, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(line, words[i]))
			return true;

	return false;
}

static void copy(char *to, const char *from)
{
	snprintf(to, KLOG_LINE_SIZE, "%s", from);
}

/* "PRIORITY,NUMBER,TIME,FLAGS;TEXT", or a line about the record before. */
static void take(struct klog *klog, const char *line)
{
	const char *text = *line == ' ' ? NULL : strchr(line, ';');

	if (!text)
		return;
	text++;
	if (strncmp(text, PREFIX, strlen(PREFIX))) {
		if (has_one(text, rejections, ARRAY_SIZE(rejections)))
			copy(klog->rejection, text);
		return;
	}
	/* What a load before said no longer counts. */
	if (strstr(text, "taint"))
		klog->refusal[0] = '\0';
	else if (has_one(text, refusals, ARRAY_SIZE(refusals)))
		copy(klog->refusal, text + strlen(PREFIX));
}

/* Lines of which there is the end. Return: what is left of the last. */
static size_t take_lines(struct klog *klog, char *buffer, size_t used)
{
	char *line = buffer, *end;

	while ((end = memchr(line, '\n', used - (size_t)(line - buffer)))) {
		*end = '\0';
		take(klog, line);
		line = end + 1;
	}
	used -= (size_t)(line - buffer);
	memmove(buffer, line, used);

	return used;
}

int klog_read(struct klog *klog)
{
	char path[PATH_SIZE], buffer[2 * RECORD_SIZE];
	size_t used = 0;
	ssize_t got;
	int file;

	klog->refusal[0] = klog->rejection[0] = '\0';
	file = open(make_path(path, "/dev/kmsg"),
		    O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		return -errno;
	/* EPIPE: records went while they were read. */
	while ((got = read(file, buffer + used, sizeof(buffer) - used)) > 0 ||
	       (got < 0 && (errno == EINTR || errno == EPIPE))) {
		if (got < 0)
			continue;
		used = take_lines(klog, buffer, used + (size_t)got);
		if (sizeof(buffer) - used < RECORD_SIZE)
			used = 0; /* no line is so long */
	}
	close(file);

	return 0;
}
