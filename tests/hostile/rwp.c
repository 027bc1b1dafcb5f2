// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merged pages whose owner lets nobody read or write them: userfaultfd's read-write protection.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

/* As in Linux 7.3; the host's headers may be older. */
#ifndef UFFD_FEATURE_RWP
#define UFFD_FEATURE_RWP (1 << 17)
#define UFFDIO_REGISTER_MODE_RWP (1ULL << 3)
#define UFFDIO_RWPROTECT_MODE_RWP (1ULL << 0)
struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define PAGES 64UL

static void armed_main(struct helper *self, void *arg)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_RWP };
	struct uffdio_register reg;
	struct uffdio_rwprotect protect;
	char *area = arg;
	size_t i;
	int fd;

	tenant_become();
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		test_skip("userfaultfd: %s", strerror(errno));
	if (ioctl(fd, UFFDIO_API, &api))
		test_skip("this kernel's userfaultfd has no read-write protection");
	for (i = 0; i < PAGES; i++)
		page_fill(area + i * PAGE_SIZE, 77);
	area_mergeable(area, PAGES);
	helper_step(self);

	reg = (struct uffdio_register){ .range = { (uintptr_t)area, PAGES * PAGE_SIZE },
					.mode = UFFDIO_REGISTER_MODE_RWP };
	CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &reg));
	protect = (struct uffdio_rwprotect){ .range = reg.range,
					     .mode = UFFDIO_RWPROTECT_MODE_RWP };
	CHECK_SYS(ioctl(fd, UFFDIO_RWPROTECT, &protect));
	helper_step(self);

	CHECK_SYS(ioctl(fd, UFFDIO_UNREGISTER, &reg.range));
	helper_step(self);
}

/* How many of its pages have a frame in common with the first. */
static size_t sharing_first(pid_t pid, const char *area)
{
	const uint64_t frame = (1ULL << 55) - 1;
	uint64_t first = pagemap_entry_of(pid, area) & frame;
	size_t i, sharing = 0;

	for (i = 1; i < PAGES; i++)
		sharing += first && (pagemap_entry_of(pid, area + i * PAGE_SIZE) & frame) == first;
	return sharing;
}

/* The tenant has protected what is merged, and everybody is to be unmerged. */
void case_rwp(void)
{
	const char *other = engine_is_stock() ? ENGINE_DIR_UKSM : ENGINE_DIR_STOCK;
	char *area = area_map(PAGES);
	struct helper armed;
	struct victims v;
	size_t left, victims_left;
	double secs, began;
	int err;

	engine_start();
	helper_start(&armed, armed_main, area);
	helper_wait(&armed);
	victims_start(&v);
	secs = equals_wait(&v.pair, 0, 1, 30);
	CHECK(secs != NEVER && sharing_first(armed.pid, area) == PAGES - 1, "not merged: %zu pages",
	      sharing_first(armed.pid, area));
	helper_go(&armed);
	helper_wait(&armed);

	began = now_secs();
	err = engine_try_set("run", 2);
	figure("rwp.unmerge_secs", now_secs() - began);
	left = sharing_first(armed.pid, area);
	victims_left = equals_merged(&v.pair, 0, 1);
	test_note("run=2: %s; run is %ld, pages_shared %ld; %zu protected pages and %zu of others are still merged",
		  strerror(-err), engine_get("run"), engine_get("pages_shared"), left,
		  victims_left);
	judge(err || !left, "run=2 succeeds, and %zu pages that cannot be read are still merged",
	      left);
	judge(!left || engine_get("pages_shared") > 0, "%zu pages are merged and none is counted",
	      left);
	judge(!victims_left, "%zu pages of others are still merged", victims_left);

	helper_go(&armed);
	helper_wait(&armed);
	err = engine_try_set("run", 2);
	judge(!err, "run=2 fails when nothing is protected any more: %s", strerror(-err));
	judge(!sharing_first(armed.pid, area), "pages are merged when nothing is protected any more");
	err = knob_write(other, "run", "1", 1);
	judge(!err, "the other engine does not start afterwards: %s", strerror(-err));
	knob_write(other, "run", "2", 1);
	knob_write(other, "run", "0", 1);
	victims_stop(&v);
	helper_kill(&armed);
	judge_end();
}
