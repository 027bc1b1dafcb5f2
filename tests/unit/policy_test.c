// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of module/pure/policy.c, included below: they know its constants. */
#include "../../module/pure/policy.c"

#include "check.h"

#include <linux/kernel.h>

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)

static const struct uksm_tile_news nothing;

static void a_quiet_tile_rests_more_and_more(void)
{
	u8 quiet = 0;
	unsigned int visit;

	for (visit = 1; visit < 300; visit++) {
		quiet = uksm_policy_quiet(quiet, 128, &nothing);
		expect(quiet == (visit < QUIET_QUARTER ? visit : QUIET_QUARTER),
		       "%u after %u visits", quiet, visit);
	}
}

static void news_end_the_rest(void)
{
	struct uksm_tile_news found = { .found = true };
	struct uksm_tile_news few = { .changed = 8 }, many = { .changed = 9 };

	expect(uksm_policy_quiet(QUIET_QUARTER, 128, &found) == 0, "something found");
	expect(uksm_policy_quiet(1, 128, &few) == 2, "one page of 16 always changes");
	expect(uksm_policy_quiet(QUIET_QUARTER, 128, &many) == 0, "more than that");
	expect(uksm_policy_quiet(1, 4, &(struct uksm_tile_news){ .changed = 1 }) == 0,
	       "one of four changed");
}

/* However quiet, and wherever it lies: seen in every fourth full scan at least. */
static void no_tile_rests_for_long(void)
{
	unsigned long tile, seq, last;
	unsigned int quiet, most[QUIET_QUARTER + 1] = {};

	for (quiet = 0; quiet <= QUIET_QUARTER; quiet++) {
		for (tile = 0; tile < 64; tile++) {
			last = 1000;
			for (seq = 1001; seq < 1100; seq++) {
				if (!uksm_policy_due(quiet, seq, tile))
					continue;
				if (last > 1000 && seq - last > most[quiet])
					most[quiet] = seq - last;
				last = seq;
			}
		}
	}
	expect(most[0] == 1 && most[1] == 1, "%u and %u scans without rest", most[0], most[1]);
	expect(most[2] == 2 && most[3] == 2, "%u and %u scans, half", most[2], most[3]);
	expect(most[4] == 4, "%u scans, quarter", most[4]);
}

static void full_scans_cost_alike(void)
{
	unsigned long seq, tile, stride, due;

	/* Whether all tiles are in use, or one in so many. */
	for (stride = 1; stride <= 64; stride++) {
		for (seq = 0; seq < 16; seq++) {
			for (due = 0, tile = 0; tile < 4096; tile++)
				due += uksm_policy_due(QUIET_QUARTER, seq, tile * stride);
			expect(due > 900 && due < 1150, "full scan %lu visits %lu of 4096, stride %lu",
			       seq, due, stride);
		}
	}
}

/*
 * A page that was pinned is asked for in one of eight of the looks at it, whether its
 * tile is seen by each full scan or by every fourth, and whichever these are.
 */
static void pinned_pages_are_asked_now_and_then(void)
{
	unsigned long number, first, seq, due;
	unsigned int interval, looks;

	for (interval = 1; interval <= 4; interval *= 2) {
		for (number = 0; number < 2000; number += 1 + random_below(50)) {
			unsigned int least = ~0u, most = 0, since = 0;

			first = random_below(1000);
			due = 0;
			for (looks = 0; looks < 640; looks++) {
				seq = first + looks * interval;
				since++;
				if (!uksm_policy_pinned_due(seq, number))
					continue;
				least = due && since < least ? since : least;
				most = since > most ? since : most;
				since = 0;
				due++;
			}
			expect(due >= 70 && due <= 90, "page %lu, each %u scans: due %lu of 640",
			       number, interval, due);
			expect(most <= 17 && least >= 2, "page %lu, each %u scans: after %u to %u",
			       number, interval, least, most);
		}
	}
	for (seq = 0; seq < 64; seq++) {
		for (due = 0, number = 0; number < 4096; number++)
			due += uksm_policy_pinned_due(seq, number);
		expect(due > 400 && due < 624, "full scan %lu asks %lu of 4096", seq, due);
	}
}

