/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the best of engines would save, found by a look at the very pages. It shares nothing with
 * the module: a 128-bit hash of its own, and each page of a group compared with the group's first.
 */
#ifndef UKSM_BENCH_ORACLE_H
#define UKSM_BENCH_ORACLE_H

#include <stddef.h>

struct guest;

/**
 * struct oracle - figures in pages
 * @pages: all that were looked at
 * @distinct: different contents among them; the rest is what can be saved
 * @zero: pages of zeroes
 * @within: what can be saved within the guests, added up
 * @across: what can be saved by merging across guests, once each is merged within
 * @pair: the same for the first two guests alone
 * @limited: what can be saved when a merged page has @max_sharing addresses at most
 */
struct oracle {
	size_t pages;
	size_t distinct;
	size_t zero;
	size_t within;
	size_t across;
	size_t pair;
	size_t limited;
};

/**
 * oracle_ask() - look at all pages of some guests
 * @guests: the guests, running
 * @nr: how many
 * @max_sharing: the engine's max_page_sharing
 */
struct oracle oracle_ask(const struct guest *guests, size_t nr, size_t max_sharing);

#endif
