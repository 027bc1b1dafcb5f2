// SPDX-License-Identifier: GPL-2.0-only
#include "predict.h"

#include <stdlib.h>
#include <string.h>

#include "record_sort.h"
#include "status.h"

#define NO_PFN UINT64_MAX

/**
 * struct tally - pages of one content in one domain
 * @addresses: how many have it
 * @frames: on how many pages; a merged one counts for each address
 * @pfn: the last of these
 */
struct tally {
	long long addresses;
	long long frames;
	uint64_t pfn;
};

/**
 * struct tallies - of one content, with one kind of isolation
 * @tallies: by domain
 * @touched: domains that have the content
 * @touched_count: how many
 */
struct tallies {
	struct tally *tallies;
	uint32_t *touched;
	size_t touched_count;
};

static void tallies_init(struct tallies *tallies, size_t domains)
{
	tallies->tallies =
		require_memory(calloc(domains + 1, sizeof(*tallies->tallies)));
	tallies->touched =
		require_memory(calloc(domains + 1, sizeof(*tallies->touched)));
	tallies->touched_count = 0;
}

static void tallies_free(struct tallies *tallies)
{
	free(tallies->tallies);
	free(tallies->touched);
}

static struct tally *touch(struct tallies *tallies, uint32_t domain)
{
	struct tally *tally = &tallies->tallies[domain];

	if (!tally->addresses) {
		tally->frames = 0;
		tally->pfn = NO_PFN;
		tallies->touched[tallies->touched_count++] = domain;
	}

	return tally;
}

/* Records of one content come in the order of their frames. */
static void count_record(struct tallies *tallies, uint32_t domain,
			 uint64_t place)
{
	struct tally *tally = touch(tallies, domain);

	tally->addresses++;
	if (page_is_merged(place) || tally->pfn != page_pfn(place))
		tally->frames++;
	tally->pfn = page_pfn(place);
}

/* What the zero page stands for has been a page for each address. */
static void count_zeroed(struct tallies *tallies, uint32_t domain,
			 long long addresses)
{
	struct tally *tally;

	if (addresses <= 0)
		return;
	tally = touch(tallies, domain);
	tally->addresses += addresses;
	tally->frames += addresses;
}

/*
 * As the module and ksmd do it: two different pages must meet; a copy is full with
 * max_page_sharing addresses, and the next one takes two again.
 */
static void settle(struct prediction *prediction, const struct tally *tally,
		   bool to_zero_page, long long max_sharing)
{
	long long copies, alone;

	prediction->pages += tally->addresses;
	if (to_zero_page) {
		prediction->zero += tally->addresses;
		prediction->freed += tally->frames;
		return;
	}
	if (tally->frames < 2) {
		prediction->unshared += tally->addresses;
		return;
	}
	alone = tally->addresses % max_sharing == 1;
	copies = (tally->addresses - alone + max_sharing - 1) / max_sharing;
	prediction->unshared += alone;
	prediction->shared += copies;
	prediction->sharing += tally->addresses - alone - copies;
	prediction->freed += tally->frames - alone - copies;
}

static void settle_all(const struct predict_input *input,
		       struct predict_mode *mode, struct tallies *tallies,
		       bool zeroes)
{
	for (size_t i = 0; i < tallies->touched_count; i++) {
		uint32_t domain = tallies->touched[i];
		struct tally *tally = &tallies->tallies[domain];

		settle(&mode->predictions[domain], tally,
		       zeroes && mode->use_zero_page, input->max_sharing);
		tally->addresses = 0;
	}
	tallies->touched_count = 0;
}

static bool same_content(const uint64_t *digest, const uint64_t *other)
{
	return digest[0] == other[0] && digest[1] == other[1];
}

static size_t end_of_content(const struct predict_input *input, size_t begin)
{
	const struct page_record *records = input->records;
	size_t end = begin + 1;

	while (end < input->count &&
	       same_content(records[begin].digest, records[end].digest))
		end++;

	return end;
}

static void predict_zeroed(const struct predict_input *input,
			   const struct predict_mode *mode,
			   struct tallies *tallies)
{
	for (size_t i = 0; i < input->processes; i++)
		count_zeroed(tallies, mode->domain_of[i], input->zeroed[i]);
}

static void predict_mode(const struct predict_input *input,
			 struct predict_mode *mode)
{
	bool seen_zeroes = false;
	struct tallies tallies;

	tallies_init(&tallies, mode->domains);
	for (size_t at = 0, end; at < input->count; at = end) {
		bool zeroes = same_content(input->records[at].digest,
					   input->zero_digest);

		end = end_of_content(input, at);
		for (size_t i = at; i < end; i++) {
			uint64_t place = input->records[i].place;

			count_record(&tallies,
				     mode->domain_of[page_process(place)],
				     place);
		}
		if (zeroes)
			predict_zeroed(input, mode, &tallies);
		settle_all(input, mode, &tallies, zeroes);
		seen_zeroes |= zeroes;
	}
	if (!seen_zeroes) {
		predict_zeroed(input, mode, &tallies);
		settle_all(input, mode, &tallies, true);
	}
	tallies_free(&tallies);
}

void predict(const struct predict_input *input, struct predict_mode *modes)
{
	record_sort(input->records, input->count);
	for (int mode = 0; mode < MODES; mode++)
		predict_mode(input, &modes[mode]);
}

void prediction_add(struct prediction *sum, const struct prediction *more)
{
	sum->pages += more->pages;
	sum->shared += more->shared;
	sum->sharing += more->sharing;
	sum->zero += more->zero;
	sum->unshared += more->unshared;
	sum->freed += more->freed;
}
