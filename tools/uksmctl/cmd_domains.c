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

/* What a file of its folder says; "" when there is none, as with an older module. */
static char *text_of(const struct domain *domain, const char *file, char *text)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "domains/%s/%s", domain->name, file);
	if (engine_read(ENGINE_UKSM, path, text))
		*text = '\0';

	return text;
}

static void print_row(struct domain *domain)
{
	char figures[DOMAIN_COUNTERS][FIGURE_SIZE], scanned[FIGURE_SIZE] = "-";
	char owner[TEXT_SIZE], hardening[TEXT_SIZE];

	/* Whose it is. */
	text_of(domain, "owner", owner);
	text_of(domain, "hardening", hardening);
	if (domain->scanned >= 0)
		pages(scanned, domain->scanned);
	printf("%8s %8s %8s %8s %8s  %-9s  %-22s %s\n",
	       pages(figures[SHARING], domain->counters[SHARING]),
	       pages(figures[SHARED], domain->counters[SHARED]),
	       pages(figures[UNSHARED], domain->counters[UNSHARED]),
	       pages(figures[VOLATILE], domain->counters[VOLATILE]), scanned,
	       *hardening ? format_plain(hardening) : "-",
	       format_plain(domain->name), format_plain(owner));
}

static void print_text(const struct domains *domains, size_t rows)
{
	printf("%8s %8s %8s %8s %8s  %-9s  %-22s %s\n", "SAVED", "SHARED",
	       "UNSHARED", "VOLATILE", "SCANNED", "HARDENING", "DOMAIN",
	       "OWNER");
	for (size_t i = 0; i < rows; i++)
		print_row(&domains->list[i]);
	if (rows < domains->count)
		printf("and %zu more\n", domains->count - rows);
}

static void json_domain(const struct domain *domain)
{
	char text[TEXT_SIZE];

	json_object(NULL);
	json_string("name", domain->name);
	json_string("owner", text_of(domain, "owner", text));
	if (*text_of(domain, "hardening", text))
		json_string("hardening", text);
	else
		json_null("hardening");
	for (size_t i = 0; i < DOMAIN_COUNTERS; i++)
		json_integer(domain_counters[i], domain->counters[i]);
	if (domain->scanned >= 0)
		json_integer("pages_scanned", domain->scanned);
	else
		json_null("pages_scanned");
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
