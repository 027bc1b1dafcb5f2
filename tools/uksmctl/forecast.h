/* SPDX-License-Identifier: GPL-2.0-only */
/* What merging would save, for each kind of isolation and each of its domains. */
#ifndef UKSMCTL_FORECAST_H
#define UKSMCTL_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domains.h"
#include "looks.h"
#include "predict.h"
#include "targets.h"

extern const char *const mode_names[MODES];

/**
 * struct forecast_rules - what decides how pages merge
 * @max_sharing: as the module's max_page_sharing
 * @use_zero_pages: as the module's file of that name
 * @zero_across_domains: as its zero_page_across_domains
 */
struct forecast_rules {
	long long max_sharing;
	bool use_zero_pages;
	bool zero_across_domains;
};

/**
 * struct forecast_domain - processes whose pages would merge with each other
 * @key: what tells it from others of its kind
 * @name: as the module calls it, as far as that is known
 * @owner: whose it is: a user ID, the path of a control group, the name of a process; "" if of all
 * @result: what merging would make of it
 * @changing: pages that do not hold still
 */
struct forecast_domain {
	uint64_t key;
	char name[DOMAIN_NAME_SIZE];
	const char *owner;
	struct prediction result;
	long long changing;
};

/**
 * struct forecast_mode - one kind of isolation
 * @domains: those with most of the saving first
 * @count: how many
 * @total: of all
 */
struct forecast_mode {
	struct forecast_domain *domains;
	size_t count;
	struct prediction total;
};

/**
 * struct forecast - all of it, in pages
 * @modes: by enum isolation_mode
 * @processes: how many were looked at, and are still there
 * @gone: how many have ended meanwhile
 * @changing: pages that do not hold still
 * @merged: pages that are merged already
 * @zeroed: addresses that map the zero page already
 */
struct forecast {
	struct forecast_mode modes[MODES];
	size_t processes;
	size_t gone;
	long long changing;
	long long merged;
	long long zeroed;
};

/**
 * forecast_make() - predict
 * @looks: what has been seen; its records are sorted
 * @targets: whose it is; to be kept as long as the forecast
 * @rules: how it would merge
 * @forecast: receives it; forecast_free() it
 */
void forecast_make(struct looks *looks, const struct targets *targets,
		   const struct forecast_rules *rules,
		   struct forecast *forecast);

void forecast_free(struct forecast *forecast);

#endif /* UKSMCTL_FORECAST_H */
