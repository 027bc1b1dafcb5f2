// SPDX-License-Identifier: GPL-2.0-only
#include "engine/unstable.h"

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "engine/chunk.h"
#include "engine/domain.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/record.h"
#include "pure/index.h"

/*
 * The pages in these trees are not write-protected and may change at any time.
 * A tree stays in order all the same, for its key is the checksum recorded
 * when the page was put in. So, unlike ksmd's, it need not be built anew on
 * each full scan; a page is moved only when the scanner finds its checksum
 * changed.
 */

/* Which tree a page is in, or belongs into: that of its domain and node. */
static struct uksm_index *tracked_tree(const struct uksm_tracked *t)
{
	return &uksm_tracked_slot(t)->domain->unstable.tree[uksm_tracked_nid(t)];
}

static struct uksm_tracked *key_tracked(struct uksm_key *key)
{
	return key ? container_of(key, struct uksm_tracked, key) : NULL;
}

/**
 * uksm_unstable_add() - put a page into the tree, under its recorded checksum
 * @t: tracked page, %UKSM_VOLATILE; becomes %UKSM_UNSHARED
 * @nid: which tree: the page's NUMA node, or 0 when nodes are not kept apart
 */
void uksm_unstable_add(struct uksm_tracked *t, unsigned int nid)
{
	lockdep_assert_held(&uksm_mutex);

	t->key.flags &= BIT(UKSM_NID_SHIFT) - 1;
	t->key.flags |= nid << UKSM_NID_SHIFT;
	uksm_index_add(tracked_tree(t), &t->key);
	uksm_tracked_set_unshared(t);
}

/**
 * uksm_unstable_rotate() - let a page stand behind all others of its checksum
 * @t: tracked page, %UKSM_UNSHARED
 *
 * So that a search that has looked at as many as it may begins with others the next time.
 */
void uksm_unstable_rotate(struct uksm_tracked *t)
{
	struct uksm_index *tree = tracked_tree(t);

	lockdep_assert_held(&uksm_mutex);

	uksm_index_del(tree, &t->key);
	uksm_index_add(tree, &t->key);
}

/**
 * uksm_unstable_del() - take a page out of the tree
 * @t: tracked page, %UKSM_UNSHARED; becomes %UKSM_VOLATILE
 */
void uksm_unstable_del(struct uksm_tracked *t)
{
	lockdep_assert_held(&uksm_mutex);

	uksm_index_del(tracked_tree(t), &t->key);
	uksm_tracked_set_volatile(t);
}

/**
 * uksm_unstable_first() - the first page recorded with a checksum
 * @domain: among whose pages
 * @nid: which tree
 * @checksum: what uksm_checksum() gave for the page
 *
 * Return: a tracked page, or NULL. What the page holds now is another question.
 */
struct uksm_tracked *uksm_unstable_first(const struct uksm_domain *domain, unsigned int nid,
					 u32 checksum)
{
	lockdep_assert_held(&uksm_mutex);
	return key_tracked(uksm_index_first(&domain->unstable.tree[nid], checksum));
}

/**
 * uksm_unstable_next() - the next page recorded with the same checksum
 * @t: tracked page in the tree
 *
 * Return: a tracked page, or NULL after the last.
 */
struct uksm_tracked *uksm_unstable_next(struct uksm_tracked *t)
{
	return key_tracked(uksm_index_next_equal(&t->key));
}
