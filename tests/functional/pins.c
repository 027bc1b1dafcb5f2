// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that something else holds a reference to: a pipe, a device's buffer, direct I/O. The frame
 * under such a page must not change, and it merges once it is let go.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

/*
 * The first page of three equal ones is held, keeps its frame and has it for itself. The other two
 * need not merge: stock's unstable tree compares them with the held page only.
 */
static void check_held(const char *where, const char *area, uint64_t pfn)
{
	CHECK(pfn_of(area) == pfn, "%s: the held page moved", where);
	check_page_ksm(where, area, false);
	CHECK(pfn_of(area + PAGE_SIZE) != pfn && pfn_of(area + 2 * PAGE_SIZE) != pfn,
	      "%s: others were merged into the held page", where);
}

/* A page that could not be merged may be left alone for a while. */
static void check_all_merge(const char *where, const char *area)
{
	wait_merged(where, area, 3, 16);
}

static void test_pipe(void)
{
	char *area = area_map_same(3, 1), copy[PAGE_SIZE];
	struct iovec iov = { .iov_base = area, .iov_len = PAGE_SIZE };
	uint64_t pfn = pfn_of(area);
	int fds[2];

	CHECK_SYS(pipe(fds));
	CHECK(CHECK_SYS(vmsplice(fds[1], &iov, 1, 0)) == PAGE_SIZE, "vmsplice: short");
	engine_start();
	engine_wait_full_scans(3);
	check_held("spliced into a pipe", area, pfn);
	CHECK(read(fds[0], copy, PAGE_SIZE) == PAGE_SIZE, "read of the pipe: %m");
	CHECK_PAGE(copy, 1);
	check_all_merge("out of the pipe", area);
	area_check_same(area, 3, 1);
}

static int ring_open(void)
{
	struct io_uring_params params = { 0 };

	test_needs("IO_URING");
	return CHECK_SYS(syscall(SYS_io_uring_setup, 4, &params));
}

static void ring_register(int ring, char *area, size_t len)
{
	struct iovec iov = { .iov_base = area, .iov_len = len };

	CHECK_SYS(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &iov, 1));
}

