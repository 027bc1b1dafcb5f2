// SPDX-License-Identifier: GPL-2.0-only
#include "engine/pacer.h"

#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "compat/compat.h"
#include "engine/knobs.h"
#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/scan.h"
#include "engine/stats.h"
#include "pure/policy.h"

/* A full scan, and the rest after it, take so long at least at the automatic pace. */
#define FULL_SCAN_MSECS	(UKSM_LOOK_MSECS + 50)

/* A batch is done: set the size of the next one, and the sleep in between. */
static void set_pace(struct uksm_pacer *pacer)
{
	struct uksm_auto_seen seen;

	if (!uksm_knobs_auto()) {
		pacer->state = (struct uksm_auto){ 0 };
	} else {
		seen = (struct uksm_auto_seen){
			.now_ns = ktime_get_ns(),
			.used_ns = uksm_own_runtime_ns(),
			.worked = div_u64(pacer->worked, UKSM_PAGE_UNITS),
			.saved = uksm_stats.pages_sharing + uksm_stats.zero_pages,
			.pages = uksm_stats_pages(),
			.newcomers = uksm_scan_meets_new(),
		};
		uksm_auto_look(&pacer->state, &seen);
	}
	pacer->sleep_msecs = uksm_knobs_auto_pace(&pacer->state, uksm_stats_pages());
}

/**
 * uksm_pacer_begin() - begin a batch, or go on with it
 * @pacer: of the scanner thread; @left is what may be done
 *
 * A smaller batch takes effect at once.
 *
 * Context: called by the scanner thread, which holds uksm_mutex.
 */
void uksm_pacer_begin(struct uksm_pacer *pacer)
{
	s64 batch;

	lockdep_assert_held(&uksm_mutex);
	if (pacer->left <= 0)
		set_pace(pacer);
	batch = (s64)READ_ONCE(uksm_knobs.pages_to_scan) * UKSM_PAGE_UNITS;
	pacer->left = pacer->left <= 0 ? batch : min(pacer->left, batch);
}

/** uksm_pacer_worked() - so many units of the batch have been done */
void uksm_pacer_worked(struct uksm_pacer *pacer, s64 units)
{
	pacer->left -= units;
	pacer->worked += units;
}

/*
 * At the automatic pace little memory is looked at again when that can tell what has held still,
 * and not before.
 */
static void rest_after_full_scan(struct uksm_pacer *pacer)
{
	u64 now = ktime_get_ns();
	u64 passed;

	if (!uksm_knobs_auto())
		return;
	/* Woken early, it may have begun before the rest was over. */
	passed = div_u64(now - min(now, pacer->began_ns), NSEC_PER_MSEC);
	if (passed < FULL_SCAN_MSECS)
		pacer->sleep_msecs = max_t(u64, pacer->sleep_msecs, FULL_SCAN_MSECS - passed);
	pacer->began_ns = now + (u64)pacer->sleep_msecs * NSEC_PER_MSEC;
}

/**
 * uksm_pacer_full_scan() - a full scan is done, and with it the batch
 * @pacer: of the scanner thread
 *
 * The scan-time advisor, if there is one, sets the pace of the next.
 *
 * Context: called by the scanner thread, which holds uksm_mutex.
 */
void uksm_pacer_full_scan(struct uksm_pacer *pacer)
{
	unsigned long pages = uksm_stats.pages_scanned - pacer->scanned;
	u64 used_ns = uksm_own_runtime_ns();
	struct uksm_pace pace = {
		.pages = pages,
		.page_ns = pages ? div64_u64(used_ns - pacer->used_ns, pages) : 0,
		.sleep_ns = (u64)READ_ONCE(uksm_knobs.sleep_millisecs) * NSEC_PER_MSEC,
	};

	lockdep_assert_held(&uksm_mutex);
	uksm_knobs_advise(&pace);
	pacer->scanned += pages;
	pacer->used_ns = used_ns;
	pacer->left = 0;
	rest_after_full_scan(pacer);
}

/** uksm_pacer_sleep() - milliseconds to sleep after a batch */
unsigned int uksm_pacer_sleep(const struct uksm_pacer *pacer)
{
	return uksm_knobs_auto() ? pacer->sleep_msecs : READ_ONCE(uksm_knobs.sleep_millisecs);
}

/** uksm_pacer_debt() - milliseconds that the limit on CPU time wants the scanner to sleep now */
unsigned int uksm_pacer_debt(struct uksm_pacer *pacer)
{
	if (!uksm_knobs_cpu_limited()) {
		pacer->budget = (struct uksm_budget){ 0 };
		return 0;
	}
	return div_u64(uksm_budget_charge(&pacer->budget, ktime_get_ns(), uksm_own_runtime_ns(),
					  READ_ONCE(uksm_knobs.max_cpu_percentage)) +
		       NSEC_PER_MSEC - 1, NSEC_PER_MSEC);
}
