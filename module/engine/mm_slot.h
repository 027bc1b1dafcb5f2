/* SPDX-License-Identifier: GPL-2.0-only */
/* The address spaces that have mergeable memory. */
#ifndef UKSM_MM_SLOT_H
#define UKSM_MM_SLOT_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct task_struct;
struct uksm_domain;

/**
 * enum uksm_slot_list - in which list a slot is
 * @UKSM_SLOTS_NEW: not scanned yet, or not to its end
 * @UKSM_SLOTS_AGAIN: scanned once, and to be scanned again soon, to see what has held still
 * @UKSM_SLOTS_SETTLED: in the round of the full scan
 * @UKSM_SLOTS_LEAVING: it belongs to another domain by now, or to none, and is unmerged first,
 *	see leave.c
 * @UKSM_SLOTS_EXCLUDED: nothing of it is to be merged, nor is anything
 * @UKSM_SLOTS_DEAD: the process has exited; records are still to be forgotten
 * @UKSM_NR_SLOT_LISTS: how many lists there are
 */
enum uksm_slot_list {
	UKSM_SLOTS_NEW,
	UKSM_SLOTS_AGAIN,
	UKSM_SLOTS_SETTLED,
	UKSM_SLOTS_LEAVING,
	UKSM_SLOTS_EXCLUDED,
	UKSM_SLOTS_DEAD,
	UKSM_NR_SLOT_LISTS,
};

/* What is new is looked at so often before it settles, and each time so much later. */
#define UKSM_LOOKS	2
#define UKSM_LOOK_MSECS	1000

/*
 * So many threads of a process are asked for its address space. The first has it, unless
 * it has exited before the others; a process with more such than that waits.
 */
#define UKSM_THREADS_MAX	64u

/* Of a process that the administrator has given none, and the greatest that he can give. */
#define UKSM_WEIGHT_DEFAULT	100u
#define UKSM_WEIGHT_MAX		10000u

/**
 * struct uksm_mm_slot - an address space that the scanner visits
 * @serial: no other slot has had it
 * @mm: holds a reference on the structure (mmgrab), not on the address space:
 *	whoever looks inside takes mmget_not_zero() for the time of the look. NULL
 *	when dead
 * @hash: link in the table keyed by @mm
 * @list: link in the list that @where tells
 * @sweep: link in the list of all that are not dead
 * @where: enum uksm_slot_list
 * @stranger: nobody had asked for merging there when it was last met
 * @enlisted: it takes part as the administrator wants it, and for as long as he does, not since
 *	the process has asked
 * @domain: to which it belongs: from its first scan on, see uksm_mm_slot_join_domain()
 * @unmerged: while it leaves its domain: its pages are unmerged, and its records go
 * @refused: meanwhile the kernel has refused a copy, so that a page has stayed merged
 * @leave_at: when to go on with that, in jiffies
 * @address: next address to look at, or to forget records from
 * @put_off: times that its mmap_lock was held by others, less some for each that it was not
 * @visits: full scans in which it was its turn
 * @weighed: in this full scan it was found whether it is its turn, by its weight
 * @credit: for that, see uksm_policy_weight_due()
 * @locked_since: when that began, in jiffies
 * @tried_at: when it was put off for the last time since it was asked for, in jiffies
 * @contended: others wanted it when it was last left
 * @resumes: it was given up at @address, and the next full scan goes on there
 * @seen_until: up to here pages were looked at in this full scan; of those from @address on
 *	an equal one is still to be searched
 * @anon_pages: of the process, when the scan under way came to it, or the last one
 * @looks: times that it was scanned to its end since it has come, or grown; up to
 *	UKSM_LOOKS, and apart by UKSM_LOOK_MSECS
 * @looked_at: when that was for the last time, in jiffies
 * @asked: how often it is still to be scanned for who has written merge_now, see asked.c
 * @asked_units: what that may still cost
 * @asked_link: link in the list of those that are asked for
 * @quiet: for how many visits nothing has happened there: see uksm_policy_quiet_process()
 * @restless: something has happened since the visit under way began
 * @records: pages tracked
 * @merged: those of them that share a merged page
 * @zero_pages: addresses whose record says that merging has mapped the zero page there
 * @meta_bytes: memory held for it
 * @chunks: struct uksm_chunk by address >> PMD_SHIFT
 */
