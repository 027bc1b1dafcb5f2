// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checksum by which pages are indexed: keyed, and over a sample of a page.
 *
 * It decides where a page is looked for and whether it has changed, never
 * whether two pages are equal: that is memcmp()'s, under write protection.  So
 * a sample that misses a difference costs a comparison and no more.
 *
 * A key, and positions of the sampled lines that are drawn at random, keep
 * anybody from choosing pages that collide though their samples differ.  Neither
 * ever leaves the module.  Nothing keeps anybody from having pages that agree in
 * the sample and differ elsewhere: a family of pages that differ in one line has
 * one checksum unless that line is sampled, and of 64 lines few are.  Mostly
 * empty pages, and the pages of one kind of table, are such families by nature.
 *
 * A family gets a stronger checksum, over all of the page, when its sample
 * repeats itself or when uksm_checksum_strengthen() has been told of it.  What
 * bounds the damage is that this costs one entry of a set, however large the
 * family is.  The set grows with their number, up to a bound, and forgets those
 * that nobody has met for long.  When it is full the families that come later
 * are told apart by uksm_checksum_whole(), where pages are kept in order by it.
 * The many other pages pay for a few lines.
 */
#include "checksum.h"

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/jhash.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

/* Buckets of the set of weak samples, and how many entries each is to have. */
#define WEAK_BUCKETS_MIN	(1u << 12)
#define WEAK_BUCKETS_MAX	(1u << 16)
#define WEAK_BUCKETS_GROW	4u
#define WEAK_LOAD		4u
/* Full scans that an entry outlives without a page of its family being met. */
#define WEAK_EPOCHS		16u
/* 8 KiB, of which a few lines are in use as long as few samples are weak. */
#define WEAK_FILTER_WORDS	(1u << 10)
#define WEAK_GFP		(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/*
 * Changes only while no checksum is kept anywhere and none is being computed:
 * values from before and after do not compare.
 */
static struct {
	struct uksm_checksum_key key;
	u32 zero;		/* the checksum of a page of zeroes */
	u64 zero_page_sum;	/* sum of @zero_sum */
	u64 repeated;	/* sets pages of one line 64 times apart from others */
	u64 zero_sum[UKSM_LINES];	/* line_sum() of zeroes, in each line */
	unsigned int lines;
	u8 order[UKSM_LINES];	/* lines in the order in which they are chosen */
	u8 sample[UKSM_LINES];	/* those that are, by address */
} config __read_mostly;

/**
 * struct weak_sample - a sample whose pages are hashed in whole
 * @next: in the same bucket
 * @checksum: of the sample; never 0
 * @seen: epoch in which a page of it was hashed last
 * @held: how many depend on the entry, so that it must not be dropped
 */
struct weak_sample {
	struct weak_sample *next;
	u32 checksum;
	u32 seen;
	u32 held;
};

/*
 * The set of weak samples.  Its buckets are chosen by the low bits of a
 * checksum, the bits of the filters by the high ones.
 */
static struct {
	struct weak_sample **bucket;	/* NULL until there is an entry */
	unsigned int nr_buckets;	/* a power of two, or 0 */
	unsigned int nr;
	unsigned int age_bucket;	/* the next one to be aged */
	u32 epoch;
	/* A bit for each entry.  Others may be set: of entries that are gone. */
	u64 filter[WEAK_FILTER_WORDS];
	/* What the filter is to be when all buckets have been aged. */
	u64 next_filter[WEAK_FILTER_WORDS];
} weak;

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

/* How many lines of a page, from the first on, are equal. */
static unsigned int lines_repeated(const void *page)
{
	const u64 *first = page, *line = page;
	unsigned int i = 0;

	/* Mostly of zeroes, which takes half of the loads. */
	while (i < UKSM_LINES && line_is_zero(line_at(page, i)))
		i++;
	if (i)
		return i;
	for (i = 1; i < UKSM_LINES; i++) {
		line += UKSM_LINE_BYTES / sizeof(u64);
		if ((first[0] ^ line[0]) | (first[1] ^ line[1]) | (first[2] ^ line[2]) |
		    (first[3] ^ line[3]) | (first[4] ^ line[4]) | (first[5] ^ line[5]) |
		    (first[6] ^ line[6]) | (first[7] ^ line[7]))
			break;
	}
	return i;
}

