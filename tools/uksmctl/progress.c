// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "array.h"
#include "interval.h"

#define NICEST 19
#define SHOW_SECONDS 0.1

static const int ending[] = { SIGHUP, SIGINT, SIGTERM };
static bool handled[ARRAY_SIZE(ending)];
static volatile sig_atomic_t ended_by;
static bool shown;
static double shown_at;

static void end(int signal)
{
	ended_by = signal;
}

void progress_begin(void)
{
	struct sigaction action;

	setpriority(PRIO_PROCESS, 0, NICEST);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		/* As by nohup(1). */
		if (sigaction(ending[i], NULL, &action) ||
		    action.sa_handler == SIG_IGN)
			continue;
		action = (struct sigaction){ .sa_handler = end };
		handled[i] = !sigaction(ending[i], &action, NULL);
	}
}

bool progress_show(const char *what, long long done, long long all)
{
	double now;

	if (ended_by)
		return false;
	if (!isatty(STDERR_FILENO))
		return true;
	now = interval_now();
	if (shown && now < shown_at + SHOW_SECONDS)
		return true;
	shown = true;
	shown_at = now;
	/* It may grow meanwhile. */
	if (all > 0)
		fprintf(stderr, "\r%s: %.0f %%\033[K", what,
			done < all ? 100 * (double)done / (double)all : 100);
	else
		fprintf(stderr, "\r%s\033[K", what);

	return true;
}

bool progress_pause(const char *what, double seconds)
{
	const double began = interval_now(), until = began + seconds;

	for (double now = began; now < until; now = interval_now()) {
		double next = now + SHOW_SECONDS;

		if (!progress_show(what, (long long)((now - began) * 1000),
				   (long long)(seconds * 1000)))
			return false;
		interval_sleep(next < until ? next : until);
	}

	return !ended_by;
}

void progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
	fflush(stderr);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		if (handled[i])
			signal(ending[i], SIG_DFL);
	if (ended_by)
		raise(ended_by);
}
