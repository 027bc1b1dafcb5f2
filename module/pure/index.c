// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys found by checksum, in red-black trees split over many roots.
 *
 * The high bits of a checksum name the root, the whole of it the place in that
 * root's tree.  A tree of n keys thus is log2(roots) levels less deep, and what
 * a lookup touches first is one array element.
 *
 * Neither order nor place ever depends on anything but recorded checksums, and
 * second keys that are as constant, so the trees stay in order while the pages
 * they speak of change.
 */
#include "index.h"

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/slab.h>

/* 2^4 keys a root. */
#define ROOT_KEYS_ORDER	4

static struct uksm_key *key_of(const struct rb_node *rb)
{
	return rb ? rb_entry(rb, struct uksm_key, rb) : NULL;
}

/* In 64 bits: with a single root, all 32 are shifted out. */
static unsigned int root_nr(const struct uksm_index *index, u32 checksum)
{
	return (u64)checksum >> index->shift;
}

static struct rb_root *root_of(const struct uksm_index *index, u32 checksum)
{
	return &index->roots[root_nr(index, checksum)];
}

static u64 tie_of(const struct uksm_index *index, const struct uksm_key *key)
{
	return index->tie ? index->tie(key) : 0;
}

/* Is the place of a checksum and second key before that of a key? */
static bool is_before(const struct uksm_index *index, u32 checksum, u64 tie,
		      const struct uksm_key *key)
{
	if (checksum != key->checksum)
		return checksum < key->checksum;
	return tie < tie_of(index, key);
}

/* The first key of the first root from @nr on that has any. */
static struct uksm_key *first_from(const struct uksm_index *index,
				   unsigned int nr)
{
	for (; nr < index->nr_roots; nr++) {
		if (!RB_EMPTY_ROOT(&index->roots[nr]))
			return key_of(rb_first(&index->roots[nr]));
	}
	return NULL;
}

/**
 * uksm_index_order() - the order for an index that may hold all pages of memory
 * @pages: how many there are
 *
 * Return: for uksm_index_init(): when all of them are tracked a root has some sixteen
 * keys, up to 1 TiB.  The roots then take half a byte a page.
 */
unsigned int uksm_index_order(unsigned long pages)
{
	/* To the nearest one: what memory remains is a bit less than a power of two. */
	int order = ilog2(max(pages + pages / 2, 1ul)) - ROOT_KEYS_ORDER;

	return clamp(order, 0, (int)UKSM_INDEX_ORDER_MAX);
}

/**
 * uksm_index_init() - make an empty index
 * @index: what to initialise
 * @order: it gets 2^order roots; at most UKSM_INDEX_ORDER_MAX
 * @tie: gives the second key by which those of one checksum are ordered; NULL: none
 *	 has one
 *
 * Context: may sleep.
 * Return: 0, -EINVAL when @order is too large, -ENOMEM.  On failure @index
 * may be passed to uksm_index_destroy() and to nothing else.
 */
int uksm_index_init(struct uksm_index *index, unsigned int order, uksm_tie_fn *tie)
{
	*index = (struct uksm_index){};
	if (order > UKSM_INDEX_ORDER_MAX)
		return -EINVAL;

	/* Zeroes are empty roots. */
	index->roots = kvcalloc(1u << order, sizeof(*index->roots),
				GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!index->roots)
		return -ENOMEM;
	index->nr_roots = 1u << order;
	index->shift = 32 - order;
	index->tie = tie;
	return 0;
}

/**
 * uksm_index_destroy() - free what uksm_index_init() allocated
 * @index: an empty index; or a zeroed one, and then nothing happens
 *
 * The keys are the caller's.  Some still being there means that it has lost
 * count of them.
 *
 * Context: may sleep.
 */
void uksm_index_destroy(struct uksm_index *index)
{
	WARN_ONCE(index->nr_keys, "uksm: index destroyed with %lu keys in it\n",
		  index->nr_keys);
	kvfree(index->roots);
	*index = (struct uksm_index){};
}

/**
 * uksm_index_first() - the first key of a checksum
 * @index: where to look
 * @checksum: what to look for
 *
 * Return: of all keys with @checksum the one of the least second key, and of several
 * the one added first; or NULL.  The others follow by uksm_index_next_equal().
 */
struct uksm_key *uksm_index_first(const struct uksm_index *index, u32 checksum)
{
	struct rb_node *rb = root_of(index, checksum)->rb_node;
	struct uksm_key *key, *found = NULL;