static u32 hash_whole(const void *page)
{
	return finish(uksm_checksum_whole(page));
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

static bool filter_has(const u64 *filter, u32 checksum)
{
	return filter[checksum >> 22] >> (checksum >> 16 & 63) & 1;
}

static void filter_add(u64 *filter, u32 checksum)
{
	filter[checksum >> 22] |= 1ull << (checksum >> 16 & 63);
}

static struct weak_sample **weak_bucket(u32 checksum)
{
	return &weak.bucket[checksum & (weak.nr_buckets - 1)];
}

static struct weak_sample *weak_find(u32 checksum)
{
	struct weak_sample *entry;

	if (!weak.nr || !filter_has(weak.filter, checksum))
		return NULL;
	entry = *weak_bucket(checksum);
	while (entry && entry->checksum != checksum)
		entry = entry->next;
	return entry;
}

/* As pages are hashed by the million, what is true already is not written. */
static void weak_see(struct weak_sample *entry)
{
	if (READ_ONCE(entry->seen) != weak.epoch)
		WRITE_ONCE(entry->seen, weak.epoch);
}

static void weak_link(struct weak_sample *entry)
{
	struct weak_sample **bucket = weak_bucket(entry->checksum);

	entry->next = *bucket;
	*bucket = entry;
}

/*
 * False if there is no memory; the entries are where they were.  Ageing goes on where
 * it was: the buckets of what it has still to come to are higher up as before.
 */
static bool weak_resize(unsigned int nr_buckets)
{
	struct weak_sample **old = weak.bucket, *entry, *next, **bucket;
	unsigned int old_nr = weak.nr_buckets, i;

	bucket = kvcalloc(nr_buckets, sizeof(*bucket), WEAK_GFP);
	if (!bucket)
		return false;
	weak.bucket = bucket;
	weak.nr_buckets = nr_buckets;
	for (i = 0; i < old_nr; i++) {
		for (entry = old[i]; entry; entry = next) {
			next = entry->next;
			weak_link(entry);
		}
	}
	kvfree(old);
	return true;
}

/* Want of memory for more buckets makes long chains, and that is all. */
static bool weak_make_room(void)
{
	if (weak.nr >= UKSM_WEAK_MAX)
		return false;
	if (!weak.nr_buckets)
		return weak_resize(WEAK_BUCKETS_MIN);
	if (weak.nr >= WEAK_LOAD * weak.nr_buckets && weak.nr_buckets < WEAK_BUCKETS_MAX)
		weak_resize(WEAK_BUCKETS_GROW * weak.nr_buckets);
	return true;
}

static bool weak_add(u32 checksum)
{
	struct weak_sample *entry;

	if (!weak_make_room())
		return false;
	entry = kmalloc(sizeof(*entry), WEAK_GFP);
	if (!entry)
		return false;
	entry->checksum = checksum;
	entry->seen = weak.epoch;
	entry->held = 0;
	weak_link(entry);
	filter_add(weak.filter, checksum);
	filter_add(weak.next_filter, checksum);
	weak.nr++;
	return true;
}

static void weak_free_all(void)
{
	struct weak_sample *entry, *next;
	unsigned int i;

	for (i = 0; i < weak.nr_buckets; i++) {
		for (entry = weak.bucket[i]; entry; entry = next) {
			next = entry->next;
			kfree(entry);
		}
	}
	kvfree(weak.bucket);
	memset(&weak, 0, sizeof(weak));
}

/* Drop the entries of a bucket that have been neither held nor met for long. */
static unsigned int age_bucket(struct weak_sample **link)
{
	struct weak_sample *entry;
	unsigned int dropped = 0;

	while ((entry = *link)) {
		if (entry->held || weak.epoch - entry->seen <= WEAK_EPOCHS) {
			filter_add(weak.next_filter, entry->checksum);
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		kfree(entry);
		weak.nr--;
		dropped++;
	}
	return dropped;
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
 * A function of the content, of what uksm_checksum_setup() was given and of which
 * samples are weak.  It allocates nothing and does not sleep.  All it writes is
 * that a weak sample has been met.
 *
 * Context: any, and any number of callers at the same time, but none at the same
 * time as a function that changes what the checksum is: setup, set_lines,
 * strengthen, age, age_step and exit.
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
	struct weak_sample *entry;
	u32 checksum;

	if (config.lines == UKSM_LINES || sample_repeats(page))
		return hash_whole(page);
	checksum = hash_sample(page);
	entry = weak_find(checksum);
	if (!entry)
		return checksum;
	weak_see(entry);
	return hash_whole(page);
}

/**
 * uksm_checksum_whole() - a sum over all of a page
 * @page: as for uksm_checksum()
 *
 * The second key of pages whose checksums agree.  For any two different contents
 * the sums agree with a probability of 2^-32 at most, over the keys.
 *
 * The lines are read in the order of their addresses, which is how the hardware
 * likes it.  Most pages that are hashed in whole are one line again and again, of zeroes
 * or of a pattern: of them that line is enough, with something added that sets them apart.
 * Of most others the greatest part is empty, so the sum is that of a page of zeroes,
 * corrected for the other lines.
 *
 * Context: as for uksm_checksum().
 */
u64 uksm_checksum_whole(const void *page)
{
	unsigned int line = lines_repeated(page);
	u64 sum = config.zero_page_sum;

	if (line == UKSM_LINES)
		return line_sum(page, 0) + config.repeated;
	/* Those before are empty, or none of them is. */
	for (line = line_is_zero(page) ? line : 0; line < UKSM_LINES; line++) {
		const u32 *content = line_at(page, line);

		if (!line_is_zero(content))
			sum += line_sum(content, line) - config.zero_sum[line];
	}
	return sum;
}

/**
 * uksm_checksum_of_whole() - checksum of a page that is hashed in whole
 * @whole: what uksm_checksum_whole() gave for it
 *
 * Return: what uksm_checksum() gives for the page if its sample is weak, or repeats
 * itself, or all lines are sampled.
 */
u32 uksm_checksum_of_whole(u64 whole)
{
	return finish(whole);
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
 * uksm_checksum_samples_agree() - have two pages their checksum in common by design?
 * @a: one page, as for uksm_checksum()
 * @b: the other, of different content
 *
 * To be asked before uksm_checksum_strengthen().  Among millions of pages some have
 * different samples and by chance the same checksum.  An entry for each such pair
 * would fill the set.
 *
 * Return: true if all bytes that the checksum depends on are equal in both, and a
 * checksum of the whole pages would tell them apart; false when it is that already.
 */
bool uksm_checksum_samples_agree(const void *a, const void *b)
{
	unsigned int i;

	if (config.lines == UKSM_LINES)
		return false;
	for (i = 0; i < config.lines; i++) {
		if (!lines_equal(line_at(a, config.sample[i]), line_at(b, config.sample[i])))
			return false;
	}
	return !sample_repeats(a) && !weak_find(hash_sample(a));
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
 * Context: the caller serialises this with uksm_checksum().  Allocates memory; once
 * in a while, when the set grows, it takes milliseconds.
 * Return: true if the checksum is stronger now than before; false when it is one
 * of whole pages already, @page does not have it (any more), there is no memory, or
 * UKSM_WEAK_MAX others have been strengthened.
 */
bool uksm_checksum_strengthen(const void *page, u32 checksum)
{
	if (config.lines == UKSM_LINES || !checksum || weak_find(checksum))
		return false;
	if (sample_repeats(page) || hash_sample(page) != checksum)
		return false;
	return weak_add(checksum);
}

/**
 * uksm_checksum_weak_sample() - is a page hashed in whole for a weak sample?
 * @page: as for uksm_checksum()
 *
 * Context: as for uksm_checksum().
 * Return: the checksum of its sample, for uksm_checksum_hold(); 0 if the sample is not
 * weak, whatever else the page may be hashed in whole for.
 */
u32 uksm_checksum_weak_sample(const void *page)
{
	u32 checksum;

	if (config.lines == UKSM_LINES || sample_repeats(page))
		return 0;
	checksum = hash_sample(page);
	return weak_find(checksum) ? checksum : 0;
}

/**
 * uksm_checksum_hold() - have a weak sample remembered
 * @sample: from uksm_checksum_weak_sample(), or what was strengthened
 *
 * For pages that are found by their checksum and not hashed again, as merged ones:
 * were the sample forgotten, equal pages would look for them in another place.
 *
 * Context: the caller serialises this with uksm_checksum_age_step().
 * Return: true if one uksm_checksum_unhold() is owed for it; false when the sample is
 * not weak, and then nothing has happened.
 */
bool uksm_checksum_hold(u32 sample)
{
	struct weak_sample *entry = weak_find(sample);

	if (!entry)
		return false;
	entry->held++;
	return true;
}

/**
 * uksm_checksum_unhold() - one that has held a weak sample needs it no more
 * @sample: what uksm_checksum_hold() was given; of one that is not held nothing happens
 *
 * Other pages of the family may be about, so the sample starts to age now.
 *
 * Context: as for uksm_checksum_hold().
 */
void uksm_checksum_unhold(u32 sample)
{
	struct weak_sample *entry = weak_find(sample);

	if (!entry || !entry->held)
		return;
	entry->held--;
	weak_see(entry);
}

/**
 * uksm_checksum_age() - a full scan begins: weak samples get older
 *
 * Context: the caller serialises this with uksm_checksum().
 */
void uksm_checksum_age(void)
{
	weak.epoch++;
}

/**
 * uksm_checksum_age_step() - forget weak samples of which nothing is left
 * @buckets: how many of at most 2^16 buckets to look at, each of some four entries
 *
 * It goes on where it has left off, and begins anew after the last.  A sample is
 * dropped if it is not held and uksm_checksum() has met no page of it for more than
 * 16 calls of uksm_checksum_age().  Should one come after all it looks changed,
 * and its family is strengthened again.
 *
 * Context: the caller serialises this with uksm_checksum().
 * Return: how many were dropped.
 */
unsigned int uksm_checksum_age_step(unsigned int buckets)
{
	unsigned int dropped = 0;

	for (buckets = min(buckets, weak.nr_buckets); buckets; buckets--) {
		dropped += age_bucket(&weak.bucket[weak.age_bucket]);
		if (++weak.age_bucket < weak.nr_buckets)
			continue;
		/* Now it has the bits of all that are left, and no others. */
		memcpy(weak.filter, weak.next_filter, sizeof(weak.filter));
		memset(weak.next_filter, 0, sizeof(weak.next_filter));
		weak.age_bucket = 0;
	}
	return dropped;
}

/**
 * uksm_checksum_nr_weak() - how many samples are weak: at most UKSM_WEAK_MAX
 *
 * Context: any; without a lock the number may be one of a moment ago.
 */
unsigned int uksm_checksum_nr_weak(void)
{
	return READ_ONCE(weak.nr);
}

/**
 * uksm_checksum_bytes() - memory that the set of weak samples has allocated
 *
 * Context: any; without a lock the number may be one of a moment ago.
 */
unsigned long uksm_checksum_bytes(void)
{
	return READ_ONCE(weak.nr) * sizeof(struct weak_sample) +
	       READ_ONCE(weak.nr_buckets) * sizeof(struct weak_sample *);
}

/**
 * uksm_checksum_exit() - free the set of weak samples
 *
 * Context: as for uksm_checksum_set_lines().
 */
void uksm_checksum_exit(void)
{
	weak_free_all();
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
 * No sample is weak any more, nor held.
 *
 * Context: the caller sees to it that no checksum is in use: indexes are empty, and
 * nobody is in uksm_checksum().
 */
void uksm_checksum_set_lines(unsigned int lines)
{
	u64 chosen = 0;
	unsigned int i;

	lines = clamp(lines, 1u, (unsigned int)UKSM_LINES);
	for (i = 0; i < lines; i++)
		chosen |= 1ull << config.order[i];

	weak_free_all();

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
	config.repeated = config.key.seed * 0x9e3779b97f4a7c15ULL;
	config.zero = finish(line_sum(zeroes, 0) + config.repeated);
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
