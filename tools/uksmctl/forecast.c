// SPDX-License-Identifier: GPL-2.0-only
#include "forecast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"

const char *const mode_names[MODES] = { "none", "user", "cgroup", "process" };

/* What is not known has no domain of the module's either. */
#define NOT_KNOWN UINT64_MAX
/* One that was given by name. */
#define NAMED (UINT64_MAX - 1)

/* As the mode has it, without what the lists say. */
static struct forecast_domain domain_of_mode(const struct target *target,
					     uint32_t number,
					     enum isolation_mode mode)
{
	struct forecast_domain domain = { .key = NOT_KNOWN,
					  .name = "not known",
					  .owner = "" };
	char *cgroup;

	switch (mode) {
	case MODE_USER:
		if (target->uid < 0)
			break;
		domain.key = (uint64_t)target->uid;
		domain_of_user(target->uid, domain.name);
		break;
	case MODE_CGROUP:
		if (!target->cgroup)
			break;
		/* Is cut to the group that stands for all below it. */
		cgroup = target->cgroup;
		if (domain_of_cgroup(cgroup, domain.name) ||
		    sscanf(domain.name, "cgroup-%lu", &domain.key) != 1)
			break;
		domain.owner = cgroup;
		break;
	case MODE_PROCESS:
		/* The module's number of it cannot be known. */
		domain.key = number;
		snprintf(domain.name, sizeof(domain.name), "PID %d",
			 (int)target->pid);
		domain.owner = target->name;
		break;
	default:
		domain.key = 0;
		snprintf(domain.name, sizeof(domain.name), "all");
	}

	return domain;
}

static struct forecast_domain domain_of_target(const struct target *target,
					       uint32_t number,
					       enum isolation_mode mode)
{
	struct forecast_domain domain = domain_of_mode(target, number, mode);

	if (mode == MODE_NONE)
		return domain;
	if (!domain_of_name(target->pid, domain.name)) {
		domain.key = NAMED;
		domain.owner = "";
	}
	/* What is a process by itself is called by its ID here. */
	if (domain.key != NOT_KNOWN &&
	    (mode != MODE_PROCESS || domain.key == NAMED))
		domain_add_level(domain.name, target->level);

	return domain;
}

/* Return: the number of the domain; it is added when there is none of its key. */
static uint32_t find_domain(struct forecast_mode *mode,
			    const struct forecast_domain *domain)
{
	for (uint32_t i = 0; i < mode->count; i++)
		if (mode->domains[i].key == domain->key &&
		    !strcmp(mode->domains[i].name, domain->name))
			return i;
	mode->domains[mode->count] = *domain;

	return (uint32_t)mode->count++;
}

static void assign(struct forecast_mode *forecast, enum isolation_mode mode,
		   const struct targets *targets, const struct seen *seen,
		   uint32_t *domain_of)
{
	forecast->domains = require_memory(
		calloc(targets->count + 1, sizeof(*forecast->domains)));
	for (uint32_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->list[i];
		struct forecast_domain domain;

		if (target->gone)
			continue;
		domain = domain_of_target(target, i, mode);
		/* Each process is one of its own: no need to search. */
		if (mode == MODE_PROCESS && domain.key != NAMED) {
			domain_of[i] = (uint32_t)forecast->count;
			forecast->domains[forecast->count++] = domain;
		} else {
			domain_of[i] = find_domain(forecast, &domain);
		}
		forecast->domains[domain_of[i]].changing += seen[i].changed;
	}
}

static int by_saving(const void *left, const void *right)
{
	const struct forecast_domain *a = left, *b = right;
	int order = (a->result.freed < b->result.freed) -
		    (a->result.freed > b->result.freed);

	return order ?: (a->key > b->key) - (a->key < b->key);
}

static void finish(struct forecast_mode *mode, const struct prediction *results)
{
	for (size_t i = 0; i < mode->count; i++) {
		mode->domains[i].result = results[i];
		prediction_add(&mode->total, &results[i]);
	}
	if (mode->count)
		qsort(mode->domains, mode->count, sizeof(*mode->domains),
		      by_saving);
}

static void add_up(struct forecast *forecast, const struct targets *targets,
		   const struct seen *seen, long long *zeroed)
{
	for (size_t i = 0; i < targets->count; i++) {
		if (targets->list[i].gone) {
			forecast->gone++;
			continue;
		}
		forecast->processes++;
		forecast->changing += seen[i].changed;
		forecast->merged += seen[i].merged;
		zeroed[i] = targets->list[i].zeroed;
		forecast->zeroed += zeroed[i];
	}
}

void forecast_make(struct looks *looks, const struct targets *targets,
		   const struct forecast_rules *rules,
		   struct forecast *forecast)
{
	struct predict_mode modes[MODES];
	struct predict_input input = {
		.records = looks->records,
		.count = looks->count,
		.processes = targets->count,
		.max_sharing = rules->max_sharing,
	};
	long long *zeroed =
		require_memory(calloc(targets->count + 1, sizeof(*zeroed)));
	uint32_t *domains[MODES];

	*forecast = (struct forecast){ .processes = 0 };
	memcpy(input.zero_digest, looks->zero_digest,
	       sizeof(input.zero_digest));
	input.zeroed = zeroed;
	add_up(forecast, targets, looks->seen, zeroed);
	for (int mode = 0; mode < MODES; mode++) {
		struct forecast_mode *to = &forecast->modes[mode];

		domains[mode] = require_memory(
			calloc(targets->count + 1, sizeof(*domains[mode])));
		assign(to, (enum isolation_mode)mode, targets, looks->seen,
		       domains[mode]);
		modes[mode] = (struct predict_mode){
			.domain_of = domains[mode],
			.domains = to->count,
			.use_zero_page = rules->use_zero_pages &&
					 (mode == MODE_NONE ||
					  rules->zero_across_domains),
			.predictions = require_memory(calloc(
				to->count + 1, sizeof(struct prediction))),
		};
	}
	predict(&input, modes);
	for (int mode = 0; mode < MODES; mode++) {
		finish(&forecast->modes[mode], modes[mode].predictions);
		free(modes[mode].predictions);
		free(domains[mode]);
	}
	free(zeroed);
}

void forecast_free(struct forecast *forecast)
{
	for (int mode = 0; mode < MODES; mode++)
		free(forecast->modes[mode].domains);
	*forecast = (struct forecast){ .processes = 0 };
}
