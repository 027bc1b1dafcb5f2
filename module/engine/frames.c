// SPDX-License-Identifier: GPL-2.0-only
/*
 * A merged page that stays in the frame of one of its users lies where that one has wanted it:
 * in a row of memory that can be made to flip, for one. A page that is merely allocated is no
 * better: it is the one that was freed last on this CPU, by whom it was chosen for. So there is
 * a pool of frames for each NUMA node, and it is chance which of them is given out. What
 * somebody frees now may get into the pool; when it leaves, and for what content, nobody knows.
 *
 * Frames of the pool cannot be moved. They are taken from movable memory all the same: merged
 * pages can be, and there are many more of these. In ZONE_MOVABLE the kernel asks for frames to
 * be given back before it looks whether memory can go offline; elsewhere it looks first.
 */
#include "engine/frames.h"

#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-flags.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "engine/lock.h"
#include "engine/stats.h"

/* As large as this part of the node's memory, within bounds. */
#define POOL_SHARE	2048u
#define POOL_MIN	128u
#define POOL_MAX	4096u
/* So many frames at most are added when one is taken. */
#define FILL_AT_ONCE	64u

/*
 * Merging gives back two frames for each that it takes, so nobody is made to reclaim for it,
 * nor kswapd woken. From this node, as the trees may be kept apart by node.
 */
#define POOL_GFP	((GFP_HIGHUSER_MOVABLE & ~__GFP_RECLAIM) | __GFP_THISNODE | __GFP_NOWARN)

/**
 * struct pool - frames of one node
 * @size: how many there are when it is full
 * @nr: how many there are
 * @page: them, in no order
 */
struct pool {
	unsigned int size;
	unsigned int nr;
	struct page *page[];
};

/* By node; of those that have given out frames. Under uksm_mutex. */
static struct pool **pools;

static struct pool *pool_alloc(int nid)
{
	unsigned int size = clamp_t(unsigned long, node_present_pages(nid) / POOL_SHARE, POOL_MIN,
				    POOL_MAX);
	struct pool *pool;

	pool = kvzalloc(struct_size(pool, page, size), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (pool)
		pool->size = size;
	return pool;
}

static struct pool *pool_of(int nid)
{
	if (!pools)
		pools = kcalloc(nr_node_ids, sizeof(*pools), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!pools)
		return NULL;
	if (!pools[nid])
		pools[nid] = pool_alloc(nid);
	return pools[nid];
}

static void pool_add(struct pool *pool, struct page *page)
{
	pool->page[pool->nr++] = page;
	uksm_stats_add(meta_bytes, PAGE_SIZE);
}

static void pool_fill(struct pool *pool, int nid)
{
	unsigned int n;
	struct page *page;

	for (n = 0; n < FILL_AT_ONCE && pool->nr < pool->size; n++) {
		page = alloc_pages_node(nid, POOL_GFP, 0);
		if (!page)
			break;
		pool_add(pool, page);
	}
}

/* Move the last one to its place. */
static struct page *pool_remove(struct pool *pool, unsigned int i)
{
	struct page *page = pool->page[i];

	pool->page[i] = pool->page[--pool->nr];
	uksm_stats_sub(meta_bytes, PAGE_SIZE);
	return page;
}

/**
 * uksm_frames_take() - a frame that no process has chosen
 * @nid: of this NUMA node
 *
 * Not before the pool is half full, that is half of all frames that it will have: with few
 * it would be no choice.
 *
 * Context: the caller holds uksm_mutex, and no folio lock. Takes no memory from anybody.
 * Return: a folio with one reference, in use by nobody; NULL when there are not enough.
 */
struct folio *uksm_frames_take(int nid)
{
	struct pool *pool;
	struct page *page;

	lockdep_assert_held(&uksm_mutex);
	pool = pool_of(nid);
	if (!pool)
		return NULL;
	pool_fill(pool, nid);
	if (pool->nr <= pool->size / 2)
		return NULL;
	page = pool_remove(pool, get_random_u32() % pool->nr);
	/* The kernel has found it bad meanwhile, and does not give it to anybody once it is free. */
	if (PageHWPoison(page)) {
		__free_page(page);
		return NULL;
	}
	return page_folio(page);
}

/**
 * uksm_frames_put() - drop the reference on a frame
 * @folio: from uksm_frames_take()
 *
 * One that has not been needed goes back to the pool: freed, it would be the one that is given
 * out next, to whoever. One that has had content is charged for, and goes the kernel's way.
 *
 * Context: as uksm_frames_take().
 */
void uksm_frames_put(struct folio *folio)
{
	struct pool *pool;

	lockdep_assert_held(&uksm_mutex);
	pool = pools ? pools[folio_nid(folio)] : NULL;
	if (pool && pool->nr < pool->size && !folio_test_uptodate(folio))
		pool_add(pool, folio_page(folio, 0));
	else
		folio_put(folio);
}

/**
 * uksm_frames_drain() - give all frames back
 *
 * The next uksm_frames_take() begins to fill the pool anew.
 *
 * Context: the caller holds uksm_mutex.
 */
void uksm_frames_drain(void)
{
	unsigned int nid;

	lockdep_assert_held(&uksm_mutex);
	for (nid = 0; pools && nid < nr_node_ids; nid++) {
		while (pools[nid] && pools[nid]->nr)
			__free_page(pool_remove(pools[nid], pools[nid]->nr - 1));
		kvfree(pools[nid]);
	}
	kfree(pools);
	pools = NULL;
}
