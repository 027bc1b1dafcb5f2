/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that goes offline and comes back.
 */
#ifndef UKSM_TEST_MEMORY_BLOCK_H
#define UKSM_TEST_MEMORY_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

/**
 * memory_block_find() - a block of movable memory that does go offline
 * @block: receives its directory in sysfs
 * @len: the room there is
 *
 * Skips the test where there is none (movablecore=).
 */
void memory_block_find(char *block, size_t len);

/** memory_block_offline() - take a block offline; false if the kernel does not */
bool memory_block_offline(const char *block);

/** memory_block_online() - take a block online, for movable memory */
void memory_block_online(const char *block);

/** memory_block_round() - take a block offline, and online again; 1 if it did go offline, else 0 */
unsigned int memory_block_round(const char *block);

#endif
