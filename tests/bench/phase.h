/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps that works are made of.
 */
#ifndef UKSM_BENCH_PHASE_H
#define UKSM_BENCH_PHASE_H

#include <stddef.h>

struct guest;
struct oracle;
struct run;
struct sample;

/** phase_oracle() - ask the oracle, and print what it says */
struct oracle phase_oracle(struct run *run, const struct guest *guests, size_t nr);

/**
 * phase_start() - set the knobs and start the engine, if there is one
 *
 * Prints knobs and the sample before.
 */
void phase_start(struct run *run);

/** phase_sample() - take a sample and print it by this name */
void phase_sample(struct run *run, const char *name);

/** wait_full_scans() - until so many more full scans are complete, on the dot */
void wait_full_scans(unsigned int nr);

/**
 * phase_steady() - let the engine settle, then measure over some full scans
 *
 * Prints "settled" and "measured", samples at the ends of full scans.
 */
void phase_steady(struct run *run);

/**
 * phase_between() - sample, wait for some full scans, and sample again
 * @run: prints "settled" and "measured"
 * @nr: number of full scans
 */
void phase_between(struct run *run, unsigned int nr);

/**
 * phase_churn() - rewrite pages every second, and sample
 * @run: prints "settled" and "measured" before and after, and in between "churn", of [pages saved,
 *	 pages that could be], one a second
 * @guests: their contents are rewritten: of 100 pages two, most of them in one region
 * @nr: how many
 */
void phase_churn(struct run *run, struct guest *guests, size_t nr);

/**
 * phase_cap() - sample the scanner's CPU time twice a second
 * @run: prints "cap", of [time ns, CPU ns]
 * @guests: rewritten as by phase_churn()
 * @nr: how many, 0 if none is to be rewritten
 */
void phase_cap(struct run *run, struct guest *guests, size_t nr);

/**
 * phase_converge() - sample until the saving is complete, or does not grow any more
 * @run: prints "series", of [time ns, CPU ns, full scans, pages saved], and "converged", a sample
 * @wanted: saving that is complete
 */
void phase_converge(struct run *run, size_t wanted);

/**
 * phase_holds() - phase_converge(), and some full scans more, with holds_open() and what follows it
 * @run: its variant says of what; prints what phase_converge() does, "holds" meanwhile,
 *	 "holds_steady" afterwards, and "measured"
 * @wanted: saving that is complete
 */
void phase_holds(struct run *run, size_t wanted);

/**
 * phase_boot() - let the engine settle; then start a guest over and over, with the engine stopped and
 *	running in turns
 * @run: prints "settled", "measured", and "boot", a list of [ns stopped, ns running]
 * @g: is stopped whenever it has started
 */
void phase_boot(struct run *run, struct guest *g);

/**
 * phase_idle() - phase_converge(), and then nothing for minutes
 * @run: prints what phase_converge() does, "settled", "measured", and "idle_seconds" between them
 * @wanted: saving that is complete
 */
void phase_idle(struct run *run, size_t wanted);

/**
 * phase_detect() - rewrite pages to equal a merged one, and count full scans until each is merged
 * @run: prints "detection", a list of full scans
 * @guests: in a steady state
 * @nr: how many
 * @merged: page of the first guest that is merged
 */
void phase_detect(struct run *run, struct guest *guests, size_t nr, size_t merged);

#endif
