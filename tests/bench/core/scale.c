// SPDX-License-Identifier: GPL-2.0-only
#include "scale.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <linux/random.h>

#include "../../../module/pure/checksum.h"

/* What the shim of the kernel wants to know. */
bool fail_allocation;
unsigned int warnings;

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_u64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

u32 get_random_u32(void)
{
	return random_u64() >> 32;
}

void random_fill(void *buffer, size_t size)
{
	u8 *byte = buffer;

	while (size--)
		*byte++ = random_u64() >> 56;
}

/* For the key and the sampled lines. */
static void random_start(void)
{
	const char *given = getenv("UKSM_SEED");

	if (given)
		random_state = strtoull(given, NULL, 0);
	else if (getrandom(&random_state, sizeof(random_state), 0) != sizeof(random_state))
		err(1, "no random numbers");
	printf("# seed %llu\n", (unsigned long long)random_state);
}

static struct {
	char line[64][200];
	unsigned int nr;
	bool failed;
} verdicts;

void scale_verdict(bool ok, const char *name, const char *format, ...)
{
	char *line = verdicts.line[verdicts.nr], why[128];
	va_list args;

	if (++verdicts.nr > sizeof(verdicts.line) / sizeof(*verdicts.line))
		errx(1, "too many verdicts");
	verdicts.failed |= !ok;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	snprintf(line, sizeof(*verdicts.line), ok ? "ok %s" : "not ok %s - %s", name, why);
}

/* Below the table. */
static bool print_verdicts(void)
{
	unsigned int i;

	printf("\n");
	for (i = 0; i < verdicts.nr; i++)
		puts(verdicts.line[i]);
	return verdicts.failed;
}

void scale_page(void *page, uint64_t number)
{
	unsigned int line;
	uint64_t z;

	for (line = 0; line < SCALE_LINES; line++) {
		z = (number * SCALE_LINES + line + 1) * 0x9e3779b97f4a7c15ULL;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
		memcpy((char *)page + line * SCALE_LINE_BYTES, &z, sizeof(z));
	}
}

unsigned int scale_unsampled(void *page)
{
	uint32_t before = uksm_checksum(page);
	unsigned int line;
	char *byte;
	bool same;

	for (line = 0; line < SCALE_LINES; line++) {
		byte = (char *)page + line * SCALE_LINE_BYTES;
		*byte ^= 1;
		same = uksm_checksum(page) == before;
		*byte ^= 1;
		if (same)
			return line;
	}
	errx(1, "each line of a page is sampled");
}

static unsigned long parse_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || !value || value > most)
		errx(2, "\"%s\" is not a number from 1 to %lu", text, most);
	return value;
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3)
		errx(2, "usage: scale chance GIB | family PAIRS | memory GIB...");
	random_start();
	uksm_checksum_init();
	uksm_checksum_set_lines(SCALE_SAMPLED);
	if (!strcmp(argv[1], "chance")) {
		scale_chance(parse_number(argv[2], 1024));
	} else if (!strcmp(argv[1], "family")) {
		scale_family(parse_number(argv[2], 1000000));
	} else if (!strcmp(argv[1], "memory")) {
		scale_memory_begin();
		for (i = 2; i < argc; i++)
			scale_memory(parse_number(argv[i], 4096));
	} else {
		errx(2, "no part \"%s\"", argv[1]);
	}
	uksm_checksum_exit();
	return print_verdicts() || warnings;
}
