// SPDX-License-Identifier: GPL-2.0-only
#include "engine/knobs.h"

#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/time64.h>

#include "pure/pace.h"

const char *const uksm_hardening_words[UKSM_NR_HARDENINGS] = {
	[UKSM_HARDEN_NONE] = "none",
	[UKSM_HARDEN_DELAY] = "delay",
	[UKSM_HARDEN_FRAME] = "frame",
};

/* Defaults are ksm's, where ksm has the knob. */
struct uksm_knobs uksm_knobs = {
	.run = UKSM_RUN_STOP,
	.pages_to_scan = UKSM_PAGES_TO_SCAN_DEFAULT,
	.sleep_millisecs = 20,
	.merge_across_nodes = 1,
	.use_zero_pages = false,
	.max_page_sharing = 256,
	.stable_node_chains_prune_millisecs = 2000,
	.isolation = UKSM_ISOLATE_NONE,
	.hardening = UKSM_HARDEN_NONE,
	.zero_page_across_domains = false,
	.checksum_lines = UKSM_CHECKSUM_LINES_DEFAULT,
	.max_cpu_percentage = 100,
	.max_available_percentage = 100,
	.max_metadata_percentage = 20,
	.smart_scan = true,
	.advisor_mode = UKSM_ADVISOR_NONE,
	.advisor_max_cpu = 70,
	.advisor_min_pages_to_scan = 500,
	.advisor_max_pages_to_scan = 30000,
	.advisor_target_scan_time = 200,
};

/*
 * Keeps advisor_mode and pages_to_scan in step: no write to pages_to_scan may
 * land after the mode that forbids it. A leaf lock.
 */
static DEFINE_MUTEX(advisor_mutex);

/**
 * uksm_knobs_set_pages_to_scan() - set the batch of the scanner
 * @pages: pages in one batch; 0 leaves the scanner nothing to do
 *
 * Return: 0, or -EINVAL while advisor_mode reserves the value for an advisor.
 */
int uksm_knobs_set_pages_to_scan(unsigned int pages)
{
	int err = 0;

	mutex_lock(&advisor_mutex);
	if (uksm_knobs.advisor_mode == UKSM_ADVISOR_NONE)
		WRITE_ONCE(uksm_knobs.pages_to_scan, pages);
	else
		err = -EINVAL;
	mutex_unlock(&advisor_mutex);

	return err;
}

/**
 * uksm_knobs_set_advisor_mode() - choose who sets pages_to_scan
 * @mode: the new mode
 *
 * A change of mode also sets pages_to_scan to where that mode starts, as ksm
 * does.
 */
void uksm_knobs_set_advisor_mode(enum uksm_advisor mode)
{
	unsigned long pages = UKSM_PAGES_TO_SCAN_DEFAULT;

	mutex_lock(&advisor_mutex);
	if (uksm_knobs.advisor_mode != mode) {
		if (mode != UKSM_ADVISOR_NONE)
			pages = clamp(READ_ONCE(uksm_knobs.advisor_min_pages_to_scan), 1UL,
				      (unsigned long)UINT_MAX);
		WRITE_ONCE(uksm_knobs.advisor_mode, mode);
		WRITE_ONCE(uksm_knobs.pages_to_scan, pages);
	}
	mutex_unlock(&advisor_mutex);
}

/* What is more than 31 years is no target. */
static u64 target_ns(void)
{
	return NSEC_PER_SEC * min(READ_ONCE(uksm_knobs.advisor_target_scan_time), 1000000000UL);
}

/**
 * uksm_knobs_advise() - let the advisor set pages_to_scan
 * @pace: pages, page_ns and sleep_ns as the last full scan had them; the rest is
 *	filled in
 *
 * Does nothing in other modes than scan-time.
 */
void uksm_knobs_advise(struct uksm_pace *pace)
{
	mutex_lock(&advisor_mutex);
	if (uksm_knobs.advisor_mode == UKSM_ADVISOR_SCAN_TIME) {
		pace->target_ns = target_ns();
		pace->max_cpu = READ_ONCE(uksm_knobs.advisor_max_cpu);
		pace->min_batch = READ_ONCE(uksm_knobs.advisor_min_pages_to_scan);
		pace->max_batch = READ_ONCE(uksm_knobs.advisor_max_pages_to_scan);
		WRITE_ONCE(uksm_knobs.pages_to_scan,
			   clamp_t(unsigned long, uksm_pace_batch(pace), 1, UINT_MAX));
	}
	mutex_unlock(&advisor_mutex);
}

/**
 * uksm_knobs_auto_pace() - set pages_to_scan to the automatic pace
 * @state: what is known of it
 * @pages: pages tracked
 *
 * Return: milliseconds to sleep between two batches; sleep_millisecs in other modes than
 * auto.
 */
unsigned int uksm_knobs_auto_pace(const struct uksm_auto *state, unsigned long pages)
{
	unsigned int msecs = READ_ONCE(uksm_knobs.sleep_millisecs);
	struct uksm_pace limits = {
		.sleep_ns = (u64)msecs * NSEC_PER_MSEC,
		.target_ns = target_ns(),
		.max_cpu = READ_ONCE(uksm_knobs.advisor_max_cpu),
		.min_batch = READ_ONCE(uksm_knobs.advisor_min_pages_to_scan),
	};
	struct uksm_auto_pace pace;

	mutex_lock(&advisor_mutex);
	if (uksm_knobs.advisor_mode == UKSM_ADVISOR_AUTO) {
		pace = uksm_auto_pace(state, pages, &limits);
		WRITE_ONCE(uksm_knobs.pages_to_scan, min_t(unsigned long, pace.batch, UINT_MAX));
		msecs = div_u64(pace.sleep_ns, NSEC_PER_MSEC);
	}
	mutex_unlock(&advisor_mutex);
	return msecs;
}
