/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes of several tenants, with equal memory; and what domains say of them.
 */
#ifndef UKSM_TEST_TENANT_H
#define UKSM_TEST_TENANT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper.h"

/* Of a tenant that does not say how many it has; each content is there twice. */
#define TENANT_PAGES 64

/* How soon a process that has gone to another domain must share nothing with the old one. */
#define TENANT_LEAVE_SECS 5

/**
 * struct tenant - a process with memory to merge
 * @uid: whose; 0: root's
 * @cgroup: in which, below the root; NULL: it stays where it is
 * @seed: of the first content
 * @pages: how many there are, TENANT_PAGES unless set
 * @area: filled in: known to the parent, which has not touched it
 * @helper: filled in
 */
struct tenant {
	uid_t uid;
	const char *cgroup;
	uint64_t seed;
	size_t pages;
	char *area;
	struct helper helper;
};

/** domains_dir() - the directory of the domains, of the engine under test */
const char *domains_dir(void);

/** isolate() - set the mode, which must succeed */
void isolate(const char *mode);

/** check_content() - in the tenant: its memory must hold what it has written */
void check_content(const struct tenant *t);

/** tenant_run() - what a tenant does: it goes where it belongs, fills its memory, waits, checks it */
void tenant_run(struct helper *self, void *arg);

/** tenant_start() - start a tenant, and wait for its first step */
void tenant_start(struct tenant *t, void (*run)(struct helper *self, void *arg));

/** tenant_move() - move it to another group, which is made if it is not there */
void tenant_move(const struct tenant *t, const char *cgroup);

/** frames_common() - how many frames of the first the second has, too */
size_t frames_common(const struct tenant *a, const struct tenant *b);

/** wait_apart() - wait until they have no frame in common, TENANT_LEAVE_SECS at most */
void wait_apart(const char *where, const struct tenant *a, const struct tenant *b);

/** check_apart() - they must have no frame in common */
void check_apart(const char *where, const struct tenant *a, const struct tenant *b);

/** check_together() - the second must have all frames that the first has */
void check_together(const char *where, const struct tenant *a, const struct tenant *b);

/** wait_together() - wait until it has */
void wait_together(const char *where, const struct tenant *a, const struct tenant *b);

/** count_merged_of() - how many contents, each there twice, have one frame */
size_t count_merged_of(const struct tenant *t);

/** wait_merged_of() - wait until all have */
void wait_merged_of(const char *where, const struct tenant *t);

/** count_domains() - how many directories domains have */
unsigned int count_domains(void);

/** wait_domains() - wait until there are so many */
void wait_domains(unsigned int nr);

/** check_sums() - the counters of all domains together must be those of the engine; pauses it */
void check_sums(const char *where);

/** domain_counter() - the number in a file of a domain's directory */
long domain_counter(const char *domain, const char *counter);

#endif
