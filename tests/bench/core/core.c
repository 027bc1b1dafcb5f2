// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's pure code in user space, timed by the page and by the operation, beside what ksmd
 * does in its place.
 */
#include "core.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../content.h"

#define PASSES 5
/* So few that the second level cache has room for them. */
#define CACHED_PAGES 64

void core_print(const char *side, const char *what, size_t size, double seconds, size_t nr)
{
	printf("{\"side\":\"%s\",\"what\":\"%s\",\"size\":%zu,\"ns\":%.2f}\n", side, what, size,
	       seconds * 1e9 / nr);
	fflush(stdout);
}

static double hash_all(const struct arena *arena, size_t nr, uint64_t (*hash)(const void *page))
{
	double best = 1e9, start, took;
	unsigned int pass;
	size_t i;

	for (pass = 0; pass < PASSES; pass++) {
		start = core_now();
		for (i = 0; i < arena->nr; i++)
			core_use(hash(arena_page(arena, core_visit(i, nr))));
		took = core_now() - start;
		best = took < best ? took : best;
	}
	return best;
}

void core_hash(const char *side, const char *what, const struct arena *arena,
	       uint64_t (*hash)(const void *page))
{
	char near[64];

	core_print(side, what, arena->nr, hash_all(arena, arena->nr, hash), arena->nr);
	snprintf(near, sizeof(near), "%s-cached", what);
	core_print(side, near, CACHED_PAGES, hash_all(arena, CACHED_PAGES, hash), arena->nr);
}

static struct arena arena_make(size_t mib)
{
	struct arena arena = { .nr = mib * 256 };
	size_t i;

	arena.pages = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);
	if (arena.pages == MAP_FAILED)
		err(1, "%zu MiB of pages", mib);
	/* A miss of the TLB must not be all that is measured: the kernel's direct map has few. */
	madvise(arena.pages, mib << 20, MADV_HUGEPAGE);
	for (i = 0; i < arena.nr; i++)
		content_write(arena.pages + i * CORE_PAGE_BYTES, content_new());
	return arena;
}

static unsigned long parse_number(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < least || value > most)
		errx(2, "\"%s\" is not a number from %lu to %lu", text, least, most);
	return value;
}

int main(int argc, char **argv)
{
	struct arena arena;

	if (argc != 3)
		errx(2, "usage: core MIB-OF-PAGES LOG2-OF-KEYS");
	arena = arena_make(parse_number(argv[1], 16, 65536));
	measure_limit(&arena);
	measure_uksm(&arena, parse_number(argv[2], 10, 32));
	measure_reference(&arena);
	return 0;
}
