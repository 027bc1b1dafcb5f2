/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second process that does its work in steps, so that a test can look at it in between.
 */
#ifndef UKSM_TEST_HELPER_H
#define UKSM_TEST_HELPER_H

#include <sys/types.h>

/**
 * struct helper - a forked process in lock step with its parent
 * @pid: its process id
 * @fd: this end of the socket pair; each side sends one byte a step
 */
struct helper {
	pid_t pid;
	int fd;
};

/**
 * helper_start() - fork a process that runs a function
 * @h: filled in
 * @run: the function, in the child; it calls helper_step() wherever the parent may look, and the
 *       child ends well when it returns
 * @arg: passed on
 */
void helper_start(struct helper *h, void (*run)(struct helper *self, void *arg), void *arg);

/** helper_step() - in the child: tell the parent that a step is done, and wait to go on */
void helper_step(struct helper *self);

/** helper_wait() - in the parent: wait until the child has come to its next helper_step() */
void helper_wait(struct helper *h);

/** helper_go() - in the parent: let the child go on */
void helper_go(struct helper *h);

/** helper_finish() - in the parent: let the child go on to its end, which must be good */
void helper_finish(struct helper *h);

/** helper_kill() - in the parent: SIGKILL the child and reap it */
void helper_kill(struct helper *h);

/** child_finish() - wait for a plainly forked child, which must exit with 0 */
void child_finish(pid_t pid);

#endif
