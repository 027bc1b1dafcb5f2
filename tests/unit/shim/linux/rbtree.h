/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of <linux/rbtree.h> that the module makes, on a plain red-black
 * tree (rbtree.c).  It stands in for the kernel's where no kernel source is;
 * where it is, tests/unit/run takes that one as well.
 */
#ifndef UKSM_SHIM_RBTREE_H
#define UKSM_SHIM_RBTREE_H

#include <linux/kernel.h>

struct rb_node {
	unsigned long __rb_parent_color; /* the address, and RB_BLACK in bit 0 */
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} __attribute__((aligned(sizeof(long))));

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_RED	 0ul
#define RB_BLACK 1ul

#define RB_EMPTY_ROOT(root)		(!(root)->rb_node)
#define rb_entry(pointer, type, member) container_of(pointer, type, member)

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->__rb_parent_color & ~3ul);
}

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->__rb_parent_color = (unsigned long)parent | RB_RED;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_replace_node(struct rb_node *victim, struct rb_node *new,
		     struct rb_root *root);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);

#endif /* UKSM_SHIM_RBTREE_H */
