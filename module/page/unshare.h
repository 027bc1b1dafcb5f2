/* SPDX-License-Identifier: GPL-2.0-only */
/* Give an address a page of its own again. */
#ifndef UKSM_UNSHARE_H
#define UKSM_UNSHARE_H

struct vm_area_struct;

int uksm_unmerge_page(struct vm_area_struct *vma, unsigned long addr);

#endif
