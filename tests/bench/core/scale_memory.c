// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the index costs for each page of a host, as it is scanned for the first time, scanned while
 * little changes, and as it ends. In the order of addresses, as the scanner goes; checksums know
 * no order.
 */
#include "scale.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../module/pure/index.h"
#include "core.h"

/* One page of so many is merged, and found in the stable tree. */
#define MERGED_SHARE 64
/* One page of so many has changed when a steady scan comes. */
#define CHANGED_SHARE 64
/* What any host may cost more than one of the first size. */
#define MOST_RATIO 3.0

/**
 * struct memory - a host of some size
 * @nr: pages
 * @keys: of each
 * @merged: of merged pages
 * @stable: these
 * @unstable: the others
 */
struct memory {
	size_t nr;
	struct uksm_key *keys, *merged;
	struct uksm_index stable, unstable;
};

static uint32_t checksum_of(size_t i)
{
	return core_visit(i + 1, 1UL << 32);
}

static struct uksm_key *new_keys(size_t nr)
{
	size_t size = nr * sizeof(struct uksm_key);
	struct uksm_key *keys = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (keys == MAP_FAILED)
		err(1, "%zu keys", nr);
	/* As the kernel's direct map has; and before the clock runs. */
	madvise(keys, size, MADV_HUGEPAGE);
	return memset(keys, 0, size);
}

static void memory_begin(struct memory *memory, unsigned long gib)
{
	size_t nr = gib * SCALE_GIB_PAGES, i;
	unsigned int order = uksm_index_order(nr);

	*memory = (struct memory){
		.nr = nr,
		.keys = new_keys(nr),
		.merged = new_keys(nr / MERGED_SHARE),
	};
	if (uksm_index_init(&memory->stable, order, NULL) ||
	    uksm_index_init(&memory->unstable, order, NULL))
		errx(1, "no memory for 2^%u roots", order);
	for (i = 0; i < nr / MERGED_SHARE; i++) {
		memory->merged[i].checksum = checksum_of(~i);
		uksm_index_add(&memory->stable, &memory->merged[i]);
	}
}

static void memory_end(struct memory *memory)
{
	size_t i;

	for (i = 0; i < memory->nr / MERGED_SHARE; i++)
		uksm_index_del(&memory->stable, &memory->merged[i]);
	uksm_index_destroy(&memory->stable);
	uksm_index_destroy(&memory->unstable);
	munmap(memory->keys, memory->nr * sizeof(*memory->keys));
	munmap(memory->merged, memory->nr / MERGED_SHARE * sizeof(*memory->merged));
}

/* A page is looked for in both trees, and put into one. */
static void search_and_add(struct memory *memory, struct uksm_key *key)
{
	core_use((uintptr_t)uksm_index_first(&memory->stable, key->checksum));
	core_use((uintptr_t)uksm_index_first(&memory->unstable, key->checksum));
	uksm_index_add(&memory->unstable, key);
}

static void first_scan(struct memory *memory)
{
	size_t i;

	for (i = 0; i < memory->nr; i++) {
		memory->keys[i].checksum = checksum_of(i);
		search_and_add(memory, &memory->keys[i]);
	}
}

static void steady_scan(struct memory *memory)
{
	struct uksm_key *key;
	uint32_t checksum;
	size_t i;

	for (i = 0; i < memory->nr; i++) {
		key = &memory->keys[i];
		checksum = checksum_of(i % CHANGED_SHARE ? i : i + memory->nr);
		if (checksum == key->checksum)
			continue;
		uksm_index_del(&memory->unstable, key);
		key->checksum = checksum;
		search_and_add(memory, key);
	}
}

static void death(struct memory *memory)
{
	size_t i;

	for (i = 0; i < memory->nr; i++)
		uksm_index_del(&memory->unstable, &memory->keys[i]);
}

static double ns_a_page(struct memory *memory, void (*act)(struct memory *memory))
{
	double start = core_now();

	act(memory);
	return (core_now() - start) * 1e9 / memory->nr;
}

void scale_memory_begin(void)
{
	printf("\nThe index, ns a page:\n\n"
	       "| GiB | roots | first scan | steady scan | death |\n|---|---|---|---|---|\n");
}

void scale_memory(unsigned long gib)
{
	static const char *const name[] = { "first-scan", "steady-scan", "death" };
	static double base[3];
	struct memory memory;
	double ns[3];
	char what[64];
	unsigned int i;

	memory_begin(&memory, gib);
	ns[0] = ns_a_page(&memory, first_scan);
	ns[1] = ns_a_page(&memory, steady_scan);
	ns[2] = ns_a_page(&memory, death);
	printf("| %lu | %u | %.0f | %.0f | %.0f |\n", gib, memory.unstable.nr_roots, ns[0], ns[1],
	       ns[2]);
	fflush(stdout);
	memory_end(&memory);
	if (!base[0])
		memcpy(base, ns, sizeof(base));
	for (i = 0; i < 3; i++) {
		snprintf(what, sizeof(what), "memory-%s-%lu-GiB", name[i], gib);
		scale_verdict(ns[i] <= MOST_RATIO * base[i], what, "%.0f ns a page, %.1f times %.0f",
			      ns[i], ns[i] / base[i], base[i]);
	}
}
