/* SPDX-License-Identifier: GPL-2.0-only */
/* One step of the scanner in an address space. */
#ifndef UKSM_STEP_H
#define UKSM_STEP_H

#include <linux/types.h>

#include "pure/policy.h"

struct uksm_mm_slot;

/* What a look costs, in units: see UKSM_PAGE_UNITS. */
#define UKSM_LOOK_UNITS	1	/* a record that is looked at, to see whether it may rest */
#define UKSM_STEP_UNITS	16	/* to enter and leave an address space, or to pass over a hole */
#define UKSM_TILE_UNITS	32	/* a tile that is passed over */

/**
 * struct uksm_work - how much may be done before others get their turn
 * @units: work, in parts of a page; may become negative
 * @until_ns: not after this time, by ktime_get_ns()
 */
struct uksm_work {
	long units;
	u64 until_ns;
};

/**
 * struct uksm_tile_visit - where in an address space's tiles of records the scanner is
 * @in_tile: @tile is being visited
 * @resting: it is being passed over
 * @tile: first address of the tile at the slot's address
 * @news: what the visit has found so far
 */
struct uksm_tile_visit {
	bool in_tile;
	bool resting;
	unsigned long tile;
	struct uksm_tile_news news;
};

/**
 * struct uksm_step - one step in an address space
 * @visit: of the tile at the slot's address; goes on from step to step
 * @slot: address space, entered
 * @work: what may be done, and has been
 * @enough: the step ends when @work has come down to so many units
 * @gone: from here on, up to the slot's address, nothing is left that is mergeable, and
 *	the records are still to be forgotten; the slot's address if there are none
 * @mergeable: a mergeable VMA has been met
 * @done: the end of the address space has been reached
 * @awaited: it was left because others want its mmap_lock
 */
struct uksm_step {
	struct uksm_tile_visit *visit;
	struct uksm_mm_slot *slot;
	struct uksm_work *work;
	long enough;
	unsigned long gone;
	bool mergeable;
	bool done;
	bool awaited;
};

void uksm_step_inside(struct uksm_step *step);
void uksm_step_outside(struct uksm_step *step);
void uksm_tile_visit_end(struct uksm_tile_visit *visit, struct uksm_mm_slot *slot);
bool uksm_work_interrupted(const struct uksm_work *work);

#endif
