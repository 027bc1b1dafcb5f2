// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of module/pure/pace.c, included below: they know its constants. */
#include "../../module/pure/pace.c"

#include "check.h"

#include <linux/kernel.h>

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)

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
		batch = uksm_pace_batch(&pace);
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
	work = (double)uksm_pace_batch(&pace) * pace.page_ns;
	share = work / (work + pace.sleep_ns);
	expect(share > 0.099 && share <= 0.1, "%.3f of a CPU", share);
}

static void the_bounds_come_before_all(void)
{
	struct uksm_pace pace = some_pace(), none = { .min_batch = 700 };

	pace.pages = 1000;
	expect(uksm_pace_batch(&pace) == 500, "little to do");
	pace.pages = 1ul << 40;
	pace.max_cpu = 100;
	expect(uksm_pace_batch(&pace) == 30000, "too much to do");
	pace.max_cpu = 0;
	expect(uksm_pace_batch(&pace) == 500, "no CPU at all");
	pace.min_batch = 40000;
	expect(uksm_pace_batch(&pace) == 40000, "minimum above maximum");
	pace = some_pace();
	pace.sleep_ns = 0;
	pace.max_cpu = 100;
	expect(uksm_pace_batch(&pace) == 30000, "no sleep");
	expect(uksm_pace_batch(&none) == 700, "nothing known");
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

/* struct host - memory with a scanner that sets its own pace */
struct host {
	struct uksm_auto state;
	struct uksm_pace limits;
	u64 now, used, worked;
	unsigned long pages, saved, page_ns;
};

static struct host some_host(unsigned long pages, unsigned long page_ns)
{
	return (struct host){
		.limits = {
			.sleep_ns = 20 * MSEC,
			.target_ns = 200 * SEC,
			.max_cpu = 70,
			.min_batch = 500,
		},
		.now = SEC,
		.pages = pages,
		.page_ns = page_ns,
	};
}

/* One batch, in which a page of @one_of is saved; 0: none. */
static void host_batch(struct host *host, unsigned long one_of, bool newcomers)
{
	struct uksm_auto_seen seen = {
		.now_ns = host->now,
		.used_ns = host->used,
		.worked = host->worked,
		.saved = host->saved,
		.pages = host->pages,
		.newcomers = newcomers,
	};
	struct uksm_auto_pace pace;

	uksm_auto_look(&host->state, &seen);
	pace = uksm_auto_pace(&host->state, host->pages, &host->limits);
	expect(pace.batch && pace.sleep_ns >= MSEC && pace.sleep_ns <= SEC / 2, "%lu pages and %llu ns",
	       pace.batch, (unsigned long long)pace.sleep_ns);
	host->worked += pace.batch;
	host->used += pace.batch * host->page_ns;
	host->now += pace.batch * host->page_ns + pace.sleep_ns;
	if (one_of)
		host->saved += (host->worked / one_of) - (host->worked - pace.batch) / one_of;
}

/* Its share of a CPU, and pages a second, over some time. */
static double host_run(struct host *host, u64 ns, unsigned long one_of, bool newcomers, double *rate)
{
	u64 began = host->now, used = host->used, worked = host->worked;

	while (host->now - began < ns)
		host_batch(host, one_of, newcomers);
	if (rate)
		*rate = (host->worked - worked) * 1e9 / (host->now - began);
	return (double)(host->used - used) / (host->now - began);
}

static void what_is_new_is_scanned_at_full_speed(void)
{
	struct host host = some_host(1000000, 150);
	double share;

	/* Until it knows what a page costs it is careful. */
	host_run(&host, 5 * SEC, 0, true, NULL);
	share = host_run(&host, 20 * SEC, 0, true, NULL);
	expect(share > 0.65 && share < 0.71, "newcomers: %.3f of a CPU", share);
	share = host_run(&host, 20 * SEC, 16, false, NULL);
	expect(share > 0.65 && share < 0.71, "one of 16 is saved: %.3f of a CPU", share);
	/* A tenth of what is worth all of it. */
	host_run(&host, 60 * SEC, AUTO_WORTH * 10, false, NULL);
	share = host_run(&host, 20 * SEC, AUTO_WORTH * 10, false, NULL);
	expect(share > 0.04 && share < 0.1, "one of 320 is saved: %.3f of a CPU", share);
}

static void without_gain_it_falls_to_a_trickle(void)
{
	static const unsigned long sizes[] = { 1000, 1000000, 64000000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct host host = some_host(sizes[i], 150);
		double share, rate, want = max(sizes[i] / 200.0, 1000.0);
		u64 worked;

		host_run(&host, 10 * SEC, 0, true, NULL);
		worked = host.worked;
		host_run(&host, 200 * SEC, 0, false, NULL);
		/* Two full scans, or two windows; and what it has trickled meanwhile. */
		expect(host.worked - worked < 4 * sizes[i] + 12000000ul,
		       "%lu pages: %llu more before it is quiet", sizes[i],
		       (unsigned long long)(host.worked - worked));
		share = host_run(&host, 3600 * SEC, 0, false, &rate);
		expect(rate > want * 0.9 && rate < want * 1.1, "%lu pages: %.0f a second", sizes[i],
		       rate);
		expect(share < want * 150e-9 * 1.1, "%lu pages: %.5f of a CPU", sizes[i], share);
	}
}

/* Pages that are merged, written, and merged again are no gain. */
static void churn_does_not_keep_it_busy(void)
{
	struct host host = some_host(1000000, 150);
	u64 began;
	double rate;

	host_run(&host, 10 * SEC, 8, false, NULL);
	for (began = host.now; host.now - began < 100 * SEC;) {
		unsigned long saved = host.saved;

		host_batch(&host, 8, false);
		host.saved = saved;
	}
	host_run(&host, 100 * SEC, 0, false, &rate);
	expect(rate < 5500, "%.0f pages a second", rate);
}

/* The trickle meets what a process has changed, and speeds up. */
static void a_find_speeds_it_up(void)
{
	struct host host = some_host(1000000, 150);
	double share;

	host_run(&host, 10 * SEC, 0, true, NULL);
	host_run(&host, 600 * SEC, 0, false, NULL);
	host_run(&host, 3 * SEC, 4, false, NULL);
	share = host_run(&host, 3 * SEC, 4, false, NULL);
	expect(share > 0.6, "%.3f of a CPU", share);
}

static void whatever_the_limits_are(void)
{
	unsigned int round;

	for (round = 0; round < 100000; round++) {
		struct uksm_auto state = {
			.page_ns = random_below(2) ? random_below(AUTO_PAGE_MOST_NS) : random_below(10),
			.speed = random_below(UKSM_AUTO_FULL + 1),
		};
		struct uksm_pace limits = {
			.sleep_ns = (u64)random_below(~0u) << random_below(20),
			.target_ns = (u64)random_below(~0u) << random_below(28),
			.max_cpu = random_below(2) ? random_below(~0u) : random_below(102),
			.min_batch = (unsigned long)random_below(~0u) << random_below(33),
		};
		unsigned long pages = (unsigned long)random_below(~0u) << random_below(33);
		struct uksm_auto_pace pace = uksm_auto_pace(&state, pages, &limits);
		unsigned long page_ns = state.page_ns ? state.page_ns : AUTO_PAGE_NS;
		double busy = (double)pace.batch * page_ns;
		double share = busy / (busy + pace.sleep_ns) * 100;
		unsigned int most = clamp(limits.max_cpu, 1u, AUTO_CPU_MOST);

		expect(pace.batch && pace.sleep_ns >= MSEC && pace.sleep_ns <= SEC / 2,
		       "%lu pages and %llu ns", pace.batch, (unsigned long long)pace.sleep_ns);
		/* One page is scanned, whatever it costs. */
		expect(share <= most * 1.01 || pace.batch == 1, "%.3f percent of a CPU, %u allowed",
		       share, most);
	}
}

int main(void)
{
	check_start();
	run_test(the_target_is_met);
	run_test(the_cpu_limit_comes_before_the_target);
	run_test(the_bounds_come_before_all);
	run_test(the_budget_is_kept_and_used);
	run_test(long_slices_are_paid_for);
	run_test(a_debt_is_paid_in_full);
	run_test(idleness_is_not_saved_up);
	run_test(without_a_limit_there_is_no_debt);
	run_test(what_is_new_is_scanned_at_full_speed);
	run_test(without_gain_it_falls_to_a_trickle);
	run_test(churn_does_not_keep_it_busy);
	run_test(a_find_speeds_it_up);
	run_test(whatever_the_limits_are);
	return check_status();
}
