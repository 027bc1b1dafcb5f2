/* SPDX-License-Identifier: GPL-2.0-only */
/* All that has been set at run time, to be set again in a module that is loaded anew. */
#ifndef UKSMCTL_KEPT_H
#define UKSMCTL_KEPT_H

#include "settings.h"
#include "status.h"

/**
 * struct kept - what was set
 * @knobs: all but run, in the order to write them
 * @lists: entries of the lists, as they are written
 * @born: of each of @lists that is of a process: when that began
 * @run: what run was
 */
struct kept {
	struct settings knobs;
	struct settings lists;
	unsigned long long *born;
	char *run;
};

/**
 * kept_read() - what is set now
 * @kept: receives it; kept_free() it, after a failure as well
 * @to_show: only to show it: a list that only root may read is told of and left out
 *
 * Return: STATUS_OK, or STATUS_REFUSED after a message: something cannot be kept.
 */
enum status kept_read(struct kept *kept, bool to_show);

/**
 * kept_write() - set all of it that is not so already
 * @kept: what to set
 *
 * What cannot be set is told, and the rest is set. Without isolation or hardening, or with a control
 * group that is to be excluded, included or hardened and is not, or a process that has lost its name,
 * run stays 0. Of processes that have exited nothing is said.
 *
 * Return: STATUS_OK, or STATUS_PARTLY_SET after messages.
 */
enum status kept_write(const struct kept *kept);

/** kept_write_run() - of that only run; STATUS_OK, or STATUS_PARTLY_SET after a message */
enum status kept_write_run(const struct kept *kept);

/** kept_has_names() - are there processes whose domain is by name? */
bool kept_has_names(const struct kept *kept);

/**
 * kept_text() - all of it as a file that apply takes
 * @kept: what was set
 * @size: receives its size
 *
 * Named processes, which apply does not take, are in comments, and run is 0 then.
 *
 * Return: the text, to be freed.
 */
char *kept_text(const struct kept *kept, size_t *size);

/** kept_show() - what kept_write() would write */
void kept_show(const struct kept *kept);

void kept_free(struct kept *kept);

#endif /* UKSMCTL_KEPT_H */
