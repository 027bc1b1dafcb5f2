/* SPDX-License-Identifier: GPL-2.0-only */
/* What merging would make of pages, with each kind of isolation. */
#ifndef UKSMCTL_PREDICT_H
#define UKSMCTL_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page_record.h"

/** enum isolation_mode - as the module's file isolation has them, and in its order */
enum isolation_mode { MODE_NONE, MODE_USER, MODE_CGROUP, MODE_PROCESS, MODES };

/**
 * struct prediction - of a domain, in pages
 * @pages: addresses that have a page that held still
 * @shared: as pages_shared of the module would be
 * @sharing: as pages_sharing
 * @zero: addresses that would map the zero page
 * @unshared: addresses whose page equals no other, or that share it by fork only
 * @freed: pages of memory that become free: @sharing and @zero, less what fork() shares now
 */
struct prediction {
	long long pages;
	long long shared;
	long long sharing;
	long long zero;
	long long unshared;
	long long freed;
};

/**
 * struct predict_mode - one kind of isolation
 * @domain_of: by the number of a process, the number of its domain
 * @domains: how many there are
 * @use_zero_page: pages of zeroes become the kernel's zero page
 * @predictions: receives one for each domain; zeroed by the caller
 */
struct predict_mode {
	const uint32_t *domain_of;
	size_t domains;
	bool use_zero_page;
	struct prediction *predictions;
};

/**
 * struct predict_input - what is known
 * @records: of all pages; is sorted
 * @count: how many
 * @zero_digest: the digest of a page of zeroes
 * @zeroed: by the number of a process, its addresses that map the zero page by merging
 * @processes: how many there are
 * @max_sharing: how many addresses may share a page, 2 at least
 */
struct predict_input {
	struct page_record *records;
	size_t count;
	uint64_t zero_digest[2];
	const long long *zeroed;
	size_t processes;
	long long max_sharing;
};

/**
 * predict() - fill in all predictions
 * @input: what is known
 * @modes: MODES of them
 *
 * A page that is merged already counts as one for each of its addresses, since that is what there
 * was before. Takes 24 bytes for each domain, and time as it takes to sort.
 */
void predict(const struct predict_input *input, struct predict_mode *modes);

/** prediction_add() - add up */
void prediction_add(struct prediction *sum, const struct prediction *more);

#endif /* UKSMCTL_PREDICT_H */
