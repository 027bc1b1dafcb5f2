/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable tree: merged pages, by checksum and content. */
#ifndef UKSM_STABLE_NODE_H
#define UKSM_STABLE_NODE_H

#include "kernel/twin.h"

struct folio;
struct page;

/**
 * struct uksm_chain - merged pages of equal content
 * @key: place in the stable tree
 * @nid: which tree
 * @room: nodes that may take another rmap_item under max_page_sharing
 * @full: the others
 * @nr_dups: nodes in both lists
 * @visited: nodes are being visited: keep the chain even if it becomes empty
 */
struct uksm_chain {
	struct uksm_key key;
	unsigned int nid;
	struct list_head room;
	struct list_head full;
	unsigned int nr_dups;
	bool visited;
};

bool uksm_stable_node_is_ours(const struct uksm_stable_node *node);
struct uksm_stable_node *uksm_stable_node_alloc(void);
void uksm_stable_node_free(struct uksm_stable_node *node);
void uksm_stable_node_add(struct uksm_stable_node *node, u32 checksum, unsigned int nid,
			  struct page *kpage);
void uksm_stable_node_del(struct uksm_stable_node *node);
void uksm_stable_node_refile(struct uksm_stable_node *node, unsigned int nid);
unsigned int uksm_stable_node_room(const struct uksm_stable_node *node);
void uksm_stable_node_count_rmap(struct uksm_stable_node *node, int n);
struct folio *uksm_stable_node_get_folio(struct uksm_stable_node *node);

struct uksm_stable_node *uksm_stable_search(unsigned int nid, u32 checksum, struct page *page,
					    bool compare, struct folio **kfolio);
bool uksm_stable_has(u32 checksum);
bool uksm_stable_strengthen(struct page *page, u32 checksum);
void uksm_stable_prune(void);
unsigned long uksm_stable_release(bool force);
void uksm_stable_del_pfn_range(unsigned long start_pfn, unsigned long end_pfn);

int uksm_stable_init(void);
void uksm_stable_exit(void);

#endif
