// SPDX-License-Identifier: GPL-2.0-only
#include "targets.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "domains.h"
#include "format.h"
#include "mappings.h"
#include "progress.h"
#include "saturate.h"
#include "text.h"

/* Return: 0 when it is no process ID. */
static pid_t parse_pid(const char *text)
{
	long long pid;

	if (text_number(text, &pid) || pid <= 0 || pid > INT_MAX)
		return 0;

	return (pid_t)pid;
}

enum status targets_parse(const char *command, int argc, char **argv,
			  pid_t **pids)
{
	*pids = require_memory(calloc((size_t)argc + 1, sizeof(**pids)));
	for (int i = 0; i < argc; i++) {
		(*pids)[i] = parse_pid(argv[i]);
		if (!(*pids)[i])
			return fail(STATUS_USAGE, "%s %s: not a process ID",
				    command, format_plain(argv[i]));
	}

	return STATUS_OK;
}

static long long read_zeroed(pid_t pid)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	long long pages = 0;

	if (!text_read(make_path(path, "/proc/%d/ksm_stat", (int)pid), text))
		text_keyed_number(text, "ksm_zero_pages", &pages);

	return pages > 0 ? pages : 0;
}

/* Linux 6.1 does not say it of a mapping, but of the process. */
static bool has_merged(pid_t pid)
{
	char path[PATH_SIZE], text[TEXT_SIZE];

	return text_read(make_path(path, "/proc/%d/ksm_merging_pages",
				   (int)pid),
			 text) ||
	       strcmp(text, "0");
}

static bool is_wanted(const struct mapping *mapping, bool ksm_known,
		      enum targets_want want)
{
	const unsigned int never = MAPPING_SHARED | MAPPING_HUGETLB |
				   MAPPING_SPECIAL;

	if (mapping->anonymous <= 0)
		return false;
	switch (want) {
	case WANT_MERGEABLE:
		return mapping->flags & MAPPING_MERGEABLE &&
		       !(mapping->flags & never);
	case WANT_ANONYMOUS:
		return !(mapping->flags & never);
	case WANT_MERGED:
		break;
	}

	/* A mapping may have become unfit since its pages were merged. */
	return ksm_known ? mapping->ksm > 0 :
			   !(mapping->flags & MAPPING_HUGETLB);
}

static long long take_ranges(struct target *target,
			     const struct mappings *mappings,
			     enum targets_want want)
{
	const unsigned long long page_size =
		(unsigned long long)sysconf(_SC_PAGESIZE);
	long long bytes = 0;

	target->ranges = require_memory(
		calloc(mappings->count + 1, sizeof(*target->ranges)));
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->list[i];

		if (!is_wanted(mapping, mappings->ksm_known, want))
			continue;
		target->ranges[target->range_count++] = (struct range){
			.first = mapping->start / page_size,
			.end = mapping->end / page_size,
			.may_be_merged = !mappings->ksm_known ||
					 mapping->ksm > 0,
		};
		bytes = add_saturated(
			bytes, want == WANT_MERGED && mappings->ksm_known ?
				       mapping->ksm :
				       mapping->anonymous);
	}
	target->ranges = require_memory(reallocarray(target->ranges,
						     target->range_count + 1,
						     sizeof(*target->ranges)));

	return bytes / (long long)page_size;
}

static void target_free(struct target *target)
{
	free(target->cgroup);
	free(target->ranges);
}

/*
 * Return: 0 with a target, -ENODATA when it has nothing that is wanted, -EBUSY when it is
 * excluded, or another -errno.
 */
static int read_target(pid_t pid, const struct targets_choice *choice,
		       struct target *target, long long *pages)
{
	struct mappings mappings;
	struct who who;
	int err;

