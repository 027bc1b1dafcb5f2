/* SPDX-License-Identifier: GPL-2.0-only */
/* Isolation domains: the folders below uksm's domains/, where the module has that. */
#ifndef UKSMCTL_DOMAINS_H
#define UKSMCTL_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The counters of each, by the places below. */
#define DOMAIN_COUNTERS 4

extern const char *const domain_counters[DOMAIN_COUNTERS];

/**
 * struct domain - one of them
 * @name: its name, in UTF-8
 * @counters: what they say
 * @scanned: pages_scanned; -1 where the module does not count it
 */
struct domain {
	char *name;
	long long counters[DOMAIN_COUNTERS];
	long long scanned;
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

/**
 * domain_of_name() - the name of the domain of a process that was given one by name
 * @pid: the process
 * @name: receives it, DOMAIN_NAME_SIZE bytes
 *
 * Return: 0; -ENOENT when it was given none; -EACCES when only root may know.
 */
int domain_of_name(pid_t pid, char *name);

/**
 * domain_add_level() - the end of the name of a domain whose level is higher than that of the knob
 * @name: the rest of it; DOMAIN_NAME_SIZE bytes
 * @level: of hardening, that is listed for its processes; NULL: none
 */
void domain_add_level(char *name, const char *level);

/**
 * cgroup_level() - the highest level of hardening listed for a control group or one above it
 * @cgroup: its path
 *
 * Return: the word, or NULL.
 */
const char *cgroup_level(const char *cgroup);

/** cgroup_weight() - the weight listed for it, or the nearest above it; 0: none */
long long cgroup_weight(const char *cgroup);

/** cgroup_is_excluded() - is a control group, by its path, one of which nothing is to be merged? */
bool cgroup_is_excluded(const char *cgroup);

/** cgroup_is_included() - is it one whose processes take part without having asked? */
bool cgroup_is_included(const char *cgroup);

/** cgroups_are_included() - is there any such group? */
bool cgroups_are_included(void);

/** domain_exists() - is there a domain of this name? */
bool domain_exists(const char *name);

#endif /* UKSMCTL_DOMAINS_H */
