// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of module/pure/index.c, included below: they look into its roots. */
#include "../../module/pure/index.c"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#define ORDER_MAX_TESTED 10u

/* How random checksums are drawn: few values (many ties), all, the edges. */
enum draw { FEW, ALL, EDGES, NR_DRAWS };

/* struct owner - as in the stable tree, where the second key is beside the first */
struct owner {
	struct uksm_key key;
	u64 tie;
};

/* Whether second keys count; few values, of which some differ in the high bits only. */
static bool tied;

#define NR_TIES 5

static u64 tie_number(unsigned int n)
{
	return n < 2 ? n : (u64)n << 40;
}

static u64 owner_tie(const struct uksm_key *key)
{
	return container_of(key, struct owner, key)->tie;
}

static uksm_tie_fn *tie_fn(void)
{
	return tied ? owner_tie : NULL;
}

static u64 model_tie(const struct uksm_key *key)
{
	return tied ? owner_tie(key) : 0;
}

/* struct model - what the index should hold: the same keys, sorted */
struct model {
	struct uksm_key **keys;
	size_t nr, room;
};

static u32 draw_checksum(enum draw draw)
{
	u32 r = random_u64();

	switch (draw) {
	case FEW:
		return (r & 7) * 0x24924924u;
	case ALL:
		return r;
	default:
		/* About both ends, and about the border of two roots. */
		return (r & 3) * 0x40000000u + (u32)random_below(5) - 2u;
	}
}

static struct uksm_key *new_key(u32 checksum)
{
	struct owner *owner = malloc(sizeof(*owner));

	if (!owner)
		abort();
	/* As an owner's memory would be: nothing may rest on zeroes. */
	memset(owner, 0xa5, sizeof(*owner));
	owner->key.checksum = checksum;
	owner->tie = tie_number(random_below(NR_TIES));
	return &owner->key;
}

/* One that may take the place of @old. */
static struct uksm_key *new_twin(const struct uksm_key *old)
{
	struct uksm_key *key = new_key(old->checksum);

	container_of(key, struct owner, key)->tie = owner_tie(old);
	return key;
}

static void free_key(struct uksm_key *key)
{
	free(container_of(key, struct owner, key));
}