struct uksm_mm_slot {
	u64 serial;
	struct mm_struct *mm;
	struct rhash_head hash;
	struct list_head list;
	struct list_head sweep;
	enum uksm_slot_list where;
	bool stranger;
	bool enlisted;
	struct uksm_domain *domain;
	bool unmerged;
	bool refused;
	unsigned long leave_at;
	unsigned int put_off;
	u32 visits;
	bool weighed;
	unsigned int credit;
	unsigned long locked_since;
	unsigned long tried_at;
	bool contended;
	bool resumes;
	unsigned long address;
	unsigned long seen_until;
	unsigned long anon_pages;
	unsigned int looks;
	unsigned long looked_at;
	u8 asked;
	u8 quiet;
	bool restless;
	long asked_units;
	struct list_head asked_link;
	unsigned long records;
	unsigned long merged;
	unsigned long zero_pages;
	unsigned long meta_bytes;
	struct xarray chunks;
};

/**
 * struct uksm_discovery - a walk over all processes, in pieces
 * @pid: the next process ID to look at; 0: no walk is under way
 * @looked: processes looked at
 * @strangers: find also those that have never asked for merging: such a one may share, by fork()
 *	alone, a page that was merged for another
 * @found: slots added by this walk
 */
struct uksm_discovery {
	int pid;
	bool strangers;
	unsigned int looked;
	unsigned int found;
};

void uksm_discovery_begin(struct uksm_discovery *walk);
bool uksm_discovery_step(struct uksm_discovery *walk, unsigned int *processes);

struct uksm_mm_slot *uksm_mm_slot_of(struct task_struct *process, struct mm_struct *mm);
struct uksm_mm_slot *uksm_mm_slots_first(enum uksm_slot_list where);
struct uksm_mm_slot *uksm_mm_slots_first_living(void);
struct uksm_mm_slot *uksm_mm_slots_first_newcomer(void);
bool uksm_mm_slots_newcomer_due(void);
struct uksm_mm_slot *uksm_mm_slots_next(struct uksm_mm_slot *slot);
void uksm_mm_slot_move(struct uksm_mm_slot *slot, enum uksm_slot_list where,
		       struct uksm_mm_slot *before);
void uksm_mm_slots_settle_all(void);
void uksm_mm_slots_settle_others(void);
unsigned long uksm_mm_slots_living(void);
bool uksm_mm_slot_barred(const struct uksm_mm_slot *slot, bool unknown);
bool uksm_mm_slot_join_domain(struct uksm_mm_slot *slot);
bool uksm_mm_slot_left_domain(const struct uksm_mm_slot *slot);
void uksm_mm_slot_begin_anew(struct uksm_mm_slot *slot);
struct uksm_mm_slot *uksm_mm_slots_sweep(void);
bool uksm_mm_slot_exited(const struct uksm_mm_slot *slot);
void uksm_mm_slot_looked(struct uksm_mm_slot *slot);
void uksm_mm_slot_measure(struct uksm_mm_slot *slot);
bool uksm_mm_slot_grown(const struct uksm_mm_slot *slot);
void uksm_mm_slot_bury(struct uksm_mm_slot *slot);
void uksm_mm_slot_free(struct uksm_mm_slot *slot);

/**
 * enum uksm_entered - how an attempt to enter an address space went
 * @UKSM_ENTERED: its mmap_lock is held: uksm_mm_slot_leave() must follow
 * @UKSM_ENTER_LOCKED: somebody else holds the mmap_lock, or waits for it
 * @UKSM_ENTER_DEAD: the process has exited
 */
enum uksm_entered {
	UKSM_ENTERED,
	UKSM_ENTER_LOCKED,
	UKSM_ENTER_DEAD,
};

enum uksm_entered uksm_mm_slot_enter(struct uksm_mm_slot *slot);
enum uksm_entered uksm_mm_slot_enter_wait(struct uksm_mm_slot *slot, unsigned int msecs,
					  const bool *stop);
bool uksm_mm_slot_awaited(const struct uksm_mm_slot *slot);
void uksm_mm_slot_leave(struct uksm_mm_slot *slot);

unsigned long uksm_mm_slots_zero_pages(void);
bool uksm_mm_slot_may_grow(const struct uksm_mm_slot *slot);
void uksm_mm_slot_meta_add(struct uksm_mm_slot *slot, long bytes);

int uksm_mm_slots_init(void);
void uksm_mm_slots_exit(void);

#endif
