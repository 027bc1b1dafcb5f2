/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable tree: merged pages, by checksum and content. */
#ifndef UKSM_STABLE_NODE_H
#define UKSM_STABLE_NODE_H

#include "kernel/twin.h"

struct folio;
struct page;
struct uksm_domain;

/**
 * struct uksm_chain - merged pages of equal content
 * @key: place in the stable tree
 * @place: what belongs to the key
 * @domain: whose trees; that of its nodes
 * @nid: which tree
 * @room: nodes that may take another rmap_item under max_page_sharing
 * @full: the others
 * @nr_dups: nodes in both lists
 * @visited: nodes are being visited: keep the chain even if it becomes empty
 */
struct uksm_chain {
	struct uksm_key key;
	struct uksm_stable_place place;
	struct uksm_domain *domain;
	unsigned int nid;
	struct list_head room;
	struct list_head full;
	unsigned int nr_dups;
	bool visited;
};

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

bool uksm_stable_node_is_ours(const struct uksm_stable_node *node);
struct uksm_stable_node *uksm_stable_node_alloc(struct uksm_domain *domain);
void uksm_stable_node_free(struct uksm_stable_node *node);
void uksm_stable_node_add(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
			  struct page *kpage);
void uksm_stable_node_refile(struct uksm_stable_node *node, unsigned int nid);
bool uksm_stable_node_is_empty(const struct uksm_stable_node *node);
unsigned int uksm_stable_node_room(const struct uksm_stable_node *node);
void uksm_stable_node_count_rmap(struct uksm_stable_node *node, int n);
bool uksm_stable_node_left(const struct uksm_stable_node *node);
struct folio *uksm_stable_node_lock_folio(struct uksm_stable_node *node);

enum uksm_search uksm_stable_search(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio);
bool uksm_stable_strengthen(struct uksm_domain *domain, struct page *page, u32 checksum);

struct uksm_stable_node *uksm_stable_next_empty(void);
unsigned long uksm_stable_nr_empty(void);
void uksm_stable_node_unhook(struct uksm_stable_node *node);
void uksm_stable_for_each(void (*visit)(struct uksm_stable_node *node, void *arg), void *arg);

u64 uksm_stable_tie(const struct uksm_key *key);
void uksm_stable_exit(void);

#endif
