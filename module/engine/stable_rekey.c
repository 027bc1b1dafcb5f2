// SPDX-License-Identifier: GPL-2.0-only
#include "engine/stable_rekey.h"

#include <linux/lockdep.h>

#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/stable_tree.h"
#include "page/merge.h"
#include "pure/checksum.h"
#include "pure/index.h"

/* The remedy for weak samples is not tried where so many merged pages would have to move. */
#define REKEY_MAX	256u

/*
 * Whether a key goes by the weak sample: then its checksum is not that of the whole
 * page. No page needs to be looked at, as merged pages do not change.
 */
static bool key_rekey(struct uksm_index *tree, struct uksm_key *key, u32 sample)
{
	struct uksm_stable_place *place = uksm_key_place(key);
	u32 checksum = uksm_checksum_of_whole(place->whole);

	if (checksum == key->checksum)
		return false;
	uksm_index_del(tree, key);
	key->checksum = checksum;
	uksm_checksum_unhold(place->sample);
	place->sample = uksm_checksum_hold(sample) ? sample : 0;
	uksm_index_add(tree, key);
	return true;
}

/**
 * uksm_stable_rekey_late() - have a merged page move whose sample was found to be weak elsewhere
 * @domain: among whose pages
 * @nid: which tree
 * @checksum: checksum of @page, which no merged page has
 * @page: a page, with a reference; it may be changing
 *
 * A sample was found to be weak in another domain: merged pages of this one that have it are
 * moved to their new checksum when one like them is searched for.
 *
 * Context: the caller holds uksm_mutex.
 * Return: true if one with the second key of @page has moved, and is to be searched again.
 */
bool uksm_stable_rekey_late(struct uksm_domain *domain, unsigned int nid, u32 checksum,
			    struct page *page)
{
	struct uksm_index *tree = uksm_stable_tree(domain, nid);
	struct uksm_key *key;
	u32 sample;

	/* There pages are hashed in whole. */
	if (uksm_domain_holds(domain))
		return false;
	sample = uksm_page_weak_sample(page);
	if (!sample || sample == checksum)
		return false;
	key = uksm_index_find(tree, sample, uksm_page_whole(page));
	return key && key_rekey(tree, key, sample);
}

static unsigned int count_keys(struct uksm_domain *domain, u32 checksum, unsigned int max)
{
	unsigned int nid, n = 0;
	struct uksm_key *key;

	for (nid = 0; nid < uksm_nr_nids(); nid++) {
		key = uksm_index_first(uksm_stable_tree(domain, nid), checksum);
		for (; key && n <= max; key = uksm_index_next_equal(key))
			n++;
	}
	return n;
}

/**
 * uksm_stable_strengthen() - tell apart pages that have a checksum in common
 * @domain: in which they have met
 * @page: one of them, with a reference; it may be changing
 * @checksum: of pages that were found to differ, though all that it is made of agrees
 *
 * Merged pages move to their new checksum, those of other domains when they are searched
 * for; what else was recorded with the old one looks changed from now on.
 *
 * Context: the caller holds uksm_mutex.
 * Return: as uksm_checksum_strengthen(); if false, nothing has changed.
 */
bool uksm_stable_strengthen(struct uksm_domain *domain, struct page *page, u32 checksum)
{
	struct uksm_key *key, *next;
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);
	if (uksm_domain_holds(domain) || count_keys(domain, checksum, REKEY_MAX) > REKEY_MAX ||
	    !uksm_page_strengthen(page, checksum))
		return false;
	for (nid = 0; nid < uksm_nr_nids(); nid++) {
		key = uksm_index_first(uksm_stable_tree(domain, nid), checksum);
		for (; key; key = next) {
			next = uksm_index_next_equal(key);
			key_rekey(uksm_stable_tree(domain, nid), key, checksum);
		}
	}
	return true;
}