	*target = (struct target){ .pid = pid, .born = who_born(pid) };
	err = who_read(pid, &who);
	if (!err && (who.has_exited || !who.has_memory))
		err = -ESRCH;
	if (!err && choice->vms && !who.vm)
		err = -ENODATA;
	if (!err && choice->want != WANT_MERGED && who.cgroup &&
	    cgroup_is_excluded(who.cgroup))
		err = -EBUSY;
	if (!err) {
		err = mappings_read(pid, &mappings);
		if (!err && choice->want == WANT_MERGED &&
		    !mappings.ksm_known && !has_merged(pid))
			err = -ENODATA;
		if (!err)
			*pages = take_ranges(target, &mappings, choice->want);
		mappings_free(&mappings);
	}
	if (!err) {
		target->vm = who.vm;
		memcpy(target->name, who.vm ? who.guest : who.name,
		       sizeof(target->name));
		target->uid = who.uid;
		target->cgroup = who.cgroup;
		who.cgroup = NULL;
		if (target->cgroup)
			target->level = cgroup_level(target->cgroup);
		target->zeroed = read_zeroed(pid);
		if (!target->range_count &&
		    (choice->want == WANT_MERGED || !target->zeroed))
			err = -ENODATA;
	}
	who_free(&who);
	if (err)
		target_free(target);

	return err;
}

/* Processes can share one address space, as after vfork(); it counts once. */
static bool is_known(const struct targets *targets, const struct target *target)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *other = &targets->list[i];

		if (other->range_count == target->range_count &&
		    other->ranges[0].first == target->ranges[0].first &&
		    !syscall(SYS_kcmp, other->pid, target->pid, KCMP_VM, 0, 0))
			return true;
	}

	return false;
}

static int add(struct targets *targets, size_t *room, pid_t pid,
	       const struct targets_choice *choice)
{
	struct target target;
	long long pages = 0;
	int err = targets->count < TARGETS_MAX ?
			  read_target(pid, choice, &target, &pages) :
			  -ENOSPC;

	if (err == -EBUSY)
		targets->excluded++;
	else if (err == -EACCES || err == -EPERM)
		targets->unreadable++;
	if (err)
		return err;
	if (is_known(targets, &target)) {
		target_free(&target);
		return 0;
	}
	if (targets->count == *room) {
		*room = *room ? 2 * *room : 64;
		targets->list = require_memory(reallocarray(
			targets->list, *room, sizeof(*targets->list)));
	}
	targets->list[targets->count++] = target;
	targets->pages = add_saturated(targets->pages, pages);

	return 0;
}

static enum status read_named(const struct targets_choice *choice,
			      struct targets *targets)
{
	size_t room = 0;

	for (size_t i = 0; i < choice->pid_count; i++) {
		bool twice = false;
		int err;

		for (size_t j = 0; j < i; j++)
			twice |= choice->pids[j] == choice->pids[i];
		if (twice)
			continue;
		err = add(targets, &room, choice->pids[i], choice);
		if (err == -ESRCH)
			return fail(STATUS_REFUSED, "there is no process %d",
				    (int)choice->pids[i]);
		if (err == -EBADMSG)
			return fail(STATUS_REFUSED,
				    "/proc/%d/smaps cannot be understood",
				    (int)choice->pids[i]);
	}

	return STATUS_OK;
}

/*
 * All of them before the first is looked at: where processes come faster than one can look at
 * them the directory has no end.
 */
static int list_pids(pid_t **pids, size_t *count)
{
	char path[PATH_SIZE];
	DIR *dir = opendir(make_path(path, "/proc"));
	struct dirent *entry;
	size_t room = 0;

	*pids = NULL;
	*count = 0;
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid_t pid = parse_pid(entry->d_name);

		/* Its own memory comes and goes with its work. */
		if (!pid || pid == getpid())
			continue;
		if (*count == room) {
			room = room ? 2 * room : 256;
			*pids = require_memory(
				reallocarray(*pids, room, sizeof(**pids)));
		}
		(*pids)[(*count)++] = pid;
	}
	closedir(dir);

	return 0;
}

enum status targets_read(const struct targets_choice *choice,
			 struct targets *targets)
{
	size_t room = 0, count;
	pid_t *pids;
	int err;

	*targets = (struct targets){ .count = 0 };
	if (choice->pid_count)
		return read_named(choice, targets);
	err = list_pids(&pids, &count);
	if (err)
		return fail(STATUS_REFUSED, "cannot read /proc");
	for (size_t i = 0; i < count && progress_show("processes", 0, 0); i++)
		add(targets, &room, pids[i], choice);
	free(pids);

	return STATUS_OK;
}

bool target_is_there(const struct target *target)
{
	return !target->gone && who_born(target->pid) == target->born;
}

void targets_free(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		target_free(&targets->list[i]);
	free(targets->list);
	*targets = (struct targets){ .count = 0 };
}
