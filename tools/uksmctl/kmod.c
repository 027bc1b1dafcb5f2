// SPDX-License-Identifier: GPL-2.0-only
#include "kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "text.h"

#define OUTPUT_SIZE 32768
#define CANNOT_RUN 127

/*
 * Not those of PATH: this runs as root, and from where PATH has no sbin. The first is
 * where uksm-ksm-compat is when it is not from a package.
 */
static const char *const folders[] = { "/usr/local/sbin", "/usr/sbin", "/sbin",
				       "/usr/bin" };

static bool find_command(const char *name, char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (!access(make_path(path, "%s/%s", folders[i], name), X_OK))
			return true;

	return false;
}

bool command_exists(const char *name)
{
	char path[PATH_SIZE];

	return find_command(name, path);
}

/* In the child. @output: where to write what it says, or -1. */
static void execute(const char *path, const char *const *arguments, int output)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &child, NULL);
	if (output >= 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(output, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	execv(path, (char *const *)arguments);
	_exit(CANNOT_RUN);
}

/* As much as there is room for; the rest is read as well, so that it is not killed. */
static void read_output(int from, char *output, size_t size)
{
	char rest[512];
	size_t used = 0;
	ssize_t got;

	do {
		bool fits = used + 1 < size;

		got = fits ? read(from, output + used, size - 1 - used) :
			     read(from, rest, sizeof(rest));
		if (fits && got > 0)
			used += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	output[used] = '\0';
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	if (WEXITSTATUS(status) == CANNOT_RUN)
		return -ENOEXEC;

	return WEXITSTATUS(status);
}

int command_run(const char *const *arguments, char *output, size_t size)
{
	int ends[2] = { -1, -1 };
	char path[PATH_SIZE];
	pid_t pid;

	if (!find_command(arguments[0], path))
		return -ENOENT;
	if (output && pipe2(ends, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid)
		execute(path, arguments, ends[1]);
	if (output)
		close(ends[1]);
	if (pid < 0) {
		int err = -errno;

		if (output)
			close(ends[0]);
		return err;
	}
	if (output) {
		read_output(ends[0], output, size);
		close(ends[0]);
	}

	return wait_for(pid);
}

static void copy_line(char *to, const char *from)
{
	if (from)
		snprintf(to, KMOD_TEXT_SIZE, "%.*s", (int)strcspn(from, "\n"),
			 from);
	else
		*to = '\0';
}

static void read_attribute(const char *name, char *to)
{
	char path[PATH_SIZE], text[TEXT_SIZE];

	text_read(make_path(path, "/sys/module/uksm/%s", name), text);
	copy_line(to, text);
}

void kmod_loaded(struct kmod *kmod)
{
	read_attribute("version", kmod->version);
	read_attribute("srcversion", kmod->srcversion);
	kmod->file[0] = kmod->signer[0] = kmod->key[0] = '\0';
	kmod->is_signed = false;
}

int kmod_installed(struct kmod *kmod)
{
	static const char *const modinfo[] = { "modinfo", "uksm", NULL };
	char output[OUTPUT_SIZE];
	int status = command_run(modinfo, output, sizeof(output));

	if (status)
		return status < 0 ? status : -ENODEV;
	copy_line(kmod->version, text_keyed(output, "version"));
	copy_line(kmod->srcversion, text_keyed(output, "srcversion"));
	copy_line(kmod->file, text_keyed(output, "filename"));
	copy_line(kmod->signer, text_keyed(output, "signer"));
	copy_line(kmod->key, text_keyed(output, "sig_key"));
	kmod->is_signed = text_keyed(output, "sig_id");

	return 0;
}

bool kmod_same(const struct kmod *one, const struct kmod *other)
{
	return *one->srcversion && !strcmp(one->srcversion, other->srcversion);
}

long long kmod_references(void)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	long long number;

	if (text_read(make_path(path, "/sys/module/uksm/refcnt"), text) ||
	    text_number(text, &number))
		return 0;

	return number;
}
