// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that userfaultfd has taken all access from: what is merged and cannot be unmerged is not
 * forgotten, and what cannot be merged comes to rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"
#include "uapi.h"

#define PAGES 16UL

static int rwp_register(char *area)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_RWP };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)area, .len = PAGES * PAGE_SIZE },
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

static void rwp_protect(int fd, char *area)
{
	struct uffdio_rwprotect rwp = {
		.range = { .start = (uintptr_t)area, .len = PAGES * PAGE_SIZE },
		.mode = UFFDIO_RWPROTECT_MODE_RWP,
	};

	CHECK_SYS(ioctl(fd, UFFDIO_RWPROTECT, &rwp));
}

static void rwp_unregister(int fd, char *area)
{
	struct uffdio_range range = { .start = (uintptr_t)area, .len = PAGES * PAGE_SIZE };

	CHECK_SYS(ioctl(fd, UFFDIO_UNREGISTER, &range));
}

/* ksmd is put back to sleep if it could be started. */
static int stock_try_run(void)
{
	int err = knob_write(ENGINE_DIR_STOCK, "run", "1", 1);

	if (!err)
		knob_write(ENGINE_DIR_STOCK, "run", "0", 1);
	return err;
}

static void test_unregister(void)
{
	char *area = area_map_same(PAGES, 1);
	int fd = rwp_register(area), err;

	if (engine_is_stock())
		test_skip("stock takes protected pages for unmerged");
	engine_start();
	engine_settle();
	check_merged("at first", area, PAGES);
	rwp_protect(fd, area);
	err = engine_try_set("run", 2);
	test_note("run=2: %s; run %ld, pages_shared %ld, pages_sharing %ld, %zu frames, ksmd: %s",
		  err ? strerror(-err) : "done", engine_get("run"), engine_get("pages_shared"),
		  engine_get("pages_sharing"), pages_distinct(area, PAGES),
		  strerror(-stock_try_run()));
	if (!err) {
		CHECK(pages_distinct(area, PAGES) == PAGES, "run=2 is done, and %lu pages lie in %zu frames",
		      PAGES, pages_distinct(area, PAGES));
		check_unmerged("run=2 is done", area, PAGES);
	} else {
		CHECK(engine_get("run") == 0, "run=2: %s, and run is %ld", strerror(-err),
		      engine_get("run"));
		CHECK(engine_get("pages_shared") > 0, "run=2: %s, and pages_shared is 0",
		      strerror(-err));
		CHECK(stock_try_run() == -EBUSY,
		      "pages are merged, and ksmd can start");
	}
	rwp_unregister(fd, area);
	engine_set("run", 2);
	check_unmerged("unregistered", area, PAGES);
	engine_check_counters("unregistered", 0, 0, 0, 0);
	err = stock_try_run();
	CHECK(!err, "nothing is merged, and ksmd cannot start: %s", strerror(-err));
	area_check_same(area, PAGES, 1);
	close(fd);
}

static void test_protected_first(void)
{
	char *area = area_map_same(PAGES, 2), *others = area_map_same(2, 3);
	int fd = rwp_register(area);

	if (engine_is_stock())
		test_skip("stock merges protected pages");
	rwp_protect(fd, area);
	engine_start();
	engine_wait_full_scans(8);
	check_merged("not protected", others, 2);
	check_unmerged("protected", area, PAGES);
	engine_wait_at_most("protected pages", "pages_volatile", 0, 5);
	rwp_unregister(fd, area);
	area_check_same(area, PAGES, 2);
	wait_merged("not protected any more", area, PAGES, 24);
	area_check_same(area, PAGES, 2);
	close(fd);
}

static const struct test tests[] = {
	{ "unregister", test_unregister },
	{ "protected-first", test_protected_first },
};

int main(int argc, char **argv)
{
	return harness_main("uffd", tests, ARRAY_SIZE(tests), argc, argv);
}
