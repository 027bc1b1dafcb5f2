/* SPDX-License-Identifier: GPL-2.0-only */
/* All that has been set at run time, to be set again in a module that is loaded anew. */
#ifndef UKSMCTL_KEPT_H
#define UKSMCTL_KEPT_H

#include "settings.h"
#include "status.h"

/**
 * struct kept - what was set
 * @knobs: all but run, in the order to write them
 * @lists: entries of the lists of control groups, as they are written
 * @run: what run was
 */
struct kept {
	struct settings knobs;
	struct settings lists;
	char *run;
};

/**
 * kept_read() - what is set now
 * @kept: receives it; kept_free() it, after a failure as well
 *
 * Return: STATUS_OK, or STATUS_REFUSED after a message: something cannot be kept.
 */
enum status kept_read(struct kept *kept);

/**
 * kept_write() - set all of it that is not so already
 * @kept: what to set
 *
 * What cannot be set is told, and the rest is set. Without isolation or hardening, or with a control
 * group that is to be excluded and is not, run stays 0.
 *
 * Return: STATUS_OK, or STATUS_PARTLY_SET after messages.
 */
enum status kept_write(const struct kept *kept);

/** kept_write_run() - of that only run; STATUS_OK, or STATUS_PARTLY_SET after a message */
enum status kept_write_run(const struct kept *kept);

/**
 * kept_text() - all of it as a file that apply takes
 * @kept: what was set
 * @size: receives its size
 *
 * Return: the text, to be freed.
 */
char *kept_text(const struct kept *kept, size_t *size);

/** kept_show() - what kept_write() would write */
void kept_show(const struct kept *kept);

void kept_free(struct kept *kept);

#endif /* UKSMCTL_KEPT_H */
