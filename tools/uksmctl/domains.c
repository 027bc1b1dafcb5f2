// SPDX-License-Identifier: GPL-2.0-only
#include "domains.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <uksm/names.h>

#include "array.h"
#include "engine.h"

#define FOLDER "domains"

const char *const domain_counters[DOMAIN_COUNTERS] = {
	"pages_shared", "pages_sharing", "pages_unshared", "pages_volatile"
};

/* Not the file beside them. */
static int is_name(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && entry->d_name[0] != '.';
}

static int compare(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

/* Return: 0 or -errno; -ENOENT when it has gone. */
static int read_domain(const char *name, struct domain *domain)
{
	char path[PATH_SIZE], text[TEXT_SIZE];

	for (size_t i = 0; i < DOMAIN_COUNTERS; i++) {
		int err;

		snprintf(path, sizeof(path), FOLDER "/%s/%s", name,
			 domain_counters[i]);
		err = engine_read(ENGINE_UKSM, path, text) ?:
			      text_number(text, &domain->counters[i]);
		if (err)
			return err;
	}

	return 0;
}

static void add(struct domains *domains, const char *name)
{
	struct domain *domain = &domains->list[domains->count];
	/* What is no UTF-8 cannot be told to Prometheus. */
	int err = text_is_utf8(name) ? read_domain(name, domain) : -EILSEQ;

	if (!err) {
		domain->name = require_memory(strdup(name));
		domains->count++;
	} else if (err != -ENOENT) {
		domains->left_out++;
	}
}

int domains_read(struct domains *domains, size_t most)
{
	char path[PATH_SIZE];
	struct dirent **names;
	int found;

	*domains = (struct domains){ .count = 0 };
	found = scandir(make_path(path, UKSM_SYSFS_DIR "/" FOLDER), &names,
			is_name, compare);
	if (found < 0)
		return -errno;
	if (most > (size_t)found)
		most = (size_t)found;
	domains->list =
		require_memory(calloc(most + 1, sizeof(*domains->list)));
	for (int i = 0; i < found; i++) {
		if (domains->count < most)
			add(domains, names[i]->d_name);
		else
			domains->left_out++;
		free(names[i]);
	}
	free(names);

	return 0;
}

void domains_free(struct domains *domains)
{
	for (size_t i = 0; i < domains->count; i++)
		free(domains->list[i].name);
	free(domains->list);
	domains->list = NULL;
	domains->count = 0;
}

void domain_of_user(long long uid, char *name)
{
	snprintf(name, DOMAIN_NAME_SIZE, "user-%lld", uid);
}

/* Is the group of one of the paths, a line each, this one or above it? Its length, or 0. */
static size_t listed_above(const char *paths, const char *cgroup)
{
	size_t least = 0;

	while (*paths) {
		size_t length = strcspn(paths, "\n");
		bool is_root = length == 1 && *paths == '/';

		if (length && !strncmp(paths, cgroup, length) &&
		    (is_root || !cgroup[length] || cgroup[length] == '/') &&
		    (!least || length < least))
			least = length;
		paths += length;
		paths += *paths == '\n';
	}

	return least;
}

int domain_of_cgroup(char *cgroup, char *name)
{
	/* Alone, or beside the hierarchies of cgroup v1. */
	static const char *const tops[] = { "/sys/fs/cgroup",
					    "/sys/fs/cgroup/unified" };
	char path[PATH_SIZE], paths[TEXT_SIZE];
	struct stat found;
	size_t length;
	int err;

	/* Without the module no groups are listed. */
	err = engine_read(ENGINE_UKSM, FOLDER "/cgroups", paths);
	if (err && err != -ENOENT)
		return err;
	length = listed_above(paths, cgroup);
	if (length)
		cgroup[length] = '\0';
	/* Of another cgroup namespace. */
	if (strstr(cgroup, "/.."))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		if (stat(make_path(path, "%s/cgroup.controllers", tops[i]),
			 &found))
			continue;
		make_path(path, "%s%s", tops[i], cgroup);
		if (strlen(path) == PATH_SIZE - 1)
			return -ENAMETOOLONG;
		if (stat(path, &found))
			return -errno;
		/* The inode number is the ID by which the module knows it. */
		snprintf(name, DOMAIN_NAME_SIZE, "cgroup-%llu",
			 (unsigned long long)found.st_ino);
		return 0;
	}

	return -ENOENT;
}

bool cgroup_is_excluded(const char *cgroup)
{
	char paths[TEXT_SIZE];

	return !engine_read(ENGINE_UKSM, FOLDER "/excluded", paths) &&
	       listed_above(paths, cgroup);
}

bool cgroup_is_included(const char *cgroup)
{
	char paths[TEXT_SIZE];

	return !engine_read(ENGINE_UKSM, FOLDER "/included", paths) &&
	       listed_above(paths, cgroup);
}

bool cgroups_are_included(void)
{
	char paths[TEXT_SIZE];

	return !engine_read(ENGINE_UKSM, FOLDER "/included", paths) && *paths;
}

bool domain_exists(const char *name)
{
	char path[PATH_SIZE];
	struct stat found;

	make_path(path, UKSM_SYSFS_DIR "/" FOLDER "/%s", name);

	return !stat(path, &found);
}