/* The first position of what is not before the two, or with @behind is after them. */
static size_t model_find(const struct model *model, u32 checksum, u64 tie, bool behind)
{
	size_t low = 0, high = model->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct uksm_key *key = model->keys[middle];
		u64 other = model_tie(key);
		bool same = key->checksum == checksum;

		if (key->checksum < checksum || (same && other < tie) ||
		    (behind && same && other == tie))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void model_insert(struct model *model, size_t at, struct uksm_key *key)
{
	if (model->nr == model->room) {
		model->room = model->room ? 2 * model->room : 64;
		model->keys = realloc(model->keys,
				      model->room * sizeof(*model->keys));
		if (!model->keys)
			abort();
	}
	memmove(&model->keys[at + 1], &model->keys[at],
		(model->nr - at) * sizeof(*model->keys));
	model->keys[at] = key;
	model->nr++;
}

static void model_remove(struct model *model, size_t at)
{
	model->nr--;
	memmove(&model->keys[at], &model->keys[at + 1],
		(model->nr - at) * sizeof(*model->keys));
}

static void add_both(struct uksm_index *index, struct model *model,
		     struct uksm_key *key)
{
	uksm_index_add(index, key);
	model_insert(model, model_find(model, key->checksum, model_tie(key), true), key);
}

static void add_random(struct uksm_index *index, struct model *model,
		       enum draw draw, unsigned int count)
{
	while (count--)
		add_both(index, model, new_key(draw_checksum(draw)));
}

static void destroy_both(struct uksm_index *index, struct model *model)
{
	size_t i;

	for (i = 0; i < model->nr; i++) {
		uksm_index_del(index, model->keys[i]);
		free_key(model->keys[i]);
	}
	expect(uksm_index_empty(index), "not empty after all are deleted");
	expect(!uksm_index_begin(index), "a key left after all are deleted");
	uksm_index_destroy(index);
	free(model->keys);
	*model = (struct model){};
}

static bool node_is_red(const struct rb_node *node)
{
	return node && !(node->__rb_parent_color & 1);
}

/*
 * Look at one tree: parents, no red below red, as many black nodes on each way
 * down, checksums of this root only.  Returns the black height, -1 on trouble.
 */
static int check_tree(const struct uksm_index *index, unsigned int nr,
		      const struct rb_node *node, const struct rb_node *parent,
		      unsigned int depth, unsigned int *deepest, size_t *count)
{
	int left, right;

	if (!node)
		return 0;
	if (depth > 100) {
		expect(false, "root %u: deeper than 100", nr);
		return -1;
	}
	*deepest = depth > *deepest ? depth : *deepest;
	++*count;
	expect(rb_parent(node) == parent, "root %u: wrong parent", nr);
	expect(!node_is_red(node) || !node_is_red(parent),
	       "root %u: red below red", nr);
	expect(root_nr(index, key_of(node)->checksum) == nr,
	       "checksum %#x in root %u", key_of(node)->checksum, nr);

	left = check_tree(index, nr, node->rb_left, node, depth + 1, deepest,
			  count);
	right = check_tree(index, nr, node->rb_right, node, depth + 1, deepest,
			   count);
	if (left < 0 || right < 0)
		return -1;
	expect(left == right, "root %u: black heights %d and %d", nr, left,
	       right);
	return left + !node_is_red(node);
}

static unsigned int log2_floor(size_t n)
{
	unsigned int result = 0;

	while (n >>= 1)
		result++;
	return result;
}

static void check_trees(const struct uksm_index *index)
{
	size_t total = 0;
	unsigned int nr;

	for (nr = 0; nr < index->nr_roots; nr++) {
		const struct rb_node *top = index->roots[nr].rb_node;
		unsigned int deepest = 0;
		size_t count = 0;

		if (!top)
			continue;
		expect(!node_is_red(top), "root %u is red", nr);
		check_tree(index, nr, top, NULL, 1, &deepest, &count);
		/* 2 log2(n + 1), the bound of red-black trees */
		expect(deepest <= 2 * (log2_floor(count + 1) + 1),
		       "root %u: %zu keys, depth %u", nr, count, deepest);
		total += count;
	}
	expect(total == index->nr_keys, "%zu keys in trees, %lu counted",
	       total, index->nr_keys);
}

static void check_lookup(const struct uksm_index *index,
			 const struct model *model, u32 checksum)
{
	size_t at = model_find(model, checksum, 0, false);
	struct uksm_key *key = uksm_index_first(index, checksum);

	for (; at < model->nr && model->keys[at]->checksum == checksum; at++) {
		expect(key == model->keys[at], "%#x: wrong key among equals",
		       checksum);
		if (!key)
			return;
		key = uksm_index_next_equal(key);
	}
	expect(!key, "%#x: one key too many", checksum);
}

static void check_find(const struct uksm_index *index, const struct model *model, u32 checksum,
		       u64 tie)
{
	size_t at = model_find(model, checksum, tie, false);
	size_t end = model_find(model, checksum, tie, true);
	struct uksm_key *key = uksm_index_find(index, checksum, tie);

	for (; at < end; at++) {
		expect(key == model->keys[at], "%#x: wrong key of second key %#llx", checksum,
		       (unsigned long long)tie);
		if (!key)
			return;
		key = uksm_index_next_same(index, key);
	}
	expect(!key, "%#x: one too many of second key %#llx", checksum, (unsigned long long)tie);
}

/* Second keys that there are, and those about them. */
static void check_finds(const struct uksm_index *index, const struct model *model, u32 checksum)
{
	unsigned int n;

	for (n = 0; n < NR_TIES; n++) {
		check_find(index, model, checksum, tie_number(n));
		check_find(index, model, checksum, tie_number(n) - 1);
		check_find(index, model, checksum, tie_number(n) + 1);
	}
}

static void check_order(const struct uksm_index *index,
			const struct model *model)
{
	struct uksm_key *key = uksm_index_begin(index);
	size_t i;

	for (i = 0; i < model->nr; i++) {
		expect(key == model->keys[i], "key %zu of %zu is another", i,
		       model->nr);
		if (!key)
			return;
		key = uksm_index_after(index, key);
	}
	expect(!key, "more keys than the %zu added", model->nr);
	expect(uksm_index_empty(index) == !model->nr, "empty() with %zu keys",
	       model->nr);
}

static void check_all(const struct uksm_index *index, const struct model *model,
		      enum draw draw)
{
	unsigned int i;

	check_trees(index);
	check_order(index, model);
	for (i = 0; i < 20; i++)
		check_lookup(index, model, draw_checksum(draw));
	check_lookup(index, model, 0);
	check_lookup(index, model, ~0u);
	if (model->nr)
		check_lookup(index, model,
			     model->keys[random_below(model->nr)]->checksum);
	check_finds(index, model, draw_checksum(draw));
	check_finds(index, model, ~0u);
	if (model->nr)
		check_finds(index, model, model->keys[random_below(model->nr)]->checksum);
}

static void random_step(struct uksm_index *index, struct model *model,
			enum draw draw, unsigned int add_percent)
{
	struct uksm_key *key, *new;
	size_t at;

	if (!model->nr || random_below(100) < add_percent) {
		add_random(index, model, draw, 1);
		return;
	}
	at = random_below(model->nr);
	key = model->keys[at];
	if (random_below(3)) {
		uksm_index_del(index, key);
		model_remove(model, at);
		/* Some come back, behind their equals. */
		if (!random_below(4)) {
			add_both(index, model, key);
			return;
		}
	} else {
		new = new_twin(key);
		uksm_index_replace(index, key, new);
		model->keys[at] = new;
	}
	/* Whoever still looks at it meets the sanitizer. */
	free_key(key);
}

static void random_changes_match(void)
{
	/* Growing, then about the same size, then shrinking. */
	static const unsigned int add_percents[] = { 70, 50, 20 };
	static const unsigned int orders[] = { 0, 1, 3, ORDER_MAX_TESTED };
	unsigned int o, draw, phase, step;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		for (draw = 0; draw < NR_DRAWS; draw++) {
			struct uksm_index index;
			struct model model = {};

			expect(!uksm_index_init(&index, orders[o], tie_fn()), "init");
			for (phase = 0; phase < 3; phase++) {
				for (step = 0; step < 1000; step++) {
					random_step(&index, &model, draw,
						    add_percents[phase]);
					if (step % 16 == 0)
						check_all(&index, &model, draw);
					if (check_has_failed())
						return;
				}
			}
			check_all(&index, &model, draw);
			destroy_both(&index, &model);
		}
	}
}

