// SPDX-License-Identifier: GPL-2.0-only
#include "reasons.h"

#include "saturate.h"

const char *const reason_names[REASONS] = {
	[REASON_MERGED] = "merged",
	[REASON_UNMERGED] = "unmerged",
	[REASON_HUGE] = "huge",
	[REASON_SWAPPED] = "swapped",
	[REASON_NO_CONSENT] = "no-consent",
	[REASON_FILE] = "file",
	[REASON_SHARED] = "shared",
	[REASON_HUGETLB] = "hugetlb",
	[REASON_SPECIAL] = "special",
};

/* Take some from what is left, and no more than that. */
static long long take(long long *left, long long bytes)
{
	long long taken = bytes < *left ? bytes : *left;

	*left -= taken;

	return taken;
}

/* Of a mapping all of which has one reason: which? */
static enum reason whole_reason(const struct mapping *mapping)
{
	if (mapping->flags & MAPPING_HUGETLB)
		return REASON_HUGETLB;
	if (mapping->flags & MAPPING_SPECIAL)
		return REASON_SPECIAL;
	if (mapping->flags & MAPPING_SHARED)
		return REASON_SHARED;

	return REASONS;
}

/*
 * What is merged is so whatever the mapping has become since. Of the rest, the reason
 * that would be left if all others went comes first.
 */
struct amounts amounts_of(const struct mapping *mapping)
{
	const enum reason whole = whole_reason(mapping);
	struct amounts amounts = {
		.rss = mapping->rss,
		.swap = mapping->swap,
		.hugetlb = mapping->hugetlb,
	};
	long long *bytes = amounts.bytes;
	long long rss = mapping->rss;
	long long anonymous = take(&rss, mapping->anonymous);

	bytes[REASON_MERGED] = take(&anonymous, mapping->ksm);
	bytes[REASON_HUGETLB] = mapping->hugetlb;
	if (whole != REASONS) {
		bytes[whole] = add_saturated(
			bytes[whole],
			add_saturated(rss,
				      add_saturated(anonymous, mapping->swap)));
		return amounts;
	}
	bytes[REASON_FILE] = rss;
	if (!(mapping->flags & MAPPING_MERGEABLE)) {
		bytes[REASON_NO_CONSENT] =
			add_saturated(anonymous, mapping->swap);
		return amounts;
	}
	bytes[REASON_SWAPPED] = mapping->swap;
	bytes[REASON_HUGE] = take(&anonymous, mapping->huge);
	bytes[REASON_UNMERGED] = anonymous;

	return amounts;
}

void amounts_add(struct amounts *sum, const struct amounts *amounts)
{
	for (int i = 0; i < REASONS; i++)
		sum->bytes[i] = add_saturated(sum->bytes[i], amounts->bytes[i]);
	sum->rss = add_saturated(sum->rss, amounts->rss);
	sum->swap = add_saturated(sum->swap, amounts->swap);
	sum->hugetlb = add_saturated(sum->hugetlb, amounts->hugetlb);
}

void amounts_set_merged(struct amounts *amounts, long long merged)
{
	amounts->bytes[REASON_MERGED] =
		add_saturated(amounts->bytes[REASON_MERGED],
			      take(&amounts->bytes[REASON_UNMERGED], merged));
}

long long amounts_total(const struct amounts *amounts)
{
	return add_saturated(add_saturated(amounts->rss, amounts->swap),
			     amounts->hugetlb);
}
