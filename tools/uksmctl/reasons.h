/* SPDX-License-Identifier: GPL-2.0-only */
/* Why memory is merged, or is not. */
#ifndef UKSMCTL_REASONS_H
#define UKSMCTL_REASONS_H

#include "mappings.h"

/** enum reason - each byte of a process has exactly one of them */
enum reason {
	REASON_MERGED,
	REASON_UNMERGED, /* may merge, and has not */
	REASON_HUGE, /* the same, in a transparent huge page */
	REASON_SWAPPED, /* may merge once it has been swapped in */
	REASON_NO_CONSENT,
	REASON_FILE,
	REASON_SHARED,
	REASON_HUGETLB,
	REASON_SPECIAL,
	REASONS
};

/** reason_names - in a word, for programs and for columns */
extern const char *const reason_names[REASONS];

/**
 * struct amounts - memory by reasons
 * @bytes: of each reason
 * @rss: resident memory, as smaps has it: without huge pages of hugetlbfs
 * @swap: what is swapped out
 * @hugetlb: huge pages of hugetlbfs; @bytes are these three in sum
 */
struct amounts {
	long long bytes[REASONS];
	long long rss;
	long long swap;
	long long hugetlb;
};

/**
 * amounts_of() - of a mapping
 * @mapping: the mapping
 *
 * Where the kernel does not say what is merged, that is in REASON_UNMERGED.
 */
struct amounts amounts_of(const struct mapping *mapping);

/**
 * amounts_add() - add up
 * @sum: what is added to
 * @amounts: of one more mapping
 */
void amounts_add(struct amounts *sum, const struct amounts *amounts);

/**
 * amounts_set_merged() - say what is merged where the mappings do not
 * @amounts: of a process
 * @merged: in bytes; no more is taken from REASON_UNMERGED than is there
 */
void amounts_set_merged(struct amounts *amounts, long long merged);

/** amounts_total() - all of it, in bytes */
long long amounts_total(const struct amounts *amounts);

#endif /* UKSMCTL_REASONS_H */
