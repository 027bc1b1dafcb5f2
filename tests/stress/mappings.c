// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping changes under the content: it is given back, replaced, moved, protected, split, and
 * its consent to merging withdrawn.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops.h"
#include "worker.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

static void check_range(struct actor *a, unsigned long from, unsigned long n)
{
	unsigned long i;

	for (i = from; i < from + n; i++) {
		area_lock(a->area, i, 1);
		area_check(a->area, i);
		area_unlock(a->area, i, 1);
	}
}

enum outcome op_dontneed(struct actor *a)
{
	unsigned long from, n;
	int err;

	actor_range(a, 64, &from, &n);
	area_lock(a->area, from, n);
	err = madvise(area_page(a->area, from), n * PAGE_SIZE, MADV_DONTNEED);
	/* What is locked in memory is not given back, nor is what lies before it known. */
	if (err)
		area_map_over(a->area, from, n);
	else
		area_forget(a->area, from, n);
	area_unlock(a->area, from, n);
	return err ? REFUSED : DONE;
}

/*
 * Written first: the kernels up to 7.3 drop a page from under a child of fork as well,
 * if it is clean since it was read from zram or unshared by the kernel itself.
 */
enum outcome op_free(struct actor *a)
{
	unsigned long from, n, i;
	int err;

	actor_range(a, 32, &from, &n);
	area_lock(a->area, from, n);
	for (i = from; i < from + n; i++)
		area_write(a->area, i, actor_generation(a));
	usleep(rnd(&a->rng, 100000));
	err = madvise(area_page(a->area, from), n * PAGE_SIZE, MADV_FREE);
	usleep(rnd(&a->rng, 30000));
	for (i = from; i < from + n; i++) {
		area_check_freed(a->area, i);
		area_write(a->area, i, actor_generation(a));
	}
	area_unlock(a->area, from, n);
	return err ? REFUSED : DONE;
}

enum outcome op_unmap(struct actor *a)
{
	unsigned long from, n;

	actor_range(a, 64, &from, &n);
	area_lock(a->area, from, n);
	if (munmap(area_page(a->area, from), n * PAGE_SIZE))
		die("munmap");
	usleep(rnd(&a->rng, 500));
	area_map_over(a->area, from, n);
	area_unlock(a->area, from, n);
	return DONE;
}

enum outcome op_map_over(struct actor *a)
{
	unsigned long from, n;

	actor_range(a, 64, &from, &n);
	area_lock(a->area, from, n);
	area_map_over(a->area, from, n);
	area_unlock(a->area, from, n);
	return DONE;
}

/* Two ranges that do not overlap are locked in the order of their addresses. */
static void lock_two(struct area *area, unsigned long one, unsigned long two, unsigned long n)
{
	area_lock(area, one < two ? one : two, n);
	area_lock(area, one < two ? two : one, n);
}

/*
 * Over other pages of the area; where they came from is left empty. A range of several
 * mappings may move in part, and may not, so then all of it is made anew.
 */
enum outcome op_move(struct actor *a)
{
	unsigned long from, to, n, i;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	enum outcome outcome = DONE;
	struct area *area = a->area;

	actor_range(a, 24, &from, &n);
	to = rnd(&a->rng, area->pages - n + 1);
	history_note(to, n);
	if (to + n > from && from + n > to)
		return REFUSED;
	if (rnd(&a->rng, 2))
		flags |= MREMAP_DONTUNMAP;

	lock_two(area, from, to, n);
	if (mremap(area_page(area, from), n * PAGE_SIZE, n * PAGE_SIZE, flags,
		   area_page(area, to)) == MAP_FAILED) {
		outcome = REFUSED;
		area_map_over(area, to, n);
		area_map_over(area, from, n);
	} else {
		for (i = 0; i < n; i++)
			area->state[to + i].content = area->state[from + i].content;
		if (flags & MREMAP_DONTUNMAP)
			area_forget(area, from, n);
		else
			area_map_over(area, from, n);
	}
	area_unlock(area, from, n);
	area_unlock(area, to, n);
	return outcome;
}

/* What is cut off and what is added; on growing in place nothing may be in the way. */
enum outcome op_shrink_grow(struct actor *a)
{
	enum outcome outcome = REFUSED;
	unsigned long from, n, half;
	char *start;

	actor_range(a, 32, &from, &n);
	half = (n + 1) / 2;
	if (half == n)
		return REFUSED;
	start = area_page(a->area, from);
	area_lock(a->area, from, n);
	if (mremap(start, n * PAGE_SIZE, half * PAGE_SIZE, 0) == MAP_FAILED) {
		area_map_over(a->area, from, n);
	} else if (mremap(start, half * PAGE_SIZE, n * PAGE_SIZE, 0) == MAP_FAILED) {
		area_map_over(a->area, from + half, n - half);
	} else {
		area_forget(a->area, from + half, n - half);
		outcome = DONE;
	}
	area_unlock(a->area, from, n);
	return outcome;
}

