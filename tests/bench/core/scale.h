/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the pure code does on large hosts, and with pages that are made to collide. Three parts,
 * each of which prints figures and, for what is bounded, a verdict.
 */
#ifndef UKSM_BENCH_SCALE_H
#define UKSM_BENCH_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCALE_PAGE_BYTES 4096UL
#define SCALE_LINES 64u
#define SCALE_LINE_BYTES 64u
/* Lines of a page that are sampled: the knob's default. */
#define SCALE_SAMPLED 4u
#define SCALE_GIB_PAGES (1UL << 18)

/** scale_verdict() - have "ok NAME" or "not ok NAME - why" printed in the end */
void scale_verdict(bool ok, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** scale_page() - give a page a content of its own, in which each line is one of its own, too */
void scale_page(void *page, uint64_t number);

/** scale_unsampled() - a line of a page that its checksum does not depend on */
unsigned int scale_unsampled(void *page);

/** scale_chance() - entries of the remedy that up to @gib of different pages use */
void scale_chance(unsigned long gib);

/** scale_family() - @pairs of pages that differ in one line, against pairs that are unrelated */
void scale_family(unsigned long pairs);

/** scale_memory_begin() - print the head of the table of scale_memory() */
void scale_memory_begin(void);

/** scale_memory() - first scan, steady scan and death of @gib; the first call is compared with */
void scale_memory(unsigned long gib);

#endif
