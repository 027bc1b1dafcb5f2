/* SPDX-License-Identifier: GPL-2.0-only */
/* The scanner thread. */
#ifndef UKSM_UKSMD_H
#define UKSM_UKSMD_H

struct task_struct;

void uksmd_wake(void);
void uksmd_work_hint(void);
struct task_struct *uksmd_task(void);

int uksmd_start(void);
void uksmd_stop(void);

#endif
