/* SPDX-License-Identifier: GPL-2.0-only */
/* Have the CPUs give up the pages that they hold back from the LRU. */
#ifndef UKSM_LRU_DRAIN_H
#define UKSM_LRU_DRAIN_H

int uksm_lru_drain_init(void);
void uksm_lru_drain_exit(void);
void uksm_lru_drain(void);

#endif
