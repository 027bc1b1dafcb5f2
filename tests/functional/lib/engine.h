/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine under test: the directory of knobs and counters that KSM_DIR names, uksm's by
 * default, the kernel's own ksm by choice.
 */
#ifndef UKSM_TEST_ENGINE_H
#define UKSM_TEST_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#define ENGINE_DIR_STOCK "/sys/kernel/mm/ksm"
#define ENGINE_DIR_UKSM "/sys/kernel/mm/uksm"

#define KNOB_TEXT_MAX 256

/** engine_dir() - the directory of the engine under test */
const char *engine_dir(void);

/** engine_is_stock() - is the engine under test the kernel's own? */
bool engine_is_stock(void);

/** engine_has() - does the engine under test have this file? */
bool engine_has(const char *knob);

/**
 * knob_write() - write a text to a knob of any engine, in one write(2)
 * @dir: the engine's directory
 * @knob: the file
 * @text: bytes to write
 * @len: their number
 *
 * Return: 0, or the negative errno of open or write.
 */
int knob_write(const char *dir, const char *knob, const char *text, size_t len);

/**
 * knob_read() - read a knob of any engine, without its trailing newline
 * @dir: the engine's directory
 * @knob: the file
 * @text: receives the value, KNOB_TEXT_MAX bytes
 *
 * Return: 0 or a negative errno.
 */
int knob_read(const char *dir, const char *knob, char *text);

/** engine_try_set() - write a number; returns 0 or a negative errno */
int engine_try_set(const char *knob, long value);

/** engine_set() - write a number, which must succeed */
void engine_set(const char *knob, long value);

/** engine_cpu_percent() - what the scanner of ours uses of a CPU over some seconds, in percent */
double engine_cpu_percent(unsigned int secs);

/** engine_get() - read a number; the test fails if there is none */
long engine_get(const char *knob);

/** engine_get_or() - read a number, or a default where the engine lacks the file */
long engine_get_or(const char *knob, long fallback);

/**
 * engine_start() - run=1 with settings under which a full scan of a test's memory takes
 * milliseconds: many pages a round, hardly any sleep, no page left out because of its age
 */
void engine_start(void);

/** engine_pause() - run=0 */
void engine_pause(void);

/** engine_unmerge() - run=2: unmerge everything and stop */
void engine_unmerge(void);

/**
 * engine_wait_full_scans() - wait until @nr full scans have begun and ended since the call
 * @nr: number of full scans
 *
 * The scan under way at the call does not count. Fails the test if the engine stands still for 50 s.
 */
void engine_wait_full_scans(unsigned int nr);

/** engine_settle() - engine_wait_full_scans(2), the time a merge may take */
void engine_settle(void);

/**
 * engine_wait_at_most() - wait until a counter has fallen to a value
 * @where: what has just happened, for the message
 * @counter: its file
 * @value: what it is to be at most
 * @secs: so long it may take, times harness_slower()
 */
void engine_wait_at_most(const char *where, const char *counter, long value, unsigned int secs);

/**
 * engine_check_counters() - pause, and require these values of the four page counters
 * @where: what has just happened, for the message
 * @shared: pages_shared
 * @sharing: pages_sharing
 * @unshared: pages_unshared, or -1 for any
 * @is_volatile: pages_volatile, or -1 for any
 */
void engine_check_counters(const char *where, long shared, long sharing, long unshared,
			   long is_volatile);

/** engine_save() - remember every writable knob; false if there is no engine */
bool engine_save(void);

/**
 * engine_reset() - unmerge everything and put the knobs back as engine_save() found them, and
 * uksm's scanner to its nice value
 * @why: receives what did not come back to normal
 * @len: its size
 *
 * Return: true if all page counters are zero afterwards and every knob is restored.
 */
bool engine_reset(char *why, size_t len);

#endif
