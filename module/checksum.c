// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checksum by which pages are indexed: keyed, and over a sample of a page.
 *
 * It decides where a page is looked for and whether it has changed, never
 * whether two pages are equal: that is memcmp()'s, under write protection.  So
 * a sample that misses a difference costs a comparison and no more.
 *
 * Two things guard against somebody who wants many pages to share a checksum,
 * and so to make one list of equals long: the seed, and that the positions of
 * the sampled lines are drawn at random.  Neither ever leaves the module.
 *
 * Mostly empty pages are the natural case of the same trouble.  Their sample is
 * one line over and over, whatever stands elsewhere in the page; then all of
 * the page is hashed.
 */
#include "checksum.h"

#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include <linux/string.h>

#define LINE_WORDS	(UKSM_LINE_BYTES / sizeof(u32))

/*
 * Changes only while no checksum is kept anywhere and none is being computed:
 * values from before and after do not compare.
 */
static struct {
	u32 seed;
	u32 zero;		/* the checksum of a page of zeroes */
	unsigned int lines;
	u8 order[UKSM_LINES];	/* lines in the order in which they are chosen */
	u8 sample[UKSM_LINES];	/* those that are, by address */
} config __read_mostly;

static const u32 *line_at(const void *page, unsigned int line)
{
	return page + line * UKSM_LINE_BYTES;
}

/*
 * A page's checksum is the sum of its lines' hashes, each with a seed of its
 * own place.  To hash the lines as a chain, each with the hash so far for its
 * seed, would do worse: such a step maps two hashes to one now and then, so a
 * difference in an early line is lost up to 63 times as often as in the last.
 * And these hashes do not wait for each other in the CPU.
 */
static u32 hash_line(const u32 *content, unsigned int line)
{
	return jhash2(content, LINE_WORDS, config.seed + line * GOLDEN_RATIO_32);
}

/* In the order of their addresses, which is how the hardware likes to read. */
static u32 hash_whole(const void *page)
{
	unsigned int line;
	u32 sum = 0;

	for (line = 0; line < UKSM_LINES; line++)
		sum += hash_line(line_at(page, line), line);
	return sum;
}

static u32 hash_sample(const void *page)
{
	unsigned int i, line;
	u32 sum = 0;

	for (i = 0; i < config.lines; i++) {
		line = config.sample[i];
		sum += hash_line(line_at(page, line), line);
	}
	return sum;
}

/*
 * Most pages are in no cache when their turn comes, and no hardware foresees
 * where we look: without this, each line is waited for on its own, and sixteen
 * of them take as long as all of the page in order.
 */
static void prefetch_sample(const void *page)
{
	unsigned int i;

	for (i = 0; i < config.lines; i++)
		prefetch(line_at(page, config.sample[i]));
}

/*
 * Is the sample one line again and again?  Of a sample of a single line, which
 * has no other to be compared with: one u64 again and again.
 */
static bool sample_repeats(const void *page)
{
	const u32 *first = line_at(page, config.sample[0]);
	unsigned int i;

	if (config.lines == 1)
		return !memcmp(first, first + 2, UKSM_LINE_BYTES - sizeof(u64));

	for (i = 1; i < config.lines; i++) {
		if (memcmp(first, line_at(page, config.sample[i]),
			   UKSM_LINE_BYTES))
			return false;
	}
	return true;
}

/**
 * uksm_checksum() - checksum of one page's content
 * @page: UKSM_PAGE_BYTES mapped bytes, aligned to a cache line
 *
 * A function of the content and of what uksm_checksum_setup() was given.  It
 * writes nothing, allocates nothing and does not sleep: any context, and any
 * number of callers at the same time.
 *
 * The page may be written meanwhile, through page tables that this code has no
 * part in, and plain loads are all that is needed.  Whatever a load returns,
 * torn or read twice with different results, nothing but the value depends on
 * it: no address and no loop bound does.  The value is then that of no content
 * the page ever had, or of an older one; so is any checksum by the time it is
 * used, and the callers take it for a hint.
 */
u32 uksm_checksum(const void *page)
{
	if (config.lines == UKSM_LINES)
		return hash_whole(page);
	prefetch_sample(page);
	return sample_repeats(page) ? hash_whole(page) : hash_sample(page);
}

/**
 * uksm_checksum_zero() - checksum of a page of zeroes
 *
 * Such a page is recognised by a comparison of two numbers.
 */
u32 uksm_checksum_zero(void)
{
	return config.zero;
}

/**
 * uksm_checksum_lines() - how many lines of a page are sampled
 */
unsigned int uksm_checksum_lines(void)
{
	return config.lines;
}

/**
 * uksm_checksum_set_lines() - sample another number of lines
 * @lines: 1 to UKSM_LINES, which is all of the page; brought into this range
 *
 * The caller sees to it that no checksum is in use: indexes are empty, and
 * nobody is in uksm_checksum().
 */
void uksm_checksum_set_lines(unsigned int lines)
{
	u64 chosen = 0;
	unsigned int i;

	lines = clamp(lines, 1u, (unsigned int)UKSM_LINES);
	for (i = 0; i < lines; i++)
		chosen |= 1ull << config.order[i];

	/* Counted anew: an order with repetitions has fewer lines. */
	config.lines = 0;
	for (i = 0; i < UKSM_LINES; i++) {
		if (chosen & 1ull << i)
			config.sample[config.lines++] = i;
	}
}

/**
 * uksm_checksum_setup() - choose the checksum
 * @seed: the key
 * @order: a permutation of 0 to UKSM_LINES - 1; its first lines are sampled
 * @lines: how many of them, as for uksm_checksum_set_lines()
 *
 * Context: as for uksm_checksum_set_lines().
 */
void uksm_checksum_setup(u32 seed, const u8 order[UKSM_LINES],
			 unsigned int lines)
{
	static const u32 zeroes[LINE_WORDS];
	unsigned int i;

	config.seed = seed;
	/* No caller's mistake may make uksm_checksum() read beside the page. */
	for (i = 0; i < UKSM_LINES; i++)
		config.order[i] = order[i] % UKSM_LINES;
	uksm_checksum_set_lines(lines);

	/* Any sample of it repeats, so it is the hash of the whole page. */
	config.zero = 0;
	for (i = 0; i < UKSM_LINES; i++)
		config.zero += hash_line(zeroes, i);
}

/**
 * uksm_checksum_init() - draw seed and positions at random
 *
 * Until uksm_checksum_set_lines() says otherwise, whole pages are hashed.
 *
 * Return: 0; there is nothing here that can fail.
 */
int uksm_checksum_init(void)
{
	u8 order[UKSM_LINES];
	unsigned int i, j;

	for (i = 0; i < UKSM_LINES; i++) {
		j = get_random_u32_below(i + 1);
		order[i] = i;
		swap(order[i], order[j]);
	}
	uksm_checksum_setup(get_random_u32(), order, UKSM_LINES);
	return 0;
}
