/* SPDX-License-Identifier: GPL-2.0-only */
/* Isolation domains: the folders below uksm's domains/, where the module has that. */
#ifndef UKSMCTL_DOMAINS_H
#define UKSMCTL_DOMAINS_H

#include <stddef.h>

/* The counters of each, by the places below. */
#define DOMAIN_COUNTERS 4

extern const char *const domain_counters[DOMAIN_COUNTERS];

/**
 * struct domain - one of them
 * @name: its name, in UTF-8
 * @counters: what they say
 */
struct domain {
	char *name;
	long long counters[DOMAIN_COUNTERS];
};

/**
 * struct domains - by name
 * @list: those that were read
 * @count: how many
 * @left_out: how many there are besides: for want of room, or not to be read
 */
struct domains {
	struct domain *list;
	size_t count;
	size_t left_out;
};

/**
 * domains_read() - read the domains
 * @domains: receives them; domains_free() it
 * @most: no more than so many
 *
 * Return: 0, or -errno; -ENOENT when the module has no such folder.
 */
int domains_read(struct domains *domains, size_t most);

void domains_free(struct domains *domains);

#endif /* UKSMCTL_DOMAINS_H */
