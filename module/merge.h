/* SPDX-License-Identifier: GPL-2.0-only */
/* One page: write-protect it, compare it, put a merged page in its place. */
#ifndef UKSM_MERGE_H
#define UKSM_MERGE_H

#include <linux/mm_types.h>

struct uksm_stable_node;

bool uksm_pages_identical(struct page *a, struct page *b);
bool uksm_page_in_use(struct page *page);
int uksm_page_split(struct page *page);
int uksm_write_protect(struct vm_area_struct *vma, unsigned long addr, struct page *page,
		       pte_t *protected);
int uksm_replace_page(struct vm_area_struct *vma, unsigned long addr, struct page *page,
		      struct page *kpage, pte_t protected);
int uksm_replace_with_zero(struct vm_area_struct *vma, unsigned long addr, struct page *page,
			   pte_t protected);
void uksm_keep_content(struct folio *folio);
void uksm_make_ksm(struct folio *folio, struct uksm_stable_node *node);

#endif
