/* SPDX-License-Identifier: GPL-2.0-only */
/* uksm.conf(5): knobs and their values in a file. */
#ifndef UKSMCTL_CONFIG_H
#define UKSMCTL_CONFIG_H

#include <stdio.h>

#include "engine.h"
#include "settings.h"
#include "status.h"

#define CONFIG_FILE "/etc/uksm/uksm.conf"

/**
 * config_open() - open a file of settings
 * @file: its name
 *
 * Return: the stream, or NULL after a message.
 */
FILE *config_open(const char *file);

/**
 * config_read() - read such a file, and check all of it
 * @stream: the file
 * @file: its name, for messages
 * @files: uksm's files; empty when the module is not loaded
 * @settings: receives what it says, in the order to write it; settings_free() it
 *
 * Return: STATUS_OK, or STATUS_USAGE after a message about the first fault.
 */
enum status config_read(FILE *stream, const char *file,
			const struct engine_files *files,
			struct settings *settings);

#endif /* UKSMCTL_CONFIG_H */
