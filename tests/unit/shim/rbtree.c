// SPDX-License-Identifier: GPL-2.0-only
/*
 * A red-black tree after the textbook: NULL leaves, which count as black, and
 * parent pointers.  Both sides of each symmetric case are one piece of code,
 * with the side as an argument.
 */
#include <linux/rbtree.h>

enum side { LEFT, RIGHT };

static struct rb_node **child(struct rb_node *node, enum side side)
{
	return side == LEFT ? &node->rb_left : &node->rb_right;
}

static bool is_black(const struct rb_node *node)
{
	return !node || (node->__rb_parent_color & 1) == RB_BLACK;
}

static void set_color(struct rb_node *node, unsigned long color)
{
	node->__rb_parent_color = (unsigned long)rb_parent(node) | color;
}

static void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->__rb_parent_color = (unsigned long)parent | (node->__rb_parent_color & 1);
}

static enum side side_of(const struct rb_node *node,
			 const struct rb_node *parent)
{
	return parent->rb_left == node ? LEFT : RIGHT;
}

/* Put @new (or nothing) where @old hangs from @parent. */
static void change_child(struct rb_node *old, struct rb_node *new,
			 struct rb_node *parent, struct rb_root *root)
{
	if (!parent)
		root->rb_node = new;
	else
		*child(parent, side_of(old, parent)) = new;
	if (new)
		set_parent(new, parent);
}

/* @node goes down to @side, and its other child comes up. */
static void rotate(struct rb_node *node, enum side side, struct rb_root *root)
{
	struct rb_node *up = *child(node, !side);
	struct rb_node *middle = *child(up, side);

	change_child(node, up, rb_parent(node), root);
	*child(node, !side) = middle;
	if (middle)
		set_parent(middle, node);
	*child(up, side) = node;
	set_parent(node, up);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent, *grand, *uncle;
	enum side side;

	while ((parent = rb_parent(node)) && !is_black(parent)) {
		grand = rb_parent(parent);
		side = side_of(parent, grand);
		uncle = *child(grand, !side);
		if (!is_black(uncle)) {
			set_color(parent, RB_BLACK);
			set_color(uncle, RB_BLACK);
			set_color(grand, RB_RED);
			node = grand;
			continue;
		}
		if (side_of(node, parent) != side) {
			rotate(parent, side, root);
			parent = node;
		}
		set_color(parent, RB_BLACK);
		set_color(grand, RB_RED);
		rotate(grand, !side, root);
		break;
	}
	set_color(root->rb_node, RB_BLACK);
}

/* @node, or the empty place below @parent, is one black short. */
static void repair_erase(struct rb_node *node, struct rb_node *parent,
			 struct rb_root *root)
{
	struct rb_node *sibling, *near, *far;
	enum side side;

	while (parent && is_black(node)) {
		side = side_of(node, parent);
		sibling = *child(parent, !side);
		if (!is_black(sibling)) {
			set_color(sibling, RB_BLACK);
			set_color(parent, RB_RED);
			rotate(parent, side, root);
			sibling = *child(parent, !side);
		}
		near = *child(sibling, side);
		far = *child(sibling, !side);
		if (is_black(near) && is_black(far)) {
			set_color(sibling, RB_RED);
			node = parent;
			parent = rb_parent(node);
			continue;
		}
		if (is_black(far)) {
			set_color(near, RB_BLACK);
			set_color(sibling, RB_RED);
			rotate(sibling, !side, root);
			far = sibling;
			sibling = near;
		}
		set_color(sibling, parent->__rb_parent_color & 1);
		set_color(parent, RB_BLACK);
		set_color(far, RB_BLACK);
		rotate(parent, side, root);
		return;
	}
	if (node)
		set_color(node, RB_BLACK);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *next, *hole, *parent;
	bool lost_black;

	if (node->rb_left && node->rb_right) {
		/* The next one in order takes its place and color. */
		next = rb_next(node);
		hole = next->rb_right;
		parent = rb_parent(next);
		lost_black = is_black(next);
		if (parent == node)
			parent = next;
		else
			change_child(next, hole, parent, root);
		rb_replace_node(node, next, root);
		if (parent == next) {
			next->rb_right = hole;
			if (hole)
				set_parent(hole, next);
		}
	} else {
		hole = node->rb_left ? node->rb_left : node->rb_right;
		parent = rb_parent(node);
		lost_black = is_black(node);
		change_child(node, hole, parent, root);
	}
	if (lost_black)
		repair_erase(hole, parent, root);
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new,
		     struct rb_root *root)
{
	change_child(victim, new, rb_parent(victim), root);
	*new = *victim;
	if (new->rb_left)
		set_parent(new->rb_left, new);
	if (new->rb_right && new->rb_right != new)
		set_parent(new->rb_right, new);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *parent;

	if (node->rb_right) {
		node = node->rb_right;
		while (node->rb_left)
			node = node->rb_left;
		return (struct rb_node *)node;
	}
	while ((parent = rb_parent(node)) && node == parent->rb_right)
		node = parent;
	return parent;
}
