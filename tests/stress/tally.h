/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done and how often: the kinds of operation, and the counts that all processes share.
 */
#ifndef STRESS_TALLY_H
#define STRESS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "history.h"

#define KINDS_MAX 64
#define WHY_MAX 80
#define LOST_MAX 1024
#define WORKERS_MAX 16

/* Exit status of a helper that could not do its part; its parent goes on without. */
#define EXIT_REFUSED 7

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct actor;

/**
 * enum outcome - how an operation went
 * @DONE: it happened
 * @REFUSED: the kernel said no this time, as it may
 * @UNAVAILABLE: this kernel or machine does not have it; see not_available()
 */
enum outcome { DONE, REFUSED, UNAVAILABLE };

/**
 * struct kind - a kind of operation
 * @name: in the report
 * @weight: how often it is drawn, relative to the others of its table
 * @run: does it once
 * @loud: the kernel's log tells of it, or everything stops for a while; not in the quick mix
 */
struct kind {
	const char *name;
	unsigned int weight;
	enum outcome (*run)(struct actor *a);
	bool loud;
};

/**
 * struct kind_count - what became of a kind
 * @done: times that it was done
 * @refused: times that the kernel refused
 * @left_out: it is not to be done
 * @why_not: why it is not done
 */
struct kind_count {
	unsigned long done, refused;
	bool left_out;
	char why_not[WHY_MAX];
};

/**
 * struct tally - shared by all processes of a run
 * @fd: of this memory
 * @stop: everybody is to come to an end
 * @judge: after @stop: what is in memory may be compared for the last time
 * @quiet: workers that wait for @judge
 * @wrong: pages that did not hold what they must
 * @failed: processes that ended badly
 * @checked: pages compared
 * @lost_pages: pages that were lost to poisoning, as they may
 * @rescues: accesses that waited too long for a protection to be lifted
 * @forks: processes that were forked, ever
 * @kills: workers that were killed on purpose
 * @workers: their process ids
 * @groups: the control group of each, from 1 on; 0: that in which all begin
 * @moves: times that it was moved, begun and done
 * @soft_offlines: pages given to soft offline
 * @poisonings: pages given to hard offline
 * @poisoned: their contents
 * @nr_events: how many there have been
 * @events: the last ones
 * @ops: counts of what workers do
 * @acts: counts of what is done to the engine and the machine
 */
struct tally {
	int fd;
	volatile int stop, judge;
	unsigned int quiet;
	unsigned long wrong, failed, checked, lost_pages, rescues;
	unsigned int forks, kills;
	pid_t workers[WORKERS_MAX];
	unsigned int groups[WORKERS_MAX], moves[WORKERS_MAX];
	unsigned int soft_offlines, poisonings;
	uint64_t poisoned[LOST_MAX];
	unsigned long nr_events;
	struct event events[HISTORY_MAX];
	struct kind_count ops[KINDS_MAX], acts[KINDS_MAX];
};

extern struct tally *tally;

/** tally_init() - make it, before anybody is forked */
void tally_init(void);

/** tally_attach() - use the one of a process that has started this program */
void tally_attach(int fd);

/** not_available() - an operation's way to say what the kernel or the machine lacks */
enum outcome not_available(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** kind_run() - do an operation once and count it */
void kind_run(const struct kind *kind, struct kind_count *count, struct actor *a);

/** kinds_leave_out() - not those that are loud; or, with a name, not that one; false if there is none */
bool kinds_leave_out(const char *name, const struct kind *kinds, struct kind_count *counts,
		     size_t nr);

/**
 * kinds_report() - a line for each kind, for the reader of the output
 * @title: of the table
 * @kinds: the table
 * @counts: of each
 * @nr: its length
 * @all: complain of a kind whose turn did not come
 */
void kinds_report(const char *title, const struct kind *kinds, const struct kind_count *counts,
		  size_t nr, bool all);

/** complain() - a line that says what is wrong; the run has failed */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** die() - end the process; the test itself cannot go on */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** patience() - so long, or longer where everything takes longer (UKSM_SLOWER) */
unsigned int patience(unsigned int duration);

#define count_up(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_RELAXED)

#endif
