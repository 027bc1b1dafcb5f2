// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no checksum of so many lines can be faster than: to read them.
 */
#include "core.h"

#include <stdio.h>

#define LINES 64
#define LINE_WORDS 8

static unsigned int nr_lines;

/* Spread over the page, as a sample is; 37 has no factor in common with 64. */
static const uint64_t *line_at(const void *page, unsigned int i)
{
	return (const uint64_t *)page + i * 37 % LINES * LINE_WORDS;
}

static uint64_t read_lines(const void *page)
{
	uint64_t sum = 0;
	unsigned int i, word;

	for (i = 0; i < nr_lines; i++)
		__builtin_prefetch(line_at(page, i));
	for (i = 0; i < nr_lines; i++) {
		for (word = 0; word < LINE_WORDS; word++)
			sum += line_at(page, i)[word];
	}
	return sum;
}

void measure_limit(const struct arena *arena)
{
	char what[32];

	for (nr_lines = 1; nr_lines <= LINES; nr_lines <<= 1) {
		snprintf(what, sizeof(what), "read-%u-lines", nr_lines);
		core_hash("limit", what, arena, read_lines);
	}
}
