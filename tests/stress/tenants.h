/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Isolation: who is moved, and who must not share.
 */
#ifndef STRESS_TENANTS_H
#define STRESS_TENANTS_H

#include "tally.h"

/* Of a worker's known memory so many are looked at. */
#define TENANT_PAGES 65536

/** tenants_init() - make groups below that of the workers */
void tenants_init(const char *work);

/** tenants_isolate() - set the mode before anything is merged */
void tenants_isolate(const char *mode);

/** tenants_move() - move some worker to some group */
enum outcome tenants_move(struct actor *a);

/** act_treatment() - another weight or level for a group, or a name of its own for a worker */
enum outcome act_treatment(struct actor *a);

/** act_isolation() - unmerge, and choose another mode */
enum outcome act_isolation(struct actor *a);

/** act_tenants() - two that are of different domains by now share no merged page, or soon do not */
enum outcome act_tenants(struct actor *a);

#endif
