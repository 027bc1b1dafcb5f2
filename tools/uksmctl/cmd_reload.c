// SPDX-License-Identifier: GPL-2.0-only
/*
 * uksmctl reload: put the installed module in the place of the loaded one, and set again
 * what was set. Until everything is unmerged it can be interrupted, and all is put back;
 * from there on it goes on to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <uksm/names.h>

#include "commands.h"
#include "engine.h"
#include "format.h"
#include "interval.h"
#include "kept.h"
#include "kmod.h"
#include "long_write.h"
#include "memory.h"
#include "replace.h"
#include "saturate.h"
#include "settings.h"

#define KEPT_FILE "/run/uksm-reload.conf"
#define COMPAT "uksm-ksm-compat"
/* What the module leaves alone when it unmerges to be unloaded. */
#define RESERVE_BYTES (32LL << 20)
/* How long the module may refuse to be unloaded after everything is unmerged: it looks twice a second. */
#define REFERENCES_SECONDS 3.0
#define RETRY_SECONDS 0.1

/**
 * struct reload - what is to be done
 * @old: the build that is loaded
 * @new: the build that is installed
 * @kept: what is set
 * @compat: uksm's directory is mounted over ksm's, and shall be again
 * @file: where @kept is, should this program not come to its end
 */
struct reload {
	struct kmod old;
	struct kmod new;
	struct kept kept;
	bool compat;
	char file[PATH_SIZE];
};

static enum status check_rights(void)
{
	char path[PATH_SIZE];

	make_path(path, UKSM_SYSFS_DIR "/run");
	if (!faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) || errno != EACCES)
		return STATUS_OK;

	return fail(STATUS_PERMISSION, "root is needed, nothing was changed");
}

static enum status find_installed(struct kmod *kmod)
{
	struct utsname kernel;
	int err = kmod_installed(kmod);

	if (!err)
		return STATUS_OK;
	if (err != -ENODEV)
		return fail(STATUS_REFUSED,
			    "nothing was changed: modinfo cannot be run: %s",
			    strerror(-err));
	uname(&kernel);

	return fail(
		STATUS_REFUSED,
		"nothing was changed: no module uksm is installed for kernel %s: dkms status uksm",
		kernel.release);
}

static enum status find_compat(bool *mounted)
{
	*mounted = engine_ksm_is_uksm();
	if (!*mounted || command_exists(COMPAT))
		return STATUS_OK;

	return fail(
		STATUS_REFUSED,
		"nothing was changed: uksm is mounted over /sys/kernel/mm/ksm, and there is no " COMPAT
		" to do that again: unmount it first");
}

static long long number_of(const char *name)
{
	char text[TEXT_SIZE];
	long long number;

	if (engine_read(ENGINE_UKSM, name, text) || text_number(text, &number))
		return 0;

	return number;
}

/* What unmerging takes, in bytes. */
static long long memory_needed(void)
{
	long long pages = add_saturated(number_of("pages_sharing"),
					number_of("pages_shared"));

	pages = add_saturated(pages, number_of("ksm_zero_pages"));

	return multiply_saturated(pages, sysconf(_SC_PAGESIZE));
}

/* What is in the way, and would be found only when half is done. */
static enum status check_obstacles(void)
{
	long long needed = memory_needed(), available = memory_available();
	char need[FIGURE_SIZE], have[FIGURE_SIZE];
	long long references = kmod_references();

	if (needed && available >= 0 &&
	    add_saturated(needed, RESERVE_BYTES) > available)
		return fail(
			STATUS_REFUSED,
			"nothing was changed: to unmerge takes %s and some to spare, and %s are available",
			format_bytes(need, (double)needed),
			format_bytes(have, (double)available));
	if (references)
		return fail(
			STATUS_REFUSED,
			"nothing was changed: the module has %lld references, so it cannot be unloaded: memory is short, or something uses it",
			references);

	return STATUS_OK;
}

static void show(const struct reload *reload)
{
	char need[FIGURE_SIZE];

	printf("would unmerge %s\n",
	       format_bytes(need, (double)memory_needed()));
	puts("would run modprobe -r uksm");
	printf("would run modprobe uksm run=0, which loads %s\n",
	       reload->new.file);
	kept_show(&reload->kept);
	if (reload->compat)
		puts("would run " COMPAT " start");
}

static enum status save(struct reload *reload)
{
	size_t size;
	char *text = kept_text(&reload->kept, &size);
	enum status status;

	make_path(reload->file, KEPT_FILE);
	status = replace_file(reload->file, text, size, false);
	free(text);

	return status;
}

/* What others have written to knobs and lists while everything was unmerged counts. */
static enum status keep_again(struct reload *reload)
{
	struct kept now;
	enum status status = kept_read(&now, false);

	if (!status) {
		free(now.run);
		now.run = require_memory(strdup(reload->kept.run));
		kept_free(&reload->kept);
		reload->kept = now;
		return save(reload);
	}
	kept_free(&now);

	return status;
}

/* It is still loaded, and nothing but run was written. */
static enum status back_out(const struct reload *reload)
{
	enum status status = kept_write_run(&reload->kept);

	unlink(reload->file);
	if (status)
		return fail(status,
			    "the module was not unloaded, but it is stopped");
	complain("the module was not unloaded, and its settings are as before");

