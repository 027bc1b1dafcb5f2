// SPDX-License-Identifier: GPL-2.0-only
#include "engine/dedup.h"

#include <linux/hash.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "engine/batch.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/forget.h"
#include "engine/frames.h"
#include "engine/hold.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/rmap_item.h"
#include "engine/stable_node.h"
#include "engine/stats.h"
#include "engine/unstable.h"
#include "kernel/race.h"
#include "kernel/room.h"
#include "page/merge.h"
#include "page/unshare.h"
#include "page/walk.h"
#include "pure/checksum.h"
#include "surface/trace.h"

/*
 * How many pages of the same checksum a search looks at in the unstable tree. There are
 * many of other content only until the checksum has been strengthened; of the same
 * page there are many where processes share it by fork.
 */
#define PEERS_MAX	16u
/* And so many of other processes are passed over, from which it is kept still (hold.c). */
#define APART_MAX	256u

/* So many checksums can wait for uksm_dedup_announce_step(), with so many records told at once. */
#define NEWS_MAX	64u
#define NEWS_AT_ONCE	64u

/**
 * enum outcome - what has become of the search for an equal page
 * @MERGED: it was found, and both share one page now, or will when the batch ends
 * @NONE: there is none
 * @DIFFERS: there is none, but one of that checksum, by chance
 * @ALIKE: there is none, but one that agrees in all that the checksum is made of
 * @FULL: there are, all at max_page_sharing
 * @SAME: there is only another address of the very same page
 * @IN_USE: the page could be changed by somebody behind the page tables' back
 * @LATER: just now it could not be done: no memory, a lock, a change meanwhile
 */
enum outcome { MERGED, NONE, DIFFERS, ALIKE, FULL, SAME, IN_USE, LATER };

/**
 * struct site - a page, and where it is mapped
 * @slot: address space; it has been entered
 * @vma: VMA
 * @addr: user virtual address
 * @t: the record of that address
 * @page: the page found there, with a reference
 */
struct site {
	struct uksm_mm_slot *slot;
	struct vm_area_struct *vma;
	unsigned long addr;
	struct uksm_tracked *t;
	struct page *page;
};

static struct folio *site_folio(const struct site *site)
{
	return page_folio(site->page);
}

/* Lock a page that is to be replaced or to become a KSM page. */
static bool site_lock(const struct site *site)
{
	struct folio *folio = site_folio(site);

	if (PageCompound(site->page) || !folio_trylock(folio))
		return false;
	if (uksm_folio_test_anon(folio))
		return true;
	folio_unlock(folio);
	return false;
}

/* Is the site's page mapped by a huge entry? */
static bool site_huge(const struct site *site)
{
	pmd_t *pmd = uksm_find_pmd(site->vma->vm_mm, site->addr);

	return pmd && pmd_trans_huge(uksm_pmd_read(pmd));
}

/*
 * A huge page was split. From Linux 6.12 on that maps the zero page in the place of each of
 * its pages of zeroes. Of those that have no record yet nobody would know later that this is
 * how it came.
 */
static void note_split_zeroes(struct uksm_batch *batch, const struct site *site)
{
	unsigned long addr = max(site->addr & PMD_MASK, site->vma->vm_start);
	unsigned long end = min((site->addr & PMD_MASK) + PMD_SIZE, site->vma->vm_end);
	struct uksm_tracked *t;
	unsigned int i;

	while (addr < end) {
		uksm_batch_get(batch, site->slot, site->vma, addr, UKSM_BATCH_PAGES, false);
		addr = batch->start;
		for (i = 0; !batch->hole && addr < batch->end; i++, addr += PAGE_SIZE) {
			if (uksm_batch_mapped(batch, i) != UKSM_MAPPED_ZERO ||
			    uksm_tracked_find(site->slot, addr))
				continue;
			t = uksm_tracked_add(site->slot, addr, uksm_checksum_zero());
			if (t)
				uksm_file_split_zero(site->slot, site->vma, t);
		}
		addr = batch->end;
	}
}

