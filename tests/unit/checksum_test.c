// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of module/pure/checksum.c, included below: they look at its choice. */
#include "../../module/pure/checksum.c"

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/kernel.h>

/* Of exactly one page, so that a sanitizer sees a step beyond it. */
static u8 *new_page(void)
{
	u8 *page = aligned_alloc(UKSM_LINE_BYTES, UKSM_PAGE_BYTES);

	if (!page)
		abort();
	memset(page, 0, UKSM_PAGE_BYTES);
	return page;
}

static u8 *new_random_page(void)
{
	u8 *page = new_page();

	random_fill(page, UKSM_PAGE_BYTES);
	return page;
}

static void shuffled(u8 order[UKSM_LINES])
{
	unsigned int i, j;

	for (i = 0; i < UKSM_LINES; i++) {
		j = random_below(i + 1);
		order[i] = i;
		swap(order[i], order[j]);
	}
}

static struct uksm_checksum_key random_key(void)
{
	struct uksm_checksum_key key;

	random_fill(&key, sizeof(key));
	return key;
}

static void setup_random(unsigned int lines)
{
	struct uksm_checksum_key key = random_key();
	u8 order[UKSM_LINES];

	shuffled(order);
	uksm_checksum_setup(&key, order, lines);
}

/* Change one byte to another value. */
static void change_byte(u8 *page, unsigned int at)
{
	page[at] ^= 1 + random_below(255);
}

static void change_line(u8 *page, unsigned int line)
{
	change_byte(page, line * UKSM_LINE_BYTES +
			  random_below(UKSM_LINE_BYTES));
}

static bool is_sampled(unsigned int line)
{
	unsigned int i;

	for (i = 0; i < config.lines; i++) {
		if (config.order[i] == line)
			return true;
	}
	return false;
}

static void equal_pages_have_equal_checksums(void)
{
	unsigned int round;
	u8 *a, *b;
	u32 first;

	for (round = 0; round < 500; round++) {
		setup_random(1 + random_below(UKSM_LINES));
		a = new_random_page();
		b = new_page();
		memcpy(b, a, UKSM_PAGE_BYTES);
		first = uksm_checksum(a);
		expect(uksm_checksum(b) == first, "lines %u: copies differ",
		       config.lines);
		expect(uksm_checksum(a) == first, "lines %u: not repeatable",
		       config.lines);
		expect(!memcmp(a, b, UKSM_PAGE_BYTES), "the page was written");
		free(a);
		free(b);
	}
}

static void all_lines_see_every_byte(void)
{
	u8 *page = new_random_page();
	unsigned int at;
	u32 before;

	setup_random(UKSM_LINES);
	before = uksm_checksum(page);
	for (at = 0; at < UKSM_PAGE_BYTES; at++) {
		u8 old = page[at];

		change_byte(page, at);
		expect(uksm_checksum(page) != before, "byte %u unseen", at);
		page[at] = old;
	}
	free(page);
}

static void sample_sees_its_lines_and_no_others(void)
{
	unsigned int lines, line;
	u8 *page = new_random_page();

	for (lines = 1; lines < UKSM_LINES; lines++) {
		u32 before;

		setup_random(lines);
		before = uksm_checksum(page);
		for (line = 0; line < UKSM_LINES; line++) {
			u8 saved[UKSM_LINE_BYTES];
			u8 *start = page + line * UKSM_LINE_BYTES;
			bool seen;

			memcpy(saved, start, sizeof(saved));
			change_line(page, line);
			seen = uksm_checksum(page) != before;
			expect(seen == is_sampled(line),
			       "lines %u: change in line %u %s", lines, line,
			       seen ? "seen" : "unseen");
			memcpy(start, saved, sizeof(saved));
		}
	}
	free(page);
}

