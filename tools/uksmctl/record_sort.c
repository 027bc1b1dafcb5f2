// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both are sorts by one byte after the other, the most significant first, which move
 * what is not in the part of its byte to there (American flag sort, McIlroy et al. 1993).
 * Digests are spread evenly, so few bytes are looked at. The depth is that of the key.
 */
#include "record_sort.h"

#include <stdbool.h>

/* Fewer are sorted by insertion. */
#define FEW 32
#define VALUES 256

/** struct part - where the elements of one value of the byte are to be */
struct part {
	size_t next;
	size_t end;
};

static void make_parts(struct part *parts, const size_t *counts)
{
	size_t at = 0;

	for (int value = 0; value < VALUES; value++) {
		parts[value].next = at;
		at += counts[value];
		parts[value].end = at;
	}
}

static uint64_t word_of(const struct page_record *record, unsigned int word)
{
	return word < 2 ? record->digest[word] : record->place;
}

static unsigned int byte_of(const struct page_record *record, unsigned int byte)
{
	return word_of(record, byte / 8) >> (56 - byte % 8 * 8) & 0xff;
}

static bool is_before(const struct page_record *a, const struct page_record *b)
{
	for (unsigned int word = 0; word < 3; word++)
		if (word_of(a, word) != word_of(b, word))
			return word_of(a, word) < word_of(b, word);

	return false;
}

static void insert_records(struct page_record *records, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct page_record record = records[i];
		size_t at = i;

		for (; at && is_before(&record, &records[at - 1]); at--)
			records[at] = records[at - 1];
		records[at] = record;
	}
}

static void sort_records(struct page_record *records, size_t count,
			 unsigned int byte)
{
	size_t counts[VALUES] = { 0 };
	struct part parts[VALUES];
	size_t start = 0;

	if (count <= FEW) {
		insert_records(records, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		counts[byte_of(&records[i], byte)]++;
	make_parts(parts, counts);
	for (int value = 0; value < VALUES; value++) {
		while (parts[value].next < parts[value].end) {
			struct page_record *here = &records[parts[value].next];
			struct part *home = &parts[byte_of(here, byte)];
			struct page_record record = *here;

			*here = records[home->next];
			records[home->next++] = record;
		}
	}
	for (int value = 0; value < VALUES && byte + 1 < sizeof(*records);
	     value++) {
		sort_records(records + start, counts[value], byte + 1);
		start += counts[value];
	}
}

void record_sort(struct page_record *records, size_t count)
{
	sort_records(records, count, 0);
}

static void insert_places(uint64_t *places, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint64_t place = places[i];
		size_t at = i;

		for (; at && place < places[at - 1]; at--)
			places[at] = places[at - 1];
		places[at] = place;
	}
}

static void sort_places(uint64_t *places, size_t count, unsigned int shift)
{
	size_t counts[VALUES] = { 0 };
	struct part parts[VALUES];
	size_t start = 0;

	if (count <= FEW) {
		insert_places(places, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		counts[places[i] >> shift & 0xff]++;
	make_parts(parts, counts);
	for (int value = 0; value < VALUES; value++) {
		while (parts[value].next < parts[value].end) {
			uint64_t place = places[parts[value].next];
			struct part *home = &parts[place >> shift & 0xff];

			places[parts[value].next] = places[home->next];
			places[home->next++] = place;
		}
	}
	for (int value = 0; value < VALUES && shift; value++) {
		sort_places(places + start, counts[value], shift - 8);
		start += counts[value];
	}
}

void place_sort(uint64_t *places, size_t count)
{
	sort_places(places, count, 56);
}