/*
 * Pages in use cannot be merged, as uksm_write_protect() would find out. Asking
 * first spares a guest with a passed-through device a TLB flush for each page
 * on each scan. A page of a thousand processes has as many references as one that is
 * pinned, so of small ones they are counted.
 */
static enum outcome site_prepare(struct uksm_join *join, const struct site *site)
{
	bool huge = PageCompound(site->page) && site_huge(site);

	if (PageCompound(site->page) ? folio_maybe_dma_pinned(site_folio(site)) :
				       uksm_page_in_use(site->page))
		return IN_USE;
	if (uksm_page_split(site->page))
		return LATER;
	if (huge && uksm_zero_pages_marked())
		note_split_zeroes(&join->batch, site);
	return MERGED;
}

/* Have the page merged when the batch is complete (join.c). */
static enum outcome site_join(struct uksm_join *join, struct site *site,
			      struct uksm_stable_node *node, struct folio *kfolio)
{
	enum outcome out = site_prepare(join, site);

	if (out != MERGED)
		return out;
	if (!uksm_join_add(join, site->t, site->page, node, kfolio))
		return LATER;
	site->page = NULL;
	return MERGED;
}

static enum outcome search_outcome(enum uksm_search found)
{
	switch (found) {
	case UKSM_SEARCH_NONE:
		return NONE;
	case UKSM_SEARCH_DIFFERS:
		return DIFFERS;
	case UKSM_SEARCH_ALIKE:
		return ALIKE;
	case UKSM_SEARCH_FULL:
		return FULL;
	default:
		return LATER;
	}
}

/*
 * The checksum under which a process's new merged pages stand in the stable tree, those that must
 * not be shared with others yet: so others do not find them. A process finds with new
 * content only these: whether there are others' must not make any difference to it, not
 * even to when its own pages merge.
 */
static u32 private_checksum(const struct uksm_mm_slot *slot, u32 checksum)
{
	return checksum ^ (hash_64(slot->serial, 32) | 1);
}

/* In which of both places a page is to stand that is new, or not any more. */
static u32 stable_checksum(const struct uksm_mm_slot *slot, u32 checksum, u8 hold)
{
	return uksm_hold_on(hold) ? private_checksum(slot, checksum) : checksum;
}

static enum uksm_search search_stable(const struct site *site, unsigned int nid, bool compare,
				      struct uksm_stable_node **node, struct folio **kfolio)
{
	struct uksm_tracked *t = site->t;
	u32 checksum = stable_checksum(site->slot, t->key.checksum, t->key.hold);
	enum uksm_search found;

	compare = compare || PageCompound(site->page);
	found = uksm_stable_search(site->slot->domain, nid, checksum, site->page, compare, node,
				   kfolio);
	/* Other pages stand there by chance. */
	if (checksum != t->key.checksum &&
	    (found == UKSM_SEARCH_DIFFERS || found == UKSM_SEARCH_ALIKE))
		found = UKSM_SEARCH_NONE;
	return found;
}

/*
 * Merge with a page of the stable tree. A large page must be split for it, and that
 * is to be done for sure only.
 */
static enum outcome merge_stable(struct uksm_join *join, struct site *site, unsigned int nid,
				 bool compare)
{
	struct uksm_stable_node *node;
	enum uksm_search found;
	struct folio *kfolio;
	enum outcome out;
	bool crowded;

	do {
		found = search_stable(site, nid, compare, &node, &kfolio);
		if (found != UKSM_SEARCH_FOUND)
			return search_outcome(found);
		/* Those that wait would fill it: have them merged, and it is full or has room. */
		crowded = uksm_join_crowded(join, node);
		if (crowded) {
			folio_put(kfolio);
			uksm_join_end(join);
		}
	} while (crowded);

	out = site_join(join, site, node, kfolio);
	if (out != MERGED)
		folio_put(kfolio);
	return out;
}

