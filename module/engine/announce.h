/* SPDX-License-Identifier: GPL-2.0-only */
/* Have unshared pages search again, when a page of their checksum has come to be a merged one. */
#ifndef UKSM_ANNOUNCE_H
#define UKSM_ANNOUNCE_H

#include <linux/types.h>

struct uksm_domain;
struct uksm_mm_slot;

void uksm_announce_merged(struct uksm_domain *domain, unsigned int nid, u32 checksum);
void uksm_announce_private(const struct uksm_mm_slot *slot, unsigned int nid, u32 checksum);
void uksm_announce_step(unsigned int records);

#endif
