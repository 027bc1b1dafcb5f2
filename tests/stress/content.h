/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page must hold: every byte is a function of the worker's seed, of the page for which it
 * was written, and of a generation that no two writes have in common. So a page that is lost, stale
 * or somebody else's is seen.
 */
#ifndef STRESS_CONTENT_H
#define STRESS_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL
#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))

/* So many contents are written by all workers alike: these merge. */
#define COMMON_VALUES 6
#define PATCHES_MAX 4

/**
 * struct content - names what a page holds
 * @origin: the page for which it was written, and the process that wrote it
 * @generation: the write; 0 for a page that was never written, which holds zeroes
 * @patches: so many single bytes were changed since
 */
struct content {
	uint32_t origin;
	uint32_t generation;
	uint16_t patches;
};

/** content_fill() - the bytes of a content, into a page of ordinary memory */
void content_fill(const struct content *c, uint64_t seed, void *page);

/** content_is_zero() - is it a page of zeroes? */
bool content_is_zero(const struct content *c, uint64_t seed);

/** content_patch() - where the next patch of a content goes, and what is written there */
size_t content_patch(const struct content *c, uint64_t seed, uint8_t *byte);

/** content_hash() - a number for the bytes, the same for all who have them */
uint64_t content_hash(const void *page);

/** common_fill() - one of the contents that all workers write, 1 to COMMON_VALUES */
void common_fill(unsigned int value, void *page);

/** common_word() - a word of it */
uint64_t common_word(unsigned int value, unsigned int at);

#endif