/* Merge with the kernel's zero page, under the same condition. */
static enum outcome merge_zero(struct uksm_join *join, struct site *site)
{
	if (!uksm_knobs_zero_page() ||
	    site->t->key.checksum != uksm_checksum_zero())
		return NONE;
	if (PageCompound(site->page) && !uksm_page_is_zero(site->page))
		return NONE;
	return site_join(join, site, NULL, NULL);
}

/*
 * Go to the place of a page in the unstable tree. Whoever holds its mmap_lock, or has
 * exited, keeps nobody else from merging: the search goes on without it.
 */
static enum uksm_entered peer_enter(struct site *peer, struct uksm_tracked *t,
				    const struct site *home)
{
	enum uksm_entered entered = UKSM_ENTERED;

	*peer = (struct site){
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

static void peer_leave(struct site *peer, const struct site *home)
{
	if (peer->page)
		put_page(peer->page);
	if (peer->slot != home->slot)
		uksm_mm_slot_leave(peer->slot);
}

/*
 * Make both pages small. If both are of one large folio then our reference on
 * the one is in the way of splitting for the other, so it is dropped for a while.
 * @culprit is set to the one to blame if it is in use.
 */
static enum outcome split_pair(struct uksm_join *join, struct site *site, struct site *peer,
			       struct site **culprit)
{
	bool shared = PageCompound(peer->page) && site_folio(site) == site_folio(peer);
	enum outcome out;

	if (shared) {
		put_page(peer->page);
		peer->page = NULL;
	}
	*culprit = site;
	out = site_prepare(join, site);
	if (shared)
		peer->page = uksm_page_get(peer->vma, peer->addr);
	if (out != MERGED)
		return out;
	if (!peer->page || site->page == peer->page)
		return LATER;
	*culprit = peer;
	return site_prepare(join, peer);
}

static enum outcome protected_outcome(int err)
{
	return err == -EBUSY ? IN_USE : LATER;
}

/*
 * Make the site's page a KSM page, or have a copy of it in its place that is one. That can
 * fail, when the page is written between the comparison and the replacement.
 */
static bool site_make_ksm(struct uksm_window *window, const struct site *site,
			  struct uksm_mapping *own, struct folio *fresh,
			  struct uksm_stable_node *node)
{
	if (!fresh) {
		uksm_make_ksm(site_folio(site), node);
		return true;
	}
	uksm_make_ksm_copy(fresh, site_folio(site), node);
	own->kpage = folio_page(fresh, 0);
	uksm_replace_pages(window, site->vma, own, 1);
	if (own->err) {
		uksm_ksm_copy_undo(fresh);
		return false;
	}
	folio_add_lru(fresh);
	return true;
}

/*
 * Both pages are locked and small: make the site's page, or @fresh, which is to have its
 * content, a KSM page that the
 * peer maps as well. The last step can fail, when the peer is written between
 * the comparison and the replacement; then the site alone has the KSM page.
 */
static enum outcome merge_locked(struct uksm_window *window, const struct site *site,
				 const struct site *peer, struct folio *fresh, unsigned int nid,
				 struct uksm_stable_node *node, struct uksm_rmap_item *items[2],
				 const struct site **culprit)
{
	struct page *kpage = fresh ? folio_page(fresh, 0) : site->page;
	struct uksm_mapping own = { .addr = site->addr, .page = site->page };
	struct uksm_mapping m = { .addr = peer->addr, .page = peer->page, .kpage = kpage };

	*culprit = site;
	uksm_write_protect(window, site->vma, &own, 1);
	if (own.err)
		return protected_outcome(own.err);
	/*
	 * Both may have been written alike since they were hashed. The stable
	 * tree has been searched for what was recorded only, and may well have
	 * what they hold now.
	 */
	if (uksm_page_checksum(site->page) != site->t->key.checksum)
		return LATER;
	*culprit = peer;
	uksm_write_protect(window, peer->vma, &m, 1);
	if (m.err)
		return protected_outcome(m.err);
	if (!uksm_pages_identical(site->page, peer->page)) {
		if (uksm_page_checksum(peer->page) != peer->t->key.checksum)
			return LATER;
		return uksm_pages_samples_agree(site->page, peer->page) ? ALIKE : DIFFERS;
	}

	uksm_race_point("compare-link");
	if (!site_make_ksm(window, site, &own, fresh, node))
		return LATER;
	uksm_unstable_del(peer->t);
	node->key.hold = uksm_hold_of_both(site->t->key.hold, peer->t->key.hold);
	site->t->key.hold = node->key.hold;
	peer->t->key.hold = node->key.hold;
	uksm_rmap_item_link(items[0], site->t, node, site->vma);
	items[0] = NULL;
	trace_uksm_merge_one_page(page_to_pfn(kpage), site->t, site->slot->mm, 0);

	uksm_replace_pages(window, peer->vma, &m, 1);
	trace_uksm_merge_with_ksm_page(page_to_pfn(kpage), page_to_pfn(peer->page), peer->t,
				       peer->slot->mm, m.err);
	if (!m.err) {
		uksm_rmap_item_link(items[1], peer->t, node, peer->vma);
		items[1] = NULL;
	}
	uksm_stable_node_add(node, stable_checksum(site->slot, site->t->key.checksum,
						   node->key.hold), nid, kpage);
	if (fresh)
		folio_unlock(fresh);
	return m.err ? LATER : MERGED;
}

/*
 * A pair was merged by half: the page that has remained alone is better no KSM page. With
 * no room for a copy it stays one; others may join it.
 */
static void merge_undo(struct site *site)
{
	if (!uksm_room_for_copies(site->vma->vm_mm, 1) &&
	    !uksm_unmerge_page(site->vma, site->addr))
		uksm_tracked_leave(site->t);
}

/* Two pages were found equal: merge them if they still are. */
static enum outcome merge_pair(struct uksm_join *join, struct site *site, struct site *peer,
			       unsigned int nid, const struct site **culprit)
{
	struct uksm_rmap_item *items[2] = {
		uksm_rmap_item_alloc(site->slot),
		uksm_rmap_item_alloc(peer->slot),
	};
	struct uksm_stable_node *node = uksm_stable_node_alloc(site->slot->domain);
	struct folio *fresh = NULL;
	enum outcome out = LATER;

	*culprit = NULL;
	if (!node || !items[0] || !items[1])
		goto free;
	if (uksm_knobs_fresh_frames()) {
		fresh = uksm_frames_take(page_to_nid(site->page));
		if (!fresh)
			goto free;
	}
	out = split_pair(join, site, peer, (struct site **)culprit);
	if (out != MERGED)
		goto free;

	out = LATER;
	*culprit = NULL;
	if (!site_lock(site))
		goto free;
	if (site_lock(peer)) {
		out = merge_locked(&join->window, site, peer, fresh, nid, node, items,
				   culprit);
		folio_unlock(site_folio(peer));
	}
	folio_unlock(site_folio(site));

	if (!items[0]) {
		/* The node is in use. */
		node = NULL;
		if (out != MERGED)
			merge_undo(site);
	}
free:
	/* What maps it by now has references of its own. */
	if (fresh)
		uksm_frames_put(fresh);
	uksm_rmap_item_free(items[0], site->slot);
	uksm_rmap_item_free(items[1], peer->slot);
	uksm_stable_node_free(node);
	return out;
}

/*
 * Is the page in the unstable tree one to merge with? It may have changed since.
 * If not, equal checksums are taken for equal pages until merge_locked(), unless
 * the answer has consequences of its own. MERGED: yes.
 */
static enum outcome compare_peer(const struct site *site, const struct site *peer,
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
		return NONE;
	}
	/* The scanner will come by and see what has become of it. */
	if (uksm_folio_test_ksm(site_folio(peer)))
		return NONE;
	/* Parent and child after fork(): one page already. */
	if (peer->page == site->page)
		return SAME;

	checksum = uksm_page_checksum(peer->page);
	if (checksum != peer->t->key.checksum) {
		uksm_unstable_del(peer->t);
		peer->t->key.checksum = checksum;
		peer->t->key.hold = uksm_hold_begin();
		return NONE;
	}
	compare = compare || PageCompound(site->page) || PageCompound(peer->page) ||
		  (peer->t->key.flags & UKSM_F_COLLIDES);
	if (!compare || uksm_pages_identical(site->page, peer->page))
		return MERGED;
	return uksm_pages_samples_agree(site->page, peer->page) ? ALIKE : DIFFERS;
}

/*
 * Try one page of the unstable tree. NONE also if it is not there any more; IN_USE
 * only if the site's page is: another's must not keep its equals from each other.
 */
static enum outcome merge_peer(struct uksm_join *join, struct site *site, struct uksm_tracked *t,
			       unsigned int nid, bool compare)
{
	const struct site *culprit;
	struct site peer;
	enum outcome out;

	switch (peer_enter(&peer, t, site)) {
	case UKSM_ENTER_DEAD:
		uksm_unstable_del(t);
		return NONE;
	case UKSM_ENTER_LOCKED:
		return LATER;
	case UKSM_ENTERED:
		break;
	}
	out = compare_peer(site, &peer, nid, compare);
	if (out == MERGED) {
		out = merge_pair(join, site, &peer, nid, &culprit);
		if (out == IN_USE && culprit == &peer) {
			out = DIFFERS;
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
static bool peer_apart(const struct site *site, struct uksm_tracked *t)
{
	return uksm_tracked_slot(t) != site->slot &&
	       (uksm_hold_on(site->t->key.hold) || uksm_hold_on(t->key.hold));
}

/* Which of two outcomes says more about what is to be done with the page. */
static enum outcome worse(enum outcome a, enum outcome b)
{
	return a > b ? a : b;
}

/* Merge with a page of the unstable tree. */
static enum outcome merge_unstable(struct uksm_join *join, struct site *site, unsigned int nid,
				   bool compare)
{
	u32 checksum = site->t->key.checksum;
	struct uksm_domain *domain = site->slot->domain;
	struct uksm_tracked *t = uksm_unstable_first(domain, nid, checksum), *next;
	enum outcome out, result = NONE;
	unsigned int looked = 0, apart = 0, same = 0;

	for (; t && looked < PEERS_MAX && apart < APART_MAX; t = next) {
		next = uksm_unstable_next(t);
		if (peer_apart(site, t)) {
			apart++;
			continue;
		}
		looked++;
		out = merge_peer(join, site, t, nid, compare);
		if (out == MERGED || out == IN_USE)
			return out;
		/* It has changed itself, or been changed by what was tried. */
		if (uksm_tracked_state(site->t) != UKSM_VOLATILE || !site->page)
			return LATER;
		/* Later each of the two may find what the other finds. */
		if (out == ALIKE && uksm_tracked_state(t) == UKSM_UNSHARED)
			t->key.flags |= UKSM_F_COLLIDES;
		result = worse(result, out);
		same += out == SAME;
	}
	/* Nothing but processes that have this page by fork. What comes will be announced. */
	if (same == looked && apart < APART_MAX)
		return result;
	/* Others stand behind these: they come first the next time. */
	for (looked += apart; t && looked; looked--) {
		t = uksm_unstable_first(domain, nid, checksum);
		if (t)
			uksm_unstable_rotate(t);
		result = LATER;
	}
	return result;
}

/*
 * Nothing equals the page: let those that come later find it. If others agree with it in
 * all that the checksum is made of, pages like it get a stronger one, the merged ones
 * among them at once, the others when the scanner comes by and finds them changed.
 * Where that is not possible, each of them is searched for anew by each full scan: in
 * the parts that are not hashed they can become equal without a change of checksum.
 * @again: there may be an equal one that could not be looked at.
 */
static void file_unshared(struct site *site, unsigned int nid, bool alike, bool again)
{
	struct uksm_tracked *t = site->t;

	if (alike && uksm_stable_strengthen(site->slot->domain, site->page, t->key.checksum)) {
		t->key.checksum = uksm_page_checksum(site->page);
		alike = false;
	}
	t->key.flags &= ~(UKSM_F_COLLIDES | UKSM_F_PINNED);
	if (alike || again)
		t->key.flags |= UKSM_F_COLLIDES;
	uksm_unstable_add(t, nid);
}

/* Checksums of which a merged page has come to be, and whose unshared pages are to hear of it. */
static struct {
	unsigned int nr;
	struct {
		struct uksm_domain *domain;
		unsigned int nid;
		u32 checksum;
	} item[NEWS_MAX];
} news;

/* True if all unshared pages of a checksum search again, which are so many at most. */
static bool announce(const struct uksm_domain *domain, unsigned int nid, u32 checksum,
		     unsigned int *records)
{
	struct uksm_tracked *t;

	while ((t = uksm_unstable_first(domain, nid, checksum)) && *records) {
		uksm_unstable_del(t);
		--*records;
	}
	return !t;
}

/* Pages that wait for an equal one to come would never hear of one that is merged. */
static void search_again(struct uksm_domain *domain, unsigned int nid, u32 checksum)
{
	unsigned int records = NEWS_AT_ONCE;

	if (announce(domain, nid, checksum, &records))
		return;
	/* With no place left some merge later, or when they change. */
	if (news.nr < NEWS_MAX) {
		uksm_domain_get(domain);
		news.item[news.nr].domain = domain;
		news.item[news.nr].nid = nid;
		news.item[news.nr++].checksum = checksum;
	}
}

/*
 * The same of a merged page that is its process's own still. Other processes' pages hear nothing
 * of it, as their counts would show. Those that are left search when their time has come.
 */
static void search_again_private(const struct uksm_mm_slot *slot, unsigned int nid, u32 checksum)
{
	struct uksm_tracked *t = uksm_unstable_first(slot->domain, nid, checksum), *next;
	unsigned int looked;

	for (looked = 0; t && looked < APART_MAX; t = next, looked++) {
		next = uksm_unstable_next(t);
		if (uksm_tracked_slot(t) == slot)
			uksm_unstable_del(t);
	}
}

/**
 * uksm_dedup_announce_step() - tell more unshared pages of a merged one
 * @records: how many at most
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_dedup_announce_step(unsigned int records)
{
	lockdep_assert_held(&uksm_mutex);
	while (news.nr && records) {
		struct uksm_domain *domain = news.item[news.nr - 1].domain;
		unsigned int nid = news.item[news.nr - 1].nid;

		/* Trees of nodes may be in use no more. */
		if (nid < uksm_nr_nids() &&
		    !announce(domain, nid, news.item[news.nr - 1].checksum, &records))
			continue;
		news.nr--;
		uksm_domain_put(domain);
	}
}

static void dedup_anon(struct uksm_join *join, struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	bool compare = site->t->key.flags & UKSM_F_COLLIDES;
	enum outcome stable, unstable = NONE;
	u32 checksum = site->t->key.checksum;

	if (!uksm_hold_on(site->t->key.hold))
		site->t->key.hold = UKSM_HOLD_NONE;
	stable = merge_zero(join, site);
	if (stable == NONE)
		stable = merge_stable(join, site, nid, compare);
	if (stable == MERGED || stable == LATER)
		return;
	if (stable != IN_USE)
		unstable = merge_unstable(join, site, nid, compare);
	if (unstable == MERGED) {
		if (uksm_hold_on(site->t->key.hold))
			search_again_private(site->slot, nid, checksum);
		else
			search_again(site->slot->domain, nid, checksum);
		return;
	}
	if (uksm_tracked_state(site->t) != UKSM_VOLATILE || !site->page)
		return;
	if (stable == IN_USE || unstable == IN_USE)
		uksm_file_in_use(site->t, site->page);
	else
		file_unshared(site, nid, stable == ALIKE || unstable == ALIKE,
			      stable == FULL || unstable == LATER);
}

/* Was it kept from other processes until now? */
static bool node_due(const struct uksm_stable_node *node)
{
	return node->key.hold && !uksm_hold_on(node->key.hold);
}

/* Those that may share a merged page, @checksum being its content's, hear that it is there. */
static void node_announce(const struct uksm_stable_node *node, const struct uksm_mm_slot *slot,
			  unsigned int nid, u32 checksum)
{
	if (uksm_hold_on(node->key.hold))
		search_again_private(slot, nid, checksum);
	else
		search_again(node->domain, nid, checksum);
}

/* A node that was out of the tree has an address again; or its page may be shared by all now. */
static void node_revive(struct uksm_stable_node *node, const struct uksm_mm_slot *slot,
			struct page *kpage)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(kpage));
	u32 checksum = uksm_page_checksum(kpage);

	uksm_stable_node_add(node, stable_checksum(slot, checksum, node->key.hold), nid, kpage);
	if (!uksm_hold_on(node->key.hold))
		node->key.hold = UKSM_HOLD_NONE;
	node_announce(node, slot, nid, checksum);
}