static void sample_sees_every_byte_of_a_line(void)
{
	u8 *page = new_random_page();
	unsigned int i;
	u32 before;

	setup_random(5);
	before = uksm_checksum(page);
	for (i = 0; i < 5 * UKSM_LINE_BYTES; i++) {
		unsigned int at = config.order[i / UKSM_LINE_BYTES] *
				  UKSM_LINE_BYTES + i % UKSM_LINE_BYTES;
		u8 old = page[at];

		change_byte(page, at);
		expect(uksm_checksum(page) != before, "byte %u unseen", at);
		page[at] = old;
	}
	free(page);
}

static void places_of_lines_matter(void)
{
	u8 *page = new_random_page();
	u8 line[UKSM_LINE_BYTES];
	u8 *a, *b;
	u32 before;

	setup_random(8);
	before = uksm_checksum(page);
	a = page + config.order[1] * UKSM_LINE_BYTES;
	b = page + config.order[6] * UKSM_LINE_BYTES;
	memcpy(line, a, sizeof(line));
	memcpy(a, b, sizeof(line));
	memcpy(b, line, sizeof(line));
	expect(uksm_checksum(page) != before, "swapped lines unseen");
	free(page);
}

/* The sample repeats itself: then a change anywhere is seen. */
static void low_entropy_sees_every_line(void)
{
	unsigned int lines, line, i, pattern;

	for (pattern = 0; pattern < 3; pattern++) {
		for (lines = 1; lines < UKSM_LINES; lines++) {
			u8 repeated[UKSM_LINE_BYTES] = {};
			u8 *page = new_page();
			u32 before;

			setup_random(lines);
			if (pattern == 1)
				random_fill(repeated, 8);
			else if (pattern == 2)
				random_fill(repeated, sizeof(repeated));
			for (i = 8; pattern == 1 && i < sizeof(repeated); i++)
				repeated[i] = repeated[i - 8];
			for (i = 0; i < UKSM_PAGE_BYTES; i++)
				page[i] = repeated[i % sizeof(repeated)];

			before = uksm_checksum(page);
			for (line = 0; line < UKSM_LINES; line++) {
				/* A lone line that is no pattern is a sample. */
				if (lines == 1 && pattern == 2)
					break;
				if (is_sampled(line))
					continue;
				change_line(page, line);
				expect(uksm_checksum(page) != before,
				       "pattern %u, lines %u: line %u unseen",
				       pattern, lines, line);
				memcpy(page + line * UKSM_LINE_BYTES, repeated,
				       sizeof(repeated));
			}
			free(page);
		}
	}
}

/* One odd byte anywhere in the sample ends the low-entropy case. */
static void nearly_low_entropy_is_a_sample(void)
{
	unsigned int lines, i, line;

	for (lines = 1; lines < UKSM_LINES; lines++) {
		for (i = 0; i < lines; i++) {
			u8 *page = new_page();
			u32 before;

			setup_random(lines);
			change_line(page, config.order[i]);
			before = uksm_checksum(page);
			line = config.order[lines +
					    random_below(UKSM_LINES - lines)];
			change_line(page, line);
			expect(uksm_checksum(page) == before,
			       "lines %u: line %u is not sampled but seen",
			       lines, line);
			free(page);
		}
	}
}

/* Any bit of the key that goes with a sampled line, or of the seed. */
static void key_changes_the_value(void)
{
	u8 *page = new_random_page();
	u8 order[UKSM_LINES];
	unsigned int i, same = 0;
	u32 a, b;

	for (i = 0; i < 1000; i++) {
		struct uksm_checksum_key key = random_key();
		unsigned int lines = 1 + random_below(UKSM_LINES);
		u32 *word = &key.seed;

		shuffled(order);
		uksm_checksum_setup(&key, order, lines);
		a = uksm_checksum(page);
		expect(config.zero == uksm_checksum_zero(), "zero");
		if (random_below(2))
			word = &key.word[order[random_below(lines)]]
					[random_below(UKSM_LINE_WORDS)];
		*word ^= 1u << random_below(32);
		uksm_checksum_setup(&key, order, lines);
		b = uksm_checksum(page);
		same += a == b;
		expect(a != b || same < 2, "a bit of the key has no effect");
	}
	free(page);
}

