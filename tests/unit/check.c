// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <linux/random.h>

/* A circle in the code under test must not be a silent one. */
#define TEST_SECS 120

unsigned int warnings;
bool fail_allocation;

static unsigned int nr_run, nr_failed;
static bool failed;
static char reason[512];
static u64 seed, state;

/* splitmix64 */
u64 random_u64(void)
{
	u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

u32 random_below(u32 limit)
{
	return (random_u64() >> 32) * limit >> 32;
}

u32 get_random_u32(void)
{
	return random_u64() >> 32;
}

void random_fill(void *to, size_t bytes)
{
	u8 *byte = to;

	while (bytes--)
		*byte++ = random_u64() >> 56;
}

double now_msecs(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

void check_failed(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	va_list args;
	int length;

	if (failed)
		return;
	failed = true;
	length = snprintf(reason, sizeof(reason), "%s:%d: ",
			  base ? base + 1 : file, line);
	va_start(args, format);
	vsnprintf(reason + length, sizeof(reason) - length, format, args);
	va_end(args);
}

bool check_has_failed(void)
{
	return failed;
}

void check_run(const char *name, void (*test)(void))
{
	failed = false;
	warnings = 0;
	fail_allocation = false;
	/* The same numbers for a test whatever ran before it. */
	state = seed;
	alarm(TEST_SECS);
	test();
	alarm(0);

	expect(!warnings, "%u unexpected warnings", warnings);
	nr_run++;
	if (failed) {
		nr_failed++;
		printf("not ok %s - %s (seed %llu)\n", name, reason,
		       (unsigned long long)seed);
	} else {
		printf("ok %s\n", name);
	}
	fflush(stdout);
}

void check_skip(const char *name, const char *why)
{
	printf("skip %s - %s\n", name, why);
}

void check_start(void)
{
	const char *given = getenv("UKSM_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	printf("# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
}

int check_status(void)
{
	return !nr_run || nr_failed;
}
