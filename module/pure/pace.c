// SPDX-License-Identifier: GPL-2.0-only
#include "pace.h"

#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

/*
 * How much CPU time a thread may save up: so little that it makes no difference over
 * ten seconds, whatever the limit is. And its longest sleep before it asks again.
 */
#define BUDGET_CREDIT_NS	(20 * 1000000LL)
#define BUDGET_PERCENT_NS	(5 * 1000000LL)
#define BUDGET_SLEEP_NS		(1000 * 1000000LL)
/* Nobody asks as seldom as this, for whom a product with a percentage would overflow. */
#define BUDGET_PASSED_NS	(1ULL << 56)

/* One page saved of so many that are scanned is worth all the CPU time that is allowed. */
#define AUTO_WORTH		32
/* Less than such a part of full speed is none. */
#define AUTO_LEAST		(UKSM_AUTO_FULL / 128)
/* What is judged at a time, at least. */
#define AUTO_WINDOW_NS		(1000 * 1000000LL)
#define AUTO_WINDOW_PAGES	256
/* The longest sleep: so late the scanner notices what has come meanwhile. And the shortest. */
#define AUTO_SLEEP_MOST_NS	(500 * 1000000LL)
#define AUTO_SLEEP_LEAST_NS	(1 * 1000000LL)
/* What a page is taken to cost as long as that is not known, and its bounds. */
#define AUTO_PAGE_NS		1000UL
#define AUTO_PAGE_MOST_NS	1000000UL
/* Something is left for others, and nobody scans nothing. */
#define AUTO_CPU_MOST		95u
/* Bounds for the sake of the products. */
#define AUTO_BATCH_MOST		1000000000UL
#define AUTO_PAGES_MOST		(1UL << 33)

/* The largest batch with which the scanner keeps to a share of a CPU. */
static unsigned long cpu_batch(const struct uksm_pace *pace)
{
	if (pace->max_cpu >= 100)
		return ULONG_MAX;
	/* work / (work + sleep) = share, solved for the pages in work. */
	return div64_u64(pace->sleep_ns * pace->max_cpu, (u64)pace->page_ns * (100 - pace->max_cpu));
}

/**
 * uksm_pace_batch() - pages_to_scan for a full scan to take a given time
 * @pace: what is known; all zero for nothing
 *
 * A full scan takes the time for its pages and a sleep for each batch of them.
 * What is left of the target after the first says how many sleeps there may be.
 *
 * Return: pages in a batch, within the bounds that @pace has.
 */
unsigned long uksm_pace_batch(const struct uksm_pace *pace)
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

/* How much CPU time at a limit may be saved up, against later sleeps that are too long. */
static s64 budget_most(unsigned int percent)
{
	return min_t(s64, percent * BUDGET_PERCENT_NS, BUDGET_CREDIT_NS);
}

/**
 * uksm_budget_charge() - account CPU time, and say how long to sleep for it
 * @budget: the thread's account; zeroed: begin now
 * @now_ns: a clock that does not jump
 * @used_ns: CPU time that the thread has used since it began
 * @percent: of one CPU that it may use; 100 and more: no limit
 *
 * A debt is paid in full, however long the work was that has made it. A long sleep
 * comes in pieces of a second at most, so that the caller can look at what else has
 * happened; but it must not work until a call has returned 0. Then over any time T it
 * uses T * @percent, and up to min(20 ms, @percent * 5 ms) and one piece of work more.
 *
 * Return: nanoseconds to sleep before asking again; 0 when the thread is within its
 * limit.
 */
u64 uksm_budget_charge(struct uksm_budget *budget, u64 now_ns, u64 used_ns, unsigned int percent)
{
	u64 passed_ns = min_t(u64, now_ns - budget->at_ns, BUDGET_PASSED_NS);
	bool begun = budget->at_ns;
	s64 spent_ns = used_ns - budget->used_ns;
	u64 debt_ns;

	budget->at_ns = now_ns;
	budget->used_ns = used_ns;
	if (!begun || percent >= 100) {
		budget->credit_ns = 0;
		return 0;
	}
	/* With none at all a debt would never be paid. */
	percent = max(percent, 1u);
	budget->credit_ns += div64_u64(passed_ns * percent, 100) - spent_ns;
	budget->credit_ns = min_t(s64, budget->credit_ns, budget_most(percent));
	if (budget->credit_ns >= 0)
		return 0;
	debt_ns = -budget->credit_ns;
	if (debt_ns >= BUDGET_SLEEP_NS)
		return BUDGET_SLEEP_NS;
	/* Rounded up, so that afterwards nothing is left of it. */
	return min_t(u64, div64_u64(debt_ns * 100 + percent - 1, percent), BUDGET_SLEEP_NS);
}

