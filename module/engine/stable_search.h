/* SPDX-License-Identifier: GPL-2.0-only */
/* Find the merged page that equals a page. */
#ifndef UKSM_STABLE_SEARCH_H
#define UKSM_STABLE_SEARCH_H

#include <linux/types.h>

struct folio;
struct page;
struct uksm_domain;
struct uksm_stable_node;

/**
 * enum uksm_search - what a search for an equal merged page has found
 * @UKSM_SEARCH_FOUND: one that has room
 * @UKSM_SEARCH_NONE: no merged page of that checksum
 * @UKSM_SEARCH_DIFFERS: only such of other content
 * @UKSM_SEARCH_ALIKE: the same, and one agrees in all that its checksum is made of
 * @UKSM_SEARCH_FULL: equal ones, all at max_page_sharing
 * @UKSM_SEARCH_BUSY: one could not be looked at just now
 */
enum uksm_search {
	UKSM_SEARCH_FOUND,
	UKSM_SEARCH_NONE,
	UKSM_SEARCH_DIFFERS,
	UKSM_SEARCH_ALIKE,
	UKSM_SEARCH_FULL,
	UKSM_SEARCH_BUSY,
};

enum uksm_search uksm_stable_search(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio);

#endif
