/* SPDX-License-Identifier: GPL-2.0-only */
/* Two equal pages, neither of which is a KSM page: make one of both. */
#ifndef UKSM_PAIR_H
#define UKSM_PAIR_H

#include "engine/site.h"

enum uksm_outcome uksm_pair_merge(struct uksm_join *join, struct uksm_site *site,
				  struct uksm_site *peer, unsigned int nid,
				  const struct uksm_site **culprit);

#endif
