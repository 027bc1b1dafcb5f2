/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes whose pages are to be looked at, and in which of their mappings. */
#ifndef UKSMCTL_TARGETS_H
#define UKSMCTL_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "page_record.h"
#include "status.h"
#include "who.h"

#define TARGETS_MAX ((size_t)1 << PAGE_PROCESS_BITS)

/**
 * struct range - neighbouring addresses
 * @first: the number of the first one's page: the address by the size of a page
 * @end: that of the page behind them
 * @may_be_merged: some of them are merged, as far as the kernel says it
 */
struct range {
	uint64_t first;
	uint64_t end;
	bool may_be_merged;
};

/**
 * struct target - a process
 * @pid: its ID
 * @born: when it began, by which it is known if the ID becomes another's
 * @vm: it is a virtual machine: QEMU
 * @name: the guest's name, or its own
 * @uid: its real user ID; -1: not known
 * @cgroup: the path of its control group; NULL: not known
 * @level: of hardening, that is listed for its control group; NULL: none
 * @ranges: its mappings with memory that is wanted, by address
 * @range_count: how many
 * @zeroed: addresses that map the zero page by merging, as far as the kernel says it
 * @gone: it has ended meanwhile
 */
struct target {
	pid_t pid;
	unsigned long long born;
	bool vm;
	char name[WHO_NAME_SIZE];
	long long uid;
	char *cgroup;
	const char *level;
	struct range *ranges;
	size_t range_count;
	long long zeroed;
	bool gone;
};

/** enum targets_want - which mappings */
enum targets_want {
	WANT_MERGEABLE, /* those that asked to be merged */
	WANT_ANONYMOUS, /* those that could ask */
	WANT_MERGED, /* those that may have merged pages */
};

/**
 * struct targets - all of them
 * @list: the processes
 * @count: how many
 * @pages: anonymous pages that their mappings have in sum, about
 * @unreadable: processes left out as they may not be looked at
 * @excluded: processes left out as their control group is excluded from merging
 */
struct targets {
	struct target *list;
	size_t count;
	long long pages;
	size_t unreadable;
	size_t excluded;
};

/**
 * struct targets_choice - which processes
 * @want: which of their mappings; processes without any are left out
 * @vms: virtual machines only
 * @pids: these only, if there are any
 * @pid_count: how many
 */
struct targets_choice {
	enum targets_want want;
	bool vms;
	const pid_t *pids;
	size_t pid_count;
};

/**
 * targets_parse() - process IDs on the command line
 * @command: for messages
 * @argc: how many words there are
 * @argv: the words
 * @pids: receives them; free() it
 *
 * Return: STATUS_OK, or STATUS_USAGE with a message.
 */
enum status targets_parse(const char *command, int argc, char **argv,
			  pid_t **pids);

/**
 * targets_read() - find them
 * @choice: which
 * @targets: receives them; targets_free() it, after a failure as well
 *
 * Processes that end meanwhile are left out, but one that was named must be there.
 *
 * Return: STATUS_OK, or another with a message.
 */
enum status targets_read(const struct targets_choice *choice,
			 struct targets *targets);

/** target_is_there() - has the process not ended since? */
bool target_is_there(const struct target *target);

void targets_free(struct targets *targets);

#endif /* UKSMCTL_TARGETS_H */
