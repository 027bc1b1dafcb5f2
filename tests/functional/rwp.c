// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read-write protection by userfaultfd: no access goes through, not even one that unmerging makes.
 * What cannot be unmerged may not be forgotten. Tests load the module themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"
#include "module.h"
#include "uapi.h"

#define PAGES 64UL
#define UNLOAD_SECS 60
/* What has been refused is tried again every ten seconds. */
#define EXCLUDED_SECS 20

static void begin(void)
{
	if (!engine_is_stock() && !module_loaded())
		module_load();
}

static int rwp_open(char *area, size_t pages)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_RWP };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)area, .len = pages * PAGE_SIZE },
		.mode = UFFDIO_REGISTER_MODE_RWP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		test_skip("userfaultfd: %s", strerror(errno));
	if (ioctl(fd, UFFDIO_API, &api))
		test_skip("this kernel's userfaultfd has no read-write protection");
	CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static void rwp_arm(int fd, char *area, size_t pages, bool arm)
{
	struct uffdio_rwprotect rwp = {
		.range = { .start = (uintptr_t)area, .len = pages * PAGE_SIZE },
		.mode = arm ? UFFDIO_RWPROTECT_MODE_RWP : 0,
	};

	CHECK_SYS(ioctl(fd, UFFDIO_RWPROTECT, &rwp));
}

/* Equal pages that have been merged and then protected. */
static char *map_armed(int *fd, uint64_t seed)
{
	char *area;

	begin();
	area = area_map_same(PAGES, seed);
	*fd = rwp_open(area, PAGES);
	engine_start();
	engine_settle();
	check_merged("at first", area, PAGES);
	rwp_arm(*fd, area, PAGES, true);
	return area;
}

static int stock_try_run(void)
{
	int err = knob_write(ENGINE_DIR_STOCK, "run", "1", 1);

	knob_write(ENGINE_DIR_STOCK, "run", "0", 1);
	return err;
}

/* All pages are as they were, and can be written. */
static void check_content(const char *area, int fd, uint64_t seed)
{
	size_t i;

	rwp_arm(fd, (char *)area, PAGES, false);
	area_check_same(area, PAGES, seed);
	for (i = 0; i < PAGES; i++)
		page_fill((char *)area + i * PAGE_SIZE, 500 + i);
	area_check_distinct(area, PAGES, 500);
}

/* Either it is all unmerged, or an error says that it is not, and so do the counters. */
static void test_unmerge(void)
{
	size_t frames;
	char *area;
	int fd, err;

	area = map_armed(&fd, 1);
	err = engine_try_set("run", 2);
	frames = pages_distinct(area, PAGES);
	test_note("run=2: %s, %zu frames for %lu pages", err ? strerror(-err) : "done", frames, PAGES);
	if (!err) {
		CHECK(frames == PAGES, "run=2 is done, and %lu pages lie in %zu frames", PAGES, frames);
		engine_check_counters("run=2", 0, 0, 0, 0);
		err = stock_try_run();
		CHECK(!err, "nothing is merged, and ksmd cannot start: %s", strerror(-err));
	} else {
		CHECK(engine_get("run") == 0, "run=2: %s, and run is %ld", strerror(-err),
		      engine_get("run"));
		CHECK(engine_get("pages_shared") > 0 && engine_get("pages_sharing") > 0,
		      "run=2: %s, and pages_shared is %ld, pages_sharing %ld", strerror(-err),
		      engine_get("pages_shared"), engine_get("pages_sharing"));
		CHECK(stock_try_run() == -EBUSY, "pages are merged, and ksmd can start");
		rwp_arm(fd, area, PAGES, false);
		engine_set("run", 2);
		check_unmerged("not protected any more", area, PAGES);
		engine_check_counters("not protected any more", 0, 0, 0, 0);
	}
	check_content(area, fd, 1);
}

static void test_unload(void)
{
	struct limit limit = limit_begin(UNLOAD_SECS * harness_slower());
	struct timespec began, ended;
	bool hangs = false;
	int fd, status;
	char *area;
	pid_t pid;

	if (engine_is_stock())
		test_skip("stock ksm cannot be unloaded");
	area = map_armed(&fd, 2);
	clock_gettime(CLOCK_MONOTONIC, &began);
	pid = CHECK_SYS(fork());
	if (!pid)
		_exit(-module_try_unload());
	while (!waitpid(pid, &status, WNOHANG)) {
		if (!hangs && limit_passed(&limit)) {
			hangs = true;
			rwp_arm(fd, area, PAGES, false);
		}
		usleep(20000);
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	test_note("unloading took %ld s", (long)(ended.tv_sec - began.tv_sec));
	CHECK(!hangs, "unloading did not end within %u s", UNLOAD_SECS * harness_slower());
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "unloading ended with status %#x", status);
	check_content(area, fd, 2);
}