/*
 * The address maps a KSM page of ours that we do not know to be there: it was
 * inherited by fork(), or came back from swap. Whatever max_page_sharing says,
 * it is one of the page's addresses.
 */
static void adopt(const struct site *site, struct uksm_stable_node *node)
{
	struct uksm_rmap_item *item = uksm_rmap_item_alloc(site->slot);
	struct folio *kfolio;

	if (!item)
		return;
	kfolio = uksm_stable_node_lock_folio(node);
	if (!IS_ERR_OR_NULL(kfolio)) {
		if (kfolio == site_folio(site)) {
			uksm_rmap_item_link(item, site->t, node, site->vma);
			item = NULL;
			if (uksm_stable_node_is_empty(node) || node_due(node))
				node_revive(node, site->slot, site->page);
			site->t->key.hold = node->key.hold;
		}
		folio_unlock(kfolio);
		folio_put(kfolio);
	}
	uksm_rmap_item_free(item, site->slot);
}

/*
 * The stable node of the site's KSM page, if it is ours. It stays valid after
 * the folio lock is dropped: our nodes are freed under uksm_mutex only.
 */
static struct uksm_stable_node *site_node(const struct site *site)
{
	struct folio *kfolio = site_folio(site);
	struct uksm_stable_node *node;

	if (!folio_trylock(kfolio))
		return NULL;
	node = uksm_folio_test_ksm(kfolio) ? uksm_folio_raw_mapping(kfolio) : NULL;
	if (node && !uksm_stable_node_is_ours(node))
		node = NULL;
	folio_unlock(kfolio);
	return node;
}

