/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in a page. A content is named by a number, and two numbers are two contents.
 *
 * The kinds are those that a host's memory has: pages that nothing compresses (40 of 100), text
 * (20), pages of zeroes with a few words in between (25), tables of records whose fields differ in
 * their low bits only (15). The number decides the kind.
 */
#ifndef UKSM_BENCH_CONTENT_H
#define UKSM_BENCH_CONTENT_H

#include <stdint.h>

/* A page of zeroes. */
#define CONTENT_ZERO 0

/* A page of one byte over and over. */
#define CONTENT_BYTES (1ULL << 63)
#define content_of_byte(byte) (CONTENT_BYTES | (uint8_t)(byte))

/** content_new() - a content that no page has had yet in this process */
uint64_t content_new(void);

/** content_write() - write one page */
void content_write(void *page, uint64_t content);

/** draw_next() - the next of a fixed sequence of numbers, the same in every run */
uint64_t draw_next(void);

/** draw_below() - one of 0 to @limit - 1 */
uint64_t draw_below(uint64_t limit);

/** draw_restart() - begin the sequence anew, so that all engines get the same memory */
void draw_restart(void);

#endif
