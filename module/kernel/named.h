/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that the administrator has given a name. */
#ifndef UKSM_NAMED_H
#define UKSM_NAMED_H

#include <linux/types.h>

struct pid;

/* With the zero at its end. */
#define UKSM_NAME_SIZE	32u

bool uksm_named_any(void);
bool uksm_named_find(struct pid *process, char name[UKSM_NAME_SIZE]);

bool uksm_name_valid(const char *name);
int uksm_named_give(int pid, const char *name);
int uksm_named_take(int pid);
int uksm_named_show(char *buf);

int uksm_named_init(void);
void uksm_named_exit(void);

#endif
