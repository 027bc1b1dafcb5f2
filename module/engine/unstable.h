/* SPDX-License-Identifier: GPL-2.0-only */
/* The unstable tree: pages seen and not merged, by checksum. */
#ifndef UKSM_UNSTABLE_H
#define UKSM_UNSTABLE_H

#include <linux/types.h>

struct uksm_domain;
struct uksm_tracked;

void uksm_unstable_add(struct uksm_tracked *t, unsigned int nid);
void uksm_unstable_del(struct uksm_tracked *t);
void uksm_unstable_rotate(struct uksm_tracked *t);
struct uksm_tracked *uksm_unstable_first(const struct uksm_domain *domain, unsigned int nid,
					 u32 checksum);
struct uksm_tracked *uksm_unstable_next(struct uksm_tracked *t);

#endif
