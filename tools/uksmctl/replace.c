// SPDX-License-Identifier: GPL-2.0-only
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE_MODE 0644

static enum status failure(const char *file, const char *what)
{
	int error = errno;
	enum status status = STATUS_REFUSED;

	if (error == EACCES || error == EPERM)
		status = STATUS_PERMISSION;

	return fail(status, "%s: %s: %s", file, what, strerror(error));
}

/* The file itself, behind symbolic links. NULL with errno set, as for a link to nothing. */
static char *resolve(const char *file)
{
	char *target = realpath(file, NULL);
	struct stat info;

	if (target || errno != ENOENT)
		return target;
	if (!lstat(file, &info)) {
		errno = ENOENT;
		return NULL;
	}

	return require_memory(strdup(file));
}

/* The owner first: a change of it would take bits from the mode. */
static int take_over(int file, const struct stat *before)
{
	struct stat now;

	if (fstat(file, &now))
		return -1;
	if ((now.st_uid != before->st_uid || now.st_gid != before->st_gid) &&
	    fchown(file, before->st_uid, before->st_gid))
		return -1;

	return fchmod(file, before->st_mode & 07777);
}

static int write_all(int file, const char *text, size_t size)
{
	while (size) {
		ssize_t wrote = write(file, text, size);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		text += wrote;
		size -= (size_t)wrote;
	}

	return fsync(file);
}

/* So that the new name is there after a crash, too. */
static int sync_folder(const char *folder)
{
	int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (opened < 0)
		return -1;
	err = fsync(opened);
	close(opened);

	return err;
}

/* Return: what failed, with errno set, or NULL. @temporary has its six X at the end. */
static const char *write_beside(char *temporary, const char *target,
				const char *text, size_t size, bool keep)
{
	const char *what = NULL;
	struct stat before;
	bool there = keep && !stat(target, &before);
	int file, error;

	if (there && !S_ISREG(before.st_mode)) {
		errno = S_ISDIR(before.st_mode) ? EISDIR : EINVAL;
		return "not a regular file";
	}
	file = mkostemp(temporary, O_CLOEXEC);
	if (file < 0)
		return "cannot write to its folder";

	if (there ? take_over(file, &before) : fchmod(file, NEW_FILE_MODE))
		what = "cannot keep owner and mode";
	else if (write_all(file, text, size))
		what = "cannot be written";
	error = errno;
	if (close(file) && !what) {
		what = "cannot be written";
		error = errno;
	}
	if (!what && rename(temporary, target)) {
		what = "cannot be replaced";
		error = errno;
	}
	if (what)
		unlink(temporary);
	errno = error;

	return what;
}

enum status replace_file(const char *file, const char *text, size_t size,
			 bool keep)
{
	char *target = keep ? resolve(file) : require_memory(strdup(file));
	char *copy, *folder, *temporary;
	enum status status = STATUS_OK;
	sigset_t signals, before;
	const char *what;

	if (!target)
		return failure(file, "cannot be followed");
	copy = require_memory(strdup(target));
	folder = require_memory(strdup(dirname(copy)));
	free(copy);
	copy = require_memory(strdup(target));
	if (asprintf(&temporary, "%s/.%s.XXXXXX", folder, basename(copy)) < 0)
		temporary = require_memory(NULL);

	/* Nothing shall be left beside it. */
	sigfillset(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	what = write_beside(temporary, target, text, size, keep);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!what && sync_folder(folder))
		what = "replaced, but its folder cannot be synced";
	if (what)
		status = failure(file, what);
	free(temporary);
	free(copy);
	free(folder);
	free(target);

	return status;
}
