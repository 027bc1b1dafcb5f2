/* SPDX-License-Identifier: GPL-2.0-only */
/* Fresh frames for merged pages, which no process can have chosen. */
#ifndef UKSM_FRAMES_H
#define UKSM_FRAMES_H

struct folio;

struct folio *uksm_frames_take(int nid);
void uksm_frames_put(struct folio *folio);
void uksm_frames_drain(void);

#endif
