/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process with mergeable memory, whose every page holds a content known to its parent.
 */
#ifndef UKSM_BENCH_GUEST_H
#define UKSM_BENCH_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the memory is, in every guest. */
#define GUEST_BASE 0x100000000000UL

/**
 * struct guest - the process and its memory
 * @pages: number of pages filled
 * @block: pages side by side before a hole, @pages if there is none
 * @gap: bytes from one block to the next
 * @huge: ask for huge pages
 * @machine: the memory is that of a virtual machine too, which has no CPU: KVM is told what changes
 * @boot: fills the memory instead, which is mergeable before, as that of a virtual machine is
 * @forks: children that it forks once it is filled, each of which forks @forks - 1
 * @live: what it does once it is filled, for good, instead of taking orders; @fd is its end
 * @content: what each page holds
 * @pid: of the process
 * @fd: orders go there, and come back when they are done
 */
struct guest {
	size_t pages;
	size_t block;
	size_t gap;
	bool huge;
	bool machine;
	void (*boot)(const struct guest *g);
	unsigned int forks;
	void (*live)(const struct guest *g, int fd);
	uint64_t *content;
	pid_t pid;
	int fd;
};

/** struct edit - @page is to hold @content from now on */
struct edit {
	size_t page;
	uint64_t content;
};

/** guest_init() - a guest of so many pages, all zero, and not yet running */
void guest_init(struct guest *g, size_t pages);

/** guest_start() - fork it, and wait until it is filled and mergeable */
void guest_start(struct guest *g);

/** guest_edit() - have it write some pages; they are written on return */
void guest_edit(struct guest *g, const struct edit *edits, size_t nr);

/** guest_go() - one byte for who waits for it in @live */
void guest_go(const struct guest *g);

/** guest_stop() - kill it */
void guest_stop(struct guest *g);

/** guest_address() - where a page is */
uintptr_t guest_address(const struct guest *g, size_t page);

/** guest_pfn() - the frame that backs a page, 0 if none does */
uint64_t guest_pfn(const struct guest *g, size_t page);

/** guest_read() - copy one page out of it, without changing how it is mapped */
void guest_read(const struct guest *g, size_t page, void *copy);

/** guest_end() - guest_stop(), and forget its contents */
void guest_end(struct guest *g);

#endif
