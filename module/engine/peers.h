/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages of the unstable tree that have a page's checksum: is there one to merge with? */
#ifndef UKSM_PEERS_H
#define UKSM_PEERS_H

#include "engine/site.h"

enum uksm_outcome uksm_peers_merge(struct uksm_join *join, struct uksm_site *site,
				   unsigned int nid, bool compare);

#endif
