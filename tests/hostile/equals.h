/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that hold the same pages, as victims or as attackers, and whether these are merged.
 */
#ifndef UKSM_HOSTILE_EQUALS_H
#define UKSM_HOSTILE_EQUALS_H

#include <stddef.h>

#include "helper.h"

#define EQUALS_MAX 3
#define VICTIM_PAGES 2048UL

/**
 * struct equals - up to three processes with one content
 * @area: where it lies in each of them; this process has nothing there
 * @pages: its size
 * @fill: writes page number @index of it
 * @sides: the processes, pid 0 where there is none
 */
struct equals {
	char *area;
	size_t pages;
	void (*fill)(void *page, size_t index);
	struct helper sides[EQUALS_MAX];
};

/** equals_init() - nothing runs yet */
void equals_init(struct equals *e, size_t pages, void (*fill)(void *page, size_t index));

/** equals_start() - start one of them; back when it has written all and asked for merging */
void equals_start(struct equals *e, unsigned int side);

/** equals_start_pair() - the first two */
void equals_start_pair(struct equals *e);

/** equals_stop() - end all that run */
void equals_stop(struct equals *e);

/** equals_merged() - how many pages of the two have one frame */
size_t equals_merged(const struct equals *e, unsigned int one, unsigned int other);

/**
 * equals_wait() - wait until all pages of the two are merged
 * @limit_secs: at most so long
 *
 * Return: seconds since the call, or NEVER.
 */
double equals_wait(const struct equals *e, unsigned int one, unsigned int other,
		   unsigned int limit_secs);

/**
 * struct victims - whom the attacks are to do no harm
 * @bystander: a process of 1000 distinct pages
 * @pair: two of VICTIM_PAGES equal pages, and room for a third
 */
struct victims {
	struct helper bystander;
	struct equals pair;
};

/** victims_start() - all but the third of the pair */
void victims_start(struct victims *v);

/** victims_stop() - end them */
void victims_stop(struct victims *v);

/** victim_fill() - the content of page @index of the pair */
void victim_fill(void *page, size_t index);

/**
 * victims_alone_secs() - what the pair takes to merge when nobody disturbs, at the present tempo
 *
 * Both start while the engine is stopped, which it is again, with all unmerged, afterwards.
 */
double victims_alone_secs(void);

/** allowed_secs() - what something may take at most that alone takes @alone seconds */
double allowed_secs(double alone);

/** start_distinct() - an unprivileged process with so many distinct mergeable pages */
void start_distinct(struct helper *h, size_t pages, size_t seed);

#endif
