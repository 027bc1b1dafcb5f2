/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorting in place. qsort() of the C library takes as much memory again, and there is a
 * record for each page of the machine.
 */
#ifndef UKSMCTL_RECORD_SORT_H
#define UKSMCTL_RECORD_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "page_record.h"

/** record_sort() - sort by digest, then by place */
void record_sort(struct page_record *records, size_t count);

/** place_sort() - sort places: by frame, then by process */
void place_sort(uint64_t *places, size_t count);

#endif /* UKSMCTL_RECORD_SORT_H */