static void positions_change_the_value(void)
{
	struct uksm_checksum_key key = random_key();
	u8 *page = new_random_page();
	unsigned int i, same = 0;
	u8 order[UKSM_LINES];
	u32 a, b;

	for (i = 0; i < 1000; i++) {
		shuffled(order);
		uksm_checksum_setup(&key, order, 4);
		a = uksm_checksum(page);
		shuffled(order);
		uksm_checksum_setup(&key, order, 4);
		b = uksm_checksum(page);
		same += a == b;
	}
	expect(same < 3, "%u of 1000 pairs of orders agree", same);
	free(page);
}

/* Pages of one sample: told apart from when the checksum is strengthened on. */
static void strengthening_tells_a_family_apart(void)
{
	unsigned int lines, i;

	for (lines = 1; lines < UKSM_LINES; lines++) {
		u8 *a = new_random_page(), *b = new_page(), *other = new_random_page();
		u32 before, others;

		setup_random(lines);
		memcpy(b, a, UKSM_PAGE_BYTES);
		change_line(b, config.order[lines + random_below(UKSM_LINES - lines)]);
		before = uksm_checksum(a);
		others = uksm_checksum(other);
		expect(uksm_checksum(b) == before, "lines %u: not of one sample", lines);
		expect(uksm_checksum_strengthen(a, before), "lines %u: refused", lines);
		expect(!uksm_checksum_strengthen(a, before), "lines %u: taken twice", lines);
		expect(uksm_checksum(a) != before, "lines %u: as weak as before", lines);
		expect(uksm_checksum(a) != uksm_checksum(b), "lines %u: the same still", lines);
		expect(uksm_checksum(other) == others, "lines %u: another page's changed", lines);
		for (i = 0; i < UKSM_LINES; i++) {
			u32 now = uksm_checksum(a);

			if (is_sampled(i))
				continue;
			change_line(a, i);
			expect(uksm_checksum(a) != now, "lines %u: line %u unseen", lines, i);
		}
		uksm_checksum_set_lines(lines);
		expect(uksm_checksum(b) == before, "lines %u: not forgotten", lines);
		free(a);
		free(b);
		free(other);
	}
}

static void strengthening_is_bounded(void)
{
	unsigned int i, taken = 0;
	u8 *page = new_random_page();

	setup_random(4);
	for (i = 0; i < 100 * WEAK_SLOTS; i++) {
		change_line(page, config.sample[i % 4]);
		taken += uksm_checksum_strengthen(page, uksm_checksum(page));
	}
	expect(taken <= WEAK_SLOTS, "%u taken", taken);
	expect(taken > WEAK_SLOTS * 9 / 10, "only %u taken", taken);
	setup_random(UKSM_LINES);
	expect(!uksm_checksum_strengthen(page, uksm_checksum(page)), "whole pages can be no stronger");
	free(page);
}

/* Who takes a checksum for stronger than it was looks for pages that have moved from it. */
static void only_samples_are_strengthened(void)
{
	u8 *page = new_random_page(), *alike = new_page();
	u32 whole;

	setup_random(4);
	expect(!uksm_checksum_strengthen(alike, uksm_checksum(alike)), "a page of zeroes");
	memset(alike, 1, UKSM_PAGE_BYTES);
	expect(!uksm_checksum_strengthen(alike, uksm_checksum(alike)), "a page that repeats");
	expect(!uksm_checksum_strengthen(page, uksm_checksum(page) + 1), "another page's checksum");
	expect(uksm_checksum_strengthen(page, uksm_checksum(page)), "refused");
	whole = uksm_checksum(page);
	expect(!uksm_checksum_strengthen(page, whole), "a page whose family is strong already");
	expect(uksm_checksum(page) == whole, "changed by what was refused");
	free(page);
	free(alike);
}