	return STATUS_REFUSED;
}

static const char *meaning_of(int err)
{
	switch (err) {
	case -EINTR:
		return "interrupted";
	case -ENOMEM:
		return "memory does not suffice";
	case -EBUSY:
		return "something keeps pages from it: userfaultfd, or a process that is busy or exiting";
	default:
		return strerror(-err);
	}
}

/* By itself, while memory was short. */
static void wait_for_references(void)
{
	double until = interval_now() + REFERENCES_SECONDS;

	while (kmod_references() && interval_now() < until)
		interval_sleep(interval_now() + RETRY_SECONDS);
}

/* Return: false after a message when it is still there. */
static bool unload(void)
{
	static const char *const modprobe[] = { "modprobe", "-r", "uksm",
						NULL };
	int result;

	wait_for_references();
	result = command_run(modprobe, NULL, 0);
	if (!engine_exists(ENGINE_UKSM))
		return true;
	if (result < 0)
		complain("modprobe -r uksm: %s", strerror(-result));
	else
		complain(
			"modprobe -r uksm ended with status %d, and the module, with %lld references, is still loaded",
			result, kmod_references());

	return false;
}

static enum status complain_of_load(const struct reload *reload, int result)
{
	if (result < 0)
		complain("modprobe uksm: %s", strerror(-result));
	else
		complain(
			"modprobe uksm ended with status %d; the last line of dmesg from uksm may say why",
			result);
	complain(
		"MERGING IS OFF: version %s is unloaded, and the one that is installed, %s, does not load",
		reload->old.version, reload->new.version);
	complain("when one does: modprobe uksm, uksmctl apply %s%s",
		 reload->file,
		 kept_has_names(&reload->kept) ?
			 ", and name processes as its comments say" :
			 "");
	complain(
		"until then the kernel's own can merge: %secho 1 > /sys/kernel/mm/ksm/run",
		reload->compat ? COMPAT " stop, " : "");

	return STATUS_UNLOADED;
}

static enum status mount_again(void)
{
	static const char *const start[] = { COMPAT, "start", NULL };
	int result = command_run(start, NULL, 0);

	if (!result)
		return STATUS_OK;

	return fail(
		STATUS_PARTLY_SET,
		"uksm could not be mounted over /sys/kernel/mm/ksm again: " COMPAT
		" start");
}

static enum status load(const struct reload *reload)
{
	/* Over what modprobe.d says: it must not merge before it is told with what to. */
	static const char *const modprobe[] = { "modprobe", "uksm", "run=0",
						NULL };
	enum status set, mounted = STATUS_OK;
	struct kmod now;
	int result = command_run(modprobe, NULL, 0);

	if (!engine_exists(ENGINE_UKSM))
		return complain_of_load(reload, result);
	set = kept_write(&reload->kept);
	if (reload->compat)
		mounted = mount_again();
	if (set)
		complain("the rest is set; what it was is in %s", reload->file);
	else
		unlink(reload->file);
	kmod_loaded(&now);
	printf("uksm %s (%s) -> %s (%s)\n", reload->old.version,
	       reload->old.srcversion, now.version, now.srcversion);

	return set ?: mounted;
}

static void show_unmerging(void)
{
	char text[TEXT_SIZE];
	long long left;

	if (!engine_read(ENGINE_UKSM, "pages_sharing", text) &&
	    !text_number(text, &left))
		printf("unmerging: %lld pages left", left);
}

static enum status replace(struct reload *reload)
{
	enum status status = save(reload);
	sigset_t before;
	int err;

	if (status)
		return fail(status, "nothing was changed");
	signals_hold(&before);
	err = long_write("run", "2", show_unmerging, &before);
	/* Or somebody else has unloaded it. */
	if (engine_exists(ENGINE_UKSM)) {
		if (err)
			complain("could not unmerge: %s", meaning_of(err));
		if (err || keep_again(reload) || !unload())
			return back_out(reload);
	}

	return load(reload);
}

static enum status reload_or_show(struct reload *reload,
				  const struct options *options)
{
	enum status status;

	status = kept_read(&reload->kept, options->dry_run);
	if (status)
		return status;
	if (options->dry_run)
		show(reload);
	status = check_obstacles();
	if (status || options->dry_run)
		return status;

	return replace(reload);
}

enum status command_reload(const struct options *options, int argc, char **argv)
{
	struct reload reload = { .compat = false };
	enum status status;

	if (argc)
		return fail(STATUS_USAGE, "reload takes no argument '%s'",
			    argv[0]);
	status = require_uksm();
	if (!status && !options->dry_run)
		status = check_rights();
	if (status)
		return status;
	if (!options->dry_run)
		settings_lock();
	kmod_loaded(&reload.old);
	status = find_installed(&reload.new);
	if (status)
		return status;
	if (kmod_same(&reload.old, &reload.new) && !options->force) {
		printf("uksm %s (%s) is loaded already\n", reload.old.version,
		       reload.old.srcversion);
		return STATUS_OK;
	}
	status = find_compat(&reload.compat) ?:
					       reload_or_show(&reload, options);
	kept_free(&reload.kept);

	return status;
}
