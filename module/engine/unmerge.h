/* SPDX-License-Identifier: GPL-2.0-only */
/* Unmerge all memory of all processes, in steps. */
#ifndef UKSM_UNMERGE_H
#define UKSM_UNMERGE_H

#include <linux/types.h>

#include "engine/mm_slot.h"

struct uksm_batch;

/**
 * enum uksm_unmerge_phase - what the next step does
 * @UKSM_UNMERGE_DISCOVER: find processes that have come
 * @UKSM_UNMERGE_PAGES: give pages of their own to the addresses of one
 * @UKSM_UNMERGE_RECORDS: forget its records
 * @UKSM_UNMERGE_NODES: part nodes from pages that are not mapped
 * @UKSM_UNMERGE_SLOTS: let go of all address spaces
 * @UKSM_UNMERGE_DONE: nothing
 */
enum uksm_unmerge_phase {
	UKSM_UNMERGE_DISCOVER,
	UKSM_UNMERGE_PAGES,
	UKSM_UNMERGE_RECORDS,
	UKSM_UNMERGE_NODES,
	UKSM_UNMERGE_SLOTS,
	UKSM_UNMERGE_DONE,
};

/**
 * struct uksm_unmerge - how far the work has got
 * @phase: what comes next
 * @walk: over all processes
 * @slot: address space
 * @address: next address in it
 * @round: forks race with unmerging; each round catches what was forked in the last
 * @nodes: that are still to be looked at
 * @tries: that the mmap_lock of @slot was held by others
 * @locked_at: when it was found so first, in jiffies
 * @locked_msecs: how long those before have been waited for, but for short waits
 * @in_line: it was held so often that it is waited for before each step
 * @entered: @slot has been entered for the next step (uksm_unmerge_enter())
 * @slot_err: what has gone wrong in @slot
 * @err: the first thing that has gone wrong in this round, which does not end the work in other
 *	address spaces
 * @waits: a merged page or an address space was locked by others: ask again later
 * @single: of one address space only, see uksm_unmerge_slot()
 * @batch: scratch memory
 */
struct uksm_unmerge {
	enum uksm_unmerge_phase phase;
	struct uksm_discovery walk;
	struct uksm_mm_slot *slot;
	unsigned long address;
	unsigned int round;
	unsigned long nodes;
	unsigned int tries;
	unsigned long locked_at;
	unsigned int locked_msecs;
	bool in_line;
	bool entered;
	int slot_err;
	int err;
	bool waits;
	bool single;
	struct uksm_batch *batch;
};

int uksm_unmerge_begin(struct uksm_unmerge *work);
bool uksm_unmerge_enter(struct uksm_unmerge *work, const bool *stop);
void uksm_unmerge_leave(struct uksm_unmerge *work);
bool uksm_unmerge_step(struct uksm_unmerge *work);
void uksm_unmerge_end(struct uksm_unmerge *work);

int uksm_unmerge_slot(struct uksm_mm_slot *slot, struct uksm_batch *batch);

#endif
