/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes of a tenant without any rights.
 */
#ifndef UKSM_HOSTILE_TENANT_H
#define UKSM_HOSTILE_TENANT_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#define TENANT_UID 1000

/** tenant_become() - in a child: give up all rights, and end with the parent all the same */
void tenant_become(void);

/** shared_memory() - zeroed memory that children share */
void *shared_memory(size_t bytes);

/**
 * struct rounds - how long each of many repetitions of something took
 * @stop: set to end them
 * @nr: how many there were
 * @longest_nsecs: the longest of them; may be set to 0 at any time
 */
struct rounds {
	atomic_int stop;
	atomic_ulong nr;
	atomic_ulong longest_nsecs;
};

/** rounds_add() - one round has taken so many seconds */
void rounds_add(struct rounds *r, double secs);

/** rounds_reset() - forget all until now */
void rounds_reset(struct rounds *r);

/** rounds_longest_secs() - the longest since rounds_reset() */
double rounds_longest_secs(const struct rounds *r);

/**
 * rounds_of_mmap() - in the calling thread, map, touch and unmap memory until told to stop, and
 * note how long each round takes
 * @arg: struct rounds
 *
 * To be the main function of a thread. One round each millisecond.
 */
void *rounds_of_mmap(void *arg);

#endif
