// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checksum by which pages are indexed: keyed, and over a sample of a page.
 *
 * It decides where a page is looked for and whether it has changed, never
 * whether two pages are equal: that is memcmp()'s, under write protection.  So
 * a sample that misses a difference costs a comparison and no more.
 *
 * Two things guard against somebody who wants many pages to share a checksum,
 * and so to make one list of equals long: the key, and that the positions of
 * the sampled lines are drawn at random.  Neither ever leaves the module.
 *
 * Pages that agree in the sample and differ elsewhere come in families: mostly
 * empty pages, or the pages of one kind of table.  Such a family gets a
 * stronger checksum, over all of the page, when its sample repeats itself or
 * when uksm_checksum_strengthen() has been told of it.  The many other pages
 * pay for a few lines.
 */
#include "checksum.h"

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/jhash.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include <linux/string.h>

/* Checksums of samples that are too weak are kept in a table of this size. */
#define WEAK_SLOTS	4096u

/*
 * Changes only while no checksum is kept anywhere and none is being computed:
 * values from before and after do not compare.  The exception is @weak, see
 * uksm_checksum_strengthen().
 */
static struct {
	struct uksm_checksum_key key;
	u32 zero;		/* the checksum of a page of zeroes */
	u64 zero_page_sum;	/* sum of @zero_sum */
	u64 zero_sum[UKSM_LINES];	/* line_sum() of zeroes, in each line */
	unsigned int lines;
	u8 order[UKSM_LINES];	/* lines in the order in which they are chosen */
	u8 sample[UKSM_LINES];	/* those that are, by address */
	unsigned int nr_weak;
	u32 weak[WEAK_SLOTS];	/* 0: free */
} config __read_mostly;

static const void *line_at(const void *page, unsigned int line)
{
	return page + line * UKSM_LINE_BYTES;
}

/*
 * The NH hash of UMAC (Black et al., CRYPTO '99) over one line: pairs of words,
 * each word with a key of its own added, multiplied and summed up.  For any two
 * different contents the sums of a page's lines agree with a probability of
 * 2^-32 over the keys, wherever the difference is.  A jhash2() of the lines
 * does not know such a bound, and takes four times the instructions.
 */
static u64 line_sum(const u32 *content, unsigned int line)
{
	const u32 *key = config.key.word[line];
	unsigned int i;
	u64 sum = 0;

#pragma GCC unroll 8
	for (i = 0; i < UKSM_LINE_WORDS; i += 2)
		sum += (u64)(content[i] + key[i]) * (content[i + 1] + key[i + 1]);
	return sum;
}

/* NH ends in a sum whose low bits are not as good as its high ones. */
static u32 finish(u64 sum)
{
	u32 halves[2] = { (u32)sum, sum >> 32 };

	return jhash2(halves, 2, config.key.seed);
}

static bool line_is_zero(const void *line)
{
	const u64 *word = line;

	return !(word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7]);
}

/*
 * In the order of their addresses, which is how the hardware likes to read.  Of
 * most pages that are hashed in whole the greatest part is empty, so the sum is
 * that of a page of zeroes, corrected for the other lines.
 */
static u32 hash_whole(const void *page)
{
	u64 sum = config.zero_page_sum;
	unsigned int line;

	for (line = 0; line < UKSM_LINES; line++) {
		const u32 *content = line_at(page, line);

		if (!line_is_zero(content))
			sum += line_sum(content, line) - config.zero_sum[line];
	}
	return finish(sum);
}

static u32 hash_sample(const void *page)
{
	unsigned int i, line;
	u64 sum = 0;

	for (i = 0; i < config.lines; i++) {
		line = config.sample[i];
		sum += line_sum(line_at(page, line), line);
	}
	return finish(sum);
}

static u32 *weak_slot(u32 checksum)
{
	return &config.weak[checksum % WEAK_SLOTS];
}

static bool is_weak(u32 checksum)
{
	return config.nr_weak && *weak_slot(checksum) == checksum && checksum;
}