/*
 * The page is shared with another domain: by fork, before the one process or the other went
 * there. It gets a page of its own; if that cannot be now, the next full scan tries again.
 */
static void leave_foreign(struct site *site)
{
	if (!uksm_room_for_copies(site->vma->vm_mm, 1))
		uksm_unmerge_page(site->vma, site->addr);
}

static void dedup_ksm(struct uksm_join *join, struct site *site)
{
	unsigned int nid = uksm_kpfn_nid(page_to_pfn(site->page));
	struct uksm_stable_node *node = site_node(site);
	enum outcome out;

	if (!node)
		return;
	if (node->domain != site->slot->domain) {
		leave_foreign(site);
		return;
	}
	site->t->key.hold = node->key.hold;
	if (nid != node->nid || uksm_stable_node_is_empty(node) || node_due(node)) {
		/*
		 * Migrated, or not found by searches for a while, or not by all: go over to
		 * an equal page there, or be the first. At once, since another address of the batch may
		 * map the same page.
		 */
		out = merge_stable(join, site, nid, true);
		uksm_join_end(join);
		if (out == MERGED || out == LATER || out == IN_USE)
			return;
		/* An empty one gets its place with its first address, and so does one of all. */
		if (!uksm_stable_node_is_empty(node) && !node_due(node)) {
			uksm_stable_node_refile(node, nid);
			/* Not the site's checksum, which may be of before a stronger one. */
			node_announce(node, site->slot, nid, uksm_page_checksum(site->page));
		}
	}
	adopt(site, node);
}