/* What a lane does in one go, which may be more than it should. */
static unsigned long piece(unsigned int pattern)
{
	switch (pattern % 3) {
	case 0:
		return 1;
	case 1:
		return random_below(1000);
	default:
		return random_below(20) ? 1 : 5000;
	}
}

/*
 * Whenever newcomers come and go, and however large the pieces: over any time, settled memory
 * has at least half of what was scanned, up to one piece.
 */
static void newcomers_have_half_at_most(void)
{
	unsigned int pattern, step;

	for (pattern = 0; pattern < 3 * 3 * 4; pattern++) {
		struct uksm_lanes lanes = { 0 };
		s64 ahead = 0, least = 0, worst = 0, total[2] = {};
		bool there = true;

		for (step = 0; step < 20000; step++) {
			unsigned long units;
			bool turn;

			/* Always, now and then, for a moment only, and gone in each bad moment. */
			switch (pattern / 9) {
			case 1:
				there = random_below(100) ? there : !there;
				break;
			case 2:
				there = !random_below(10);
				break;
			case 3:
				there = ahead <= least;
				break;
			}
			turn = uksm_policy_newcomers_turn(&lanes, there, true);
			expect(there || !turn, "newcomers that are not there");
			units = piece(turn ? pattern % 3 : pattern / 3 % 3);
			uksm_policy_lane_worked(&lanes, turn, units);
			total[turn] += units;
			/* The most that newcomers have had more, from any time until now. */
			ahead += turn ? (s64)units : -(s64)units;
			least = ahead < least ? ahead : least;
			worst = ahead - least > worst ? ahead - least : worst;
		}
		/* A piece of each kind is as large as 5000. */
		expect(worst <= 2 * 5000, "pattern %u: newcomers ahead by %lld", pattern,
		       (long long)worst);
		expect(total[1] <= total[0] + 5000, "pattern %u: newcomers %lld, settled %lld", pattern,
		       (long long)total[1], (long long)total[0]);
		/* And they are not starved. */
		if (pattern / 9 == 0)
			expect(total[0] <= total[1] + 5000, "pattern %u: newcomers %lld, settled %lld",
			       pattern, (long long)total[1], (long long)total[0]);
	}
}

static void a_lane_without_work_saves_nothing_up(void)
{
	struct uksm_lanes lanes = { 0 };
	unsigned int i;

	expect(!uksm_policy_newcomers_turn(&lanes, true, true), "settled memory comes first");
	expect(!uksm_policy_newcomers_turn(&lanes, false, false), "nothing to do");
	for (i = 0; i < 100000; i++) {
		expect(!uksm_policy_newcomers_turn(&lanes, false, true), "no newcomers");
		uksm_policy_lane_worked(&lanes, false, 10);
	}
	/* All that settled memory has had alone gives newcomers one piece, of ten. */
	for (i = 0; uksm_policy_newcomers_turn(&lanes, true, true); i++)
		uksm_policy_lane_worked(&lanes, true, 1);
	expect(i <= 10, "newcomers come %u times in a row", i);

	lanes = (struct uksm_lanes){ 0 };
	for (i = 0; i < 100000; i++) {
		expect(uksm_policy_newcomers_turn(&lanes, true, false), "only newcomers");
		uksm_policy_lane_worked(&lanes, true, 10);
	}
	for (i = 0; !uksm_policy_newcomers_turn(&lanes, true, true); i++)
		uksm_policy_lane_worked(&lanes, false, 1);
	expect(i <= 11, "settled memory comes %u times in a row", i);
}

static void merging_in_vain_is_put_off(void)
{
	unsigned int level = 0, times, wait;

	for (times = 1; times < 20; times++) {
		level = uksm_policy_thrash(level, 1, 1000000);
		for (wait = 1; !uksm_policy_still_enough(level, wait); wait++)
			;
		if (times <= THRASH_FREE)
			expect(wait == 1, "waits %u after %u times", wait, times);
		else
			expect(wait == 1u << (min(times, (unsigned int)THRASH_LEVELS) - THRASH_FREE),
			       "waits %u after %u times", wait, times);
	}
	expect(uksm_policy_thrash(level, THRASH_SCANS, THRASH_MSECS + 1) == level,
	       "a break within two scans");
	expect(uksm_policy_thrash(level, THRASH_SCANS + 1, THRASH_MSECS) == level,
	       "a break within ten seconds");
	expect(uksm_policy_thrash(level, THRASH_SCANS + 1, THRASH_MSECS + 1) == 0,
	       "a merge that lasted");
	expect(!uksm_policy_still_enough(0, 0), "a page that has just changed");
}

