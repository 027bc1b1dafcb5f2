/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a table of tests, each in a process group of its own under a time limit, and prints one
 * verdict a test.
 */
#ifndef UKSM_TEST_HARNESS_H
#define UKSM_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/**
 * struct test - one check of a program
 * @name: the part of the verdict's name after "PROGRAM."
 * @run: the test itself; it passes by returning
 * @timeout_secs: limit on its wall time, times harness_slower(); 0 means the default of 60 seconds
 * @numa: it needs a second memory node and is skipped without one
 */
struct test {
	const char *name;
	void (*run)(void);
	unsigned int timeout_secs;
	bool numa;
};

/**
 * harness_main() - run the tests that the command line names, or all of them
 * @program: first part of every verdict's name
 * @tests: the table
 * @nr: its length
 * @argc: of main()
 * @argv: of main(); "-l" lists the names, anything else names a test
 *
 * The engine's knobs are put back and its pages unmerged after every test; an engine that does not
 * come back to zero fails the test.
 *
 * Return: main()'s exit status, 0 if nothing failed.
 */
int harness_main(const char *program, const struct test *tests, size_t nr, int argc, char **argv);

/**
 * harness_verdict() - print and record one line "ok NAME", "not ok NAME - why" or "skip NAME - why"
 * @state: "ok", "not ok" or "skip"
 * @name: full name, without the kernel's
 * @why: reason, or NULL
 */
void harness_verdict(const char *state, const char *name, const char *why);

/**
 * harness_slower() - how many times longer than elsewhere all takes on this kernel
 *
 * Every limit in seconds is to be multiplied by it.
 */
unsigned int harness_slower(void);

/** test_fail() - end the calling process; the test it belongs to has failed for this reason */
void test_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** test_skip() - end the calling process; the test cannot run here for this reason */
void test_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/**
 * kernel_has() - was the running kernel built with an option, also as a module?
 * @option: its name without CONFIG_
 *
 * The file that $UKSM_CONFIG names tells; without one the answer is yes.
 */
bool kernel_has(const char *option);

/**
 * test_needs() - skip the test on a kernel that was built without an option
 * @option: its name without CONFIG_
 *
 * What a kernel with the option then fails to do is a failure.
 */
void test_needs(const char *option);

/** test_note() - print a comment line: a figure or a fact that is not judged */
void test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** CHECK() - fail the test with a message unless the condition holds */
#define CHECK(cond, fmt, ...)                                                                      \
	do {                                                                                       \
		if (!(cond))                                                                       \
			test_fail("%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__);               \
	} while (0)

/** CHECK_SYS() - fail the test with errno's text if a system call returned -1 */
#define CHECK_SYS(call)                                                                            \
	({                                                                                         \
		long res_ = (long)(call);                                                          \
		if (res_ == -1)                                                                    \
			test_fail("%s:%d: %s: %m", __FILE__, __LINE__, #call);                     \
		res_;                                                                              \
	})

#endif
