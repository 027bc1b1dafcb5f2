/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_INDEX_H
#define UKSM_INDEX_H

#include <linux/build_bug.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/* 2^24 roots are 128 MiB: some sixteen keys a root at 1 TiB tracked. */
#define UKSM_INDEX_ORDER_MAX	24u

/**
 * struct uksm_key - what an object embeds to be found by its checksum
 * @rb: place in one root of a struct uksm_index; the index owns it
 * @checksum: the key; constant while the object is in an index
 * @state: the owner's, never read by the index
 * @hold: the owner's, never read by the index
 * @flags: the owner's, never read by the index
 *
 * There is one for every page tracked, so its size is a promise: the owner's
 * words are there because they fit, and nothing else does.
 */
struct uksm_key {
	struct rb_node rb;
	u32 checksum;
	u8 state;
	u8 hold;
	u16 flags;
};
static_assert(sizeof(struct uksm_key) == 32);

/**
 * typedef uksm_tie_fn - the second key of an object
 * @key: what the object embeds, with its checksum set
 *
 * Constant while the object is in an index.
 */
typedef u64 uksm_tie_fn(const struct uksm_key *key);

/**
 * struct uksm_index - keys in the order of their checksums
 * @roots: 2^order red-black trees; one holds the keys whose checksums agree in
 *	   their high bits, so the roots one after another are in order as well
 * @nr_keys: how many keys there are in all roots
 * @nr_roots: 2^order, or 0 before uksm_index_init() and after destroy
 * @shift: 32 - order: a checksum shifted right by it is the number of its root
 * @tie: gives the second key; NULL: that of all is 0
 *
 * Keys with one checksum stand in the order of their second keys, and those that
 * have both in common in the order in which they were added.  There is no lock
 * inside: the caller serialises all calls on one index, the lookups with the
 * changes too.
 */
struct uksm_index {
	struct rb_root *roots;
	unsigned long nr_keys;
	unsigned int nr_roots;
	unsigned int shift;
	uksm_tie_fn *tie;
};

unsigned int uksm_index_order(unsigned long pages);
int uksm_index_init(struct uksm_index *index, unsigned int order, uksm_tie_fn *tie);
void uksm_index_destroy(struct uksm_index *index);

struct uksm_key *uksm_index_first(const struct uksm_index *index, u32 checksum);
struct uksm_key *uksm_index_next_equal(const struct uksm_key *key);
struct uksm_key *uksm_index_find(const struct uksm_index *index, u32 checksum, u64 tie);
struct uksm_key *uksm_index_next_same(const struct uksm_index *index,
				      const struct uksm_key *key);

void uksm_index_add(struct uksm_index *index, struct uksm_key *key);
void uksm_index_del(struct uksm_index *index, struct uksm_key *key);
void uksm_index_replace(struct uksm_index *index, struct uksm_key *old,
			struct uksm_key *new);

struct uksm_key *uksm_index_begin(const struct uksm_index *index);
struct uksm_key *uksm_index_after(const struct uksm_index *index,
				  const struct uksm_key *key);

/**
 * uksm_index_empty() - does the index hold no key?
 * @index: the index
 */
static inline bool uksm_index_empty(const struct uksm_index *index)
{
	return !index->nr_keys;
}

/**
 * uksm_index_for_each_safe() - go through all keys, of which the current one
 *				may be deleted
 * @index: the index
 * @key: the current key
 * @next: scratch: the key to come
 *
 * The body may delete, replace or free @key, and may add keys (those that sort
 * behind @next will be met).  It must not delete or replace any other key:
 * @next has been picked already.  A body that must, or that drops the lock
 * around the index, starts again from uksm_index_begin().
 */
#define uksm_index_for_each_safe(index, key, next)                         \
	for ((key) = uksm_index_begin(index);                              \
	     (key) && ((next) = uksm_index_after((index), (key)), true);   \
	     (key) = (next))

#endif /* UKSM_INDEX_H */
