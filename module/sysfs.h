/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _UKSM_SYSFS_H
#define _UKSM_SYSFS_H

int uksm_sysfs_init(void);
void uksm_sysfs_exit(void);

#endif /* _UKSM_SYSFS_H */
