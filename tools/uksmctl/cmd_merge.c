// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl merge: what a process, or a domain, has is merged at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "engine.h"
#include "long_write.h"
#include "text.h"

#define MERGE_NOW "domains/merge_now"

static void show_merging(void)
{
	unsigned long long looked, pages;
	char text[TEXT_SIZE];

	if (engine_read(ENGINE_UKSM, MERGE_NOW, text) ||
	    sscanf(text, "%llu %llu", &looked, &pages) != 2 || !pages)
		return;
	printf("merging: %llu %%", looked * 100 / pages);
}

static enum status explain_error(const char *who, int error)
{
	switch (error) {
	case EACCES:
		return fail(STATUS_PERMISSION, "%s: root is needed", who);
	case ENOENT:
		return fail(STATUS_REFUSED,
			    "the loaded module has no " MERGE_NOW);
	case EINVAL:
		return fail(STATUS_USAGE,
			    "%s: neither a process ID nor the name of a domain",
			    who);
	case ESRCH:
		return fail(
			STATUS_REFUSED,
			"%s: there is no such process or domain, or it has gone meanwhile",
			who);
	case EPERM:
		return fail(
			STATUS_REFUSED,
			"%s: takes no part in merging, \"uksmctl explain\" says why",
			who);
	case EAGAIN:
		return fail(STATUS_REFUSED,
			    "%s: not done, as uksm does not run (any more)",
			    who);
	case EBUSY:
		return fail(
			STATUS_REFUSED,
			"%s: not done, as others hold the lock of its memory, or ksmd is unmerging",
			who);
	case EINTR:
		return fail(STATUS_REFUSED,
			    "%s: interrupted; uksm goes on at its own pace",
			    who);
	default:
		return fail(STATUS_REFUSED, "%s: %s", who, strerror(error));
	}
}

enum status command_merge(const struct options *options, int argc, char **argv)
{
	enum status status;
	sigset_t before;
	int i, err;

	(void)options;
	if (!argc)
		return fail(STATUS_USAGE,
			    "merge takes process IDs, or names of domains");
	status = require_uksm();
	if (status)
		return status;
	signals_hold(&before);
	for (i = 0; i < argc && !status; i++) {
		err = long_write(MERGE_NOW, argv[i], show_merging, &before);
		if (err)
			status = explain_error(argv[i], -err);
	}

	return status;
}