static bool lines_equal(const u64 *a, const u64 *b)
{
	unsigned int i;

	/* Most differ at once. */
	for (i = 0; i < UKSM_LINE_BYTES / sizeof(u64); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/*
 * Is the sample one line again and again?  Of a sample of a single line, which
 * has no other to be compared with: one u64 again and again.
 */
static bool sample_repeats(const void *page)
{
	const void *first = line_at(page, config.sample[0]);
	unsigned int i;

	if (config.lines == 1)
		return !memcmp(first, first + sizeof(u64), UKSM_LINE_BYTES - sizeof(u64));

	for (i = 1; i < config.lines; i++) {
		if (!lines_equal(first, line_at(page, config.sample[i])))
			return false;
	}
	return true;
}

/**
 * uksm_checksum() - checksum of one page's content
 * @page: UKSM_PAGE_BYTES mapped bytes, aligned to a cache line
 *
 * A function of the content, of what uksm_checksum_setup() was given and of what
 * uksm_checksum_strengthen() was told.  It writes nothing, allocates nothing and
 * does not sleep: any context, and any number of callers at the same time.
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
	u32 checksum;

	if (config.lines == UKSM_LINES || sample_repeats(page))
		return hash_whole(page);
	checksum = hash_sample(page);
	return is_weak(checksum) ? hash_whole(page) : checksum;
}

/**
 * uksm_checksum_prefetch() - have the lines fetched that uksm_checksum() will read
 * @page: as for uksm_checksum(), or any other address: nothing is read yet
 *
 * Most pages are in no cache when their turn comes, and no hardware foresees
 * where we look.
 */
void uksm_checksum_prefetch(const void *page)
{
	unsigned int i;

	for (i = 0; i < min(config.lines, UKSM_PREFETCH_LINES); i++)
		prefetch(line_at(page, config.sample[i]));
}

/**
 * uksm_checksum_strengthen() - hash more of the pages that have a checksum
 * @page: one of them, as for uksm_checksum()
 * @checksum: what uksm_checksum() gave for pages of different content
 *
 * From now on pages whose sample has this checksum are hashed in whole, so what
 * was recorded under @checksum does not compare any more: each such page looks
 * changed.  All others have the checksum they had.
 *
 * Context: the caller serialises this with uksm_checksum().
 * Return: true if the checksum is stronger now than before; false when it is one
 * of whole pages already, @page does not have it (any more), or too many others
 * have been strengthened.
 */
bool uksm_checksum_strengthen(const void *page, u32 checksum)
{
	u32 *slot = weak_slot(checksum);

	if (config.lines == UKSM_LINES || !checksum || *slot)
		return false;
	if (sample_repeats(page) || hash_sample(page) != checksum)
		return false;
	*slot = checksum;
	config.nr_weak++;
	return true;
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

	memset(config.weak, 0, sizeof(config.weak));
	config.nr_weak = 0;

	/* Counted anew: an order with repetitions has fewer lines. */
	config.lines = 0;
	for (i = 0; i < UKSM_LINES; i++) {
		if (chosen & 1ull << i)
			config.sample[config.lines++] = i;
	}
}

/**
 * uksm_checksum_setup() - choose the checksum
 * @key: the key
 * @order: a permutation of 0 to UKSM_LINES - 1; its first lines are sampled
 * @lines: how many of them, as for uksm_checksum_set_lines()
 *
 * Context: as for uksm_checksum_set_lines().
 */
void uksm_checksum_setup(const struct uksm_checksum_key *key,
			 const u8 order[UKSM_LINES], unsigned int lines)
{
	static const u32 zeroes[UKSM_LINE_WORDS];
	unsigned int i;

	config.key = *key;
	/* No caller's mistake may make uksm_checksum() read beside the page. */
	for (i = 0; i < UKSM_LINES; i++)
		config.order[i] = order[i] % UKSM_LINES;
	uksm_checksum_set_lines(lines);

	config.zero_page_sum = 0;
	for (i = 0; i < UKSM_LINES; i++) {
		config.zero_sum[i] = line_sum(zeroes, i);
		config.zero_page_sum += config.zero_sum[i];
	}
	/* Any sample of it repeats, so it is the hash of the whole page. */
	config.zero = finish(config.zero_page_sum);
}

/**
 * uksm_checksum_init() - draw key and positions at random
 *
 * Until uksm_checksum_set_lines() says otherwise, whole pages are hashed.
 */
void uksm_checksum_init(void)
{
	static struct uksm_checksum_key key;
	u8 order[UKSM_LINES];
	unsigned int i, j;

	for (i = 0; i < UKSM_LINES; i++) {
		j = get_random_u32_below(i + 1);
		order[i] = i;
		swap(order[i], order[j]);
	}
	get_random_bytes(&key, sizeof(key));
	uksm_checksum_setup(&key, order, UKSM_LINES);
	memzero_explicit(&key, sizeof(key));
}
