// SPDX-License-Identifier: GPL-2.0-only
#include "memory_block.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "swap.h"

#define BLOCKS "/sys/devices/system/memory/memory[0-9]*"

static bool block_file(char *path, size_t len, const char *block, const char *file)
{
	return snprintf(path, len, "%s/%s", block, file) < (int)len;
}

static bool movable(const char *block)
{
	char path[128], zones[64] = "";
	FILE *f;

	if (!block_file(path, sizeof(path), block, "valid_zones"))
		return false;
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(zones, sizeof(zones), f))
		zones[0] = '\0';
	fclose(f);
	return !strcmp(zones, "Movable\n");
}

static int state_write(const char *block, const char *state)
{
	char path[128];

	block_file(path, sizeof(path), block, "state");
	return file_write(path, state);
}

bool memory_block_offline(const char *block)
{
	return !state_write(block, "offline");
}

/* A block with a page that has failed goes offline, and does not come back. */
static bool block_online(const char *block)
{
	int tries;

	for (tries = 0; state_write(block, "online_movable") && tries < 50; tries++)
		usleep(20000);
	return tries < 50;
}

void memory_block_online(const char *block)
{
	block_online(block);
}

unsigned int memory_block_round(const char *block)
{
	bool done = memory_block_offline(block) && block_online(block);

	usleep(1000);
	return done;
}

/* Some blocks hold what the kernel took while it booted, or have holes. */
void memory_block_find(char *block, size_t len)
{
	glob_t blocks;
	size_t i;

	test_needs("MEMORY_HOTREMOVE");
	block[0] = '\0';
	CHECK(!glob(BLOCKS, 0, NULL, &blocks), "no memory blocks");
	for (i = 0; i < blocks.gl_pathc && !block[0]; i++)
		if (movable(blocks.gl_pathv[i]) && memory_block_round(blocks.gl_pathv[i]))
			snprintf(block, len, "%s", blocks.gl_pathv[i]);
	globfree(&blocks);
	if (!block[0])
		test_skip("no block of movable memory goes offline (movablecore=)");
}
