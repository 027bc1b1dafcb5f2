// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever writes a guess into a page and sees it merge with another process's page knows that
 * the guess was right, and by when it merges, when the other page came. So time is divided
 * into epochs, of a length that nobody knows in advance. Content waits for the end of the
 * epoch after the one in which it was first seen, and then merges with all that waits for the
 * same end.
 *
 * One end for all, and no delay of each page's own: of many pages with a delay each the first
 * to merge tells the shortest, and the mean of many tries tells the rest. Here all copies of a
 * guess, and all tries of an epoch, get one answer at one time, and it tells in which epoch a
 * page came, however often it is asked for.
 */
#include "engine/hold.h"

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/random.h>

#include "engine/domain.h"
#include "engine/lock.h"

/* An epoch takes so long: at least, and so much more at most. */
#define EPOCH_MSECS		30000u
#define EPOCH_MSECS_MORE	30000u

#define NR_TAGS			255u

/* Under uksm_mutex. */
static u8 epoch = 1;
static unsigned long epoch_end = INITIAL_JIFFIES;

/**
 * uksm_hold_advance() - let epochs end whose time has come
 *
 * Between two looks at pages, not while one is dealt with: of what must wait or not no two
 * answers differ then. Where nothing has been scanned for long, what was due is over as well.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_hold_advance(void)
{
	unsigned int ends;

	lockdep_assert_held(&uksm_mutex);
	if (time_before(jiffies, epoch_end))
		return;
	ends = time_before(jiffies, epoch_end + msecs_to_jiffies(EPOCH_MSECS + EPOCH_MSECS_MORE)) ?
		1 : 2;
	epoch = (epoch - 1 + ends) % NR_TAGS + 1;
	epoch_end = jiffies +
		    msecs_to_jiffies(EPOCH_MSECS + get_random_u32() % (EPOCH_MSECS_MORE + 1));
}

/*
 * How many epochs ago. After 255, some three hours, it begins anew: a page at rest that nobody has
 * looked at meanwhile may wait once more, and then merges a look later.
 */
static unsigned int tag_age(u8 tag)
{
	return (epoch + NR_TAGS - tag) % NR_TAGS;
}

/**
 * uksm_hold_begin() - the tag of content that is seen now for the first time
 * @domain: where
 *
 * Context: for this and the following, the caller holds uksm_mutex.
 */
u8 uksm_hold_begin(const struct uksm_domain *domain)
{
	lockdep_assert_held(&uksm_mutex);
	return uksm_domain_holds(domain) ? epoch : UKSM_HOLD_NONE;
}

/**
 * uksm_hold_on() - must content wait still?
 * @tag: from uksm_hold_begin()
 *
 * Return: false from the end of the epoch after its first on.
 */
bool uksm_hold_on(u8 tag)
{
	lockdep_assert_held(&uksm_mutex);
	return tag != UKSM_HOLD_NONE && tag_age(tag) < 2;
}

/**
 * uksm_hold_of_both() - the tag of a page that is made of two with equal content
 * @a: tag of the one
 * @b: tag of the other
 *
 * What the older one has waited for is known by both.
 */
u8 uksm_hold_of_both(u8 a, u8 b)
{
	if (!uksm_hold_on(a) || !uksm_hold_on(b))
		return UKSM_HOLD_NONE;
	return tag_age(a) > tag_age(b) ? a : b;
}

/*
 * The checksum under which a process's new merged pages stand in the stable tree, those that must
 * not be shared with others yet: so others do not find them. A process finds with new
 * content only these: whether there are others' must not make any difference to it, not
 * even to when its own pages merge.
 */
static u32 private_checksum(u64 serial, u32 checksum)
{
	return checksum ^ (hash_64(serial, 32) | 1);
}

/**
 * uksm_hold_checksum() - where in the stable tree a merged page is to stand, or to be searched
 * @serial: number of the process's address space, struct uksm_mm_slot
 * @checksum: of the page's content
 * @hold: its tag
 *
 * Return: its checksum, or another number while it is the process's own.
 */
u32 uksm_hold_checksum(u64 serial, u32 checksum, u8 hold)
{
	return uksm_hold_on(hold) ? private_checksum(serial, checksum) : checksum;
}
