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

/* By numbers rather than pages: any number that is not 0 can be a sample's checksum. */
static u32 weak_number(unsigned int i)
{
	/* Odd multipliers give each number once. */
	return (i + 1) * 0x9e3779b1u;
}

static void add_numbers(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		expect(weak_add(weak_number(from)), "number %u not taken", from);
}

static void expect_found(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		expect(weak_find(weak_number(i)), "entry %u of %u is lost", i, nr);
	for (i = nr; i < nr + 1000; i++)
		expect(!weak_find(weak_number(i)), "%u is there and has not been added", i);
	expect(uksm_checksum_nr_weak() == nr, "%u counted, not %u", uksm_checksum_nr_weak(), nr);
}

static void the_set_grows_with_its_entries(void)
{
	static const struct {
		unsigned int nr;
		unsigned int buckets;
	} cases[] = {
		{ 1, 1 << 12 }, { 4 << 12, 1 << 12 }, { (4 << 12) + 1, 1 << 14 },
		{ 4 << 14, 1 << 14 }, { (4 << 14) + 1, 1 << 16 }, { 100000, 1 << 16 },
	};
	unsigned int i, nr = 0;

	setup_random(4);
	expect(!uksm_checksum_bytes(), "memory for an empty set");
	for (i = 0; i < ARRAY_SIZE(cases); nr = cases[i++].nr) {
		add_numbers(nr, cases[i].nr);
		expect(weak.nr_buckets == cases[i].buckets, "%u buckets for %u entries",
		       weak.nr_buckets, cases[i].nr);
		expect_found(cases[i].nr);
		expect(uksm_checksum_bytes() == cases[i].nr * sizeof(struct weak_sample) +
		       cases[i].buckets * sizeof(void *), "%lu bytes", uksm_checksum_bytes());
	}
	uksm_checksum_exit();
	expect(!uksm_checksum_bytes() && !uksm_checksum_nr_weak(), "something is left");
	expect_found(0);
}

static void strengthening_is_bounded(void)
{
	unsigned int i, most = 0;
	u8 *page = new_random_page();
	struct weak_sample *entry;

	setup_random(4);
	add_numbers(0, UKSM_WEAK_MAX - 1);
	change_line(page, config.sample[0]);
	expect(uksm_checksum_strengthen(page, uksm_checksum(page)), "the last one is refused");
	change_line(page, config.sample[0]);
	expect(!uksm_checksum_strengthen(page, uksm_checksum(page)), "one too many");
	expect(uksm_checksum_nr_weak() == UKSM_WEAK_MAX, "%u entries", uksm_checksum_nr_weak());
	for (i = 0; i < weak.nr_buckets; i++) {
		unsigned int length = 0;

		for (entry = weak.bucket[i]; entry; entry = entry->next)
			length++;
		most = length > most ? length : most;
	}
	expect(weak.nr_buckets == WEAK_BUCKETS_MAX && most < 32, "%u entries in one of %u buckets",
	       most, weak.nr_buckets);

	uksm_checksum_set_lines(4);
	expect(!uksm_checksum_nr_weak() && !uksm_checksum_bytes(), "another number of lines, same set");
	expect(uksm_checksum_strengthen(page, uksm_checksum(page)), "refused by an empty set");
	setup_random(UKSM_LINES);
	expect(!uksm_checksum_strengthen(page, uksm_checksum(page)), "whole pages can be no stronger");
	free(page);
}