static void random_changes_match_a_sorted_array(void)
{
	random_changes_match();
}

static void so_they_do_with_a_second_key(void)
{
	tied = true;
	random_changes_match();
	tied = false;
}

/* Small trees, each after every single step: erase's cases come up here. */
static void every_step_keeps_the_trees_valid(void)
{
	unsigned int round, step;

	for (round = 0; round < 100; round++) {
		struct uksm_index index;
		struct model model = {};

		uksm_index_init(&index, 0, tie_fn());
		for (step = 0; step < 60; step++) {
			random_step(&index, &model, ALL, 50);
			check_all(&index, &model, ALL);
			if (check_has_failed())
				return;
		}
		destroy_both(&index, &model);
	}
}

static void sorted_input_stays_shallow(void)
{
	struct uksm_index index;
	struct model model = {};
	unsigned int i;

	uksm_index_init(&index, 4, tie_fn());
	for (i = 0; i < 20000; i++)
		add_both(&index, &model, new_key(i));
	check_trees(&index);
	check_order(&index, &model);
	destroy_both(&index, &model);
}

/* What splitting is for: 2^order roots take `order` levels off the depth. */
static void many_roots_make_shallow_trees(void)
{
	enum { KEYS = 50000, ORDER = 10 };
	struct uksm_index index;
	struct model model = {};
	unsigned int nr, deepest = 0, fullest = 0;

	uksm_index_init(&index, ORDER, tie_fn());
	while (index.nr_keys < KEYS) {
		struct uksm_key *key = new_key(random_u64());

		uksm_index_add(&index, key);
	}
	check_trees(&index);
	for (nr = 0; nr < index.nr_roots; nr++) {
		unsigned int depth = 0;
		size_t count = 0;

		check_tree(&index, nr, index.roots[nr].rb_node, NULL, 1,
			   &depth, &count);
		deepest = depth > deepest ? depth : deepest;
		fullest = count > fullest ? count : fullest;
	}
	/* 49 keys a root expected, deviation 7: 100 is 7 sigma away. */
	expect(fullest < 100, "%u keys in one root", fullest);
	expect(deepest <= 13, "depth %u", deepest);

	for (nr = 0; nr < index.nr_roots; nr++) {
		while (!RB_EMPTY_ROOT(&index.roots[nr])) {
			struct uksm_key *key = key_of(index.roots[nr].rb_node);

			uksm_index_del(&index, key);
			free_key(key);
		}
	}
	destroy_both(&index, &model);
}

