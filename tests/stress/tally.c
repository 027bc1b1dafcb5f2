// SPDX-License-Identifier: GPL-2.0-only
#include "tally.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMPLAINTS_MAX 50

struct tally *tally;

static __thread char lacking[WHY_MAX];

void tally_attach(int fd)
{
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (tally == MAP_FAILED)
		die("cannot map the tally");
}

void tally_init(void)
{
	int fd = memfd_create("tally", 0);

	if (fd < 0 || ftruncate(fd, sizeof(*tally)))
		die("cannot make the tally");
	tally_attach(fd);
	tally->fd = fd;
}

enum outcome not_available(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(lacking, sizeof(lacking), fmt, args);
	va_end(args);
	return UNAVAILABLE;
}

void kind_run(const struct kind *kind, struct kind_count *count, struct actor *a)
{
	if (count->left_out)
		return;
	history_begin(kind->name);
	switch (kind->run(a)) {
	case DONE:
		count_up(count->done);
		break;
	case REFUSED:
		count_up(count->refused);
		break;
	case UNAVAILABLE:
		memcpy(count->why_not, lacking, sizeof(lacking));
		break;
	}
}

bool kinds_leave_out(const char *name, const struct kind *kinds, struct kind_count *counts,
		     size_t nr)
{
	bool found = false;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (name ? strcmp(kinds[i].name, name) : !kinds[i].loud)
			continue;
		counts[i].left_out = found = true;
		snprintf(counts[i].why_not, WHY_MAX, name ? "left out" : "not in the quick mix");
	}
	return found;
}

void kinds_report(const char *title, const struct kind *kinds, const struct kind_count *counts,
		  size_t nr, bool all)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct kind_count *count = &counts[i];

		if (all && !count->done && !count->refused && !count->why_not[0])
			complain("%s has not been tried", kinds[i].name);
		if (count->done || count->refused)
			printf("# %s %-22s %8lu done %8lu refused\n", title, kinds[i].name,
			       count->done, count->refused);
		else
			printf("# %s %-22s not tried: %s\n", title, kinds[i].name,
			       count->why_not[0] ? count->why_not : "its turn did not come");
	}
}

/* One write, so that lines of many processes do not mix. */
static void say(const char *fmt, va_list args, const char *reason)
{
	char line[400];
	int len = snprintf(line, sizeof(line), "stress[%d]: ", getpid());

	len += vsnprintf(line + len, sizeof(line) - len, fmt, args);
	if (len > (int)sizeof(line) - 100)
		len = sizeof(line) - 100;
	if (reason)
		len += snprintf(line + len, sizeof(line) - len, ": %s", reason);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		_exit(3);
}

void complain(const char *fmt, ...)
{
	va_list args;

	if (count_up(tally->wrong) > COMPLAINTS_MAX)
		return;
	va_start(args, fmt);
	say(fmt, args, NULL);
	va_end(args);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args, errno ? strerror(errno) : NULL);
	va_end(args);
	_exit(2);
}

unsigned int patience(unsigned int duration)
{
	const char *slower = getenv("UKSM_SLOWER");
	int times = slower ? atoi(slower) : 1;

	return times > 1 ? times * duration : duration;
}
