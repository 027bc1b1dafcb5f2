/* SPDX-License-Identifier: GPL-2.0-only */
/* The module as modprobe(8) and modinfo(8) know it, and commands to be run. */
#ifndef UKSMCTL_KMOD_H
#define UKSMCTL_KMOD_H

#include <stdbool.h>
#include <stddef.h>

#define KMOD_TEXT_SIZE 256

/**
 * struct kmod - a build of the module
 * @version: its version; "" when it is not told
 * @srcversion: a checksum of its source; "" when it is not told
 * @file: where it is; "" of the one that is loaded
 * @signer: who has signed it, by the name in the certificate; "" when it is not told
 * @key: which of his certificates, by its serial number; "" likewise
 * @is_signed: it has a signature; false of the one that is loaded
 */
struct kmod {
	char version[KMOD_TEXT_SIZE];
	char srcversion[KMOD_TEXT_SIZE];
	char file[KMOD_TEXT_SIZE];
	char signer[KMOD_TEXT_SIZE];
	char key[KMOD_TEXT_SIZE];
	bool is_signed;
};

/** kmod_loaded() - the build that is loaded */
void kmod_loaded(struct kmod *kmod);

/**
 * kmod_installed() - the build that modprobe would load
 * @kmod: receives it
 *
 * Return: 0; -ENODEV when none is installed for the running kernel; or -errno when that
 * cannot be told.
 */
int kmod_installed(struct kmod *kmod);

/** kmod_same() - are both of one source, as far as is known? */
bool kmod_same(const struct kmod *one, const struct kmod *other);

/** kmod_references() - what keeps the module from being unloaded; 0 when it is not told */
long long kmod_references(void);

/** command_exists() - is there a command of this name, where the administrator's are? */
bool command_exists(const char *name);

/**
 * command_run() - run a command, and wait for it
 * @arguments: its name and arguments, and NULL
 * @output: receives what it says, without what it complains of; NULL: it says that itself
 * @size: room in @output
 *
 * It begins with the signals blocked that the caller has blocked, but for SIGCHLD.
 *
 * Return: its exit status, 128 and more for a signal; or -errno when it could not be run.
 */
int command_run(const char *const *arguments, char *output, size_t size);

#endif /* UKSMCTL_KMOD_H */
