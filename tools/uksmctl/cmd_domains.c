// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl domains: which isolation domain has how much of the saving. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "domains.h"
#include "engine.h"
#include "format.h"
#include "json.h"
#include "text.h"

/* By their places in domain_counters. */
enum counter { SHARED, SHARING, UNSHARED, VOLATILE };

static int by_saving(const void *left, const void *right)
{
	const struct domain *a = left, *b = right;
	int order = (a->counters[SHARING] < b->counters[SHARING]) -
		    (a->counters[SHARING] > b->counters[SHARING]);

	return order ?: strcmp(a->name, b->name);
}

static const char *pages(char *figure, long long number)
{
	return format_short_bytes(figure,
				  (double)number * (double)sysconf(_SC_PAGESIZE));
}

/* Whose a domain is, as far as its folder says. */
static char *owner_of(const struct domain *domain, char *text)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "domains/%s/owner", domain->name);
	if (engine_read(ENGINE_UKSM, path, text))
		*text = '\0';

	return text;
}

static void print_row(struct domain *domain)
{
	char figures[DOMAIN_COUNTERS][FIGURE_SIZE], owner[TEXT_SIZE];

	owner_of(domain, owner);
	printf("%8s %8s %8s %8s  %-22s %s\n",
	       pages(figures[SHARING], domain->counters[SHARING]),
	       pages(figures[SHARED], domain->counters[SHARED]),
	       pages(figures[UNSHARED], domain->counters[UNSHARED]),
	       pages(figures[VOLATILE], domain->counters[VOLATILE]),
	       format_plain(domain->name), format_plain(owner));
}

static void print_text(const struct domains *domains, size_t rows)
{
	printf("%8s %8s %8s %8s  %-22s %s\n", "SAVED", "SHARED", "UNSHARED",
	       "VOLATILE", "DOMAIN", "OWNER");
	for (size_t i = 0; i < rows; i++)
		print_row(&domains->list[i]);
	if (rows < domains->count)
		printf("and %zu more\n", domains->count - rows);
}

static void json_domain(const struct domain *domain)
{
	char owner[TEXT_SIZE];

	json_object(NULL);
	json_string("name", domain->name);
	json_string("owner", owner_of(domain, owner));
	for (size_t i = 0; i < DOMAIN_COUNTERS; i++)
		json_integer(domain_counters[i], domain->counters[i]);
	json_object_end();
}

static void print_json(const struct domains *domains, const char *mode,
		       size_t rows)
{
	json_start(false);
	json_string("isolation", mode);
	json_unsigned("unreadable", domains->left_out);
	json_unsigned("left_out", domains->count - rows);
	json_array("domains");
	for (size_t i = 0; i < rows; i++)
		json_domain(&domains->list[i]);
	json_array_end();
	json_end();
}

enum status command_domains(const struct options *options, int argc,
			    char **argv)
{
	struct domains domains = { .count = 0 };
	char mode[TEXT_SIZE];
	enum status status;
	size_t rows;
	int err;

	if (argc)
		return fail(STATUS_USAGE, "domains takes no argument '%s'",
			    argv[0]);
	status = require_uksm();
	if (status)
		return status;
	if (engine_read(ENGINE_UKSM, "isolation", mode))
		return fail(STATUS_REFUSED, "the loaded module has no domains");
	err = domains_read(&domains, SIZE_MAX);
	if (err && err != -ENOENT)
		return fail(STATUS_REFUSED, "the domains cannot be read: %s",
			    strerror(-err));

	if (domains.count)
		qsort(domains.list, domains.count, sizeof(*domains.list),
		      by_saving);
	rows = domains.count;
	if (options->rows && rows > (size_t)options->rows)
		rows = (size_t)options->rows;
	if (options->json)
		print_json(&domains, text_choice(mode), rows);
	else if (!strcmp(text_choice(mode), "none"))
		puts("isolation is none: all pages may merge with each other");
	else
		print_text(&domains, rows);
	if (domains.left_out)
		complain("left out: %zu that only root may look at",
			 domains.left_out);
	domains_free(&domains);

	return STATUS_OK;
}
