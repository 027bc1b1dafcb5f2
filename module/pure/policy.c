// SPDX-License-Identifier: GPL-2.0-only
#include "policy.h"

#include <linux/hash.h>
#include <linux/minmax.h>

/* Visits without news, after which a tile is visited half and a quarter as often. */
#define QUIET_HALF	2
#define QUIET_QUARTER	4
/* And as an address space of few pages is, after which an eighth as often. */
#define QUIET_EIGHTH	8
/* A tile is quiet although one page in so many changes all the time. */
#define QUIET_SHARE	16

/*
 * Written within so many full scans, or so soon, a page was merged for nothing: the
 * copy, and the fault that its writer has waited for, cost more than the memory was
 * worth for that long.
 */
#define THRASH_SCANS	2
#define THRASH_MSECS	10000
#define THRASH_LEVELS	7
/* That may happen by chance, or in steps as LTP takes them: so often one visit is enough. */
#define THRASH_FREE	3

/**
 * uksm_policy_quiet() - how quiet a tile is, after a visit
 * @quiet: how quiet it was before
 * @used: pages that are tracked in it
 * @news: what the visit has found
 *
 * Return: 0 when there was news enough to look at all of it again by the next
 * full scan, else more than before, up to a bound.
 */
u8 uksm_policy_quiet(u8 quiet, unsigned int used, const struct uksm_tile_news *news)
{
	if (news->found || news->changed * QUIET_SHARE > used)
		return 0;
	return min_t(unsigned int, quiet + 1, QUIET_QUARTER);
}

/**
 * uksm_policy_quiet_process() - as uksm_policy_quiet(), of a small address space
 * @quiet: how quiet it was before
 * @restless: a tile of it was not quiet
 */
u8 uksm_policy_quiet_process(u8 quiet, bool restless)
{
	return restless ? 0 : min_t(unsigned int, quiet + 1, QUIET_EIGHTH);
}

/**
 * uksm_policy_due() - is it a tile's, or a small address space's, turn to be visited?
 * @quiet: from uksm_policy_quiet(), or uksm_policy_quiet_process()
 * @seq: number of the full scan
 * @tile: number of the tile; tiles take turns, so that full scans cost alike
 *
 * Return: true in each full scan, in every second, in every fourth, so that
 * nothing that happens in a tile goes unnoticed for longer than four full scans; or in
 * every eighth, for a small address space.
 */
bool uksm_policy_due(u8 quiet, unsigned long seq, unsigned long tile)
{
	unsigned long interval = quiet >= QUIET_EIGHTH ? 8 : quiet >= QUIET_QUARTER ? 4 :
				 quiet >= QUIET_HALF ? 2 : 1;
	/* By chance, so to say: mappings come in regular patterns. */
	unsigned long turn = (u32)tile * GOLDEN_RATIO_32 >> 29;

	return !((seq + turn) & (interval - 1));
}

/**
 * uksm_policy_pinned_due() - is a page that was pinned to be asked for again?
 * @seq: number of the full scan, of those that come to the page's memory
 * @number: number of the page; pages take turns, so that full scans cost alike
 *
 * Return: true in one of eight full scans. With each eight of them the turn moves on by
 * one, as a page of a quiet tile is looked at in every fourth only: it must not be
 * always in one that is not its turn. So of such looks, too, one in eight is due.
 */
bool uksm_policy_pinned_due(unsigned long seq, unsigned long number)
{
	unsigned long turn = (u32)number * GOLDEN_RATIO_32 >> 29;

	return !((seq + seq / 8 + turn) & 7);
}

/**
 * uksm_policy_weight_due() - is an address space to be scanned in this full scan?
 * @credit: what it has saved up; at first any number, another for each, so that they take turns
 * @weight: its weight, at least 1
 * @heaviest: the greatest weight of all, as far as is known
 *
 * To be asked once in each full scan. Return: true in @weight of @heaviest full scans, as evenly
 * as can be; always, if it is the heaviest.
 */
bool uksm_policy_weight_due(unsigned int *credit, unsigned int weight, unsigned int heaviest)
{
	if (weight >= heaviest)
		return true;
	/* Of what was saved up when others were heavier no more counts than makes one turn. */
	*credit = *credit % heaviest + weight;
	if (*credit < heaviest)
		return false;
	*credit -= heaviest;
	return true;
}

/**
 * uksm_policy_newcomers_turn() - which of two lanes is to be scanned next?
 * @lanes: how they stand; zeroed when nothing has been scanned yet
 * @newcomers: there is memory that has just become mergeable
 * @settled: there is memory that was known before
 *
 * Each gets half while both have work, however large the pieces are in which it is
 * done: the settled lane never falls back by more than one piece. A lane that has no
 * work saves nothing up. But what it has had too much it owes still, or many short
 * visits of newcomers would get more than their share.
 *
 * Return: true if it is the newcomers' turn.
 */
bool uksm_policy_newcomers_turn(struct uksm_lanes *lanes, bool newcomers, bool settled)
{
	if (!newcomers)
		lanes->balance = max_t(s64, lanes->balance, 0);
	if (!settled)
		lanes->balance = min_t(s64, lanes->balance, 0);
	return newcomers && (!settled || lanes->balance < 0);
}

/**
 * uksm_policy_lane_worked() - account what has been scanned of a lane
 * @lanes: how they stand; uksm_policy_newcomers_turn() has been asked before
 * @newcomer: it was of the newcomers
 * @units: how much
 */
void uksm_policy_lane_worked(struct uksm_lanes *lanes, bool newcomer, unsigned long units)
{
	lanes->balance += newcomer ? (s64)units : -(s64)units;
}

/**
 * uksm_policy_thrash() - how much merging a page has proved to be in vain
 * @level: the page's level before it was merged
 * @scans: full scans from its merging until it was found written
 * @msecs: milliseconds between the two
 *
 * Return: a level from 0 to 7, for uksm_policy_still_enough().
 */
unsigned int uksm_policy_thrash(unsigned int level, u32 scans, u32 msecs)
{
	if (scans > THRASH_SCANS && msecs > THRASH_MSECS)
		return 0;
	return min_t(unsigned int, level + 1, THRASH_LEVELS);
}

/**
 * uksm_policy_still_enough() - has a page held still for long enough to be merged?
 * @level: from uksm_policy_thrash(), 0 for a page that never was merged in vain
 * @still: visits in a row that found it unchanged
 *
 * Return: true after one visit, as long as merging was not in vain several times
 * in a row; from then on after twice as many each time, up to 16.
 */
bool uksm_policy_still_enough(unsigned int level, u32 still)
{
	return still >> (level > THRASH_FREE ? level - THRASH_FREE : 0);
}
