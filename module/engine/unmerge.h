/* SPDX-License-Identifier: GPL-2.0-only */
/* Give each address a page of its own again. */
#ifndef UKSM_UNMERGE_H
#define UKSM_UNMERGE_H

#include <linux/types.h>

struct uksm_mm_slot;
struct vm_area_struct;

int uksm_unmerge_page(struct vm_area_struct *vma, unsigned long addr);
int uksm_unmerge_all(bool interruptible);

#endif