static void ring_unregister(int ring)
{
	CHECK_SYS(syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

/* A registered buffer is pinned for the long term, as vfio pins a guest's memory. */
static void test_long_term_pin(void)
{
	char *area = area_map_same(3, 2);
	uint64_t pfn = pfn_of(area);
	int ring = ring_open();

	ring_register(ring, area, PAGE_SIZE);
	CHECK(pfn_of(area) == pfn, "pinning moved the page");
	engine_start();
	engine_wait_full_scans(3);
	check_held("registered with io_uring", area, pfn);
	ring_unregister(ring);
	check_all_merge("unregistered", area);
	area_check_same(area, 3, 2);
}

/* Pinning a merged page for the long term gives it a frame of its own first. */
static void test_pin_after_merge(void)
{
	char *area = area_map_same(3, 3);
	int ring = ring_open();
	uint64_t pfn;

	engine_start();
	engine_settle();
	check_merged("at first", area, 3);
	ring_register(ring, area, PAGE_SIZE);
	pfn = pfn_of(area);
	CHECK(pfn != pfn_of(area + PAGE_SIZE), "a pinned page still shares its frame");
	engine_wait_full_scans(3);
	check_held("registered after the merge", area, pfn);
	page_fill(area, 4);
	CHECK(pfn_of(area) == pfn, "writing moved a pinned page");
	area_check_same(area + PAGE_SIZE, 2, 3);
	ring_unregister(ring);
	CHECK_PAGE(area, 4);
}

/*
 * A pinned page that equals merged ones is not looked at anew by every full scan for as long as it
 * is pinned, and merges soon after.
 */
static void test_pinned_rests(void)
{
	char *area = area_map_same(4, 8);
	uint64_t pfn = pfn_of(area);
	int ring = ring_open();

	if (engine_is_stock())
		test_skip("stock looks at it in every full scan");
	ring_register(ring, area, PAGE_SIZE);
	engine_start();
	engine_wait_full_scans(16);
	check_merged("pages that are not pinned", area + PAGE_SIZE, 3);
	CHECK(pfn_of(area) == pfn, "the pinned page moved");
	engine_check_counters("pinned", 1, 2, 1, 0);
	engine_set("run", 1);
	ring_unregister(ring);
	wait_merged("unregistered", area, 4, 16);
	area_check_same(area, 4, 8);
}

/*
 * Two equal pages, one of which is held just when the other comes and finds it: they merge once it
 * is let go, although neither has changed.
 */
static void test_held_meanwhile(void)
{
	char *first = area_map_same(1, 9), *second, copy[PAGE_SIZE];
	struct iovec iov = { .iov_base = first, .iov_len = PAGE_SIZE };
	long until;
	int fds[2];

	CHECK_SYS(pipe(fds));
	engine_start();
	engine_wait_full_scans(3);
	engine_pause();
	CHECK(CHECK_SYS(vmsplice(fds[1], &iov, 1, 0)) == PAGE_SIZE, "vmsplice: short");
	second = area_map_same(1, 9);
	engine_set("run", 1);
	engine_wait_full_scans(2);
	CHECK(pfn_of(first) != pfn_of(second), "a page that is held was merged");
	CHECK(read(fds[0], copy, PAGE_SIZE) == PAGE_SIZE, "read of the pipe: %m");
	until = engine_get("full_scans") + 16;
	while (pfn_of(first) != pfn_of(second)) {
		CHECK(engine_get("full_scans") < until, "not merged 16 full scans after it was let go");
		usleep(1000);
	}
	CHECK_PAGE(first, 9);
	CHECK_PAGE(second, 9);
}

struct direct_io {
	int fd;
	char *buffer;
	size_t pages;
	atomic_bool stop;
	unsigned long rounds;
};

/* Reads the file into the buffer again and again; the content never changes, the frames may. */
static void *direct_io_run(void *arg)
{
	struct direct_io *io = arg;
	ssize_t len = io->pages * PAGE_SIZE;

	while (!atomic_load(&io->stop)) {
		CHECK(pread(io->fd, io->buffer, len, 0) == len, "direct read: %m");
		area_check_distinct(io->buffer, io->pages, 5000);
		memset(io->buffer, 0x5a, len);
		io->rounds++;
	}
	return NULL;
}

/*
 * Direct I/O into memory that is being merged: before every read all pages are equal and merge,
 * and a read must land where the process looks for it.
 */
static void test_direct_io(void)
{
	enum { PAGES = 16 };
	const char *dir = getenv("UKSM_DIRECT_DIR");
	char name[256], *area = area_map_distinct(PAGES, 5000);
	struct direct_io io = { .buffer = area, .pages = PAGES };
	pthread_t thread;
	int fd;

	snprintf(name, sizeof(name), "%s/uksm-direct-XXXXXX", dir ? dir : "/tmp");
	fd = CHECK_SYS(mkstemp(name));
	CHECK(write(fd, area, PAGES * PAGE_SIZE) == (ssize_t)(PAGES * PAGE_SIZE), "write: %m");
	fsync(fd);
	io.fd = open(name, O_RDONLY | O_DIRECT);
	unlink(name);
	if (io.fd < 0)
		test_skip("no direct I/O on %s: %s", dir ? dir : "/tmp", strerror(errno));
	if (pread(io.fd, area, PAGES * PAGE_SIZE, 0) < 0)
		test_skip("no direct I/O on %s: %s", dir ? dir : "/tmp", strerror(errno));
	CHECK(!pthread_create(&thread, NULL, direct_io_run, &io), "pthread_create: %m");
	engine_start();
	engine_wait_full_scans(100);
	atomic_store(&io.stop, true);
	pthread_join(thread, NULL);
	test_note("%lu direct reads of %d pages while scanned", io.rounds, PAGES);
	CHECK(io.rounds > 20, "only %lu reads", io.rounds);
}

/*
 * A debugger's look at a merged page leaves it merged, its write breaks it. process_vm_readv()
 * pins, for which the kernel unshares a page, so there only the content counts.
 */
static void test_remote_access(void)
{
	char *area = area_map_same(4, 6), copy[PAGE_SIZE];
	struct iovec local = { .iov_base = copy, .iov_len = PAGE_SIZE };
	struct iovec remote = { .iov_base = area, .iov_len = PAGE_SIZE };
	uint64_t pfn;
	int mem;

	engine_start();
	engine_settle();
	check_merged("at first", area, 4);
	pfn = pfn_of(area);
	mem = CHECK_SYS(open("/proc/self/mem", O_RDWR));
	CHECK(pread(mem, copy, PAGE_SIZE, (uintptr_t)area) == PAGE_SIZE, "/proc/self/mem: %m");
	CHECK_PAGE(copy, 6);
	CHECK(pfn_of(area) == pfn, "reading /proc/self/mem moved a merged page");
	CHECK(CHECK_SYS(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)) == PAGE_SIZE,
	      "process_vm_readv: short");
	CHECK_PAGE(copy, 6);
	page_fill(copy, 7);
	CHECK(CHECK_SYS(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)) == PAGE_SIZE,
	      "process_vm_writev: short");
	CHECK_PAGE(area, 7);
	area_check_same(area + PAGE_SIZE, 3, 6);
	CHECK(pwrite(mem, copy, PAGE_SIZE, (uintptr_t)(area + PAGE_SIZE)) == PAGE_SIZE,
	      "/proc/self/mem: %m");
	CHECK_PAGE(area + PAGE_SIZE, 7);
	area_check_same(area + 2 * PAGE_SIZE, 2, 6);
	engine_settle();
	check_merged("the two that were written alike", area, 2);
	check_merged("the two that were not written", area + 2 * PAGE_SIZE, 2);
}

static const struct test tests[] = {
	{ "pipe", test_pipe },
	{ "long-term-pin", test_long_term_pin },
	{ "pin-after-merge", test_pin_after_merge },
	{ "pinned-rests", test_pinned_rests },
	{ "held-meanwhile", test_held_meanwhile },
	{ "direct-io", test_direct_io },
	{ "remote-access", test_remote_access },
};

int main(int argc, char **argv)
{
	return harness_main("pins", tests, ARRAY_SIZE(tests), argc, argv);
}
