/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the module under test, the file that UKSM_KO names. UKSM_DEBUG_KO may name
 * its debug build.
 */
#ifndef UKSM_TEST_MODULE_H
#define UKSM_TEST_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/** module_try_load() - load the module with parameters; returns 0 or a negative errno */
int module_try_load(const char *parameters);

/** module_debug_try_load() - module_try_load() of the debug build; skips the test if there is none */
int module_debug_try_load(const char *parameters);

/** module_load() - load it without parameters, which must succeed */
void module_load(void);

/** module_try_unload() - unload it; returns 0 or a negative errno */
int module_try_unload(void);

/** module_unload() - unload it, which must succeed and leave no file, thread or module behind */
void module_unload(void);

/** module_loaded() - is it in /proc/modules? */
bool module_loaded(void);

struct test;

/**
 * module_main() - harness_main() for tests that load and unload the module themselves
 *
 * The harness wants an engine to look at, so the module is loaded before, and unloaded afterwards;
 * with the kernel's own engine nothing is.
 */
int module_main(const char *program, const struct test *tests, size_t nr, int argc, char **argv);

#endif
