// SPDX-License-Identifier: GPL-2.0-only
#include "engine/peers.h"

#include <linux/lockdep.h>
#include <linux/mm.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/pair.h"
#include "engine/unstable.h"
#include "page/merge.h"
#include "page/walk.h"

/*
 * How many pages of the same checksum a search looks at in the unstable tree. There are
 * many of other content only until the checksum has been strengthened; of the same
 * page there are many where processes share it by fork.
 */
#define PEERS_MAX	16u
/* And so many of other processes are passed over, from which it is kept still (hold.c). */
#define APART_MAX	256u

/*
 * Go to the place of a page in the unstable tree. Whoever holds its mmap_lock, or has
 * exited, keeps nobody else from merging: the search goes on without it.
 */
static enum uksm_entered peer_enter(struct uksm_site *peer, struct uksm_tracked *t,
				    const struct uksm_site *home)
{
	enum uksm_entered entered = UKSM_ENTERED;

	*peer = (struct uksm_site){
		.slot = uksm_tracked_slot(t),
		.addr = uksm_tracked_address(t),
		.t = t,
	};
	/* It goes to another domain: as good as gone from this one. */
	if (peer->slot->where == UKSM_SLOTS_LEAVING)
		return UKSM_ENTER_DEAD;
	if (peer->slot != home->slot)
		entered = uksm_mm_slot_enter(peer->slot);
	if (entered != UKSM_ENTERED)
		return entered;

	peer->vma = uksm_vma_lookup(peer->slot->mm, peer->addr);
	if (peer->vma)
		peer->page = uksm_page_get(peer->vma, peer->addr);
	return UKSM_ENTERED;
}

static void peer_leave(struct uksm_site *peer, const struct uksm_site *home)
{
	if (peer->page)
		put_page(peer->page);
	if (peer->slot != home->slot)
		uksm_mm_slot_leave(peer->slot);
}

/*
 * Is the page in the unstable tree one to merge with? It may have changed since.
 * If not, equal checksums are taken for equal pages until uksm_pair_merge(), unless
 * the answer has consequences of its own. UKSM_OUTCOME_MERGED: yes.
 */
static enum uksm_outcome compare_peer(const struct uksm_site *site, const struct uksm_site *peer,
				      unsigned int nid, bool compare)
{
	u32 checksum;

	/*
	 * It may be under migration, in swap or on another NUMA node, and may come
	 * back. It has missed this one, so it must not stay where it is, waiting for
	 * others: it searches when the scanner comes by.
	 */
	if (!peer->page || uksm_kpfn_nid(page_to_pfn(peer->page)) != nid) {
		uksm_unstable_del(peer->t);
		return UKSM_OUTCOME_NONE;
	}
	/* The scanner will come by and see what has become of it. */
	if (uksm_folio_test_ksm(uksm_site_folio(peer)))
		return UKSM_OUTCOME_NONE;
	/* Parent and child after fork(): one page already. */
	if (peer->page == site->page)
		return UKSM_OUTCOME_SAME;

	checksum = uksm_domain_checksum(site->slot->domain, peer->page);
	if (checksum != peer->t->key.checksum) {
		uksm_unstable_del(peer->t);
		peer->t->key.checksum = checksum;
		peer->t->key.hold = uksm_hold_begin(peer->slot->domain);
		return UKSM_OUTCOME_NONE;
	}
	compare = compare || PageCompound(site->page) || PageCompound(peer->page) ||
		  (peer->t->key.flags & UKSM_F_COLLIDES);
	if (!compare || uksm_pages_identical(site->page, peer->page))
		return UKSM_OUTCOME_MERGED;
	return uksm_domain_samples_agree(site->slot->domain, site->page, peer->page) ?
		       UKSM_OUTCOME_ALIKE : UKSM_OUTCOME_DIFFERS;
}

/*
 * Try one page of the unstable tree. UKSM_OUTCOME_NONE also if it is not there any more;
 * UKSM_OUTCOME_IN_USE only if the site's page is: another's must not keep its equals from
 * each other.
 */
