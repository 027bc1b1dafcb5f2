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

/* In so many of many full scans as the weights say, as evenly as can be, from the first on. */
static void a_weight_is_a_share_of_scans(void)
{
	static const unsigned int weights[] = { 1, 3, 10, 25, 99, 100, 101, 2500, 9999, 10000 };
	unsigned int w, h, seq, due, credit, last, gap;

	for (w = 0; w < ARRAY_SIZE(weights); w++)
		for (h = w; h < ARRAY_SIZE(weights); h++) {
			unsigned int most = (weights[h] + weights[w] - 1) / weights[w];

			for (due = 0, credit = 0, last = 0, gap = 0, seq = 1; seq <= 20000; seq++) {
				if (!uksm_policy_weight_due(&credit, weights[w], weights[h]))
					continue;
				due++;
				gap = max(gap, seq - last);
				last = seq;
			}
			expect(due == 20000ULL * weights[w] / weights[h], "%u of %u: %u times",
			       weights[w], weights[h], due);
			expect(gap == most, "%u of %u: a rest of %u", weights[w], weights[h], gap);
		}
}

/* The heaviest is known late, and may have gone, or be heavier than was known. */
static void a_weight_follows_the_heaviest(void)
{
	unsigned int credit = 0, seq, due = 0;

	expect(uksm_policy_weight_due(&credit, 50, 0), "none is known");
	expect(uksm_policy_weight_due(&credit, 50, 10), "it is heavier than all known");
	expect(!credit, "%u saved up by who is always due", credit);
	credit = ~0u;
	expect(uksm_policy_weight_due(&credit, 1, 1u << 31) && !credit, "any number at first");
	credit = 0;
	for (seq = 0; seq < 199; seq++)
		due += uksm_policy_weight_due(&credit, 50, 10000);
	expect(!due, "due %u times too early", due);
	for (seq = 0; seq < 100; seq++)
		due += uksm_policy_weight_due(&credit, 50, 100);
	expect(due == 50, "%u times of 100 after the heavy one has gone", due);
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
	run_test(a_weight_is_a_share_of_scans);
	run_test(a_weight_follows_the_heaviest);
	return check_status();
}