static void zero_page_has_the_cached_checksum(void)
{
	u8 *page = new_page();
	unsigned int lines;

	for (lines = 1; lines <= UKSM_LINES; lines++) {
		setup_random(UKSM_LINES);
		uksm_checksum_set_lines(lines);
		expect(uksm_checksum(page) == uksm_checksum_zero(),
		       "lines %u", lines);
	}
	change_byte(page, random_below(UKSM_PAGE_BYTES));
	expect(uksm_checksum(page) != uksm_checksum_zero(),
	       "a page with one bit set passes for a zero page");
	free(page);
}

static void lines_are_brought_into_range(void)
{
	static const struct {
		unsigned int set;
		unsigned int get;
	} cases[] = {
		{ 0, 1 }, { 1, 1 }, { 63, 63 }, { 64, 64 },
		{ 65, 64 }, { ~0u, 64 },
	};
	struct uksm_checksum_key key = random_key();
	u8 order[UKSM_LINES];
	unsigned int i;

	setup_random(1);
	shuffled(order);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uksm_checksum_set_lines(cases[i].set);
		expect(uksm_checksum_lines() == cases[i].get,
		       "%u became %u", cases[i].set, uksm_checksum_lines());
		uksm_checksum_setup(&key, order, cases[i].set);
		expect(uksm_checksum_lines() == cases[i].get,
		       "setup: %u became %u", cases[i].set,
		       uksm_checksum_lines());
	}
}

/* Were it read with these, the sanitizer would speak. */
static void wild_positions_stay_in_the_page(void)
{
	struct uksm_checksum_key key = random_key();
	u8 order[UKSM_LINES];
	u8 *page = new_page();
	unsigned int i;

	memset(order, 0xff, sizeof(order));
	uksm_checksum_setup(&key, order, 32);
	uksm_checksum(page);
	for (i = 0; i < UKSM_LINES; i++)
		expect(config.order[i] < UKSM_LINES, "position %u",
		       config.order[i]);
	expect(config.lines == 1, "one line, %u times", config.lines);
	free(page);
}

static void init_draws_a_permutation(void)
{
	unsigned int seen_at[UKSM_LINES] = {};
	unsigned int round, i;

	for (round = 0; round < 2000; round++) {
		u64 lines = 0;

		uksm_checksum_init();
		expect(uksm_checksum_lines() == UKSM_LINES, "not all lines");
		for (i = 0; i < UKSM_LINES; i++)
			lines |= 1ull << config.order[i];
		expect(lines == ~0ull, "lines missing: %llx",
		       (unsigned long long)~lines);
		seen_at[config.order[0]]++;
	}
	/* 31 expected at each; 5.6 sigma. */
	for (i = 0; i < UKSM_LINES; i++)
		expect(seen_at[i] && seen_at[i] < 63, "line %u first %u times",
		       i, seen_at[i]);
}

