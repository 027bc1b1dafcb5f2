/* SPDX-License-Identifier: GPL-2.0-only */
/* Let pages share the KSM pages that they equal, or the zero page, many at a time. */
#ifndef UKSM_JOIN_H
#define UKSM_JOIN_H

#include <linux/types.h>

struct folio;
struct page;
struct uksm_stable_node;
struct uksm_tracked;
struct vm_area_struct;

void uksm_join_begin(struct vm_area_struct *vma);
bool uksm_join_crowded(const struct uksm_stable_node *node);
int uksm_join_add(struct uksm_tracked *t, struct page *page, struct uksm_stable_node *node,
		  struct folio *kfolio);
void uksm_join_end(void);

#endif