static void equals_keep_the_order_of_adding(void)
{
	struct uksm_index index;
	struct uksm_key *key;
	struct model model = {};
	unsigned int i;

	uksm_index_init(&index, 2, tie_fn());
	for (i = 0; i < 300; i++) {
		key = new_key(i % 3 ? 77 : 78);
		key->flags = i;
		add_both(&index, &model, key);
	}
	key = uksm_index_first(&index, 77);
	for (i = 0; i < 300; i++) {
		if (i % 3 == 0)
			continue;
		expect(key && key->flags == i, "not the key added as no. %u", i);
		if (!key)
			return;
		key = uksm_index_next_equal(key);
	}
	expect(!key, "equals run on into another checksum");
	expect(!uksm_index_first(&index, 76), "76 found");
	expect(!uksm_index_first(&index, 79), "79 found");
	destroy_both(&index, &model);
}

/* The owner's words, and the other keys' places, are nobody else's business. */
static void replace_takes_the_place(void)
{
	struct uksm_key *old, *new;
	struct uksm_index index;
	struct model model = {};
	size_t at;

	uksm_index_init(&index, 1, tie_fn());
	add_random(&index, &model, FEW, 500);
	for (at = 0; at < model.nr; at++) {
		old = model.keys[at];
		new = new_twin(old);
		new->state = 0x12;
		new->hold = 0x34;
		new->flags = 0x5678;
		uksm_index_replace(&index, old, new);
		model.keys[at] = new;
		memset(old, 0xff, sizeof(struct owner));
		free_key(old);
		expect(new->state == 0x12 && new->hold == 0x34 && new->flags == 0x5678,
		       "the owner's words were written");
	}
	check_all(&index, &model, FEW);
	destroy_both(&index, &model);
}

static void replace_by_another_checksum_warns_and_recovers(void)
{
	struct uksm_key *old, *new;
	struct uksm_index index;
	struct model model = {};
	size_t at;

	uksm_index_init(&index, 3, tie_fn());
	add_random(&index, &model, ALL, 100);
	at = random_below(model.nr);
	old = model.keys[at];
	new = new_key(~old->checksum);
	uksm_index_replace(&index, old, new);
	expect(warnings == 1, "%u warnings", warnings);
	warnings = 0;
	model_remove(&model, at);
	model_insert(&model, model_find(&model, new->checksum, model_tie(new), true), new);
	free_key(old);
	check_all(&index, &model, ALL);
	destroy_both(&index, &model);
}

