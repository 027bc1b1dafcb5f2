/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was measured, kept beyond the process: the figures of ksmd are what uksm's are judged by.
 */
#ifndef UKSM_HOSTILE_FIGURES_H
#define UKSM_HOSTILE_FIGURES_H

#include <stdbool.h>

#include "limit.h"

/* What something took that never came. */
#define NEVER (__builtin_inf())

/**
 * figure() - print a figure of the engine under test, and keep it
 * @name: "CASE.WHAT_UNIT"
 * @value: it, or NEVER
 */
void figure(const char *name, double value);

/** figure_of_ksmd() - a figure that ksmd has left in this boot, or @fallback */
double figure_of_ksmd(const char *name, double fallback);

/**
 * judge() - uksm has to meet this; of ksmd, it is only noted that it does not
 *
 * What is not met is noted at once, and fails the case in judge_end().
 */
void judge(bool met, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** judge_end() - fail the test with all that was not met */
void judge_end(void);

#endif
