// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds mergeable memory of several kinds for others to look at, each in a mapping of its own
 * with as many pages behind that are never touched: mixed SEED KIND...
 *
 *   common:KEY:PAGES    contents that whoever has the same KEY has too, each of them once
 *   own:PAGES           contents that nobody else has
 *   twice:PAGES         the same, each on two pages
 *   zero:PAGES          zeroes, but written
 *   huge:KEY:PAGES      transparent huge pages: a third common, a third own, a third zeroes
 *   out:KEY:PAGES       common ones that are swapped out
 *   changing:PAGES      written all the time, with contents that nobody else has
 *   unasked:KEY:PAGES   common ones that are not mergeable
 *   together:OTHERS     so many processes with the same address space
 *   fork:CHILDREN       so many that have all this by fork
 *
 * Says "ready" when all is written, and ends with its standard input: with 3 if any byte that
 * does not change is another by then.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL
#define HUGE_BYTES (512 * PAGE_BYTES)
#define WORDS (PAGE_BYTES / sizeof(uint64_t))
#define REGIONS 32

/* Those before CHANGING stay as they are. */
enum kind {
	COMMON,
	OWN,
	TWICE,
	ZERO,
	HUGE,
	OUT,
	UNASKED,
	CHANGING,
	TOGETHER,
	FORK
};

static const char *const names[] = { "common",	 "own", "twice",   "zero",
				     "huge",	 "out", "unasked", "changing",
				     "together", "fork" };

struct region {
	enum kind kind;
	uint64_t key;
	unsigned long pages;
	uint64_t *memory;
};

static struct region regions[REGIONS];
static int region_count;
static uint64_t seed;

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;

	return x ^ x >> 31;
}

/* By what the words of a page follow; 0: they are zeroes. */
static uint64_t content_of(const struct region *region, unsigned long page)
{
	const uint64_t number = region - regions;
	const uint64_t own = mix(mix(seed) + number * 0x100000) | 1;

	switch (region->kind) {
	case ZERO:
		return 0;
	case TWICE:
		return mix(own + page / 2);
	case HUGE:
		if (page % 3 == 2)
			return 0;
		if (page % 3 == 1)
			return mix(own + page);
		break;
	case OWN:
	case CHANGING:
		return mix(own + page);
	default:
		break;
	}

	return mix(region->key * 0x10000 + page);
}

static void fill(uint64_t *page, uint64_t content)
{
	for (unsigned long i = 0; i < WORDS; i++)
		page[i] = content ? mix(content + i) : 0;
}

static int is_intact(const struct region *region)
{
	for (unsigned long page = 0; page < region->pages; page++) {
		const uint64_t *words = region->memory + page * WORDS;
		const uint64_t content = content_of(region, page);

		for (unsigned long i = 0; i < WORDS; i++)
			if (words[i] != (content ? mix(content + i) : 0))
				return 0;
	}

	return 1;
}

static int make(struct region *region)
{
	const unsigned long bytes = region->pages * PAGE_BYTES;
	char *memory = mmap(NULL, 2 * bytes + HUGE_BYTES,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	const int huge = region->kind == HUGE;

	if (memory == MAP_FAILED)
		return -1;
	if (huge)
		memory = (char *)(((uintptr_t)memory + HUGE_BYTES - 1) &
				  ~(HUGE_BYTES - 1));
	region->memory = (uint64_t *)memory;
	if (madvise(memory, 2 * bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return -1;
	if (region->kind != UNASKED &&
	    madvise(memory, 2 * bytes, MADV_MERGEABLE))
		return -1;
	for (unsigned long page = 0; page < region->pages; page++) {
		/* A page that was only read would be the kernel's zero page. */
		region->memory[page * WORDS] = 1;
		fill(region->memory + page * WORDS, content_of(region, page));
	}

	return region->kind == OUT ? madvise(memory, bytes, MADV_PAGEOUT) : 0;
}

static int parse(char *word)
{
	struct region *region = &regions[region_count];
	char *at = strchr(word, ':');

	if (!at || region_count == REGIONS)
		return -1;
	*at++ = '\0';
	while (strcmp(names[region->kind], word))
		if (region->kind++ == FORK)
			return -1;
	if (strchr(at, ':')) {
		region->key = strtoull(at, &at, 10);
		at++;
	}
	region->pages = strtoul(at, NULL, 10);
	region_count++;

	return 0;
}

static void change(unsigned long round)
{
	for (int i = 0; i < region_count; i++)
		for (unsigned long page = 0;
		     regions[i].kind == CHANGING && page < regions[i].pages;
		     page++)
			regions[i].memory[page * WORDS] =
				mix(content_of(&regions[i], page) + round);
}

static int wait_for_the_end(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();

	return 0;
}

static void fork_children(unsigned long children)
{
	while (children--) {
		if (!fork())
			wait_for_the_end(NULL);
	}
}

static void share_with(unsigned long others)
{
	static char stacks[8][4 * PAGE_BYTES] __attribute__((aligned(16)));

	while (others-- && others < 8)
		clone(wait_for_the_end, stacks[others] + sizeof(stacks[0]),
		      CLONE_VM | SIGCHLD, NULL);
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };

	if (argc < 3)
		return 2;
	seed = strtoull(argv[1], NULL, 10);
	for (int i = 2; i < argc; i++)
		if (parse(argv[i])) {
			fprintf(stderr, "mixed: %s\n", argv[i]);
			return 2;
		}
	for (int i = 0; i < region_count; i++)
		if (regions[i].kind == FORK) {
			fork_children(regions[i].pages);
		} else if (regions[i].kind == TOGETHER) {
			share_with(regions[i].pages);
		} else if (make(&regions[i])) {
			perror("mixed");
			return 1;
		}
	puts("ready");
	fflush(stdout);
	for (unsigned long round = 1; poll(&input, 1, 50) <= 0; round++)
		change(round);

	for (int i = 0; i < region_count; i++)
		if (regions[i].kind < CHANGING && !is_intact(&regions[i])) {
			fputs("mixed: the memory is not what was written\n",
			      stderr);
			return 3;
		}

	return 0;
}
