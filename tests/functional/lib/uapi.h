/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of the kernel's interface that the oldest build host's headers lack.
 */
#ifndef UKSM_TEST_UAPI_H
#define UKSM_TEST_UAPI_H

#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

#endif
