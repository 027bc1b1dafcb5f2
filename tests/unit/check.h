/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the unit tests share: checks with a verdict line each, and random
 * numbers that a printed seed brings back.
 */
#ifndef UKSM_CHECK_H
#define UKSM_CHECK_H

#include <linux/types.h>

/* Conditions of the test that is running; the first that fails is reported. */
#define expect(condition, ...)                                            \
	do {                                                              \
		if (!(condition))                                         \
			check_failed(__FILE__, __LINE__, __VA_ARGS__);    \
	} while (0)

void check_failed(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool check_has_failed(void);

/* One test: runs @test and prints `ok NAME` or `not ok NAME - why`. */
#define run_test(test) check_run(#test, test)
void check_run(const char *name, void (*test)(void));
void check_skip(const char *name, const char *why);

/* First in main(): the seed, out of the environment or a new one. */
void check_start(void);
/* Last in main(): the exit status. */
int check_status(void);

u64 random_u64(void);
u32 random_below(u32 limit);
void random_fill(void *to, size_t bytes);

double now_msecs(void);

/* Answers of the shim's fake kernel functions. */
extern unsigned int warnings;
extern bool fail_allocation;

#endif /* UKSM_CHECK_H */
