// SPDX-License-Identifier: GPL-2.0-only
#include "policy.h"

#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>

/* Visits without news, after which a tile is visited half and a quarter as often. */
#define QUIET_HALF	2
#define QUIET_QUARTER	4
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

/* How much CPU time a thread may save up; and its longest sleep for a debt. */
#define BUDGET_CREDIT_NS	(20 * 1000000LL)
#define BUDGET_SLEEP_NS		(1000 * 1000000LL)

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
 * uksm_policy_due() - is it a tile's turn to be visited?
 * @quiet: from uksm_policy_quiet()
 * @seq: number of the full scan
 * @tile: number of the tile; tiles take turns, so that full scans cost alike
 *
 * Return: true in each full scan, in every second, or in every fourth, so that
 * nothing that happens in a tile goes unnoticed for longer than four full scans.
 */
bool uksm_policy_due(u8 quiet, unsigned long seq, unsigned long tile)
{
	unsigned long interval = quiet >= QUIET_QUARTER ? 4 : quiet >= QUIET_HALF ? 2 : 1;
	/* By chance, so to say: mappings come in regular patterns. */
	unsigned long turn = (u32)tile * GOLDEN_RATIO_32 >> 30;

	return !((seq + turn) & (interval - 1));
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

/* The largest batch with which the scanner keeps to a share of a CPU. */
static unsigned long cpu_batch(const struct uksm_pace *pace)
{
	if (pace->max_cpu >= 100)
		return ULONG_MAX;
	/* work / (work + sleep) = share, solved for the pages in work. */
	return div64_u64(pace->sleep_ns * pace->max_cpu, (u64)pace->page_ns * (100 - pace->max_cpu));
}

/**
 * uksm_policy_batch() - pages_to_scan for a full scan to take a given time
 * @pace: what is known; all zero for nothing
 *
 * A full scan takes the time for its pages and a sleep for each batch of them.
 * What is left of the target after the first says how many sleeps there may be.
 *
 * Return: pages in a batch, within the bounds that @pace has.
 */
unsigned long uksm_policy_batch(const struct uksm_pace *pace)
{
	u64 work_ns = (u64)pace->pages * pace->page_ns;
	unsigned long batch = ULONG_MAX;
	u64 sleeps;

	if (!pace->pages || !pace->page_ns)
		return pace->min_batch;
	if (pace->sleep_ns && pace->target_ns > work_ns) {
		sleeps = div64_u64(pace->target_ns - work_ns, pace->sleep_ns);
		if (sleeps)
			batch = div64_u64(pace->pages + sleeps - 1, sleeps);
	}
	batch = min3(batch, cpu_batch(pace), pace->max_batch);
	return max(batch, pace->min_batch);
}

/**
 * uksm_budget_charge() - account CPU time, and say how long to sleep for it
 * @budget: the thread's account; zeroed: begin now
 * @now_ns: a clock that does not jump
 * @used_ns: CPU time that the thread has used since it began
 * @percent: of one CPU that it may use; 100 and more: no limit
 *
 * Return: nanoseconds of sleep after which the thread is within its limit again;
 * 0 when it is.
 */
u64 uksm_budget_charge(struct uksm_budget *budget, u64 now_ns, u64 used_ns, unsigned int percent)
{
	u64 passed_ns = now_ns - budget->at_ns;
	bool begun = budget->at_ns;
	s64 spent_ns = used_ns - budget->used_ns;

	budget->at_ns = now_ns;
	budget->used_ns = used_ns;
	if (!begun || percent >= 100) {
		budget->credit_ns = 0;
		return 0;
	}
	/* Long sleeps must not be saved up: that would be a burst later. */
	passed_ns = min_t(u64, passed_ns, 2 * BUDGET_SLEEP_NS);
	budget->credit_ns += div64_u64(passed_ns * percent, 100) - spent_ns;
	budget->credit_ns = min_t(s64, budget->credit_ns, BUDGET_CREDIT_NS);
	if (budget->credit_ns >= 0)
		return 0;
	return min_t(u64, div64_u64(-budget->credit_ns * 100ULL, max(percent, 1u)),
		     BUDGET_SLEEP_NS);
}