static void replace_by_another_second_key_warns_and_recovers(void)
{
	struct uksm_key *old, *new;
	struct uksm_index index;
	struct model model = {};
	size_t at;

	tied = true;
	uksm_index_init(&index, 3, tie_fn());
	add_random(&index, &model, FEW, 100);
	at = random_below(model.nr);
	old = model.keys[at];
	new = new_twin(old);
	container_of(new, struct owner, key)->tie ^= 1ull << 63;
	uksm_index_replace(&index, old, new);
	expect(warnings == 1, "%u warnings", warnings);
	warnings = 0;
	model_remove(&model, at);
	model_insert(&model, model_find(&model, new->checksum, model_tie(new), true), new);
	free_key(old);
	check_all(&index, &model, FEW);
	destroy_both(&index, &model);
	tied = false;
}

static unsigned long nr_ties_asked;

static u64 counted_tie(const struct uksm_key *key)
{
	nr_ties_asked++;
	return owner_tie(key);
}

/* What second keys are for: many keys of one checksum are no long list. */
static void one_of_many_equals_is_found_at_once(void)
{
	enum { KEYS = 20000, ROUNDS = 1000 };
	struct uksm_index index;
	struct uksm_key **keys = calloc(KEYS, sizeof(*keys));
	unsigned int i;

	if (!keys)
		abort();
	uksm_index_init(&index, 10, counted_tie);
	for (i = 0; i < KEYS; i++) {
		keys[i] = new_key(77);
		container_of(keys[i], struct owner, key)->tie = i * 0x9e3779b97f4a7c15ull;
		uksm_index_add(&index, keys[i]);
	}
	nr_ties_asked = 0;
	for (i = 0; i < ROUNDS; i++) {
		struct uksm_key *key = keys[random_below(KEYS)];

		expect(uksm_index_find(&index, 77, owner_tie(key)) == key, "another found");
		expect(!uksm_index_next_same(&index, key), "a second one");
		expect(!uksm_index_find(&index, 77, owner_tie(key) + 1), "one that is not there");
		expect(!uksm_index_find(&index, 78, owner_tie(key)), "one of another checksum");
	}
	/* 2 log2(KEYS + 1) is the deepest; two lookups, and two ties more for each. */
	expect(nr_ties_asked <= ROUNDS * 2 * (2 * 15 + 2), "%lu looked at", nr_ties_asked);
	for (i = 0; i < KEYS; i++) {
		uksm_index_del(&index, keys[i]);
		free_key(keys[i]);
	}
	uksm_index_destroy(&index);
	free(keys);
}

static void roots_are_as_many_as_memory_needs(void)
{
	static const struct {
		unsigned long pages;
		unsigned int order;
	} cases[] = {
		{ 0, 0 }, { 1, 0 }, { 40, 1 }, { 1 << 14, 10 }, { 3 << 14, 12 }, { 1 << 20, 16 },
		{ 1 << 24, 20 }, { 0xf00000, 20 }, { 1 << 28, 24 }, { 1ul << 32, 24 },
		{ ~0ul, 24 },
	};
	unsigned long pages;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		expect(uksm_index_order(cases[i].pages) == cases[i].order, "%lu pages: order %u",
		       cases[i].pages, uksm_index_order(cases[i].pages));
	for (pages = 1 << 14; pages <= 1ul << 28; pages += 1 + pages / 7) {
		unsigned long keys = pages >> uksm_index_order(pages);

		expect(keys >= 10 && keys <= 22, "%lu pages: %lu keys a root", pages, keys);
	}
}

static void keys_may_go_while_iterating(void)
{
	struct uksm_key *key, *next, *new;
	struct uksm_index index;
	unsigned int draw, i, met;
	size_t left;

	for (draw = 0; draw < NR_DRAWS; draw++) {
		uksm_index_init(&index, 5, tie_fn());
		for (i = 0; i < 1000; i++)
			uksm_index_add(&index, new_key(draw_checksum(draw)));

		/* Delete some, replace some, all met once. */
		met = 0;
		left = 1000;
		uksm_index_for_each_safe(&index, key, next) {
			met++;
			if (random_below(2)) {
				uksm_index_del(&index, key);
				left--;
				free_key(key);
			} else if (random_below(2)) {
				new = new_twin(key);
				uksm_index_replace(&index, key, new);
				free_key(key);
			}
		}
		expect(met == 1000, "met %u of 1000", met);
		expect(index.nr_keys == left, "%lu left, not %zu",
		       index.nr_keys, left);
		check_trees(&index);

		met = 0;
		uksm_index_for_each_safe(&index, key, next) {
			met++;
			uksm_index_del(&index, key);
			free_key(key);
		}
		expect(met == left, "met %u of %zu", met, left);
		expect(uksm_index_empty(&index), "not empty");
		uksm_index_destroy(&index);
	}
}

