/* SPDX-License-Identifier: GPL-2.0-only */
/* What the running kernel offers to those who look at merged memory. */
#ifndef UKSMCTL_PROBES_H
#define UKSMCTL_PROBES_H

#include <stddef.h>

/** enum answer - of a probe */
enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_HIDDEN, /* uksm's directory is mounted over the place to look at */
};

/**
 * struct probe - one feature
 * @name: for programs
 * @text: for people
 * @subject: what @ask looks for
 * @ask: looks for it
 */
struct probe {
	const char *name;
	const char *text;
	const char *subject;
	enum answer (*ask)(const char *subject);
};

extern const struct probe probes[];
extern const size_t probe_count;

#endif /* UKSMCTL_PROBES_H */
