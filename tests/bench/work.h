/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The works: what memory is laid before an engine, and what is measured over it.
 */
#ifndef UKSM_BENCH_WORK_H
#define UKSM_BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "preset.h"

/**
 * struct settings - what the command line says
 * @mib: memory of a work
 * @pages_to_scan: of presets that do not set it
 * @settle: full scans before a steady state is measured
 * @measure: full scans over which it is
 * @sparse_gib: size of the mapping with holes
 * @seconds: of the works that take a time
 * @profile: samples of the scanner's instruction pointer, one in so many microseconds, 0 for none
 */
struct settings {
	unsigned int mib;
	unsigned int pages_to_scan;
	unsigned int settle;
	unsigned int measure;
	unsigned int sparse_gib;
	unsigned int seconds;
	unsigned int profile;
};

/**
 * struct run - one measurement: a work under a preset
 * @settings: the command line's
 * @preset: the engine, selected and not started
 * @variant: of the work
 * @out: the JSON object under way; every field printed begins with a comma
 */
struct run {
	const struct settings *settings;
	const struct preset *preset;
	const char *variant;
	FILE *out;
};

/**
 * struct work - a kind of memory and what happens to it
 * @name: a letter
 * @title: what it is
 * @variants: names separated by spaces; each is a measurement of its own
 * @presets: those that it is run under unless the command line says which
 * @needs: a file that the engine must have, or NULL
 * @measure: does it all; ends the process if it fails
 * @idle: there is something to be measured without an engine
 */
struct work {
	const char *name;
	const char *title;
	const char *variants;
	const char *presets;
	const char *needs;
	void (*measure)(struct run *run);
	bool idle;
};

/* Ends with one that has no name. */
extern const struct work works[];

#endif
