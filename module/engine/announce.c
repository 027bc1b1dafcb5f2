// SPDX-License-Identifier: GPL-2.0-only
#include "engine/announce.h"

#include <linux/lockdep.h>

#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/unstable.h"

/* So many checksums can wait for uksm_announce_step(), with so many records told at once. */
#define NEWS_MAX	64u
#define NEWS_AT_ONCE	64u
/* Among so many pages of a checksum those of one process are looked for. */
#define PRIVATE_MAX	256u

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

/**
 * uksm_announce_merged() - have the unshared pages of a checksum search again
 * @domain: among whose pages there is a merged one now
 * @nid: in which unstable tree they are
 * @checksum: theirs, and the merged page's
 *
 * Pages that wait for an equal one to come would never hear of one that is merged. Some do at
 * once, and if there are more than that the others by uksm_announce_step().
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_announce_merged(struct uksm_domain *domain, unsigned int nid, u32 checksum)
{
	unsigned int records = NEWS_AT_ONCE;

	lockdep_assert_held(&uksm_mutex);
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

/**
 * uksm_announce_private() - the same of a merged page that is its process's own still
 * @slot: address space of that process
 * @nid: in which unstable tree its pages are
 * @checksum: theirs, and the merged page's
 *
 * Other processes' pages hear nothing of it, as their counts would show. Those that are left
 * search when their time has come.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_announce_private(const struct uksm_mm_slot *slot, unsigned int nid, u32 checksum)
{
	struct uksm_tracked *t = uksm_unstable_first(slot->domain, nid, checksum), *next;
	unsigned int looked;

	lockdep_assert_held(&uksm_mutex);
	for (looked = 0; t && looked < PRIVATE_MAX; t = next, looked++) {
		next = uksm_unstable_next(t);
		if (uksm_tracked_slot(t) == slot)
			uksm_unstable_del(t);
	}
}

/**
 * uksm_announce_step() - tell more unshared pages of a merged one
 * @records: how many at most
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_announce_step(unsigned int records)
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