static struct uksm_pace some_pace(void)
{
	return (struct uksm_pace){
		.pages = 1000000,
		.page_ns = 1000,
		.sleep_ns = 20 * MSEC,
		.target_ns = 200 * SEC,
		.max_cpu = 70,
		.min_batch = 500,
		.max_batch = 30000,
	};
}

/* What a full scan takes with a batch: the work, and a sleep for each batch. */
static double scan_secs(const struct uksm_pace *pace, unsigned long batch)
{
	double sleeps = (double)pace->pages / batch;

	return (pace->pages * (double)pace->page_ns + sleeps * pace->sleep_ns) / SEC;
}

static void the_target_is_met(void)
{
	unsigned int round;

	for (round = 0; round < 1000; round++) {
		struct uksm_pace pace = some_pace();
		unsigned long batch;
		double secs;

		pace.pages = 1000000 + random_below(100000000);
		pace.page_ns = 100 + random_below(1000);
		pace.max_cpu = 100;
		pace.min_batch = 0;
		pace.max_batch = ~0ul;
		batch = uksm_policy_batch(&pace);
		secs = scan_secs(&pace, batch);
		expect(secs <= 200.1 && secs > 190, "%lu pages of %lu ns: %.1f s with %lu",
		       pace.pages, pace.page_ns, secs, batch);
	}
}

static void the_cpu_limit_comes_before_the_target(void)
{
	struct uksm_pace pace = some_pace();
	double work, share;

	pace.pages = 1000000000;
	pace.max_cpu = 10;
	pace.max_batch = ~0ul;
	work = (double)uksm_policy_batch(&pace) * pace.page_ns;
	share = work / (work + pace.sleep_ns);
	expect(share > 0.099 && share <= 0.1, "%.3f of a CPU", share);
}

static void the_bounds_come_before_all(void)
{
	struct uksm_pace pace = some_pace(), none = { .min_batch = 700 };

	pace.pages = 1000;
	expect(uksm_policy_batch(&pace) == 500, "little to do");
	pace.pages = 1ul << 40;
	pace.max_cpu = 100;
	expect(uksm_policy_batch(&pace) == 30000, "too much to do");
	pace.max_cpu = 0;
	expect(uksm_policy_batch(&pace) == 500, "no CPU at all");
	pace.min_batch = 40000;
	expect(uksm_policy_batch(&pace) == 40000, "minimum above maximum");
	pace = some_pace();
	pace.sleep_ns = 0;
	pace.max_cpu = 100;
	expect(uksm_policy_batch(&pace) == 30000, "no sleep");
	expect(uksm_policy_batch(&none) == 700, "nothing known");
}

/* struct busy - a thread that always has work, in slices of some size */
struct busy {
	struct uksm_budget budget;
	u64 now, used;
	u64 slice_ns, oversleep_ns;
	unsigned int percent;
};

/* One slice; then it sleeps, and asks again, until it may go on. */
static void busy_slice(struct busy *busy)
{
	u64 pause;

	busy->now += busy->slice_ns;
	busy->used += busy->slice_ns;
	for (;;) {
		pause = uksm_budget_charge(&busy->budget, busy->now, busy->used, busy->percent);
		if (!pause)
			break;
		expect(pause <= SEC, "%llu ms to sleep at once", (unsigned long long)(pause / MSEC));
		/* Now and then somebody wakes it. */
		if (!random_below(10))
			pause = 1 + pause / 2;
		busy->now += pause + random_below(busy->oversleep_ns + 1);
	}
}

static struct busy busy_start(unsigned int percent, u64 slice_ns, u64 oversleep_ns)
{
	struct busy busy = {
		.now = 5 * SEC,
		.used = 3 * SEC,
		.slice_ns = slice_ns,
		.oversleep_ns = oversleep_ns,
		.percent = percent,
	};

	uksm_budget_charge(&busy.budget, busy.now, busy.used, percent);
	return busy;
}

