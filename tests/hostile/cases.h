/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cases. Each runs under the engine that KSM_DIR names; under ksmd it only leaves figures,
 * under uksm these and its own are judged.
 */
#ifndef UKSM_HOSTILE_CASES_H
#define UKSM_HOSTILE_CASES_H

#include <stdbool.h>

/** hostile_long() - are the cases to last longer and take more memory? */
bool hostile_long(void);

void case_fork_stream(void);
void case_everything_mergeable(void);
void case_zero_readers(void);
void case_emptied(void);
void case_swapped(void);
void case_collisions(void);
void case_veto_dead(void);
void case_veto_locked(void);
void case_pinned(void);
void case_rwp(void);
void case_many_vmas(void);
void case_big_munmap(void);
void case_big_death(void);
void case_knob_latency(void);
void case_rt_hog(void);

/** exec_worker() - what a program of the build in case_everything_mergeable() does; its status */
int exec_worker(void);

#endif
