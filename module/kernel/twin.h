/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layout twins of two structures that mm/ksm.c keeps private.
 *
 * A KSM folio's mapping points to a stable node, and the kernel itself walks
 * from there: rmap_walk_ksm() and collect_procs_ksm() follow hlist to the
 * rmap_items, folio_migrate_ksm() rewrites kpfn. The first 64 bytes of the
 * structures below therefore have the kernel's layout wherever the kernel
 * looks; uksm_layout_check() compares the offsets with the running kernel's
 * BTF before anything is merged.
 */
#ifndef UKSM_TWIN_H
#define UKSM_TWIN_H

#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "pure/index.h"

struct anon_vma;
struct uksm_chain;
struct uksm_domain;
struct uksm_tracked;

/**
 * struct uksm_stable_place - what the stable tree keeps with a key, besides it
 * @whole: second key: uksm_checksum_whole() of the content
 * @sample: the weak sample by which @key was computed, held in the set of these
 *	as long as the key is in the tree; 0 if there is none
 */
struct uksm_stable_place {
	u64 whole;
	u32 sample;
};

/**
 * struct uksm_stable_node - one merged page; twin of struct ksm_stable_node
 * @marker: &uksm_stable_marker, tells our nodes from ksmd's. The kernel never
 *	reads bytes 0-39 of a node that ksmd's own trees do not hold.
 * @key: place in the stable tree, unless the node is one of a chain
 * @hlist: rmap_items of the addresses that map this page
 * @kpfn: page frame number; folio_migrate_ksm() changes it under the folio lock
 * @rmap_hlist_len: length of @hlist
 * @nid: index of the stable tree that holds the node (0 unless trees are per
 *	NUMA node)
 * @domain: whose pages may share it; holds a reference
 * @chain: the chain that holds the node, or NULL
 * @dup: link in @chain, or in the list of nodes without rmap_item
 * @place: while @key is in the tree: then @dup is not in use
 */
struct uksm_stable_node {
	const void *marker;
	struct uksm_key key;
	struct hlist_head hlist;
	unsigned long kpfn;
	int rmap_hlist_len;
	int nid;
	/* The kernel's structure ends here. */
	struct uksm_domain *domain;
	struct uksm_chain *chain;
	union {
		struct list_head dup;
		struct uksm_stable_place place;
	};
};

/**
 * struct uksm_rmap_item - one address that maps a merged page; twin of
 *	struct ksm_rmap_item
 * @tracked: the tracked page that owns this item
 * @anon_vma: holds a reference; what an rmap walk searches for VMAs
 * @mm: compared with vma->vm_mm by rmap walks, never dereferenced there
 * @address: user virtual address, page aligned
 * @linear_page_index: page index of the address when it was merged. Read by
 *	rmap walks of kernels that have the field, ignored by the others.
 * @node: the stable node
 * @hlist: link in @node->hlist, changed under the KSM folio's lock only
 */
struct uksm_rmap_item {
	struct uksm_tracked *tracked;
	struct anon_vma *anon_vma;
	struct mm_struct *mm;
	unsigned long address;
	unsigned long linear_page_index;
	struct uksm_stable_node *node;
	struct hlist_node hlist;
};

static_assert(offsetof(struct uksm_stable_node, hlist) == 40);
static_assert(offsetof(struct uksm_stable_node, kpfn) == 48);
static_assert(offsetof(struct uksm_stable_node, domain) == 64);
static_assert(offsetof(struct uksm_rmap_item, anon_vma) == 8);
static_assert(offsetof(struct uksm_rmap_item, mm) == 16);
static_assert(offsetof(struct uksm_rmap_item, address) == 24);
static_assert(offsetof(struct uksm_rmap_item, linear_page_index) == 32);
static_assert(offsetof(struct uksm_rmap_item, hlist) == 48);
static_assert(sizeof(struct uksm_rmap_item) == 64);
/* One more word would make it a third larger, in the slabs that there are. */
static_assert(sizeof(struct uksm_stable_node) <= 96);

#endif