enum outcome op_protect(struct actor *a)
{
	static const int protections[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC };
	unsigned long from, n;
	char *start;
	int err;

	actor_range(a, 64, &from, &n);
	start = area_page(a->area, from);
	err = mprotect(start, n * PAGE_SIZE, protections[rnd(&a->rng, ARRAY_SIZE(protections))]);
	usleep(rnd(&a->rng, 2000));
	/* Another thread may be about to map something here; then it does so readable and writable. */
	err |= mprotect(start, n * PAGE_SIZE, PROT_READ | PROT_WRITE);
	return err ? REFUSED : DONE;
}

/* A flag that means nothing to anybody splits the mapping, and joins it again. */
enum outcome op_split(struct actor *a)
{
	unsigned long from, n;
	char *start;
	int err;

	actor_range(a, 16, &from, &n);
	start = area_page(a->area, from);
	err = madvise(start, n * PAGE_SIZE, MADV_DONTDUMP);
	if (rnd(&a->rng, 2))
		usleep(rnd(&a->rng, 2000));
	if (rnd(&a->rng, 4))
		err |= madvise(start, n * PAGE_SIZE, MADV_DODUMP);
	return err ? REFUSED : DONE;
}

enum outcome op_consent(struct actor *a)
{
	unsigned long from, n;
	char *start;
	int err;

	actor_range(a, 256, &from, &n);
	start = area_page(a->area, from);
	err = madvise(start, n * PAGE_SIZE, MADV_UNMERGEABLE);
	if (rnd(&a->rng, 2))
		check_range(a, from, n < 8 ? n : 8);
	err |= madvise(start, n * PAGE_SIZE, MADV_MERGEABLE);
	return err ? REFUSED : DONE;
}

/* The consent of a whole process, present and future mappings; taking it back unmerges all. */
enum outcome op_process_consent(struct actor *a)
{
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return not_available("the kernel has no PR_SET_MEMORY_MERGE");
	usleep(rnd(&a->rng, 20000));
	if (prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0))
		return REFUSED;
	madvise(a->area->base, a->area->pages * PAGE_SIZE, MADV_MERGEABLE);
	return DONE;
}

/*
 * Write protection by userfaultfd. One descriptor a process, and one thread that
 * lifts the protection wherever somebody writes.
 */
static int wp_fd = -1;
static pid_t wp_owner;
static pthread_mutex_t wp_mutex = PTHREAD_MUTEX_INITIALIZER;

static int wp_set(char *start, size_t size, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)start, size },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(wp_fd, UFFDIO_WRITEPROTECT, &wp);
}

/* Somebody may have unmapped or moved it since; then there is nobody to wake, or soon. */
static void *wp_lift(void *unused)
{
	struct pollfd pfd = { .fd = wp_fd, .events = POLLIN };
	struct uffd_msg msg;

	(void)unused;
	for (;;) {
		char *page;

		if (poll(&pfd, 1, -1) < 0 || read(wp_fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		page = (char *)(uintptr_t)(msg.arg.pagefault.address & ~(PAGE_SIZE - 1));
		if (wp_set(page, PAGE_SIZE, false)) {
			struct uffdio_range range = { (uintptr_t)page, PAGE_SIZE };

			ioctl(wp_fd, UFFDIO_WAKE, &range);
		}
	}
	return NULL;
}

static bool wp_start(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	pthread_t thread;

	pthread_mutex_lock(&wp_mutex);
	if (wp_owner != getpid()) {
		wp_fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (wp_fd >= 0 && (ioctl(wp_fd, UFFDIO_API, &api) ||
				   pthread_create(&thread, NULL, wp_lift, NULL))) {
			close(wp_fd);
			wp_fd = -1;
		}
		wp_owner = getpid();
	}
	pthread_mutex_unlock(&wp_mutex);
	return wp_fd >= 0;
}

enum outcome op_wp(struct actor *a)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	unsigned long from, n;
	size_t size;
	char *start;
	int err;

	if (!wp_start())
		return not_available("no userfaultfd with write protection");
	actor_range(a, 32, &from, &n);
	start = area_page(a->area, from);
	size = n * PAGE_SIZE;
	reg.range.start = (uintptr_t)start;
	reg.range.len = size;
	if (ioctl(wp_fd, UFFDIO_REGISTER, &reg))
		return REFUSED;
	err = wp_set(start, size, true);
	usleep(rnd(&a->rng, 5000));
	check_range(a, from, n);
	/* A moved mapping is no longer registered, and what was moved in never was. */
	err |= wp_set(start, size, false);
	err |= ioctl(wp_fd, UFFDIO_UNREGISTER, &reg.range);
	return err ? REFUSED : DONE;
}
