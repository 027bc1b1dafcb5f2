// SPDX-License-Identifier: GPL-2.0-only
#include "pairs.h"

#include <stdlib.h>

#include "page_record.h"
#include "record_sort.h"
#include "status.h"

/* The processes that have one page, each once. */
static void count_page(struct pairs *pairs, const uint32_t *sharers,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t *row = pairs->common + sharers[i] * pairs->processes;

		for (size_t j = 0; j < count; j++)
			row[sharers[j]]++;
	}
}

void pairs_count(struct pairs *pairs, size_t processes, uint64_t *places,
		 size_t count)
{
	uint32_t *sharers =
		require_memory(calloc(processes + 1, sizeof(*sharers)));

	*pairs = (struct pairs){
		.processes = processes,
		.common = require_memory(calloc(processes * processes + 1,
						sizeof(*pairs->common))),
		.addresses = require_memory(
			calloc(processes + 1, sizeof(*pairs->addresses))),
	};
	place_sort(places, count);
	for (size_t at = 0; at < count;) {
		const uint64_t pfn = page_pfn(places[at]);
		size_t found = 0;

		for (; at < count && page_pfn(places[at]) == pfn; at++) {
			uint32_t process = page_process(places[at]);

			pairs->addresses[process]++;
			if (!found || sharers[found - 1] != process)
				sharers[found++] = process;
		}
		count_page(pairs, sharers, found);
	}
	free(sharers);
}

void pairs_free(struct pairs *pairs)
{
	free(pairs->common);
	free(pairs->addresses);
	*pairs = (struct pairs){ .processes = 0 };
}
