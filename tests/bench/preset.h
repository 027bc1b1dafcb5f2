/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An engine, and how it is set.
 */
#ifndef UKSM_BENCH_PRESET_H
#define UKSM_BENCH_PRESET_H

#include <stdbool.h>
#include <stdio.h>

/**
 * struct preset - an engine with its settings
 * @name: "ksmd-tuned" etc.
 * @stock: the kernel's own engine, or else uksm
 * @none: it is stock's, and is not started
 * @pages: pages_to_scan, 0 for the one that all engines are compared at
 * @sleep: sleep_millisecs
 * @smart_scan: 0 or 1
 * @advisor: what advisor_mode is, NULL for none
 * @isolation: what isolation is, NULL for none
 * @hardening: what hardening is, NULL for none
 */
struct preset {
	const char *name;
	bool stock;
	bool none;
	unsigned int pages;
	unsigned int sleep;
	bool smart_scan;
	const char *advisor;
	const char *isolation;
	const char *hardening;
};

/** preset_find() - by name, NULL if there is none */
const struct preset *preset_find(const char *name);

/** preset_engine() - "ksmd", "uksm" or "none" */
const char *preset_engine(const struct preset *p);

/** preset_list() - the names, one a line */
void preset_list(FILE *out);

/** preset_select() - its engine is the one that engine_get() etc. speak to from now on */
void preset_select(const struct preset *p);

/** preset_missing() - what the engine lacks to be set so, NULL if nothing */
const char *preset_missing(const struct preset *p);

/**
 * preset_apply() - write the knobs; the engine is not started
 * @p: the preset
 * @pages: pages_to_scan for a preset that does not set it
 */
void preset_apply(const struct preset *p, unsigned int pages);

/** preset_print_knobs() - every knob that can be written, as a JSON object */
void preset_print_knobs(FILE *out);

#endif