static void want_of_memory_is_survived(void)
{
	u8 *page = new_random_page(), *other = new_random_page();
	u32 before;

	setup_random(4);
	before = uksm_checksum(page);
	fail_allocation = true;
	expect(!uksm_checksum_strengthen(page, before), "no memory for buckets");
	fail_allocation = false;
	expect(uksm_checksum(page) == before, "changed by what has failed");
	expect(uksm_checksum_strengthen(page, before), "refused with memory at hand");

	fail_allocation = true;
	expect(!uksm_checksum_strengthen(other, uksm_checksum(other)), "no memory for an entry");
	expect(uksm_checksum_weak_sample(page) == before, "the entry is lost");
	fail_allocation = false;

	/* Growing is not the same as adding: it may fail alone, and then the chains are long. */
	uksm_checksum_set_lines(4);
	add_numbers(0, 4 << 12);
	fail_allocation = true;
	expect(!weak_resize(1 << 14), "no memory for more buckets");
	expect(weak_make_room(), "no room for want of buckets");
	fail_allocation = false;
	expect(weak.nr_buckets == 1 << 12, "%u buckets", weak.nr_buckets);
	expect_found(4 << 12);
	uksm_checksum_exit();
	free(page);
	free(other);
}

/* One pass over the whole set, in steps of some size. */
static unsigned int age_all(unsigned int step)
{
	unsigned int dropped = 0, left;

	expect(!weak.age_bucket, "not at the beginning");
	for (left = weak.nr_buckets; left; left -= min(left, step))
		dropped += uksm_checksum_age_step(min(left, step));
	expect(!weak.age_bucket, "not back at the beginning");
	return dropped;
}

static void what_nobody_meets_is_forgotten(void)
{
	u8 *met = new_random_page(), *lost = new_random_page();
	u32 met_sample, lost_sample;
	unsigned int epoch;

	setup_random(4);
	expect(!uksm_checksum_age_step(1000), "an empty set has something to forget");
	met_sample = uksm_checksum(met);
	lost_sample = uksm_checksum(lost);
	expect(uksm_checksum_strengthen(met, met_sample), "refused");
	expect(uksm_checksum_strengthen(lost, lost_sample), "refused");
	for (epoch = 1; epoch <= 16; epoch++) {
		uksm_checksum_age();
		uksm_checksum(met);
		expect(!age_all(1 + random_below(5000)), "dropped after %u epochs", epoch);
		/* Neither is one that the page is met. */
		expect(uksm_checksum_weak_sample(lost) == lost_sample, "epoch %u", epoch);
	}
	uksm_checksum_age();
	expect(age_all(1000) == 1, "not one dropped after 17 epochs");
	expect(uksm_checksum_nr_weak() == 1, "%u left", uksm_checksum_nr_weak());
	expect(uksm_checksum_weak_sample(met) == met_sample, "dropped although met");
	expect(uksm_checksum(lost) == lost_sample, "still hashed in whole");
	expect(uksm_checksum_strengthen(lost, lost_sample), "not to be strengthened again");
	for (epoch = 1; epoch <= 17; epoch++)
		uksm_checksum_age();
	/* Each call looks at some, and goes on; and no call goes round more than once. */
	expect(uksm_checksum_age_step(0) == 0, "no bucket looked at");
	expect(uksm_checksum_age_step(~0u) == 2, "not all in one call");
	expect(!uksm_checksum_nr_weak(), "%u left", uksm_checksum_nr_weak());
	uksm_checksum_exit();
	free(met);
	free(lost);
}

static void what_is_held_stays(void)
{
	u8 *page = new_random_page();
	unsigned int epoch;
	u32 sample;

	setup_random(4);
	sample = uksm_checksum(page);
	expect(!uksm_checksum_hold(sample), "held though not weak");
	expect(!uksm_checksum_hold(0), "0 held");
	uksm_checksum_unhold(sample);
	uksm_checksum_unhold(0);
	expect(uksm_checksum_strengthen(page, sample), "refused");
	expect(!uksm_checksum_hold(0), "0 held");
	/* What is owed by nobody is not taken off. */
	uksm_checksum_unhold(sample);
	expect(uksm_checksum_hold(sample) && uksm_checksum_hold(sample), "not held");
	for (epoch = 0; epoch < 100; epoch++) {
		uksm_checksum_age();
		if (epoch == 50)
			uksm_checksum_unhold(sample);
		expect(!age_all(~0u), "dropped though held, epoch %u", epoch);
	}
	uksm_checksum_unhold(sample);
	for (epoch = 0; epoch < 16; epoch++) {
		uksm_checksum_age();
		expect(!age_all(~0u), "dropped %u epochs after it was held", epoch);
	}
	uksm_checksum_age();
	expect(age_all(~0u) == 1, "still there");
	expect(uksm_checksum(page) == sample, "hashed in whole still");
	uksm_checksum_exit();
	free(page);
}

