// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that writes pairs of pages, all of which differ from each other in one line that is not
 * sampled, against one whose pairs have nothing in common: what a search costs. The searches are
 * those of dedup.c, peers.c and stable_search.c in module/engine, without what they do to reach a
 * page.
 */
#include "scale.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/kernel.h>

#include "../../../module/pure/checksum.h"
#include "../../../module/pure/index.h"
#include "core.h"

/* As in the engine. */
#define PEERS_MAX 16u
#define SAME_MAX 16u
#define REKEY_MAX 256u
#define SCANS_MAX 8u
/* Of measurements the best of so many. */
#define PASSES 5u

#define MOST_RATIO 3.0
/* On a busy machine others have the caches, which the family needs more of. */
#define MOST_RATIO_FULL 6.0

enum state { VOLATILE, UNSHARED, MERGED };
enum outcome { NONE, DIFFERS, ALIKE, FOUND };

/**
 * struct record - a page that is tracked
 * @key: in the unstable tree; state is enum state, flags: 1 if it collides
 * @page: its content
 */
struct record {
	struct uksm_key key;
	const char *page;
};

/**
 * struct node - a merged page
 * @key: in the stable tree
 * @whole: second key
 * @sample: the weak sample that it holds, or 0
 * @page: its content
 */
struct node {
	struct uksm_key key;
	uint64_t whole;
	uint32_t sample;
	const char *page;
};

/**
 * struct engine - all that is known
 * @stable: of merged pages
 * @unstable: of the others
 * @records: one for each page
 * @nr: how many
 * @nodes: memory for as many merged pages as there are pairs
 * @nr_nodes: in use
 * @pages: pairs: first the one page of each, then the other
 */
struct engine {
	struct uksm_index stable, unstable;
	struct record *records;
	size_t nr;
	struct node *nodes;
	size_t nr_nodes;
	char *pages;
};

static unsigned long nr_comparisons, nr_searches;

static uint64_t node_whole(const struct uksm_key *key)
{
	return container_of(key, struct node, key)->whole;
}

static bool identical(const char *a, const char *b)
{
	nr_comparisons++;
	return !memcmp(a, b, SCALE_PAGE_BYTES);
}

static enum outcome judge(const char *page, const char *other)
{
	if (identical(page, other))
		return FOUND;
	return uksm_checksum_samples_agree(page, other) ? ALIKE : DIFFERS;
}

static enum outcome search_stable(struct engine *engine, uint32_t checksum, const char *page)
{
	struct uksm_key *first = uksm_index_first(&engine->stable, checksum), *key;
	enum outcome out = DIFFERS;
	unsigned int i;

	if (!first)
		return NONE;
	if (!uksm_index_next_equal(first))
		return judge(page, container_of(first, struct node, key)->page);
	key = uksm_index_find(&engine->stable, checksum, uksm_checksum_whole(page));
	for (i = 0; key && i < SAME_MAX; i++) {
		out = judge(page, container_of(key, struct node, key)->page);
		if (out == FOUND)
			return out;
		key = uksm_index_next_same(&engine->stable, key);
	}
	return out == DIFFERS ? judge(page, container_of(first, struct node, key)->page) : out;
}

static void stable_add(struct engine *engine, uint32_t checksum, const char *page)
{
	struct node *node = &engine->nodes[engine->nr_nodes++];

	node->page = page;
	node->whole = uksm_checksum_whole(page);
	node->sample = uksm_checksum_weak_sample(page);
	node->key.checksum = checksum;
	if (!uksm_checksum_hold(node->sample))
		node->sample = 0;
	if (uksm_index_find(&engine->stable, checksum, node->whole))
		errx(1, "merged twice");
	uksm_index_add(&engine->stable, &node->key);
}

