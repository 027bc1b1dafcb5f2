/* SPDX-License-Identifier: GPL-2.0-only */
/* Isolation domains: the folders below uksm's domains/, where the module has that. */
#ifndef UKSMCTL_DOMAINS_H
#define UKSMCTL_DOMAINS_H

#include <stdbool.h>
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

/* Room for the name of any. */
#define DOMAIN_NAME_SIZE 64

/**
 * domain_of_user() - the name of the domain of a user, with isolation user
 * @uid: real user ID
 * @name: receives it, DOMAIN_NAME_SIZE bytes
 */
void domain_of_user(long long uid, char *name);

/**
 * domain_of_cgroup() - the name of the domain of a control group, with isolation cgroup
 * @cgroup: its path; cut to that of the group that is one domain with all below it
 * @name: receives it, DOMAIN_NAME_SIZE bytes
 *
 * Return: 0, or -errno when it cannot be told.
 */
int domain_of_cgroup(char *cgroup, char *name);

/** cgroup_is_excluded() - is a control group, by its path, one of which nothing is to be merged? */
bool cgroup_is_excluded(const char *cgroup);

/** cgroup_is_included() - is it one whose processes take part without having asked? */
bool cgroup_is_included(const char *cgroup);

/** cgroups_are_included() - is there any such group? */
bool cgroups_are_included(void);

/** domain_exists() - is there a domain of this name? */
bool domain_exists(const char *name);

#endif /* UKSMCTL_DOMAINS_H */