static int compare_u32(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/*
 * Pages that differ in one counter, the rest of them zero or random: no more
 * equal checksums than chance makes, and the high bits, which choose the roots,
 * evenly used.
 */
static void checksums_spread(unsigned int lines, bool zero)
{
	enum { PAGES = 1 << 16, ROOTS = 256 };
	u32 *sums = calloc(PAGES, sizeof(*sums));
	unsigned int in_root[ROOTS] = {};
	u8 *page = zero ? new_page() : new_random_page();
	unsigned int i, pairs = 0;
	double chi2 = 0;

	if (!sums)
		abort();
	setup_random(lines);
	for (i = 0; i < PAGES; i++) {
		memcpy(page + config.order[0] * UKSM_LINE_BYTES + 8, &i,
		       sizeof(i));
		sums[i] = uksm_checksum(page);
		in_root[sums[i] >> 24]++;
	}
	qsort(sums, PAGES, sizeof(*sums), compare_u32);
	for (i = 1; i < PAGES; i++)
		pairs += sums[i] == sums[i - 1];
	/* 2^31 pairs of pages, so 0.5 expected. */
	expect(pairs <= 8, "lines %u: %u pairs collide", lines, pairs);

	for (i = 0; i < ROOTS; i++) {
		double off = in_root[i] - (double)PAGES / ROOTS;

		chi2 += off * off / ((double)PAGES / ROOTS);
	}
	/* 255 expected, standard deviation 22.6: 6 of them to each side. */
	expect(chi2 > 120 && chi2 < 391, "lines %u: chi2 %.0f", lines, chi2);
	free(page);
	free(sums);
}

static void checksums_spread_over_roots(void)
{
	checksums_spread(1, true);
	checksums_spread(1, false);
	checksums_spread(8, true);
	checksums_spread(8, false);
	checksums_spread(UKSM_LINES, true);
	checksums_spread(UKSM_LINES, false);
}

struct job {
	const u8 *page;
	u32 expected;
	bool wrong;
};

static void *hash_often(void *argument)
{
	struct job *job = argument;
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		if (uksm_checksum(job->page) != job->expected)
			job->wrong = true;
	}
	return NULL;
}

static void hash_in_parallel(unsigned int lines)
{
	pthread_t threads[4];
	struct job jobs[4];
	unsigned int i;

	setup_random(lines);
	for (i = 0; i < 4; i++) {
		u8 *page = new_random_page();

		jobs[i] = (struct job){ page, uksm_checksum(page), false };
	}
	for (i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, hash_often, &jobs[i]))
			abort();
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		expect(!jobs[i].wrong, "lines %u, page %u: wrong value", lines,
		       i);
		free((void *)jobs[i].page);
	}
}

static void callers_do_not_disturb_each_other(void)
{
	hash_in_parallel(16);
	hash_in_parallel(UKSM_LINES);
}

/*
 * Values that the kernel's function gave.  Whichever jhash2() this is built
 * with, the shim's or the kernel's, has to give them.
 */
static void jhash2_is_the_kernels(void)
{
	static const u32 values[17] = {
		0xdeadbef0, 0x23700e53, 0xcd70a5a2, 0xe18b471e,
		0xcb791e71, 0x9a74cd15, 0x2342a86d, 0xb09f39ee,
		0x291c53eb, 0x65979d41, 0x8f9ea7da, 0x0a882dbf,
		0x70c7ea72, 0x1b9374fc, 0x2a817854, 0x236bf704,
		0xc90537a3,
	};
	u32 words[16];
	unsigned int i;

	for (i = 0; i < 16; i++)
		words[i] = i * 0x9e3779b9u;
	for (i = 0; i <= 16; i++)
		expect(jhash2(words, i, i + 1) == values[i],
		       "%u words: %#x, not %#x", i, jhash2(words, i, i + 1),
		       values[i]);
}

int main(void)
{
	check_start();
	run_test(equal_pages_have_equal_checksums);
	run_test(all_lines_see_every_byte);
	run_test(sample_sees_its_lines_and_no_others);
	run_test(sample_sees_every_byte_of_a_line);
	run_test(places_of_lines_matter);
	run_test(low_entropy_sees_every_line);
	run_test(nearly_low_entropy_is_a_sample);
	run_test(key_changes_the_value);
	run_test(positions_change_the_value);
	run_test(strengthening_tells_a_family_apart);
	run_test(strengthening_is_bounded);
	run_test(only_samples_are_strengthened);
	run_test(zero_page_has_the_cached_checksum);
	run_test(lines_are_brought_into_range);
	run_test(wild_positions_stay_in_the_page);
	run_test(init_draws_a_permutation);
	run_test(checksums_spread_over_roots);
	run_test(callers_do_not_disturb_each_other);
	run_test(jhash2_is_the_kernels);
	return check_status();
}
