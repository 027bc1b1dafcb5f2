// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_search.h"

#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/stable_rekey.h"
#include "engine/stable_tree.h"
#include "page/merge.h"
#include "pure/index.h"

/* How often to search again, when a node has left the tree, before it is left for later. */
#define SEARCH_TRIES	16u

/*
 * Is the page one to map at more addresses? Not one that has failed, whoever
 * has noticed; and one that has migrated to another NUMA node waits for the
 * scanner to have its node refiled.
 */
static bool folio_shareable(struct folio *folio, unsigned int nid)
{
	return !PageHWPoison(folio_page(folio, 0)) && uksm_kpfn_nid(folio_pfn(folio)) == nid;
}

/*
 * Judge the page of one key. With FOUND and FULL there is @node; its page comes with
 * a reference, and not locked: what has become of it is asked again by whoever locks
 * it (join.c). A node whose page is gone is set aside, for prune.c to
 * drop: NONE, and the tree has changed.
 */
static enum uksm_search key_judge(struct uksm_key *key, unsigned int nid, struct page *page,
				  bool compare, struct uksm_stable_node **node,
				  struct folio **kfolio)
{
	enum uksm_search found = UKSM_SEARCH_FOUND;
	struct folio *folio;

	*node = uksm_key_any_node(key);
	folio = uksm_stable_node_lock_folio(*node);
	if (IS_ERR(folio))
		return UKSM_SEARCH_BUSY;
	if (!folio) {
		uksm_stable_node_set_empty(*node);
		return UKSM_SEARCH_NONE;
	}
	/* It keeps nobody from merging with each other. */
	if (!folio_shareable(folio, nid))
		found = UKSM_SEARCH_DIFFERS;
	else if (compare && !uksm_pages_identical(page, folio_page(folio, 0)))
		found = uksm_domain_samples_agree((*node)->domain, page, folio_page(folio, 0)) ?
			UKSM_SEARCH_ALIKE : UKSM_SEARCH_DIFFERS;
	else if (!uksm_stable_node_room(*node))
		found = UKSM_SEARCH_FULL;

	folio_unlock(folio);
	if (found == UKSM_SEARCH_FOUND)
		*kfolio = folio;
	else
		folio_put(folio);
	return found;
}

/*
 * Among the keys of a checksum go to the one whose second key is the page's. So it is one
 * comparison however many there are, but for keys that have both in common, which
 * chance does not make, and want of memory for a chain a few of.
 */
static enum uksm_search search_equal(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				     struct page *page, struct uksm_stable_node **node,
				     struct folio **kfolio)
{
	struct uksm_index *tree = uksm_stable_tree(domain, nid);
	u64 whole = uksm_page_whole(page);
	enum uksm_search found, result = UKSM_SEARCH_DIFFERS;
	struct uksm_key *key, *next;
	unsigned int n = 0;

	key = uksm_index_find(tree, checksum, whole);
	for (; key && n < UKSM_STABLE_SAME_MAX; key = next, n++) {
		next = uksm_index_next_same(tree, key);
		found = key_judge(key, nid, page, true, node, kfolio);
		if (found == UKSM_SEARCH_FOUND || found == UKSM_SEARCH_NONE)
			return found;
		if (result != UKSM_SEARCH_FULL)
			result = found;
	}
	return result;
}

/* NONE also says that a node has left the tree, and that it is worth to look again. */
static enum uksm_search search_once(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio)
{
	struct uksm_key *key = uksm_index_first(uksm_stable_tree(domain, nid), checksum);
	enum uksm_search found, other;

	if (!key)
		return UKSM_SEARCH_NONE;
	if (!uksm_index_next_equal(key))
		return key_judge(key, nid, page, compare, node, kfolio);

	found = search_equal(domain, nid, checksum, page, node, kfolio);
	if (found != UKSM_SEARCH_DIFFERS)
		return found;
	/* Would a stronger checksum tell the page from the others? Any of them will say. */
	other = key_judge(key, nid, page, true, node, kfolio);
	/* FOUND: written since, to what this one holds. */
	return other == UKSM_SEARCH_BUSY || other == UKSM_SEARCH_FULL ? found : other;
}

/**
 * uksm_stable_search() - find a merged page with the content of a page
 * @domain: among whose pages
 * @nid: which tree
 * @checksum: checksum of @page
 * @page: the page, of which the caller has a reference; it may be changing
 * @compare: false: if there is only one merged page of that checksum, take it
 *	without a look at its content
 * @node: with %UKSM_SEARCH_FOUND, set to a node that has room under max_page_sharing
 * @kfolio: and this to its page, with a reference
 *
 * The page is not locked: whoever locks it asks again whose it is. Nodes met whose page
 * is gone leave the tree.
 *
 * Context: the caller holds uksm_mutex and no folio lock. May sleep.
 */
enum uksm_search uksm_stable_search(struct uksm_domain *domain, unsigned int nid, u32 checksum,
				    struct page *page, bool compare,
				    struct uksm_stable_node **node, struct folio **kfolio)
{
	enum uksm_search found = UKSM_SEARCH_NONE;
	unsigned int tries;

	lockdep_assert_held(&uksm_mutex);
	for (tries = 0; tries < SEARCH_TRIES && found == UKSM_SEARCH_NONE; tries++) {
		if (!uksm_index_first(uksm_stable_tree(domain, nid), checksum) &&
		    !uksm_stable_rekey_late(domain, nid, checksum, page))
			break;
		found = search_once(domain, nid, checksum, page, compare, node, kfolio);
	}
	return found;
}
