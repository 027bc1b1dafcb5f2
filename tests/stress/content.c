// SPDX-License-Identifier: GPL-2.0-only
#include "content.h"

#include <string.h>

#include "random.h"

static uint64_t write_id(const struct content *c, uint64_t seed)
{
	return mix64(seed ^ mix64((uint64_t)c->origin << 32 | c->generation));
}

/* Half of the writes are of what others write too, an eighth clears the page. */
static uint64_t value_of(const struct content *c, uint64_t seed)
{
	uint64_t id = write_id(c, seed);

	if (!c->generation)
		return 0;
	switch (id % 8) {
	case 0:
		return 0;
	case 1:
	case 2:
	case 3:
		return id | 1UL << 63;
	default:
		return 1 + id / 8 % COMMON_VALUES;
	}
}

static uint64_t value_word(uint64_t value, unsigned int at)
{
	return value ? mix64(value * PAGE_WORDS + at) : 0;
}

static void value_fill(uint64_t value, uint64_t *page)
{
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		page[i] = value_word(value, i);
}

bool content_is_zero(const struct content *c, uint64_t seed)
{
	return !value_of(c, seed) && !c->patches;
}

size_t content_patch(const struct content *c, uint64_t seed, uint8_t *byte)
{
	uint64_t id = mix64(write_id(c, seed) + 1 + c->patches);

	*byte = id >> 32;
	return id % PAGE_SIZE;
}

void content_fill(const struct content *c, uint64_t seed, void *page)
{
	struct content patch = *c;
	uint8_t byte;
	size_t at;

	value_fill(value_of(c, seed), page);
	for (patch.patches = 0; patch.patches < c->patches; patch.patches++) {
		at = content_patch(&patch, seed, &byte);
		((uint8_t *)page)[at] = byte;
	}
}

uint64_t content_hash(const void *page)
{
	uint64_t hash = 1, word;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++) {
		memcpy(&word, (const char *)page + i * sizeof(word), sizeof(word));
		hash = (hash ^ word) * 0x100000001b3;
		hash ^= hash >> 29;
	}
	return hash;
}

void common_fill(unsigned int value, void *page)
{
	value_fill(value, page);
}

uint64_t common_word(unsigned int value, unsigned int at)
{
	return value_word(value, at);
}
