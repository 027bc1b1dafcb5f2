/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long the operations of a process take whose memory an engine merges.
 *
 * The process has operations that fall due at moments drawn beforehand, whatever became of those
 * before. From there an operation is late until the process is back on its CPU, and then it takes
 * what it takes.
 */
#ifndef UKSM_BENCH_LATENCY_H
#define UKSM_BENCH_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct run;

/**
 * struct operation - what a process does over and over
 * @name: the work's variant
 * @period_ns: one falls due in each, somewhere
 * @write: it faults only where the engine has been: page faults are counted
 * @once: does it
 */
struct operation {
	const char *name;
	uint64_t period_ns;
	bool write;
	void (*once)(const struct guest *g);
};

/** operation_find() - by name */
const struct operation *operation_find(const char *name);

/** latency_prepare() - before guest_start(): once told to go on, the guest does this for good */
void latency_prepare(struct guest *g, const struct operation *operation);

/**
 * phase_latency() - let the guest go on, start the engine, and measure until the guest is told to end
 * @run: prints the samples "before", "settled" and "measured", and "latency", an object of the phases
 *	 "merging" and "steady"
 * @g: of latency_prepare(), started; is ended
 *
 * Merging lasts from the engine's start until nearly as many pages share as do on average later on;
 * without an engine, as long as a steady state is measured.
 */
void phase_latency(struct run *run, struct guest *g);

#endif
