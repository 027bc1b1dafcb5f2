// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest of the demo runs: fill memory, keep rewriting a little of it,
 * and say at the end whether every byte is what was written.
 *
 * usage: guest SEED MEBIBYTES
 *
 * It talks over stdin and stdout: it says "booted"; told to "fill", it answers
 * "filled" once memory is written; to "verify" it answers "intact ..." or
 * "DAMAGED ..."; "damage" flips a bit behind its own back; "off" ends it.
 *
 * What a page must hold follows from the seed, the page's number and how often
 * it was rewritten, so nothing but that count has to be remembered.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE	4096
#define PAGE_WORDS	(PAGE_SIZE / 8)

/* One page in so many is rewritten now and then, some of them at each tick. */
#define REWRITTEN_ONE_IN	128
#define REWRITES_PER_TICK	8
#define TICK_MSECS		100

/* Percentages; the rest is unique to its place. */
#define PERCENT_ZERO		5
#define PERCENT_WITHIN		25
#define PERCENT_ACROSS		20

/* So many pages of a guest hold the same, of those alike within a guest. */
#define WITHIN_COPIES		8

enum kind {
	KIND_ZERO,	/* as freed and ballooned memory */
	KIND_WITHIN,	/* alike within a guest, in no other guest */
	KIND_ACROSS,	/* once in every guest, as a library's text */
	KIND_UNIQUE,
};

static uint64_t guest_seed;
static uint64_t pages;
static uint64_t (*memory)[PAGE_WORDS];
static uint32_t *rewrites;
static bool filled;

/* splitmix64's output function: a good hash of 64 bits. */
static uint64_t hash(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* Every guest has the same kinds at the same places. */
static enum kind page_kind(uint64_t page)
{
	unsigned int percent = hash(page) % 100;

	if (percent < PERCENT_ZERO)
		return KIND_ZERO;
	percent -= PERCENT_ZERO;
	if (percent < PERCENT_WITHIN)
		return KIND_WITHIN;
	percent -= PERCENT_WITHIN;
	if (percent < PERCENT_ACROSS)
		return KIND_ACROSS;
	return KIND_UNIQUE;
}

/* The seed of a page's first content. */
static uint64_t content_seed(uint64_t page, enum kind kind)
{
	uint64_t contents;

	switch (kind) {
	case KIND_WITHIN:
		contents = pages * PERCENT_WITHIN / 100 / WITHIN_COPIES;
		return hash(hash(guest_seed) + hash(page) % contents);
	case KIND_ACROSS:
		return hash(page);
	default:
		return hash(guest_seed ^ hash(page));
	}
}

static void fill(uint64_t *words, uint64_t seed)
{
	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		words[i] = hash(seed + i);
}

static void write_first(uint64_t *words, uint64_t page)
{
	enum kind kind = page_kind(page);

	if (kind == KIND_ZERO)
		memset(words, 0, PAGE_SIZE);
	else
		fill(words, content_seed(page, kind));
}

/* Rewriting number n of a page: what a guest does to it. */
static void rewrite(uint64_t *words, uint64_t page, uint32_t n)
{
	uint64_t random = hash(hash(guest_seed ^ page) + n);

	if (page / REWRITTEN_ONE_IN % 2)
		words[random % PAGE_WORDS] = random;	/* one word of it */
	else if (n % 2)
		fill(words, random);			/* all of it */
	else
		write_first(words, page);		/* back to what may merge */
}

static bool is_intact(uint64_t page)
{
	static uint64_t expected[PAGE_WORDS];

	write_first(expected, page);
	for (uint32_t n = 1; n <= rewrites[page]; n++)
		rewrite(expected, page, n);

	return !memcmp(expected, memory[page], PAGE_SIZE);
}

static void write_all(void)
{
	for (uint64_t page = 0; page < pages; page++)
		write_first(memory[page], page);
	filled = true;
	puts("filled");
}

/* What verify() is there to find: to try whether the demo fails then. */
static void damage(void)
{
	uint64_t page = hash(guest_seed) % pages;

	memory[page][hash(page) % PAGE_WORDS] ^= 1ULL << 42;
}

static void verify(void)
{
	uint64_t damaged = 0, first = 0, written = 0;

	for (uint64_t page = 0; page < pages; page++) {
		written += rewrites[page];
		if (is_intact(page))
			continue;
		if (!damaged++)
			first = page;
	}
	if (damaged)
		printf("DAMAGED %lu pages of %lu, the first is %lu, of kind %d, rewritten %u times\n",
		       damaged, pages, first, page_kind(first), rewrites[first]);
	else
		printf("intact %lu bytes in %lu pages, %lu rewrites\n",
		       pages * PAGE_SIZE, pages, written);
}

static void tick(void)
{
	static uint64_t next;

	for (unsigned int i = 0; i < REWRITES_PER_TICK; i++) {
		rewrite(memory[next], next, ++rewrites[next]);
		next += REWRITTEN_ONE_IN;
		if (next >= pages)
			next = 0;
	}
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[32];

	if (argc != 3)
		return 2;
	guest_seed = strtoull(argv[1], NULL, 10);
	pages = strtoull(argv[2], NULL, 10) * (1 << 20) / PAGE_SIZE;
	memory = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rewrites = calloc(pages, sizeof(*rewrites));
	if (memory == MAP_FAILED || !rewrites) {
		perror("guest");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);

	puts("booted");

	for (;;) {
		int ready = poll(&input, 1, TICK_MSECS);

		if (ready < 0 && errno != EINTR)
			return 1;
		if (ready <= 0) {
			if (filled)
				tick();
			continue;
		}
		if (!fgets(line, sizeof(line), stdin))
			return 1;
		if (!strcmp(line, "fill\n"))
			write_all();
		else if (!strcmp(line, "verify\n"))
			verify();
		else if (!strcmp(line, "damage\n"))
			damage();
		else if (!strcmp(line, "off\n"))
			return 0;
	}
}
