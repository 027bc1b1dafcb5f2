/* SPDX-License-Identifier: GPL-2.0-only */
/* An early word of memory that has failed. */
#ifndef UKSM_FAILURE_H
#define UKSM_FAILURE_H

#include <linux/compiler.h>
#include <linux/types.h>

/* The kernel has begun to handle a failure since the module was loaded. */
extern bool uksm_failure_seen;

void uksm_failure_init(void);
void uksm_failure_exit(void);

#endif