/* Its share of a CPU, over ten seconds and until it may go on. */
static double share_used(unsigned int percent, u64 slice_ns, u64 oversleep_ns)
{
	struct busy busy = busy_start(percent, slice_ns, oversleep_ns);
	u64 began = busy.now, used_then = busy.used;

	while (busy.now - began < 10 * SEC)
		busy_slice(&busy);
	return (double)(busy.used - used_then) / (busy.now - began);
}

static void the_budget_is_kept_and_used(void)
{
	static const unsigned int percents[] = { 1, 2, 5, 10, 20, 50, 75, 99 };
	static const u64 slices[] = { MSEC / 10, MSEC, 5 * MSEC };
	unsigned int i, j;

	for (i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
		for (j = 0; j < 3; j++) {
			double share = share_used(percents[i], slices[j], 4 * MSEC) * 100;

			expect(share < percents[i] * 1.05 + 0.05 && share > percents[i] * 0.9 - 0.1,
			       "%u percent, slices of %llu us: %.2f", percents[i],
			       (unsigned long long)slices[j] / 1000, share);
		}
	}
}

/* The most CPU time in any window of some length: one that begins with a slice. */
static u64 most_used(const u64 *began, unsigned int nr, u64 slice_ns, u64 window_ns)
{
	unsigned int first, last = 0;
	u64 used, most = 0;

	for (first = 0; first < nr; first++) {
		while (last + 1 < nr && began[last + 1] < began[first] + window_ns)
			last++;
		/* The window is not over yet when the record ends. */
		if (last + 1 == nr)
			break;
		used = (last - first) * slice_ns +
		       min(slice_ns, began[first] + window_ns - began[last]);
		most = max(most, used);
	}
	return most;
}

/*
 * A slice is not cut short, so a window may hold one that is not paid for yet. But that
 * is all: each is paid for in full before the next begins.
 */
static void check_windows(unsigned int percent, u64 slice_ns)
{
	static u64 began[1 << 16];
	struct busy busy = busy_start(percent, slice_ns, 4 * MSEC);
	/* In the longer one a slice is a twentieth. */
	u64 windows[] = { 10 * SEC, max(10 * SEC, 20 * slice_ns * 100 / percent) };
	u64 until = busy.now + 20 * windows[1], limit, most;
	unsigned int i, nr = 0;
	double share;

	while (busy.now < until && nr < ARRAY_SIZE(began)) {
		began[nr++] = busy.now;
		busy_slice(&busy);
	}
	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		limit = windows[i] * percent / 100;
		most = most_used(began, nr, slice_ns, windows[i]);
		/* What may be saved up is a twentieth of ten seconds. */
		expect(most && most <= limit + limit / 20 + slice_ns,
		       "%u percent, slices of %llu ms: %llu ms in %llu s", percent,
		       (unsigned long long)(slice_ns / MSEC), (unsigned long long)(most / MSEC),
		       (unsigned long long)(windows[i] / SEC));
		if (slice_ns * 20 > limit)
			continue;
		expect(most * 10 <= limit * 11, "%u percent, slices of %llu ms: %llu ms in %llu s",
		       percent, (unsigned long long)(slice_ns / MSEC),
		       (unsigned long long)(most / MSEC), (unsigned long long)(windows[i] / SEC));
	}
	share = nr * slice_ns * 100.0 / (busy.now - began[0]);
	expect(share <= percent * 1.01 && share >= percent * 0.9,
	       "%u percent, slices of %llu ms: %.2f in the long run", percent,
	       (unsigned long long)(slice_ns / MSEC), share);
}

static void long_slices_are_paid_for(void)
{
	static const unsigned int percents[] = { 1, 5, 20 };
	static const u64 slices[] = { MSEC, 100 * MSEC, SEC, 5 * SEC };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		for (j = 0; j < ARRAY_SIZE(slices); j++)
			check_windows(percents[i], slices[j]);
	}
}