static unsigned int bits_set(const u64 *filter)
{
	unsigned int i, bits = 0;

	for (i = 0; i < WEAK_FILTER_WORDS; i++)
		bits += __builtin_popcountll(filter[i]);
	return bits;
}

/*
 * Adding, forgetting, growing and holding in any order: what is in the set is found, the
 * filter notwithstanding, and a pass leaves no bit in it that is of no use.
 */
static void the_filter_hides_nothing(void)
{
	enum { NUMBERS = 60000 };
	bool *there = calloc(NUMBERS, sizeof(*there));
	unsigned int round, i, nr = 0, held;

	if (!there)
		abort();
	setup_random(4);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 1200; i++) {
			unsigned int at = random_below(NUMBERS);
			struct weak_sample *entry = weak_find(weak_number(at));

			if (!entry && !there[at])
				nr += there[at] = weak_add(weak_number(at));
			else if (entry && !random_below(20))
				uksm_checksum_hold(weak_number(at));
			else if (entry)
				weak_see(entry);
		}
		uksm_checksum_age();
		if (round % 20 == 19) {
			for (i = 0; i < 17; i++)
				uksm_checksum_age();
		}
		for (i = 0; i < 3; i++)
			nr -= uksm_checksum_age_step(random_below(3000));
		held = 0;
		for (i = 0; i < NUMBERS; i++) {
			struct weak_sample *entry;

			if (!there[i])
				continue;
			/* The set by itself, without its filter. */
			entry = *weak_bucket(weak_number(i));
			while (entry && entry->checksum != weak_number(i))
				entry = entry->next;
			there[i] = entry;
			if (!entry)
				continue;
			held++;
			expect(weak_find(weak_number(i)) == entry, "round %u: %u is hidden", round, i);
		}
		expect(held == nr && uksm_checksum_nr_weak() == nr, "%u entries, %u counted", held,
		       uksm_checksum_nr_weak());
		if (check_has_failed())
			break;
	}
	/* All but those held go, and with them their bits. */
	for (i = 0; i < 17; i++)
		uksm_checksum_age();
	uksm_checksum_age_step(weak.nr_buckets - weak.age_bucket);
	expect(nr > uksm_checksum_nr_weak() && uksm_checksum_nr_weak(), "none dropped, or all");
	uksm_checksum_age_step(weak.nr_buckets);
	expect(bits_set(weak.filter) <= uksm_checksum_nr_weak(), "%u bits for %u entries",
	       bits_set(weak.filter), uksm_checksum_nr_weak());
	uksm_checksum_exit();
	expect(!bits_set(weak.filter), "bits of an empty set");
	free(there);
}

static void samples_agree_in_what_is_hashed(void)
{
	unsigned int lines, line, i;

	for (lines = 1; lines <= UKSM_LINES; lines++) {
		u8 *a = new_random_page(), *b = new_page();

		setup_random(lines);
		for (line = 0; line < UKSM_LINES; line++) {
			bool agree = lines < UKSM_LINES && !is_sampled(line);

			memcpy(b, a, UKSM_PAGE_BYTES);
			change_line(b, line);
			expect(uksm_checksum_samples_agree(a, b) == agree &&
			       uksm_checksum_samples_agree(b, a) == agree,
			       "lines %u: line %u, sampled: %d", lines, line, is_sampled(line));
		}
		/* Each byte counts, and where it is. */
		for (i = 0; i < UKSM_LINE_BYTES; i++) {
			memcpy(b, a, UKSM_PAGE_BYTES);
			change_byte(b, config.sample[lines / 2] * UKSM_LINE_BYTES + i);
			expect(!uksm_checksum_samples_agree(a, b), "lines %u: byte %u", lines, i);
		}
		free(a);
		free(b);
	}
}

