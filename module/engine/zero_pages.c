// SPDX-License-Identifier: GPL-2.0-only
#include "engine/zero_pages.h"

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "engine/lock.h"
#include "engine/mm_slot.h"
#include "engine/stats.h"

/* A count of zero pages that took longer will do for so many times as long; tries for the mutex. */
#define ZERO_PAGES_NS		(200 * NSEC_PER_USEC)
#define ZERO_PAGES_SHARE	50
#define ZERO_PAGES_TRIES	20u

/* What was last answered, until when it will do, in ns. Under uksm_mutex. */
static struct {
	unsigned long pages;
	u64 until_ns;
} zero_pages;

/*
 * Everybody may read the file, as often as he likes, and an answer takes time for each address
 * space. So one will do for a while, of which the counting takes a small part.
 */
static unsigned long count_zero_pages(void)
{
	u64 began_ns = ktime_get_ns(), took_ns;

	if (began_ns >= zero_pages.until_ns) {
		WRITE_ONCE(zero_pages.pages, uksm_mm_slots_zero_pages());
		took_ns = ktime_get_ns() - began_ns;
		zero_pages.until_ns = began_ns + (took_ns > ZERO_PAGES_NS ? ZERO_PAGES_SHARE * took_ns : 0);
	}
	return zero_pages.pages;
}

/**
 * uksm_zero_pages() - uksm_mm_slots_zero_pages(), for who reads a file
 *
 * Readers do not hold up the scanner: where it works for long they get the last answer.
 *
 * Context: process context. Sleeps for some milliseconds.
 */
unsigned long uksm_zero_pages(void)
{
	unsigned long pages;
	unsigned int tries;

	/* Mostly there are none. */
	if (!READ_ONCE(uksm_stats.zero_pages))
		return 0;
	for (tries = 0; tries < ZERO_PAGES_TRIES; tries++) {
		if (!uksm_engine_scanner_waits() && mutex_trylock(&uksm_mutex)) {
			pages = count_zero_pages();
			uksm_engine_drop();
			return pages;
		}
		if (schedule_timeout_killable(1) && fatal_signal_pending(current))
			break;
	}
	return READ_ONCE(zero_pages.pages);
}
