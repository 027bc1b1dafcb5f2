// SPDX-License-Identifier: GPL-2.0-only
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

void helper_start(struct helper *h, void (*run)(struct helper *self, void *arg), void *arg)
{
	int fds[2];

	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	fflush(stdout);
	h->pid = CHECK_SYS(fork());
	if (h->pid) {
		close(fds[1]);
		h->fd = fds[0];
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(fds[0]);
	h->fd = fds[1];
	run(h, arg);
	_exit(0);
}

static void byte_send(int fd)
{
	char c = 1;

	CHECK(send(fd, &c, 1, MSG_NOSIGNAL) == 1, "the other process is gone: %m");
}

static void byte_receive(int fd)
{
	char c;

	CHECK(read(fd, &c, 1) == 1, "the other process ended early");
}

void helper_step(struct helper *self)
{
	byte_send(self->fd);
	byte_receive(self->fd);
}

void helper_wait(struct helper *h)
{
	byte_receive(h->fd);
}

void helper_go(struct helper *h)
{
	byte_send(h->fd);
}

void child_finish(pid_t pid)
{
	int status;

	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d ended with status %#x", pid,
	      status);
}

void helper_finish(struct helper *h)
{
	helper_go(h);
	child_finish(h->pid);
	close(h->fd);
}

void helper_kill(struct helper *h)
{
	CHECK_SYS(kill(h->pid, SIGKILL));
	CHECK_SYS(waitpid(h->pid, NULL, 0));
	close(h->fd);
}