/* Nothing is to be gained where pages are hashed in whole as it is. */
static void strong_samples_do_not_agree(void)
{
	unsigned int lines;

	for (lines = 1; lines < UKSM_LINES; lines++) {
		u8 *a = new_page(), *b = new_page();
		unsigned int line;

		setup_random(lines);
		line = config.order[lines];
		change_line(b, line);
		expect(!uksm_checksum_samples_agree(a, b), "lines %u: nearly zeroes", lines);

		random_fill(a, UKSM_PAGE_BYTES);
		memcpy(b, a, UKSM_PAGE_BYTES);
		change_line(b, line);
		expect(uksm_checksum_samples_agree(a, b), "lines %u: a family", lines);
		expect(uksm_checksum_strengthen(b, uksm_checksum(b)), "lines %u: refused", lines);
		expect(!uksm_checksum_samples_agree(a, b), "lines %u: strong already", lines);
		/* They may be equal by the time that this is asked. */
		uksm_checksum_set_lines(UKSM_LINES);
		expect(!uksm_checksum_samples_agree(a, a), "whole pages");
		free(a);
		free(b);
	}
	uksm_checksum_exit();
}

static void the_whole_decides_where_it_is_hashed(void)
{
	u8 *page = new_random_page(), *copy = new_page();
	unsigned int at, i;
	u64 whole;

	setup_random(UKSM_LINES);
	expect(uksm_checksum_of_whole(uksm_checksum_whole(copy)) == uksm_checksum_zero(), "zeroes");
	for (at = 0; at < UKSM_PAGE_BYTES; at++) {
		memcpy(copy, page, UKSM_PAGE_BYTES);
		whole = uksm_checksum_whole(page);
		expect(uksm_checksum_whole(copy) == whole, "of a copy");
		expect(uksm_checksum_of_whole(whole) == uksm_checksum(page), "all lines");
		change_byte(copy, at);
		expect(uksm_checksum_whole(copy) != whole, "byte %u unseen", at);
	}

	for (i = 1; i < UKSM_LINES; i++) {
		u32 sample;

		setup_random(i);
		/* A sum of all, however few lines are sampled. */
		expect(uksm_checksum_of_whole(uksm_checksum_whole(page)) != uksm_checksum(page),
		       "lines %u: the sample is the whole", i);
		sample = uksm_checksum(page);
		expect(!uksm_checksum_weak_sample(page), "lines %u: weak", i);
		expect(uksm_checksum_strengthen(page, sample), "lines %u: refused", i);
		expect(uksm_checksum_of_whole(uksm_checksum_whole(page)) == uksm_checksum(page),
		       "lines %u: a weak sample", i);
		expect(uksm_checksum_weak_sample(page) == sample, "lines %u: not known", i);
		memcpy(copy, page, UKSM_PAGE_BYTES);
		change_line(copy, config.order[i]);
		expect(uksm_checksum_weak_sample(copy) == sample, "lines %u: another of them", i);
		change_line(copy, config.order[0]);
		expect(!uksm_checksum_weak_sample(copy), "lines %u: another sample", i);

		memset(copy, 0x5a, UKSM_PAGE_BYTES);
		expect(uksm_checksum_of_whole(uksm_checksum_whole(copy)) == uksm_checksum(copy),
		       "lines %u: it repeats", i);
		weak_add(hash_sample(copy));
		expect(!uksm_checksum_weak_sample(copy), "lines %u: it repeats, and is weak", i);
	}
	uksm_checksum_exit();
	free(page);
	free(copy);
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
	run_test(the_set_grows_with_its_entries);
	run_test(strengthening_is_bounded);
	run_test(want_of_memory_is_survived);
	run_test(what_nobody_meets_is_forgotten);
	run_test(what_is_held_stays);
	run_test(the_filter_hides_nothing);
	run_test(samples_agree_in_what_is_hashed);
	run_test(strong_samples_do_not_agree);
	run_test(the_whole_decides_where_it_is_hashed);
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