	while (rb) {
		key = key_of(rb);
		if (key->checksum < checksum) {
			rb = rb->rb_right;
		} else {
			/* An equal one may have equals to its left. */
			if (key->checksum == checksum)
				found = key;
			rb = rb->rb_left;
		}
	}
	return found;
}

/**
 * uksm_index_next_equal() - the next key of the same checksum
 * @key: a key that is in an index
 *
 * Return: the key with @key's checksum that stands behind it, whatever its second
 * key; or NULL.
 */
struct uksm_key *uksm_index_next_equal(const struct uksm_key *key)
{
	struct uksm_key *next = key_of(rb_next(&key->rb));

	return next && next->checksum == key->checksum ? next : NULL;
}

/**
 * uksm_index_find() - the first key of a checksum and a second key
 * @index: where to look
 * @checksum: what to look for
 * @tie: the second key; 0 in an index without
 *
 * However many keys have the checksum, it is one way down a tree.
 *
 * Return: of all keys with both the one added first, or NULL.  The others follow by
 * uksm_index_next_same().
 */
struct uksm_key *uksm_index_find(const struct uksm_index *index, u32 checksum, u64 tie)
{
	struct rb_node *rb = root_of(index, checksum)->rb_node;
	struct uksm_key *key, *found = NULL;

	while (rb) {
		key = key_of(rb);
		if (key->checksum < checksum ||
		    (key->checksum == checksum && tie_of(index, key) < tie)) {
			rb = rb->rb_right;
		} else {
			found = key;
			rb = rb->rb_left;
		}
	}
	return found && !is_before(index, checksum, tie, found) ? found : NULL;
}

/**
 * uksm_index_next_same() - the next key of the same checksum and second key
 * @index: the index
 * @key: a key in it
 *
 * Return: the one that was added next after @key, or NULL.
 */
struct uksm_key *uksm_index_next_same(const struct uksm_index *index,
				      const struct uksm_key *key)
{
	struct uksm_key *next = uksm_index_next_equal(key);

	return next && tie_of(index, next) == tie_of(index, key) ? next : NULL;
}

/**
 * uksm_index_add() - add a key, behind those of the same checksum and second key
 * @index: where to
 * @key: in no index, with all set that its place depends on
 */
void uksm_index_add(struct uksm_index *index, struct uksm_key *key)
{
	struct rb_root *root = root_of(index, key->checksum);
	struct rb_node **link = &root->rb_node, *parent = NULL;
	u64 tie = tie_of(index, key);

	while (*link) {
		parent = *link;
		if (is_before(index, key->checksum, tie, key_of(parent)))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&key->rb, parent, link);
	rb_insert_color(&key->rb, root);
	index->nr_keys++;
}

/**
 * uksm_index_del() - take a key out
 * @index: the index that it is in
 * @key: the key; the caller may free it or add it again
 */
void uksm_index_del(struct uksm_index *index, struct uksm_key *key)
{
	rb_erase(&key->rb, root_of(index, key->checksum));
	index->nr_keys--;
}

/**
 * uksm_index_replace() - put a key in the place of another one
 * @index: the index that @old is in
 * @old: goes; the caller may free it or add it again
 * @new: in no index, with @old's checksum and second key; takes its place among
 *	 equals
 */
void uksm_index_replace(struct uksm_index *index, struct uksm_key *old,
			struct uksm_key *new)
{
	if (WARN_ONCE(old->checksum != new->checksum || tie_of(index, old) != tie_of(index, new),
		      "uksm: key replaced by one of another place\n")) {
		uksm_index_del(index, old);
		uksm_index_add(index, new);
		return;
	}
	rb_replace_node(&old->rb, &new->rb, root_of(index, old->checksum));
}

/**
 * uksm_index_begin() - the first key of all
 * @index: the index
 *
 * Costs up to one read per root: for going through everything, not for lookups.
 *
 * Return: the key with the lowest checksum, or NULL.
 */
struct uksm_key *uksm_index_begin(const struct uksm_index *index)
{
	return first_from(index, 0);
}

/**
 * uksm_index_after() - the next key of all
 * @index: the index
 * @key: a key in it
 *
 * To delete keys on the way: pick the next one before the current one goes, as
 * uksm_index_for_each_safe() does.
 *
 * Return: the key behind @key, whatever its checksum, or NULL.
 */
struct uksm_key *uksm_index_after(const struct uksm_index *index,
				  const struct uksm_key *key)
{
	struct rb_node *next = rb_next(&key->rb);

	if (next)
		return key_of(next);
	return first_from(index, root_nr(index, key->checksum) + 1);
}