/* How fast to be after a window in which @pages were scanned and @gained of them saved. */
static unsigned int auto_speed(unsigned int speed, u64 pages, u64 gained, u64 all)
{
	unsigned int worth = min_t(u64, div64_u64(gained * AUTO_WORTH * UKSM_AUTO_FULL, pages),
				   UKSM_AUTO_FULL);
	unsigned int slower = min_t(u64, div64_u64(pages * UKSM_AUTO_FULL, 2 * all), speed);

	speed = max(worth, speed - slower);
	return speed < AUTO_LEAST ? 0 : speed;
}

/**
 * uksm_auto_look() - see how things stand, and choose a speed
 * @state: of the automatic pace; zeroed: begin
 * @seen: how things stand
 *
 * Full speed to begin with, and for newcomers. Then as fast as the saving grows by what is
 * scanned; a page that is merged, and written, and merged again is no gain. Without gain
 * two more full scans are done on the way down from full speed to the trickle.
 */
void uksm_auto_look(struct uksm_auto *state, const struct uksm_auto_seen *seen)
{
	bool begun = state->at_ns;
	u64 pages = seen->worked - state->worked;
	u64 gained = seen->saved > state->saved ? seen->saved - state->saved : 0;
	unsigned long cost;

	if (!begun || seen->newcomers)
		state->speed = UKSM_AUTO_FULL;
	if (begun) {
		if (seen->now_ns - state->at_ns < AUTO_WINDOW_NS || pages < AUTO_WINDOW_PAGES)
			return;
		cost = clamp_t(u64, div64_u64(seen->used_ns - state->used_ns, pages), 1,
			       AUTO_PAGE_MOST_NS);
		state->page_ns = state->page_ns ? (3 * state->page_ns + cost) / 4 : cost;
		if (!seen->newcomers)
			state->speed = auto_speed(state->speed, min_t(u64, pages, AUTO_PAGES_MOST),
						  min_t(u64, gained, AUTO_PAGES_MOST),
						  clamp(seen->pages, 1UL, AUTO_PAGES_MOST));
	}
	state->at_ns = seen->now_ns;
	state->used_ns = seen->used_ns;
	state->worked = seen->worked;
	state->saved = seen->saved;
}

/**
 * uksm_auto_pace() - how much to do next
 * @state: what uksm_auto_look() has chosen
 * @pages: pages tracked
 * @limits: the least sleep, in what time a full scan must be done whatever there is to be
 *	found, the share of a CPU that must not be passed, and the least batch that is worth
 *	waking up for; the other fields are not read
 *
 * At the trickle all pages are looked at once in the target time, and not less than the
 * least batch before each of the longest sleeps.
 */
struct uksm_auto_pace uksm_auto_pace(const struct uksm_auto *state, unsigned long pages,
				     const struct uksm_pace *limits)
{
	unsigned int cpu = clamp(limits->max_cpu, 1u, AUTO_CPU_MOST);
	unsigned long batch = clamp(limits->min_batch, 1UL, AUTO_BATCH_MOST);
	unsigned long page_ns = state->page_ns ? state->page_ns : AUTO_PAGE_NS;
	struct uksm_auto_pace pace = {
		.batch = batch,
		.sleep_ns = clamp_t(u64, limits->sleep_ns, AUTO_SLEEP_LEAST_NS, AUTO_SLEEP_MOST_NS),
	};
	/* Pages a second. */
	u64 most = max_t(u64, cpu * (NSEC_PER_SEC / 100) / page_ns, 1);
	u64 rate = div64_u64(min(pages, AUTO_PAGES_MOST) * (u64)NSEC_PER_SEC,
			     max_t(u64, limits->target_ns, NSEC_PER_SEC));
	/* Nanoseconds of a second that it sleeps. */
	u64 idle;

	rate = max_t(u64, rate, batch * (NSEC_PER_SEC / AUTO_SLEEP_MOST_NS));
	rate = min(rate, most);
	rate += div64_u64((most - rate) * state->speed, UKSM_AUTO_FULL);
	idle = NSEC_PER_SEC - rate * page_ns;

	batch = div64_u64(rate * pace.sleep_ns, idle);
	if (batch >= pace.batch) {
		pace.batch = batch;
		return pace;
	}
	pace.sleep_ns = div64_u64(pace.batch * idle, rate);
	if (pace.sleep_ns > AUTO_SLEEP_MOST_NS) {
		pace.sleep_ns = AUTO_SLEEP_MOST_NS;
		pace.batch = max_t(u64, div64_u64(rate * pace.sleep_ns, idle), 1);
	}
	return pace;
}
