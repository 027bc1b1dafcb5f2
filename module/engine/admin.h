/* SPDX-License-Identifier: GPL-2.0-only */
/* What the administrator has done: run, and the knobs of the trees. */
#ifndef UKSM_ADMIN_H
#define UKSM_ADMIN_H

#include <linux/types.h>

int uksm_admin_set_run(unsigned int run);
int uksm_admin_set_tree_knob(unsigned int *knob, unsigned int value);
int uksm_admin_discover(void);
void uksm_admin_stopping(void);
bool uksm_admin_is_stopping(void);

#endif
