// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ksmd does with a page, without what it does to reach it: a hash of all of it, and a search
 * in a red-black tree that is ordered by memcmp() of whole pages.
 */
#include "core.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

/* Before the kernel's headers, whose macros it does not expect. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <linux/rbtree.h>

#define OPERATIONS (1UL << 18)
#define FIRST_ORDER 10

/**
 * struct item - as large as ksm's rmap_item
 * @rb: place in the tree
 * @page: its content
 * @rest: what else there is in one
 */
struct item {
	struct rb_node rb;
	const char *page;
	char rest[32];
};

static uint64_t xxh64(const void *page)
{
	return XXH64(page, CORE_PAGE_BYTES, 0);
}

/* The item of this content, and else where it would be linked in. */
static struct item *search(struct rb_root *root, const char *page, struct rb_node **parent,
			   struct rb_node ***link)
{
	struct item *item;
	int order;

	*parent = NULL;
	*link = &root->rb_node;
	while (**link) {
		item = rb_entry(**link, struct item, rb);
		order = memcmp(page, item->page, CORE_PAGE_BYTES);
		if (!order)
			return item;
		*parent = **link;
		*link = order < 0 ? &(*parent)->rb_left : &(*parent)->rb_right;
	}
	return NULL;
}

static void add_items(struct rb_root *root, struct item *items, const struct arena *arena,
		      size_t from, size_t to)
{
	double start = core_now();
	struct rb_node *parent, **link;
	size_t i;

	for (i = from; i < to; i++) {
		items[i].page = arena_page(arena, i);
		if (search(root, items[i].page, &parent, &link))
			errx(1, "two pages of the arena are equal");
		rb_link_node(&items[i].rb, parent, link);
		rb_insert_color(&items[i].rb, root);
	}
	core_print("ksmd", "tree-search-add", to, core_now() - start, to - from);
}

static void measure_searches(struct rb_root *root, const struct arena *arena, size_t nr)
{
	struct rb_node *parent, **link;
	double start = core_now();
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		core_use((uintptr_t)search(root, arena_page(arena, core_visit(i, nr)), &parent,
					   &link));
	core_print("ksmd", "tree-hit", nr, core_now() - start, OPERATIONS);
}

void measure_reference(const struct arena *arena)
{
	struct item *items = calloc(arena->nr, sizeof(*items));
	struct rb_root root = { NULL };
	size_t nr = 0, to;

	if (!items)
		err(1, "%zu items", arena->nr);
	core_hash("ksmd", "xxh64", arena, xxh64);
	for (to = 1UL << FIRST_ORDER; to <= arena->nr; to <<= 2) {
		add_items(&root, items, arena, nr, to);
		nr = to;
		measure_searches(&root, arena, nr);
	}
	free(items);
}
