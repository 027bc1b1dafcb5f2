/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to the engine and to the machine meanwhile. Two processes do it, each its own kind.
 */
#ifndef STRESS_ACTS_H
#define STRESS_ACTS_H

#include "random.h"
#include "tally.h"

#define ENGINE "/sys/kernel/mm/uksm/"

extern const struct kind engine_acts[], machine_acts[];
extern const size_t engine_acts_nr, machine_acts_nr;

/** engine_init() - remember the knobs, and the module's file for loading it anew */
void engine_init(const char *module);

/** engine_start() - set it to merge, at one of several speeds */
void engine_start(struct rng *rng);

/** engine_restore() - the knobs as they were at first */
void engine_restore(void);

/** machine_init() - make the control groups */
void machine_init(void);

/** machine_join() - charge the calling process's memory where it can be squeezed */
void machine_join(void);

/** machine_restore() - lift what still weighs on the workers */
void machine_restore(void);

#endif
