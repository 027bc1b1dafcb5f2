/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two looks at the content of pages, some time apart, to see which of them hold still.
 *
 * Contents are read through /proc/PID/mem, which takes a reference on the page that is mapped
 * (FOLL_GET), and no more than that: no copy-on-write is broken, no huge page is split. To the kernel
 * it is an access, so a page counts as used, and the accessed bit of a huge page's entry is set.
 * process_vm_readv() would not do: it pins pages (FOLL_PIN), for which the kernel first gives
 * a process its own copy of a page that it shares, a merged one as well (gup_must_unshare()).
 *
 * Only pages that pagemap has shown just before are read. One that is swapped out or given back
 * in between, within a millisecond or so, is faulted in as by an access of the process.
 */
#ifndef UKSMCTL_LOOKS_H
#define UKSMCTL_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page_record.h"
#include "pagemap.h"
#include "targets.h"

/**
 * struct look_stretch - neighbouring pages of a process, in the order of the records
 * @first: the number of the first one
 * @count: how many
 * @process: number of the process
 * @may_be_merged: as of struct page_batch
 */
struct look_stretch {
	uint64_t first;
	uint32_t count;
	uint32_t process : PAGE_PROCESS_BITS;
	uint32_t may_be_merged : 1;
};

/**
 * struct seen - of a process, in pages
 * @pages: addresses with a page, at the first look
 * @changed: of these, those with another content or none at the second look
 * @merged: of these, those that were merged already
 */
struct seen {
	long long pages;
	long long changed;
	long long merged;
};

/**
 * struct looks - what has been seen
 * @records: of each page; after the second look, of those that hold still
 * @count: how many
 * @room: for how many there is room
 * @stretches: where they are
 * @stretch_count: how many
 * @stretch_room: for how many there is room
 * @seen: by the number of the process
 * @zero_digest: of a page of zeroes
 * @secret: of the digests, so that nobody can have two contents taken for one
 * @buffer: what is read
 * @flags: /proc/kpageflags
 */
struct looks {
	struct page_record *records;
	size_t count;
	size_t room;
	struct look_stretch *stretches;
	size_t stretch_count;
	size_t stretch_room;
	struct seen *seen;
	uint64_t zero_digest[2];
	unsigned char secret[192];
	unsigned char *buffer;
	struct page_flags flags;
};

/** LOOKS_EMPTY - what looks_init() begins with */
#define LOOKS_EMPTY ((struct looks){ .flags = { .file = -1 } })

/**
 * looks_init() - begin
 * @looks: LOOKS_EMPTY; looks_free() it, after a failure as well
 * @targets: the processes
 *
 * Return: 0 or -errno.
 */
int looks_init(struct looks *looks, const struct targets *targets);

/**
 * looks_first() - look at all pages
 * @looks: receives records
 * @targets: the processes; those that have ended are marked
 *
 * Takes 24 bytes for a page and 16 for a stretch of them.
 *
 * Return: 0; -EINTR when it is to end; -ENODATA when the kernel does not tell frames.
 */
int looks_first(struct looks *looks, struct targets *targets);

/** looks_second() - look at them again, and drop those that have changed. Return: as looks_first(). */
int looks_second(struct looks *looks, struct targets *targets);

void looks_free(struct looks *looks);

#endif /* UKSMCTL_LOOKS_H */
