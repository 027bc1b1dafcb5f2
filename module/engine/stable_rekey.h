/* SPDX-License-Identifier: GPL-2.0-only */
/* Merged pages whose sample is a weak one: they move to the checksum of the whole page. */
#ifndef UKSM_STABLE_REKEY_H
#define UKSM_STABLE_REKEY_H

#include <linux/types.h>

struct page;
struct uksm_domain;

bool uksm_stable_strengthen(struct uksm_domain *domain, struct page *page, u32 checksum);
bool uksm_stable_rekey_late(struct uksm_domain *domain, unsigned int nid, u32 checksum,
			    struct page *page);

#endif
