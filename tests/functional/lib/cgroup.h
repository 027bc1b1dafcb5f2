/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory control groups with a limit.
 */
#ifndef UKSM_TEST_CGROUP_H
#define UKSM_TEST_CGROUP_H

/** cgroup_make() - make a group below the root; skips the test where there is no memory controller */
void cgroup_make(const char *name);

/** cgroup_join() - move the calling process into a group */
void cgroup_join(const char *name);

/** cgroup_set() - write a text to a file of a group, which must succeed */
void cgroup_set(const char *name, const char *file, const char *text);

/** cgroup_get() - the number in a file of a group, -1 for "max" */
long cgroup_get(const char *name, const char *file);

/** cgroup_oom_kills() - processes of the group that have been killed for want of memory */
long cgroup_oom_kills(const char *name);

#endif