static void *reader_run(void *page)
{
	return (void *)(uintptr_t)*(volatile unsigned char *)page;
}

/* Protected before they are seen: an access is still trapped. */
static void test_armed_first(void)
{
	struct pollfd pfd = { .events = POLLIN };
	unsigned char byte;
	struct uffd_msg msg;
	pthread_t thread;
	uint64_t pfn;
	char *area;
	void *got;

	begin();
	area = area_map_same(PAGES, 3);
	byte = area[0];
	pfd.fd = rwp_open(area, PAGES);
	rwp_arm(pfd.fd, area, 2, true);
	pfn = pfn_of(area);
	engine_start();
	engine_wait_full_scans(4);
	check_merged("not protected", area + 2 * PAGE_SIZE, PAGES - 2);
	CHECK(pfn_of(area) == pfn, "a protected page moved");
	CHECK(!pthread_create(&thread, NULL, reader_run, area), "pthread_create: %m");
	CHECK(poll(&pfd, 1, 5000 * harness_slower()) == 1, "a read raised no fault");
	CHECK(read(pfd.fd, &msg, sizeof(msg)) == sizeof(msg), "userfaultfd: %m");
	CHECK(msg.event == UFFD_EVENT_PAGEFAULT && msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_RWP,
	      "event %#x, flags %#llx", msg.event, (unsigned long long)msg.arg.pagefault.flags);
	rwp_arm(pfd.fd, area, 2, false);
	pthread_join(thread, &got);
	CHECK((uintptr_t)got == byte, "read %#lx, not %#x", (unsigned long)(uintptr_t)got, byte);
	wait_merged("not protected any more", area, PAGES, 16);
	check_content(area, pfd.fd, 3);
}

/* Consent taken back; that the kernel cannot unmerge either is between it and the process. */
static void test_unmergeable(void)
{
	char *area;
	int fd, err;

	if (harness_slower() > 1)
		test_skip("a debug kernel complains of its own MADV_UNMERGEABLE");
	area = map_armed(&fd, 4);
	/* Something that goes on being scanned. */
	area_map_same(2, 5);
	err = madvise(area, PAGES * PAGE_SIZE, MADV_UNMERGEABLE) ? errno : 0;
	test_note("MADV_UNMERGEABLE: %s, %zu frames for %lu pages", err ? strerror(err) : "done",
		  pages_distinct(area, PAGES), PAGES);
	engine_settle();
	err = engine_try_set("run", 2);
	test_note("run=2: %s", err ? strerror(-err) : "done");
	CHECK(err || pages_distinct(area, PAGES) == PAGES,
	      "run=2 is done, and %lu pages lie in %zu frames", PAGES, pages_distinct(area, PAGES));
	CHECK(err || !stock_try_run(), "run=2 is done, and ksmd cannot start");
	check_content(area, fd, 4);
	check_unmerged("written", area, PAGES);
	engine_set("run", 2);
	engine_check_counters("written", 0, 0, 0, 0);
}

/* Of one that is excluded from merging they are unmerged as soon as that can be done. */
static void test_excluded(void)
{
	struct limit limit = limit_begin(EXCLUDED_SECS * harness_slower());
	char *area, dir[128];
	int fd, err;

	if (engine_is_stock())
		test_skip("ksm excludes nobody");
	cgroup_make("armed");
	cgroup_join("armed");
	area = map_armed(&fd, 4);
	snprintf(dir, sizeof(dir), "%s/domains", engine_dir());
	err = knob_write(dir, "excluded", "+/armed", 7);
	CHECK(!err, "+/armed: %s", strerror(-err));
	sleep(3);
	test_note("%zu frames for %lu pages", pages_distinct(area, PAGES), PAGES);
	rwp_arm(fd, area, PAGES, false);
	while (pages_distinct(area, PAGES) != PAGES) {
		CHECK(!limit_passed(&limit), "%lu pages lie in %zu frames %d s after that can be mended",
		      PAGES, pages_distinct(area, PAGES), EXCLUDED_SECS);
		usleep(100000);
	}
	CHECK(!knob_write(dir, "excluded", "-/armed", 7), "-/armed");
	check_content(area, fd, 4);
}

static const struct test tests[] = {
	{ "armed-first", test_armed_first },
	{ "unmerge", test_unmerge },
	{ "unmergeable", test_unmergeable },
	{ "unload", test_unload, .timeout_secs = 120 },
	{ "excluded", test_excluded },
};

int main(int argc, char **argv)
{
	return harness_main("rwp", tests, ARRAY_SIZE(tests), argc, argv);
}