static bool strengthen(struct engine *engine, uint32_t checksum, const char *page)
{
	struct uksm_key *key = uksm_index_first(&engine->stable, checksum), *next;
	struct node *node;
	unsigned int n = 0;

	for (next = key; next && n <= REKEY_MAX; n++)
		next = uksm_index_next_equal(next);
	if (n > REKEY_MAX || !uksm_checksum_strengthen(page, checksum))
		return false;
	for (; key; key = next) {
		next = uksm_index_next_equal(key);
		node = container_of(key, struct node, key);
		uksm_index_del(&engine->stable, key);
		key->checksum = uksm_checksum_of_whole(node->whole);
		node->sample = uksm_checksum_hold(checksum) ? checksum : 0;
		uksm_index_add(&engine->stable, key);
	}
	return true;
}

static enum outcome search_unstable(struct engine *engine, struct record *record)
{
	uint32_t checksum = record->key.checksum;
	struct uksm_key *key = uksm_index_first(&engine->unstable, checksum), *next;
	enum outcome out, result = NONE;
	struct record *peer;
	unsigned int looked;

	for (looked = 0; key && looked < PEERS_MAX; key = next, looked++) {
		next = uksm_index_next_equal(key);
		peer = container_of(key, struct record, key);
		if (uksm_checksum(peer->page) != key->checksum) {
			uksm_index_del(&engine->unstable, key);
			key->checksum = uksm_checksum(peer->page);
			key->state = VOLATILE;
			continue;
		}
		out = judge(record->page, peer->page);
		if (out == FOUND) {
			uksm_index_del(&engine->unstable, key);
			peer->key.state = MERGED;
			stable_add(engine, checksum, record->page);
			return FOUND;
		}
		if (out == ALIKE)
			key->flags = 1;
		result = out > result ? out : result;
	}
	/* Others come first the next time. */
	for (; key && looked; looked--) {
		next = uksm_index_first(&engine->unstable, checksum);
		uksm_index_del(&engine->unstable, next);
		uksm_index_add(&engine->unstable, next);
	}
	return result;
}

static void search(struct engine *engine, struct record *record)
{
	enum outcome stable, unstable;

	nr_searches++;
	stable = search_stable(engine, record->key.checksum, record->page);
	unstable = stable == FOUND ? FOUND : search_unstable(engine, record);
	if (unstable == FOUND) {
		record->key.state = MERGED;
		return;
	}
	record->key.flags = 0;
	if (stable == ALIKE || unstable == ALIKE) {
		if (strengthen(engine, record->key.checksum, record->page))
			record->key.checksum = uksm_checksum(record->page);
		else
			record->key.flags = 1;
	}
	record->key.state = UNSHARED;
	uksm_index_add(&engine->unstable, &record->key);
}

/* A full scan; how many pages have been searched for. */
static unsigned long scan(struct engine *engine)
{
	unsigned long before = nr_searches;
	struct record *record;
	uint32_t checksum;

	for (record = engine->records; record < engine->records + engine->nr; record++) {
		if (record->key.state == MERGED)
			continue;
		checksum = uksm_checksum(record->page);
		if (record->key.state == UNSHARED) {
			if (checksum == record->key.checksum && !record->key.flags)
				continue;
			uksm_index_del(&engine->unstable, &record->key);
		}
		record->key.state = VOLATILE;
		record->key.checksum = checksum;
		search(engine, record);
	}
	return nr_searches - before;
}

static void *memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "%zu bytes", size);
	madvise(memory, size, MADV_HUGEPAGE);
	return memset(memory, 0, size);
}

static void make_pages(struct engine *engine, size_t pairs, bool family)
{
	/* None that has been strengthened is used again, nor one of fill_set(). */
	static uint64_t number;
	unsigned int line = 0;
	char *page;
	size_t i;

	if (family) {
		scale_page(engine->pages, ++number);
		line = scale_unsampled(engine->pages);
	}
	for (i = 0; i < pairs; i++) {
		page = engine->pages + i * SCALE_PAGE_BYTES;
		scale_page(page, family ? number : ++number);
		if (family)
			memcpy(page + line * SCALE_LINE_BYTES + 8, &i, sizeof(i));
		memcpy(page + pairs * SCALE_PAGE_BYTES, page, SCALE_PAGE_BYTES);
	}
}

