/* SPDX-License-Identifier: GPL-2.0-only */
/* May the module be unloaded? And what is to be done when it is. */
#ifndef UKSM_UNLOAD_H
#define UKSM_UNLOAD_H

#include <linux/types.h>

void uksm_unload_guard(void);
bool uksm_unload_refused(void);
void uksm_unload(void);

#endif
