// SPDX-License-Identifier: GPL-2.0-only
#include "long_write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "engine.h"

/* What ends it, unless it is ignored, as by nohup(1). */
static const int ending[] = { SIGHUP, SIGINT, SIGTERM };

void signals_hold(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, before);
}

static void signals_awaited(sigset_t *awaited)
{
	struct sigaction action;

	sigemptyset(awaited);
	sigaddset(awaited, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		if (!sigaction(ending[i], NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			sigaddset(awaited, ending[i]);
}

static void show_progress(void (*progress)(void))
{
	if (!isatty(STDOUT_FILENO))
		return;
	putchar('\r');
	progress();
	fputs("\033[K", stdout);
	fflush(stdout);
}

static void end_progress(void)
{
	if (isatty(STDOUT_FILENO))
		printf("\r\033[K");
}

/*
 * A process of its own: it is this one that the kernel picks should memory run out, and
 * a signal ends the write. To be stopped would end it as well.
 */
static void write_file(const char *file, const char *text,
		       const sigset_t *before)
{
	sigset_t blocked = *before;

	sigaddset(&blocked, SIGTSTP);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	_exit(-engine_write(ENGINE_UKSM, file, text));
}

static int result_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? -ENOMEM : -EINTR;

	return -WEXITSTATUS(status);
}

int long_write(const char *file, const char *text, void (*progress)(void),
	       const sigset_t *before)
{
	const struct timespec second = { .tv_sec = 1 };
	bool interrupted = false;
	int status, signal;
	sigset_t awaited;
	pid_t child, ended;

	signals_awaited(&awaited);
	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		write_file(file, text, before);
	while (!(ended = waitpid(child, &status, WNOHANG))) {
		show_progress(progress);
		signal = sigtimedwait(&awaited, NULL, &second);
		if (signal <= 0 || signal == SIGCHLD)
			continue;
		interrupted = true;
		kill(child, SIGTERM);
	}
	end_progress();
	if (ended < 0)
		return -errno;

	return interrupted ? -EINTR : result_of(status);
}