static void engine_begin(struct engine *engine, size_t pairs, bool family)
{
	size_t i;

	*engine = (struct engine){
		.nr = 2 * pairs,
		.pages = memory(2 * pairs * SCALE_PAGE_BYTES),
		.records = memory(2 * pairs * sizeof(struct record)),
		.nodes = memory(pairs * sizeof(struct node)),
	};
	if (uksm_index_init(&engine->stable, uksm_index_order(engine->nr), node_whole) ||
	    uksm_index_init(&engine->unstable, uksm_index_order(engine->nr), NULL))
		errx(1, "no memory for an index");
	make_pages(engine, pairs, family);
	for (i = 0; i < engine->nr; i++) {
		engine->records[i].page = engine->pages + i * SCALE_PAGE_BYTES;
		engine->records[i].key.checksum = uksm_checksum(engine->records[i].page);
	}
}

static void engine_end(struct engine *engine)
{
	struct uksm_key *key, *next;

	uksm_index_for_each_safe(&engine->stable, key, next)
		uksm_index_del(&engine->stable, key);
	uksm_index_for_each_safe(&engine->unstable, key, next)
		uksm_index_del(&engine->unstable, key);
	uksm_index_destroy(&engine->stable);
	uksm_index_destroy(&engine->unstable);
	munmap(engine->pages, engine->nr * SCALE_PAGE_BYTES);
	munmap(engine->records, engine->nr * sizeof(struct record));
	munmap(engine->nodes, engine->nr / 2 * sizeof(struct node));
}

/**
 * struct cost - of one page
 * @ns: CPU time
 * @comparisons: of whole pages
 */
struct cost {
	double ns, comparisons;
};

/* As on a host: the pages of a guest are in no cache when they are scanned. */
static void make_cold(const struct engine *engine)
{
#ifdef __x86_64__
	size_t at;

	for (at = 0; at < engine->nr * SCALE_PAGE_BYTES; at += SCALE_LINE_BYTES)
		__builtin_ia32_clflush(engine->pages + at);
	__builtin_ia32_mfence();
#endif
}

/* What scans cost, for each page, until nothing changes any more. */
static struct cost cost_of_scans(struct engine *engine, unsigned int most)
{
	unsigned long before = nr_comparisons, searched = 1;
	double took = 0, start;
	unsigned int i;

	for (i = 0; i < most && searched; i++) {
		make_cold(engine);
		start = core_now();
		searched = scan(engine);
		took += core_now() - start;
	}
	return (struct cost){
		.ns = took * 1e9 / engine->nr,
		.comparisons = (double)(nr_comparisons - before) / engine->nr,
	};
}

/* A search in the stable tree for the second page of each pair; all are merged. */
static struct cost cost_of_a_hit(struct engine *engine)
{
	struct cost best = { .ns = 1e18 };
	unsigned long before;
	unsigned int pass;
	double start, ns;
	size_t i, at;

	for (pass = 0; pass < PASSES; pass++) {
		make_cold(engine);
		before = nr_comparisons;
		start = core_now();
		for (i = 0; i < engine->nr / 2; i++) {
			at = engine->nr / 2 + core_visit(i, engine->nr / 2);
			if (search_stable(engine, uksm_checksum(engine->records[at].page),
					  engine->records[at].page) != FOUND)
				errx(1, "a merged page is not found");
		}
		ns = (core_now() - start) * 1e9 / (engine->nr / 2);
		best.ns = ns < best.ns ? ns : best.ns;
		best.comparisons = (double)(nr_comparisons - before) / (engine->nr / 2);
	}
	return best;
}

/* The pages of the first scan of a guest, as they are when the set of weak samples is full. */
static void fill_set(void)
{
	char *page = memory(SCALE_PAGE_BYTES);
	unsigned long i;

	for (i = 1; uksm_checksum_nr_weak() < UKSM_WEAK_MAX; i++) {
		scale_page(page, ~0UL - i);
		uksm_checksum_strengthen(page, uksm_checksum(page));
	}
	munmap(page, SCALE_PAGE_BYTES);
}

