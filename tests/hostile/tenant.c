// SPDX-License-Identifier: GPL-2.0-only
#include "tenant.h"

#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "figures.h"
#include "harness.h"
#include "memory.h"
#include "scanner.h"

#define ROUND_PAGES 4UL

void tenant_become(void)
{
	CHECK_SYS(setgroups(0, NULL));
	CHECK_SYS(setresgid(TENANT_UID, TENANT_UID, TENANT_UID));
	CHECK_SYS(setresuid(TENANT_UID, TENANT_UID, TENANT_UID));
	/* Another user's process is not told any more of its parent's end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void *shared_memory(size_t bytes)
{
	void *addr = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(addr != MAP_FAILED, "shared memory: %m");
	return addr;
}

void rounds_add(struct rounds *r, double secs)
{
	unsigned long nsecs = secs * 1e9;

	if (nsecs > atomic_load(&r->longest_nsecs))
		atomic_store(&r->longest_nsecs, nsecs);
	atomic_fetch_add(&r->nr, 1);
}

void rounds_reset(struct rounds *r)
{
	atomic_store(&r->longest_nsecs, 0);
}

double rounds_longest_secs(const struct rounds *r)
{
	return atomic_load(&r->longest_nsecs) / 1e9;
}

void *rounds_of_mmap(void *arg)
{
	struct rounds *r = arg;
	double began;
	size_t i;
	char *addr;

	while (!atomic_load(&r->stop)) {
		began = now_secs();
		addr = mmap(NULL, ROUND_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(addr != MAP_FAILED, "mmap: %m");
		for (i = 0; i < ROUND_PAGES; i++)
			page_touch(addr + i * PAGE_SIZE);
		CHECK_SYS(munmap(addr, ROUND_PAGES * PAGE_SIZE));
		rounds_add(r, now_secs() - began);
		sleep_secs(0.001);
	}
	return NULL;
}