static void dedup_site(struct uksm_join *join, struct site *site)
{
	struct folio *folio = site_folio(site);

	/* A KSM page without a node has been given up by its engine: any page. */
	if (uksm_folio_test_ksm(folio) && uksm_folio_raw_mapping(folio))
		dedup_ksm(join, site);
	else
		dedup_anon(join, site);
	if (site->page)
		put_page(site->page);
}

/**
 * uksm_dedup_batch() - merge the pages at some addresses with equal ones
 * @join: scratch memory
 * @slot: address space, entered
 * @vma: the mergeable VMA that holds the addresses
 * @start: first address; the others are of the same tile
 * @wanted: bitmap of %UKSM_BATCH_PAGES, by page from @start on: those whose record
 *	is %UKSM_VOLATILE, with the page's checksum
 *
 * Afterwards a record is %UKSM_MERGED or %UKSM_ZERO; or %UKSM_UNSHARED, if there is
 * no equal page, or none that can be used; or still %UKSM_VOLATILE, if the page could
 * not be merged just now and is to be tried again.
 *
 * Context: the caller holds uksm_mutex and the mmap_lock, no reference on the
 * pages (a huge page that is referenced cannot be split), no folio lock. Sleeps, but
 * does not give up the CPU on its own while others wait for the mmap_lock.
 * Return: how many pages from @start on it has got through: all, or less if somebody
 * waits for the mmap_lock, but %UKSM_DEDUP_AT_ONCE of @wanted at least.
 */