/* In pieces, so that the thread can look about, and to the last nanosecond. */
static void a_debt_is_paid_in_full(void)
{
	struct uksm_budget budget = { 0 };
	u64 now = SEC, pause, slept = 0;

	uksm_budget_charge(&budget, now, 0, 1);
	now += 5 * SEC;
	while ((pause = uksm_budget_charge(&budget, now, 5 * SEC, 1))) {
		expect(pause <= SEC, "%llu ms at once", (unsigned long long)(pause / MSEC));
		now += pause;
		slept += pause;
	}
	expect(slept == 495 * SEC, "%llu ms for 5 s at 1 percent", (unsigned long long)(slept / MSEC));

	/* None is asked for too little: after the sleep nothing is left of it. */
	now += 1;
	pause = uksm_budget_charge(&budget, now, 5 * SEC + 7777777, 3);
	expect(pause && !uksm_budget_charge(&budget, now + pause, 5 * SEC + 7777777, 3),
	       "a rest after the sleep");
	/* A limit of nothing is one percent, or it would never end. */
	budget = (struct uksm_budget){ 0 };
	uksm_budget_charge(&budget, now, 0, 0);
	pause = uksm_budget_charge(&budget, now + MSEC, MSEC, 0);
	expect(pause == 99 * MSEC, "%llu us for a millisecond", (unsigned long long)(pause / 1000));
}

static void idleness_is_not_saved_up(void)
{
	struct uksm_budget budget = { 0 };
	u64 now = SEC, used = 0, burst = 0;

	uksm_budget_charge(&budget, now, used, 10);
	now += 3600 * SEC;
	while (!uksm_budget_charge(&budget, now, used, 10)) {
		now += MSEC;
		used += MSEC;
		burst += MSEC;
	}
	expect(burst <= 25 * MSEC, "%llu ms at once", (unsigned long long)(burst / MSEC));

	/* With a small limit much less: a hundredth of ten seconds is no more than 100 ms. */
	budget = (struct uksm_budget){ 0 };
	used = 0;
	uksm_budget_charge(&budget, now, used, 1);
	now += 3600 * SEC;
	uksm_budget_charge(&budget, now, used, 1);
	expect(!uksm_budget_charge(&budget, now, used + 5 * MSEC, 1), "nothing saved up");
	expect(uksm_budget_charge(&budget, now, used + 6 * MSEC, 1), "6 ms at once");
	/* Nor are ages forgotten because a product overflows. */
	now += ~0ULL / 99 + 1;
	expect(!uksm_budget_charge(&budget, now, used + 12 * MSEC, 99), "no credit");
}

static void without_a_limit_there_is_no_debt(void)
{
	struct uksm_budget budget = { 0 };
	u64 now = SEC;
	unsigned int i;

	for (i = 0; i < 100; i++, now += SEC)
		expect(!uksm_budget_charge(&budget, now, now, 100), "sleeps at 100 percent");
	expect(!uksm_budget_charge(&budget, now, now - SEC, 50), "debt from before the limit");
}

/* An address space of few pages rests for eight full scans at most. */
static void small_processes_rest_longer(void)
{
	unsigned int i, due = 0;
	u8 quiet = 0;

	for (i = 0; i < 20; i++)
		quiet = uksm_policy_quiet_process(quiet, false);
	expect(quiet == QUIET_EIGHTH, "quiet %u after 20 visits", quiet);
	for (i = 0; i < 64; i++)
		due += uksm_policy_due(quiet, i, 12345);
	expect(due == 8, "due %u times in 64 full scans", due);
	expect(!uksm_policy_quiet_process(quiet, true), "news do not end the rest");
}

int main(void)
{
	check_start();
	run_test(a_quiet_tile_rests_more_and_more);
	run_test(news_end_the_rest);
	run_test(no_tile_rests_for_long);
	run_test(full_scans_cost_alike);
	run_test(small_processes_rest_longer);
	run_test(pinned_pages_are_asked_now_and_then);
	run_test(newcomers_have_half_at_most);
	run_test(a_lane_without_work_saves_nothing_up);
	run_test(merging_in_vain_is_put_off);
	run_test(the_target_is_met);
	run_test(the_cpu_limit_comes_before_the_target);
	run_test(the_bounds_come_before_all);
	run_test(the_budget_is_kept_and_used);
	run_test(long_slices_are_paid_for);
	run_test(a_debt_is_paid_in_full);
	run_test(idleness_is_not_saved_up);
	run_test(without_a_limit_there_is_no_debt);
	return check_status();
}
