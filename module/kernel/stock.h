/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_STOCK_H
#define UKSM_STOCK_H

#include <linux/types.h>

int uksm_stock_init(void);
void uksm_stock_exit(void);
int uksm_stock_claim(void);
void uksm_stock_release(void);
bool uksm_stock_idle_since(u64 boottime_ns);
bool uksm_stock_unmerging(void);
void uksm_stock_set_enter_hint(void (*hint)(void));

#endif
