/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_SLAB_H
#define UKSM_SHIM_SLAB_H

#include <stdbool.h>
#include <stdlib.h>

/* A test sets it to see what a failed allocation does. */
extern bool fail_allocation;

static inline void *kvcalloc(size_t count, size_t size, int flags)
{
	(void)flags;
	return fail_allocation ? NULL : calloc(count, size);
}

/* Separate from kvcalloc(): sanitizers know what is not initialised. */
static inline void *kvmalloc_array(size_t count, size_t size, int flags)
{
	(void)flags;
	return fail_allocation ? NULL : malloc(count * size);
}

static inline void *kmalloc(size_t size, int flags)
{
	(void)flags;
	return fail_allocation ? NULL : malloc(size);
}

static inline void kfree(const void *memory)
{
	free((void *)memory);
}

static inline void kvfree(const void *memory)
{
	free((void *)memory);
}

#endif /* UKSM_SHIM_SLAB_H */
