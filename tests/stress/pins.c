// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody else holds a page: a pipe, direct I/O, a buffer registered with io_uring (which pins for
 * the long term, as vfio does). What the holder reads and writes must be what the process sees.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ops.h"
#include "worker.h"

static bool same(struct area *area, unsigned long page, const void *bytes)
{
	unsigned char want[PAGE_SIZE];

	content_fill(&area->state[page].content, area->seed, want);
	return !memcmp(want, bytes, PAGE_SIZE);
}

/* A page that a pipe refers to, while its content stays. */
enum outcome op_pipe(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	struct iovec iov = { area_page(a->area, page), PAGE_SIZE };
	enum outcome outcome = REFUSED;
	char bytes[PAGE_SIZE];
	int fds[2];

	if (pipe(fds))
		return REFUSED;
	area_lock(a->area, page, 1);
	if (vmsplice(fds[1], &iov, 1, 0) == (ssize_t)PAGE_SIZE) {
		usleep(rnd(&a->rng, 20000));
		if (read(fds[0], bytes, PAGE_SIZE) != (ssize_t)PAGE_SIZE ||
		    !same(a->area, page, bytes))
			complain("page %lu is not what came through the pipe", page);
		outcome = DONE;
	}
	area_check(a->area, page);
	area_unlock(a->area, page, 1);
	close(fds[0]);
	close(fds[1]);
	return outcome;
}

/* A disk of this worker's own block, or -1. */
static int disk_open(struct actor *a, off_t *at)
{
	int fd = open("/dev/stress-disk", O_RDWR | O_DIRECT | O_CLOEXEC);

	*at = (off_t)(getpid() % 4096 * THREADS + a->number) * PAGE_SIZE;
	return fd;
}

/* The page goes to the disk, is overwritten, and comes back. */
enum outcome op_direct(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	char *p = area_page(a->area, page);
	enum outcome outcome = REFUSED;
	struct content was;
	off_t at;
	int fd = disk_open(a, &at);

	if (fd < 0)
		return not_available("no disk");
	area_lock(a->area, page, 1);
	area_check(a->area, page);
	was = a->area->state[page].content;
	if (pwrite(fd, p, PAGE_SIZE, at) == (ssize_t)PAGE_SIZE) {
		area_write(a->area, page, actor_generation(a));
		usleep(rnd(&a->rng, 5000));
		if (pread(fd, p, PAGE_SIZE, at) == (ssize_t)PAGE_SIZE) {
			a->area->state[page].content = was;
			area_check(a->area, page);
			outcome = DONE;
		}
	}
	/* Another thread may have protected the page in the middle of it. */
	if (outcome == REFUSED)
		area_write(a->area, page, actor_generation(a));
	area_unlock(a->area, page, 1);
	close(fd);
	return outcome;
}

/* An io_uring of one request at a time. */
struct ring {
	int fd;
	char *rings;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
	size_t rings_size, sqes_size;
};

static void *ring_map(const struct ring *ring, size_t size, off_t at)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, at);
}

static bool ring_open(struct ring *ring)
{
	const struct io_uring_params *p = &ring->params;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 1, &ring->params);
	if (ring->fd < 0)
		return false;
	ring->rings_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	if (ring->rings_size < p->sq_off.array + p->sq_entries * sizeof(uint32_t))
		ring->rings_size = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	ring->sqes_size = p->sq_entries * sizeof(struct io_uring_sqe);
	ring->rings = ring_map(ring, ring->rings_size, IORING_OFF_SQ_RING);
	ring->sqes = ring_map(ring, ring->sqes_size, IORING_OFF_SQES);
	return ring->rings != MAP_FAILED && ring->sqes != MAP_FAILED;
}

static void ring_close(struct ring *ring)
{
	if (ring->fd < 0)
		return;
	if (ring->rings != MAP_FAILED)
		munmap(ring->rings, ring->rings_size);
	if (ring->sqes != MAP_FAILED)
		munmap(ring->sqes, ring->sqes_size);
	close(ring->fd);
}

static uint32_t *ring_word(const struct ring *ring, uint32_t at)
{
	return (uint32_t *)(ring->rings + at);
}

/* One page of the registered buffer, from or to a file; the result of the request. */
static int ring_transfer(struct ring *ring, int opcode, int fd, char *page)
{
	const struct io_uring_params *p = &ring->params;
	uint32_t *tail = ring_word(ring, p->sq_off.tail), *head = ring_word(ring, p->cq_off.head);
	uint32_t mask = *ring_word(ring, p->sq_off.ring_mask);
	const struct io_uring_cqe *cqes = (void *)(ring->rings + p->cq_off.cqes);
	int result;

	ring->sqes[*tail & mask] = (struct io_uring_sqe){
		.opcode = opcode, .fd = fd, .addr = (uintptr_t)page, .len = PAGE_SIZE,
	};
	ring_word(ring, p->sq_off.array)[*tail & mask] = *tail & mask;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	while (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	result = cqes[*head & *ring_word(ring, p->cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

/*
 * While the buffer is registered, process and device must have the same frame: what
 * the process writes the device sends, and what the device receives the process sees.
 */
static enum outcome exchange(struct actor *a, struct ring *ring, unsigned long page, int file)
{
	struct iovec iov = { area_page(a->area, page), PAGE_SIZE };
	char bytes[PAGE_SIZE];
	struct content content;

	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &iov, 1))
		return REFUSED;
	usleep(rnd(&a->rng, 50000));
	area_write(a->area, page, actor_generation(a));
	usleep(rnd(&a->rng, 50000));
	if (ring_transfer(ring, IORING_OP_WRITE_FIXED, file, iov.iov_base) != (int)PAGE_SIZE ||
	    pread(file, bytes, PAGE_SIZE, 0) != (ssize_t)PAGE_SIZE)
		return REFUSED;
	if (!same(a->area, page, bytes))
		complain("page %lu is not what a registered buffer sent", page);

	area_expect(a->area, page, actor_generation(a), &content, bytes);
	if (pwrite(file, bytes, PAGE_SIZE, 0) != (ssize_t)PAGE_SIZE ||
	    ring_transfer(ring, IORING_OP_READ_FIXED, file, iov.iov_base) != (int)PAGE_SIZE)
		return REFUSED;
	a->area->state[page].content = content;
	area_check(a->area, page);
	return DONE;
}

enum outcome op_ring(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	enum outcome outcome = REFUSED;
	struct ring ring;
	int file;

	if (!ring_open(&ring)) {
		ring_close(&ring);
		return not_available("no io_uring");
	}
	file = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (file >= 0) {
		area_lock(a->area, page, 1);
		outcome = exchange(a, &ring, page, file);
		ring_close(&ring);
		/* Half done, perhaps. */
		if (outcome == REFUSED)
			area_write(a->area, page, actor_generation(a));
		area_unlock(a->area, page, 1);
		close(file);
	} else {
		ring_close(&ring);
	}
	return outcome;
}
