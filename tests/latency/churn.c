// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn MIB: mergeable memory, half of it of pages that all are equal and half of pages of their
 * own, that is written page by page for ever: an equal page becomes one of its own, and the other
 * way round. So there is always something to merge, to compare and to unmerge.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE 4096UL
/* Between two pages, so that others of the least priority come to their turn as well. */
#define PAUSE_USECS 200
#define PAGES_AT_ONCE 16

static void fill(char *page, uint64_t word)
{
	volatile uint64_t *words = (volatile uint64_t *)page;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		words[i] = word + i;
}

int main(int argc, char **argv)
{
	size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 0) * ((1UL << 20) / PAGE_SIZE);
	uint64_t random = 1, own = 1;
	char *area;
	size_t i;

	area = pages ? mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
	if (area == MAP_FAILED || madvise(area, pages * PAGE_SIZE, MADV_MERGEABLE)) {
		fprintf(stderr, "churn: no mergeable memory\n");
		return 1;
	}
	for (i = 0; i < pages; i++)
		fill(area + i * PAGE_SIZE, i % 2 ? ++own << 20 : 0);
	printf("churn: ready\n");
	fflush(stdout);
	for (;;) {
		for (i = 0; i < PAGES_AT_ONCE; i++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			fill(area + (random >> 33) % pages * PAGE_SIZE,
			     random >> 32 & 1 ? ++own << 20 : 0);
		}
		usleep(PAUSE_USECS);
	}
}