static void empty_index_has_nothing(void)
{
	struct uksm_key *key, *next;
	struct uksm_index index;
	unsigned int order, i;

	for (order = 0; order <= ORDER_MAX_TESTED; order++) {
		expect(!uksm_index_init(&index, order, tie_fn()), "order %u", order);
		expect(index.nr_roots == 1u << order, "order %u: %u roots",
		       order, index.nr_roots);
		expect(uksm_index_empty(&index), "not empty");
		expect(!uksm_index_begin(&index), "something is first");
		for (i = 0; i < 100; i++)
			expect(!uksm_index_first(&index, draw_checksum(EDGES)),
			       "something is found");
		uksm_index_for_each_safe(&index, key, next)
			expect(false, "something is met");
		uksm_index_destroy(&index);
	}
}

static void roots_are_chosen_by_high_bits(void)
{
	unsigned int order, nr;
	struct uksm_index index;

	for (order = 1; order <= ORDER_MAX_TESTED; order++) {
		uksm_index_init(&index, order, tie_fn());
		for (nr = 0; nr < index.nr_roots; nr++) {
			u32 low = (u32)nr << (32 - order);
			u32 high = low + ((1u << (32 - order)) - 1);

			expect(root_nr(&index, low) == nr &&
			       root_nr(&index, high) == nr,
			       "order %u, root %u", order, nr);
		}
		uksm_index_destroy(&index);
	}
	uksm_index_init(&index, 0, tie_fn());
	expect(!root_nr(&index, 0) && !root_nr(&index, ~0u), "single root");
	uksm_index_destroy(&index);
}

static void init_refuses_what_it_cannot_do(void)
{
	struct uksm_index index;

	memset(&index, 0xff, sizeof(index));
	expect(uksm_index_init(&index, UKSM_INDEX_ORDER_MAX + 1, tie_fn()) == -EINVAL,
	       "too many roots");
	uksm_index_destroy(&index);

	memset(&index, 0xff, sizeof(index));
	fail_allocation = true;
	expect(uksm_index_init(&index, 4, tie_fn()) == -ENOMEM, "no memory");
	fail_allocation = false;
	uksm_index_destroy(&index);
	uksm_index_destroy(&index);

	expect(!uksm_index_init(&index, UKSM_INDEX_ORDER_MAX, tie_fn()),
	       "as many roots as allowed");
	uksm_index_destroy(&index);
}

static void destroying_a_full_index_warns(void)
{
	struct uksm_index index;
	struct uksm_key *key = new_key(1);

	uksm_index_init(&index, 0, tie_fn());
	uksm_index_add(&index, key);
	uksm_index_destroy(&index);
	expect(warnings == 1, "%u warnings", warnings);
	warnings = 0;
	free_key(key);
}

int main(void)
{
	check_start();
	run_test(random_changes_match_a_sorted_array);
	run_test(so_they_do_with_a_second_key);
	run_test(every_step_keeps_the_trees_valid);
	run_test(sorted_input_stays_shallow);
	run_test(many_roots_make_shallow_trees);
	run_test(equals_keep_the_order_of_adding);
	run_test(replace_takes_the_place);
	run_test(replace_by_another_checksum_warns_and_recovers);
	run_test(replace_by_another_second_key_warns_and_recovers);
	run_test(one_of_many_equals_is_found_at_once);
	run_test(roots_are_as_many_as_memory_needs);
	run_test(keys_may_go_while_iterating);
	run_test(empty_index_has_nothing);
	run_test(roots_are_chosen_by_high_bits);
	run_test(init_refuses_what_it_cannot_do);
	run_test(destroying_a_full_index_warns);
	return check_status();
}