static unsigned long nr_merged(const struct engine *engine)
{
	unsigned long merged = 0;
	size_t i;

	for (i = 0; i < engine->nr; i++)
		merged += engine->records[i].key.state == MERGED;
	return merged;
}

static void print(const char *what, const char *pages, const struct cost *cost,
		  const struct cost *base)
{
	printf("| %s | %s | %.2f | %.0f | %.1f |\n", what, pages, cost->comparisons, cost->ns,
	       cost->ns / base->ns);
}

static void judge_cost(const char *name, const struct cost *cost, const struct cost *base,
		       double most_time)
{
	double ratio = cost->comparisons / base->comparisons;

	scale_verdict(ratio <= MOST_RATIO && cost->ns <= most_time * base->ns, name,
		      "%.1f times as many comparisons, %.1f times the time", ratio,
		      cost->ns / base->ns);
}

/* Both kinds of pairs, merged from the beginning, and then searched for. */
static void measure(const char *when, unsigned long pairs, struct cost merging[2],
		    struct cost hit[2])
{
	static const char *const pages[] = { "unrelated", "family" };
	struct engine engine;
	unsigned int family;
	char what[64];

	for (family = 0; family < 2; family++) {
		engine_begin(&engine, pairs, family);
		merging[family] = cost_of_scans(&engine, SCANS_MAX);
		snprintf(what, sizeof(what), "%s-all-merge-%s", pages[family], when);
		scale_verdict(nr_merged(&engine) == engine.nr, what, "%lu of %zu",
			      nr_merged(&engine), engine.nr);
		hit[family] = cost_of_a_hit(&engine);
		engine_end(&engine);
		print("until all are merged", pages[family], &merging[family], &merging[0]);
		print("search for a merged page", pages[family], &hit[family], &hit[0]);
	}
}

/* No entry is left for the family: all its merged pages have one checksum. */
static void measure_full(unsigned long pairs, const struct cost *base)
{
	struct cost hit, scanned;
	struct engine engine;
	size_t i;

	fill_set();
	engine_begin(&engine, pairs, true);
	for (i = 0; i < pairs; i++)
		stable_add(&engine, engine.records[i].key.checksum, engine.records[i].page);
	if (engine.stable.nr_keys != pairs ||
	    engine.records[0].key.checksum != engine.records[pairs - 1].key.checksum)
		errx(1, "the set is not full");
	hit = cost_of_a_hit(&engine);
	print("search for a merged page, set full", "family", &hit, base);
	judge_cost("a-full-set-keeps-searches-short", &hit, base, MOST_RATIO_FULL);
	engine_end(&engine);

	/* Pages that wait for an equal one: how many are looked at is bounded. */
	engine_begin(&engine, pairs, true);
	scanned = cost_of_scans(&engine, 1);
	print("a scan of unmerged pages, set full", "family", &scanned, base);
	scale_verdict(scanned.comparisons <= PEERS_MAX + SAME_MAX, "a-full-set-keeps-scans-bounded",
		      "%.1f comparisons a page", scanned.comparisons);
	engine_end(&engine);
}

void scale_family(unsigned long pairs)
{
	struct cost merging[2], hit[2];

	printf("\n%lu pairs of pages; comparisons, and ns, a page:\n\n"
	       "| what | pages | comparisons | ns | ratio |\n|---|---|---|---|---|\n", pairs);
	measure("in-the-end", pairs, merging, hit);
	judge_cost("a-family-merges-as-others-do", &merging[1], &merging[0], MOST_RATIO);
	judge_cost("a-family-is-found-as-others-are", &hit[1], &hit[0], MOST_RATIO);
	scale_verdict(uksm_checksum_nr_weak() == 1, "a-family-costs-one-entry", "%u entries",
		      uksm_checksum_nr_weak());
	measure_full(pairs, &hit[0]);
}
