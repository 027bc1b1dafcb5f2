/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_LISTS_H
#define UKSM_LISTS_H

struct kobject;

int uksm_list_files_add(struct kobject *dir);

#endif
