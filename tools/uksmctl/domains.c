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
#include "lists.h"
#include "text.h"

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

	/* Of an older module. */
	snprintf(path, sizeof(path), FOLDER "/%s/pages_scanned", name);
	if (engine_read(ENGINE_UKSM, path, text) ||
	    text_number(text, &domain->scanned))
		domain->scanned = -1;

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

/* Is a path that of this group, or of one above it? */
static bool is_above(const char *path, size_t length, const char *cgroup)
{
	bool is_root = length == 1 && *path == '/';

	return length && !strncmp(path, cgroup, length) &&
	       (is_root || !cgroup[length] || cgroup[length] == '/');
}

/* Is the group of one of the paths, a line each, this one or above it? Its length, or 0. */
static size_t listed_above(const char *paths, const char *cgroup)
{
	size_t least = 0;

	while (*paths) {
		size_t length = strcspn(paths, "\n");

		if (is_above(paths, length, cgroup) &&
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

int domain_of_name(pid_t pid, char *name)
{
	char *text, *rest, *line;
	int err = list_read(FOLDER "/named", &text);

	if (err)
		return err;
	err = -ENOENT;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *end;

		if (strtol(line, &end, 10) != pid || *end != ' ')
			continue;
		snprintf(name, DOMAIN_NAME_SIZE, "named-%.31s", end + 1);
		err = 0;
		break;
	}
	free(text);

	return err;
}

/* Levels of hardening, the higher the later. */
static const char *const levels[] = { "none", "delay", "frame" };

/* What is not known is the lowest. */
static size_t rank_of(const char *level)
{
	for (size_t i = 1; i < ARRAY_SIZE(levels); i++)
		if (!strcmp(level, levels[i]))
			return i;

	return 0;
}

void domain_add_level(char *name, const char *level)
{
	const size_t used = strlen(name);
	char text[TEXT_SIZE];

	engine_read(ENGINE_UKSM, "hardening", text);
	if (level && rank_of(level) > rank_of(text_choice(text)))
		snprintf(name + used, DOMAIN_NAME_SIZE - used, ".%s", level);
}

/* The next entry of a list, that is a path and a word. Return: its length; 0 behind the last. */
static size_t next_entry(char **rest, char **path, char **word)
{
	char *line;

	while ((line = strsep(rest, "\n"))) {
		*word = strrchr(line, ' ');
		if (!*word || *word == line)
			continue;
		*path = line;
		*(*word)++ = '\0';
		return strlen(line);
	}

	return 0;
}

const char *cgroup_level(const char *cgroup)
{
	char *text, *rest, *path, *word;
	size_t level = 0, length;

	if (list_read(FOLDER "/hardened", &text))
		return NULL;
	rest = text;
	while ((length = next_entry(&rest, &path, &word)))
		if (is_above(path, length, cgroup) && rank_of(word) > level)
			level = rank_of(word);
	free(text);

	return level ? levels[level] : NULL;
}

long long cgroup_weight(const char *cgroup)
{
	char *text, *rest, *path, *word;
	size_t nearest = 0, length;
	long long weight = 0, number;

	if (list_read(FOLDER "/weights", &text))
		return 0;
	rest = text;
	while ((length = next_entry(&rest, &path, &word)))
		if (length > nearest && is_above(path, length, cgroup) &&
		    !text_number(word, &number)) {
			nearest = length;
			weight = number;
		}
	free(text);

	return weight;
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
