/* SPDX-License-Identifier: GPL-2.0-only */
/* What uksmctl doctor finds: a list, in the order in which it is shown. */
#ifndef UKSMCTL_FINDING_H
#define UKSMCTL_FINDING_H

#include <stddef.h>

#define FINDING_TEXT_SIZE 768
#define MAX_FINDINGS 24

/** enum verdict - of a finding; a warning may be as somebody wants it */
enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_PROBLEM };

/**
 * struct finding - one
 * @name: what was looked at
 * @verdict: how that is
 * @text: what was found
 * @advice: what to do; "" for nothing
 */
struct finding {
	const char *name;
	enum verdict verdict;
	char text[FINDING_TEXT_SIZE];
	char advice[FINDING_TEXT_SIZE];
};

/** struct findings - all of them */
struct findings {
	struct finding list[MAX_FINDINGS];
	size_t count;
};

/**
 * finding_add() - at the end
 * @findings: where
 * @verdict: the verdict
 * @name: what was looked at
 * @format: as printf(), what was found
 */
__attribute__((format(printf, 4, 5))) void
finding_add(struct findings *findings, enum verdict verdict, const char *name,
	    const char *format, ...);

/** finding_advise() - what to do about the last one; @format: as printf() */
__attribute__((format(printf, 2, 3))) void
finding_advise(struct findings *findings, const char *format, ...);

/** findings_with() - how many have this verdict */
size_t findings_with(const struct findings *findings, enum verdict verdict);

/** findings_print() - for people */
void findings_print(struct findings *findings);

/** findings_json() - as an array of this name */
void findings_json(const char *name, const struct findings *findings);

#endif /* UKSMCTL_FINDING_H */
