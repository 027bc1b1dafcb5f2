// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of module/pure/policy.c, included below: they know its constants. */
#include "../../module/pure/policy.c"

#include "check.h"

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

/* A thread that always has work, and sleeps when told to: its share of a CPU. */
static double share_used(unsigned int percent, u64 slice_ns, u64 oversleep_ns)
{
	struct uksm_budget budget = { 0 };
	u64 now = 5 * SEC, used = 3 * SEC, began, used_then, pause;

	uksm_budget_charge(&budget, now, used, percent);
	began = now;
	used_then = used;
	while (now - began < 10 * SEC) {
		now += slice_ns;
		used += slice_ns;
		pause = uksm_budget_charge(&budget, now, used, percent);
		if (pause)
			now += pause + random_below(oversleep_ns + 1);
	}
	return (double)(used - used_then) / (now - began);
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

int main(void)
{
	check_start();
	run_test(a_quiet_tile_rests_more_and_more);
	run_test(news_end_the_rest);
	run_test(no_tile_rests_for_long);
	run_test(full_scans_cost_alike);
	run_test(merging_in_vain_is_put_off);
	run_test(the_target_is_met);
	run_test(the_cpu_limit_comes_before_the_target);
	run_test(the_bounds_come_before_all);
	run_test(the_budget_is_kept_and_used);
	run_test(idleness_is_not_saved_up);
	run_test(without_a_limit_there_is_no_debt);
	return check_status();
}
