// SPDX-License-Identifier: GPL-2.0-only
#include "content.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "memory.h"

#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))

/* Of 100 contents. */
#define PERCENT_RANDOM 40
#define PERCENT_TEXT 20
#define PERCENT_SPARSE 25

static uint64_t random_state;
static uint64_t contents = 1;

static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 29) * 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

static uint64_t step(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return scramble(*state);
}

uint64_t draw_next(void)
{
	return step(&random_state);
}

uint64_t draw_below(uint64_t limit)
{
	return draw_next() % limit;
}

void draw_restart(void)
{
	random_state = 0;
	contents = 1;
}

uint64_t content_new(void)
{
	return contents++;
}

static void write_random(uint64_t *page, uint64_t state)
{
	size_t i;

	for (i = 0; i < PAGE_WORDS; i++)
		page[i] = step(&state);
}

static void write_text(char *page, uint64_t content, uint64_t state)
{
	static const char *const words[] = {
		"the ",	    "of ",	"page ",    "and ",	"memory ",  "host ",
		"a ",	    "to ",	"guest ",   "is ",	"that ",    "kernel ",
		"machine ", "when ",	"not ",	    "for ",	"it ",	    "address ",
		"with ",    "as ",	"process ", "on ",	"by ",	    "which ",
		"merged\n", "written ", "an ",	    "shared, ", "scans. ",  "between ",
		"two ",	    "other\n",
	};
	char number[24];
	size_t at = snprintf(number, sizeof(number), "%llx ", (unsigned long long)content);
	const char *word;
	size_t len;

	memcpy(page, "From ", 5);
	memcpy(page + 5, number, at);
	for (at += 5; at < PAGE_SIZE; at += len) {
		word = words[step(&state) % ARRAY_SIZE(words)];
		len = strlen(word);
		if (len > PAGE_SIZE - at)
			len = PAGE_SIZE - at;
		memcpy(page + at, word, len);
	}
}

static void write_sparse(uint64_t *page, uint64_t content, uint64_t state)
{
	unsigned int words = 1 + step(&state) % 15;

	memset(page, 0, PAGE_SIZE);
	while (words--)
		page[step(&state) % PAGE_WORDS] = step(&state) & 0xffff;
	page[step(&state) % PAGE_WORDS] = content;
}

static void write_records(uint64_t *page, uint64_t content, uint64_t state)
{
	uint64_t base = 0xffff888000000000ULL + content * PAGE_SIZE;
	size_t i;

	for (i = 0; i < PAGE_WORDS; i += 8) {
		page[i] = base + i * 8;
		page[i + 1] = base + (step(&state) & 0xff8);
		page[i + 2] = 0x0000000100000040ULL;
		page[i + 3] = step(&state) & 0xff;
		page[i + 4] = 0;
		page[i + 5] = 0;
		page[i + 6] = i;
		page[i + 7] = ~0ULL;
	}
}

void content_write(void *page, uint64_t content)
{
	uint64_t state = scramble(content);
	unsigned int kind = scramble(state) % 100;

	if (content & CONTENT_BYTES)
		memset(page, (uint8_t)content, PAGE_SIZE);
	else if (content == CONTENT_ZERO)
		memset(page, 0, PAGE_SIZE);
	else if (kind < PERCENT_RANDOM)
		write_random(page, state);
	else if (kind < PERCENT_RANDOM + PERCENT_TEXT)
		write_text(page, content, state);
	else if (kind < PERCENT_RANDOM + PERCENT_TEXT + PERCENT_SPARSE)
		write_sparse(page, content, state);
	else
		write_records(page, content, state);
}