unsigned int uksm_dedup_batch(struct uksm_join *join, struct uksm_mm_slot *slot,
			      struct vm_area_struct *vma, unsigned long start,
			      const unsigned long *wanted)
{
	struct uksm_tracked *row = uksm_tracked_row(slot, start);
	unsigned int i, nr = 0, done = UKSM_BATCH_PAGES;
	struct page *pages[UKSM_BATCH_PAGES];
	struct site site;

	lockdep_assert_held(&uksm_mutex);

	uksm_pages_get(vma, start, wanted, pages);
	uksm_join_begin(join, slot, vma);
	for_each_set_bit(i, wanted, UKSM_BATCH_PAGES) {
		if (done < UKSM_BATCH_PAGES) {
			if (pages[i])
				put_page(pages[i]);
			continue;
		}
		site = (struct site){
			.slot = slot,
			.vma = vma,
			.addr = start + i * PAGE_SIZE,
			.t = &row[i],
			.page = pages[i],
		};
		if (!site.page)
			site.page = uksm_page_get(vma, site.addr);
		if (!site.page)
			continue;
		/* A search for an earlier page may have merged this one. */
		if (uksm_tracked_state(site.t) == UKSM_VOLATILE)
			dedup_site(join, &site);
		else
			put_page(site.page);
		if (uksm_join_full(join))
			uksm_join_end(join);
		if (++nr % UKSM_DEDUP_AT_ONCE == 0 && uksm_mm_slot_awaited(slot))
			done = i + 1;
	}
	uksm_join_end(join);
	return done;
}
