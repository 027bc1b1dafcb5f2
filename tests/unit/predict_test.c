// SPDX-License-Identifier: GPL-2.0-only
/*
 * What uksmctl foretells of merging, and how it sorts and pairs (tools/uksmctl/predict.c,
 * record_sort.c and pairs.c), against slower ways to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../tools/uksmctl/pairs.h"
#include "../../tools/uksmctl/predict.h"
#include "../../tools/uksmctl/record_sort.h"
#include "../../tools/uksmctl/status.h"

#define RECORDS 5000
#define PROCESSES 12
#define DOMAINS 4

/* Of status.c, which needs more. */
void *require_memory(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct page_record records[RECORDS];
static uint64_t places[RECORDS];

static int by_record(const void *left, const void *right)
{
	const struct page_record *a = left, *b = right;

	if (a->digest[0] != b->digest[0])
		return a->digest[0] < b->digest[0] ? -1 : 1;
	if (a->digest[1] != b->digest[1])
		return a->digest[1] < b->digest[1] ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

static int by_place(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* Few contents and many, with all bytes of the digest in use or only the last. */
static void random_records(size_t count, u32 contents, bool spread)
{
	for (size_t i = 0; i < count; i++) {
		u64 content = random_below(contents);

		records[i].digest[0] = spread ? content * 0x9e3779b97f4a7c15ull : 7;
		records[i].digest[1] = content;
		records[i].place = page_place(random_below(count) + 1, !random_below(8),
					      random_below(PROCESSES));
	}
}

static void sorts_as_qsort(void)
{
	static struct page_record expected[RECORDS];
	static uint64_t expected_places[RECORDS];

	for (int round = 0; round < 60; round++) {
		size_t count = round < 40 ? (size_t)round : random_below(RECORDS);

		random_records(count, round % 3 ? 1 + random_below(RECORDS) : 1, round & 1);
		for (size_t i = 0; i < count; i++)
			places[i] = round & 1 ? random_u64() : records[i].place;
		memcpy(expected, records, sizeof(records));
		memcpy(expected_places, places, sizeof(places));
		qsort(expected, count, sizeof(*expected), by_record);
		qsort(expected_places, count, sizeof(*expected_places), by_place);
		record_sort(records, count);
		place_sort(places, count);
		expect(!memcmp(expected, records, count * sizeof(*records)),
		       "%zu records are sorted otherwise", count);
		expect(!memcmp(expected_places, places, count * sizeof(*places)),
		       "%zu places are sorted otherwise", count);
	}
}

/* All in one process, with one kind of isolation that tells. */
static struct prediction predict_one(size_t count, long long max_sharing, bool use_zero_page,
				     long long zeroed)
{
	static const uint32_t domain_of[1];
	struct prediction found[MODES] = { { .pages = 0 } };
	struct predict_mode modes[MODES];
	struct predict_input input = {
		.records = records,
		.count = count,
		.zero_digest = { 0, 0 },
		.zeroed = &zeroed,
		.processes = 1,
		.max_sharing = max_sharing,
	};

	for (int mode = 0; mode < MODES; mode++)
		modes[mode] = (struct predict_mode){
			.domain_of = domain_of,
			.domains = 1,
			.use_zero_page = use_zero_page,
			.predictions = &found[mode],
		};
	predict(&input, modes);
	expect(!memcmp(&found[0], &found[3], sizeof(found[0])), "the same modes differ");
	return found[0];
}

static void put(size_t at, u64 content, u64 pfn, bool merged)
{
	records[at] = (struct page_record){ .digest = { content, content },
					    .place = page_place(pfn, merged, 0) };
}

static void expect_prediction(const char *what, struct prediction found, long long shared,
			      long long sharing, long long zero, long long unshared,
			      long long freed)
{
	expect(found.shared == shared && found.sharing == sharing && found.zero == zero &&
		       found.unshared == unshared && found.freed == freed,
	       "%s: shared %lld, sharing %lld, zero %lld, unshared %lld, freed %lld", what,
	       found.shared, found.sharing, found.zero, found.unshared, found.freed);
	expect(found.pages == shared + sharing + zero + unshared, "%s: of %lld pages", what,
	       found.pages);
}

static void copies_hold_max_page_sharing(void)
{
	static const struct {
		size_t addresses;
		long long max, shared, sharing, unshared;
	} cases[] = {
		{ 1, 256, 0, 0, 1 },  { 2, 256, 1, 1, 0 },   { 256, 256, 1, 255, 0 },
		{ 257, 256, 1, 255, 1 }, { 258, 256, 2, 256, 0 }, { 4, 2, 2, 2, 0 },
		{ 5, 2, 2, 2, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t j = 0; j < cases[i].addresses; j++)
			put(j, 9, j + 1, false);
		expect_prediction("copies", predict_one(cases[i].addresses, cases[i].max, false, 0),
				  cases[i].shared, cases[i].sharing, 0, cases[i].unshared,
				  cases[i].sharing);
	}
}

static void forks_merge_with_others_only(void)
{
	/* One page at three addresses. */
	for (size_t i = 0; i < 3; i++)
		put(i, 9, 100, false);
	expect_prediction("fork", predict_one(3, 256, false, 0), 0, 0, 0, 3, 0);
	/* With a page of somebody else: one is freed, three addresses share. */
	for (size_t i = 0; i < 3; i++)
		put(i, 9, 100, false);
	put(3, 9, 7, false);
	expect_prediction("fork and another", predict_one(4, 256, false, 0), 1, 3, 0, 0, 1);
	/* A merged page has been one for each address. */
	for (size_t i = 0; i < 3; i++)
		put(i, 9, 100, true);
	expect_prediction("merged", predict_one(3, 256, false, 0), 1, 2, 0, 0, 2);
}

static void zeroes_are_apart(void)
{
	for (int use = 0; use < 2; use++) {
		for (size_t i = 0; i < 5; i++)
			put(i, i < 4 ? 0 : 3, i + 1, false);
		if (use)
			expect_prediction("zero page", predict_one(5, 256, true, 6), 0, 0, 10, 1,
					  10);
		else
			expect_prediction("no zero page", predict_one(5, 256, false, 6), 1, 9, 0,
					  1, 9);
	}
	/* One alone, and those that are merged only. */
	put(0, 0, 1, false);
	expect_prediction("one zero", predict_one(1, 256, true, 0), 0, 0, 1, 0, 1);
	expect_prediction("merged zeroes", predict_one(0, 256, true, 6), 0, 0, 6, 0, 6);
	expect_prediction("separate again", predict_one(0, 256, false, 6), 1, 5, 0, 0, 5);
}

/* How many addresses and frames of a content there are in a domain. */
static void count_slowly(size_t count, const uint32_t *domain_of, uint32_t domain, u64 content,
			 long long *addresses, long long *frames)
{
	*addresses = *frames = 0;
	for (size_t i = 0; i < count; i++) {
		bool again = false;

		if (records[i].digest[1] != content ||
		    domain_of[page_process(records[i].place)] != domain)
			continue;
		++*addresses;
		for (size_t j = 0; j < i && !page_is_merged(records[i].place); j++)
			again |= records[j].digest[1] == content &&
				 !page_is_merged(records[j].place) &&
				 page_pfn(records[j].place) == page_pfn(records[i].place) &&
				 domain_of[page_process(records[j].place)] == domain;
		*frames += !again;
	}
}

static void domains_keep_apart(void)
{
	enum { COUNT = 400, CONTENTS = 60 };
	static uint32_t domain_of[MODES][PROCESSES];
	static const long long zeroed[PROCESSES];

	for (int round = 0; round < 10; round++) {
		struct prediction found[MODES][DOMAINS];
		struct predict_mode modes[MODES];
		struct predict_input input = {
			.records = records,
			.count = COUNT,
			.zero_digest = { 1, 1 },
			.zeroed = zeroed,
			.processes = PROCESSES,
			.max_sharing = 1 << 30,
		};

		memset(found, 0, sizeof(found));
		random_records(COUNT, CONTENTS, true);
		for (int mode = 0; mode < MODES; mode++) {
			for (int i = 0; i < PROCESSES; i++)
				domain_of[mode][i] = random_below(DOMAINS);
			modes[mode] = (struct predict_mode){ .domain_of = domain_of[mode],
							     .domains = DOMAINS,
							     .predictions = found[mode] };
		}
		predict(&input, modes);
		for (int at = 0; at < MODES * DOMAINS; at++) {
			int mode = at / DOMAINS, domain = at % DOMAINS;
			long long sharing = 0, freed = 0;

			for (u64 content = 0; content < CONTENTS; content++) {
				long long addresses, frames;

				count_slowly(COUNT, domain_of[mode], domain, content, &addresses,
					     &frames);
				sharing += frames > 1 ? addresses - 1 : 0;
				freed += frames > 1 ? frames - 1 : 0;
			}
			expect(found[mode][domain].sharing == sharing &&
				       found[mode][domain].freed == freed,
			       "%lld sharing and %lld freed, not %lld and %lld",
			       found[mode][domain].sharing, found[mode][domain].freed, sharing,
			       freed);
		}
	}
}

static void pairs_have_common_pages(void)
{
	struct pairs pairs;
	size_t count = 1000;

	for (size_t i = 0; i < count; i++)
		places[i] = page_place(random_below(150), true, random_below(PROCESSES));
	pairs_count(&pairs, PROCESSES, places, count);
	for (uint32_t one = 0; one < PROCESSES; one++)
		for (uint32_t other = 0; other < PROCESSES; other++) {
			u32 common = 0;

			for (u64 pfn = 0; pfn < 150; pfn++) {
				bool has_one = false, has_other = false;

				for (size_t i = 0; i < count; i++) {
					has_one |= places[i] == page_place(pfn, true, one);
					has_other |= places[i] == page_place(pfn, true, other);
				}
				common += has_one && has_other;
			}
			expect(pairs_common(&pairs, one, other) == common,
			       "%u and %u have %u in common, not %u", one, other,
			       pairs_common(&pairs, one, other), common);
		}
	pairs_free(&pairs);
}

int main(void)
{
	check_start();
	run_test(sorts_as_qsort);
	run_test(copies_hold_max_page_sharing);
	run_test(forks_merge_with_others_only);
	run_test(zeroes_are_apart);
	run_test(domains_keep_apart);
	run_test(pairs_have_common_pages);
	return check_status();
}
