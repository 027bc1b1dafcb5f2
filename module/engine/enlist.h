/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that take part since the administrator wants it. */
#ifndef UKSM_ENLIST_H
#define UKSM_ENLIST_H

struct mm_struct;

void uksm_enlist(struct mm_struct *mm);
int uksm_enlist_init(void);
void uksm_enlist_exit(void);

#endif
