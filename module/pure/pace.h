/* SPDX-License-Identifier: GPL-2.0-only */
/* How fast to scan: arithmetic only, no kernel behind it. */
#ifndef UKSM_PACE_H
#define UKSM_PACE_H

#include <linux/types.h>

/**
 * struct uksm_pace - what the scan-time advisor knows and wants
 * @pages: pages that one full scan looks at
 * @page_ns: CPU time that one of them takes
 * @sleep_ns: sleep between two batches
 * @target_ns: how long a full scan is to take
 * @max_cpu: percent of one CPU that the scanner may use
 * @min_batch: least number of pages in a batch; wins over the others
 * @max_batch: greatest number of pages in a batch
 */
struct uksm_pace {
	unsigned long pages;
	unsigned long page_ns;
	u64 sleep_ns;
	u64 target_ns;
	unsigned int max_cpu;
	unsigned long min_batch;
	unsigned long max_batch;
};

unsigned long uksm_pace_batch(const struct uksm_pace *pace);

/**
 * struct uksm_budget - CPU time that a thread may still use
 * @at_ns: up to when it has been accounted
 * @used_ns: the thread's CPU time then
 * @credit_ns: what it could have used until then and has not; negative: too much
 */
struct uksm_budget {
	u64 at_ns;
	u64 used_ns;
	s64 credit_ns;
};

u64 uksm_budget_charge(struct uksm_budget *budget, u64 now_ns, u64 used_ns, unsigned int percent);

/**
 * struct uksm_auto - the automatic pace: as fast as there is something to be found
 * @at_ns: when the window of time under way began; 0: nothing has been seen yet
 * @used_ns: the scanner's CPU time then
 * @worked: pages worth of work it had done
 * @saved: pages that were saved
 * @page_ns: CPU time that a page takes, 0 when not known
 * @speed: 0: a trickle, to UKSM_AUTO_FULL: all that the limit on CPU time allows
 */
struct uksm_auto {
	u64 at_ns;
	u64 used_ns;
	u64 worked;
	unsigned long saved;
	unsigned long page_ns;
	unsigned int speed;
};

#define UKSM_AUTO_FULL	1024u

/**
 * struct uksm_auto_seen - how things stand
 * @now_ns: a clock that does not jump
 * @used_ns: the scanner's CPU time since it began
 * @worked: pages worth of work it has done since then
 * @saved: pages that merging saves now
 * @pages: pages tracked
 * @newcomers: there is memory that has not been scanned yet
 */
struct uksm_auto_seen {
	u64 now_ns;
	u64 used_ns;
	u64 worked;
	unsigned long saved;
	unsigned long pages;
	bool newcomers;
};

/**
 * struct uksm_auto_pace - what to do next
 * @batch: pages worth of work
 * @sleep_ns: and a sleep after it
 */
struct uksm_auto_pace {
	unsigned long batch;
	u64 sleep_ns;
};

void uksm_auto_look(struct uksm_auto *state, const struct uksm_auto_seen *seen);
struct uksm_auto_pace uksm_auto_pace(const struct uksm_auto *state, unsigned long pages,
				     const struct uksm_pace *limits);

#endif /* UKSM_PACE_H */
