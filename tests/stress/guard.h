/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Touching memory that others unmap, protect or poison at the same time.
 */
#ifndef STRESS_GUARD_H
#define STRESS_GUARD_H

#include <setjmp.h>
#include <stdbool.h>

/**
 * enum touch - how an access ended
 * @TOUCHED: as any other
 * @POISONED: the page is lost to a memory failure
 * @UNMAPPED: nothing is there, or not for this access; only guard_loose() tells
 */
enum touch { TOUCHED, POISONED, UNMAPPED };

/** guard_init() - install the handlers, in every process image once */
void guard_init(void);

/** guard_single() - this process has but one thread: nobody else lifts a protection */
void guard_single(void);

/**
 * guard_run() - call a function that touches memory which is there, but may be protected for a
 * moment: the access waits
 */
enum touch guard_run(void (*touch)(void *arg), void *arg);

/** guard_loose() - the same for memory that may be gone: the access is given up */
enum touch guard_loose(void (*touch)(void *arg), void *arg);

#endif
