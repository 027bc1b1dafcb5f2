// SPDX-License-Identifier: GPL-2.0-only
#include "core.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../../../module/pure/checksum.h"
#include "../../../module/pure/index.h"

#define OPERATIONS (1UL << 20)
#define FIRST_ORDER 16

static uint64_t checksum(const void *page)
{
	return uksm_checksum(page);
}

static void measure_lines(const struct arena *arena, unsigned int lines)
{
	char what[32];

	uksm_checksum_set_lines(lines);
	snprintf(what, sizeof(what), "checksum-%u-lines", lines);
	core_hash("uksm", what, arena, checksum);
}

static uint32_t checksum_of(size_t nr)
{
	return core_visit(nr + 1, 1UL << 32);
}

static void add_keys(struct uksm_index *index, struct uksm_key *keys, size_t from, size_t to)
{
	double start = core_now();
	size_t i;

	for (i = from; i < to; i++) {
		keys[i].checksum = checksum_of(i);
		uksm_index_add(index, &keys[i]);
	}
	core_print("uksm", "index-add", to, core_now() - start, to - from);
}

static void measure_lookups(const struct uksm_index *index, size_t nr)
{
	double start = core_now();
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		core_use((uintptr_t)uksm_index_first(index, checksum_of(core_visit(i, nr))));
	core_print("uksm", "index-hit", nr, core_now() - start, OPERATIONS);

	start = core_now();
	for (i = 0; i < OPERATIONS; i++)
		core_use((uintptr_t)uksm_index_first(index, core_visit(~i, 1UL << 32)));
	core_print("uksm", "index-miss", nr, core_now() - start, OPERATIONS);
}

/* What a page that has changed costs. */
static void measure_moves(struct uksm_index *index, struct uksm_key *keys, size_t nr)
{
	double start = core_now();
	size_t i;

	for (i = 0; i < OPERATIONS; i++) {
		struct uksm_key *key = &keys[core_visit(i, nr)];

		uksm_index_del(index, key);
		uksm_index_add(index, key);
	}
	core_print("uksm", "index-del-add", nr, core_now() - start, OPERATIONS);
}

static void measure_index(unsigned int order)
{
	size_t most = 1UL << order, nr = 0, to;
	struct uksm_index index;
	struct uksm_key *keys;

	/* Huge pages, as the kernel's direct map has. */
	keys = mmap(NULL, most * sizeof(*keys), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (keys == MAP_FAILED)
		err(1, "%zu keys", most);
	madvise(keys, most * sizeof(*keys), MADV_HUGEPAGE);
	if (uksm_index_init(&index, uksm_index_order(most), NULL))
		errx(1, "no memory for an index");
	for (to = 1UL << (order < FIRST_ORDER ? order : FIRST_ORDER); to <= most; to <<= 2) {
		add_keys(&index, keys, nr, to);
		nr = to;
		measure_lookups(&index, nr);
		measure_moves(&index, keys, nr);
	}
	munmap(keys, most * sizeof(*keys));
}

void measure_uksm(const struct arena *arena, unsigned int order)
{
	unsigned int lines;

	uksm_checksum_init();
	for (lines = 1; lines <= UKSM_LINES; lines <<= 1)
		measure_lines(arena, lines);
	measure_index(order);
}
