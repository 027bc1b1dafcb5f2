/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that goes offline. */
#ifndef UKSM_HOTPLUG_H
#define UKSM_HOTPLUG_H

int uksm_hotplug_init(void);
void uksm_hotplug_exit(void);

#endif