static enum uksm_outcome merge_peer(struct uksm_join *join, struct uksm_site *site,
				    struct uksm_tracked *t, unsigned int nid, bool compare)
{
	const struct uksm_site *culprit;
	struct uksm_site peer;
	enum uksm_outcome out;

	switch (peer_enter(&peer, t, site)) {
	case UKSM_ENTER_DEAD:
		uksm_unstable_del(t);
		return UKSM_OUTCOME_NONE;
	case UKSM_ENTER_LOCKED:
		return UKSM_OUTCOME_LATER;
	case UKSM_ENTERED:
		break;
	}
	out = compare_peer(site, &peer, nid, compare);
	if (out == UKSM_OUTCOME_MERGED) {
		out = uksm_pair_merge(join, site, &peer, nid, &culprit);
		if (out == UKSM_OUTCOME_IN_USE && culprit == &peer) {
			out = UKSM_OUTCOME_DIFFERS;
			/*
			 * A new page waits for the LRU just when another is searched for: it has
			 * missed that one, and searches itself. One that is pinned does now and then.
			 */
			if (!(t->key.flags & UKSM_F_PINNED))
				uksm_unstable_del(t);
		}
	}
	peer_leave(&peer, site);
	return out;
}

/*
 * Must both be kept from each other for now? The one that waits for longer looks for the other
 * then.
 */
static bool peer_apart(const struct uksm_site *site, struct uksm_tracked *t)
{
	return uksm_tracked_slot(t) != site->slot &&
	       (uksm_hold_on(site->t->key.hold) || uksm_hold_on(t->key.hold));
}

/* Which of two outcomes says more about what is to be done with the page. */
static enum uksm_outcome worse(enum uksm_outcome a, enum uksm_outcome b)
{
	return a > b ? a : b;
}

/**
 * uksm_peers_merge() - merge a page with an equal one of the unstable tree
 * @join: scratch memory
 * @site: the page, its record %UKSM_VOLATILE with the page's checksum
 * @nid: its NUMA node, uksm_kpfn_nid()
 * @compare: false: take equal checksums for equal pages until both are write-protected
 *
 * Pages that were looked at and did not match may leave the tree: they have changed, or are
 * to search themselves.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no folio lock, and no other
 * reference on the page. Enters other address spaces, by trylock. Allocates memory. Sleeps.
 * Return: what has become of it. The record may have changed its state without
 * %UKSM_OUTCOME_MERGED too.
 */
enum uksm_outcome uksm_peers_merge(struct uksm_join *join, struct uksm_site *site,
				   unsigned int nid, bool compare)
{
	u32 checksum = site->t->key.checksum;
	struct uksm_domain *domain = site->slot->domain;
	struct uksm_tracked *t = uksm_unstable_first(domain, nid, checksum), *next;
	enum uksm_outcome out, result = UKSM_OUTCOME_NONE;
	unsigned int looked = 0, apart = 0, same = 0;

	lockdep_assert_held(&uksm_mutex);
	for (; t && looked < PEERS_MAX && apart < APART_MAX; t = next) {
		next = uksm_unstable_next(t);
		if (peer_apart(site, t)) {
			apart++;
			continue;
		}
		looked++;
		out = merge_peer(join, site, t, nid, compare);
		if (out == UKSM_OUTCOME_MERGED || out == UKSM_OUTCOME_IN_USE)
			return out;
		/* It has changed itself, or been changed by what was tried. */
		if (uksm_tracked_state(site->t) != UKSM_VOLATILE || !site->page)
			return UKSM_OUTCOME_LATER;
		/* Later each of the two may find what the other finds. */
		if (out == UKSM_OUTCOME_ALIKE && uksm_tracked_state(t) == UKSM_UNSHARED)
			t->key.flags |= UKSM_F_COLLIDES;
		result = worse(result, out);
		same += out == UKSM_OUTCOME_SAME;
	}
	/* Nothing but processes that have this page by fork. What comes will be announced. */
	if (same == looked && apart < APART_MAX)
		return result;
	/* Others stand behind these: they come first the next time. */
	for (looked += apart; t && looked; looked--) {
		t = uksm_unstable_first(domain, nid, checksum);
		if (t)
			uksm_unstable_rotate(t);
		result = UKSM_OUTCOME_LATER;
	}
	return result;
}
