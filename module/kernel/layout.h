/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_LAYOUT_H
#define UKSM_LAYOUT_H

int uksm_layout_check(void);

#endif
