// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else a page-table entry says must outlive a merge: soft-dirty, userfaultfd write-protection,
 * the mapping's protection.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

static void clear_soft_dirty(void)
{
	int fd = CHECK_SYS(open("/proc/self/clear_refs", O_WRONLY));

	CHECK(write(fd, "4", 1) == 1, "clear_refs: %m");
	close(fd);
}

static bool soft_dirty(const void *addr)
{
	return pagemap_entry(addr) & PM_SOFT_DIRTY;
}

static void require_soft_dirty(void)
{
	char *page = area_map(1);

	test_needs("MEM_SOFT_DIRTY");
	page_touch(page);
	CHECK(soft_dirty(page), "a written page is not soft-dirty");
	clear_soft_dirty();
	CHECK(!soft_dirty(page), "soft-dirty still set after clear_refs");
}

/*
 * A page written since clear_refs must stay soft-dirty when it merges, or a checkpoint loses the
 * write. Stock ksm drops the bit.
 */
static void test_soft_dirty_kept(void)
{
	char *area;
	size_t i;

	require_soft_dirty();
	area = area_map_same(4, 1);
	clear_soft_dirty();
	page_touch(area + PAGE_SIZE);
	page_touch(area + 3 * PAGE_SIZE);
	CHECK(soft_dirty(area + PAGE_SIZE), "a write did not set soft-dirty");
	engine_start();
	engine_settle();
	check_merged("four equal pages", area, 4);
	if (engine_is_stock() && !(soft_dirty(area + PAGE_SIZE) && soft_dirty(area + 3 * PAGE_SIZE)))
		test_skip("stock ksm loses soft-dirty bits when it merges");
	for (i = 0; i < 4; i++)
		CHECK(soft_dirty(area + i * PAGE_SIZE) == i % 2,
		      "page %zu is %ssoft-dirty after the merge", i, i % 2 ? "not " : "");
}

static void test_soft_dirty_on_write(void)
{
	char *area;

	require_soft_dirty();
	area = area_map_same(4, 2);
	engine_start();
	engine_settle();
	check_merged("four equal pages", area, 4);
	engine_pause();
	clear_soft_dirty();
	CHECK(!soft_dirty(area) && !soft_dirty(area + PAGE_SIZE), "soft-dirty after clear_refs");
	page_touch(area);
	CHECK(soft_dirty(area), "a write to a merged page did not set soft-dirty");
	CHECK(!soft_dirty(area + PAGE_SIZE), "a write set soft-dirty on another sharer");
	area_check_same(area, 4, 2);
}

static int uffd_open(char *area, size_t pages)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)area, .len = pages * PAGE_SIZE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd;

	test_needs("USERFAULTFD");
	fd = CHECK_SYS(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	if (ioctl(fd, UFFDIO_API, &api))
		test_skip("userfaultfd write-protection: %s", strerror(errno));
	CHECK_SYS(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static void uffd_protect(int fd, char *area, size_t pages, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)area, .len = pages * PAGE_SIZE },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	CHECK_SYS(ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
}

struct monitor {
	int fd;
	uintptr_t faults[16];
	unsigned int nr;
};

/* Notes every write fault and lets it through, until the descriptor is closed under it. */
static void *monitor_run(void *arg)
{
	struct monitor *m = arg;

	for (;;) {
		struct pollfd pfd = { .fd = m->fd, .events = POLLIN };
		struct uffd_msg msg;

		if (poll(&pfd, 1, 1000) < 0)
			return NULL;
		if (read(m->fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		CHECK(msg.event == UFFD_EVENT_PAGEFAULT, "userfaultfd event %#x", msg.event);
		CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP, "fault flags %#llx",
		      (unsigned long long)msg.arg.pagefault.flags);
		CHECK(m->nr < ARRAY_SIZE(m->faults), "more faults than writes");
		m->faults[m->nr] = msg.arg.pagefault.address & ~(PAGE_SIZE - 1);
		__atomic_store_n(&m->nr, m->nr + 1, __ATOMIC_RELEASE);
		uffd_protect(m->fd, (char *)(msg.arg.pagefault.address & ~(PAGE_SIZE - 1)), 1, false);
	}
}

static void monitor_start(struct monitor *m, int fd)
{
	pthread_t thread;

	memset(m, 0, sizeof(*m));
	m->fd = fd;
	CHECK(!pthread_create(&thread, NULL, monitor_run, m), "pthread_create: %m");
}

/* Writes one byte and requires that the monitor saw it, and nothing else. */
static void check_write_noticed(const char *where, struct monitor *m, char *page)
{
	unsigned int before = __atomic_load_n(&m->nr, __ATOMIC_ACQUIRE), now;

	*(volatile char *)page = *(volatile char *)page + 1;
	now = __atomic_load_n(&m->nr, __ATOMIC_ACQUIRE);
	CHECK(now == before + 1, "%s: a write to a protected page raised %u faults", where,
	      now - before);
	CHECK(m->faults[before] == (uintptr_t)page, "%s: fault at %#lx, write at %p", where,
	      (unsigned long)m->faults[before], page);
}

/*
 * Pages write-protected through userfaultfd before the engine sees them: merged or not, the
 * monitor must hear of the first write. Stock ksm may drop the bit.
 */
static void test_uffd_wp_kept(void)
{
	char *area = area_map_same(4, 3);
	int fd = uffd_open(area, 4);
	struct monitor m;
	size_t i;

	uffd_protect(fd, area, 2, true);
	CHECK(pagemap_entry(area) & PM_UFFD_WP, "pagemap does not show the write-protection");
	monitor_start(&m, fd);
	engine_start();
	engine_wait_full_scans(3);
	if (engine_is_stock() && !(pagemap_entry(area) & PM_UFFD_WP))
		test_skip("stock ksm loses userfaultfd write-protection when it merges");
	for (i = 0; i < 4; i++)
		CHECK(!!(pagemap_entry(area + i * PAGE_SIZE) & PM_UFFD_WP) == (i < 2),
		      "write-protection of page %zu has changed", i);
	engine_pause();
	area_check_same(area, 4, 3);
	check_write_noticed("after scanning", &m, area);
	check_write_noticed("after scanning", &m, area + PAGE_SIZE);
	area[0]--;
	area[PAGE_SIZE]--;
	area[3 * PAGE_SIZE]++;
	CHECK(m.nr == 2, "a write to an unprotected page raised a fault");
	area[3 * PAGE_SIZE]--;
	area_check_same(area, 4, 3);
}

/* Write-protecting pages that are merged already. */
static void test_uffd_wp_after_merge(void)
{
	char *area = area_map_same(4, 4);
	struct monitor m;
	int fd;

	engine_start();
	engine_settle();
	check_merged("at first", area, 4);
	fd = uffd_open(area, 4);
	uffd_protect(fd, area, 4, true);
	monitor_start(&m, fd);
	engine_wait_full_scans(3);
	CHECK(pagemap_entry(area + 2 * PAGE_SIZE) & PM_UFFD_WP, "write-protection was lost");
	engine_pause();
	check_write_noticed("merged page", &m, area + 2 * PAGE_SIZE);
	area[2 * PAGE_SIZE]--;
	area_check_same(area, 4, 4);
}

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* Returns the signal that a write raises, 0 if it goes through. */
static int write_signal(char *page)
{
	struct sigaction catch = { .sa_handler = on_fault }, old;
	int sig;

	sigaction(SIGSEGV, &catch, &old);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig)
		page_touch(page);
	sigaction(SIGSEGV, &old, NULL);
	return sig;
}

static void test_read_only_mapping(void)
{
	char *area = area_map_same(4, 5);

	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_READ));
	engine_start();
	engine_settle();
	check_merged("read-only and writable pages", area, 4);
	CHECK(write_signal(area) == SIGSEGV, "a write to a read-only merged page went through");
	CHECK(!write_signal(area + 2 * PAGE_SIZE), "a write to a writable merged page failed");
	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE));
	CHECK(!write_signal(area), "a write failed after mprotect");
	area_check_same(area, 4, 5);
}

static void test_executable_mapping(void)
{
	char *area = area_map_same(4, 6);
	int (*code)(void);
	size_t i;

	/* mov $42, %eax; ret */
	for (i = 0; i < 4; i++)
		memcpy(area + i * PAGE_SIZE, "\xb8\x2a\0\0\0\xc3", 6);
	CHECK_SYS(mprotect(area, 4 * PAGE_SIZE, PROT_READ | PROT_EXEC));
	engine_start();
	engine_settle();
	check_merged("code pages", area, 4);
	code = (int (*)(void))(uintptr_t)(area + 2 * PAGE_SIZE);
	CHECK(code() == 42, "merged code does not run");
	CHECK(write_signal(area) == SIGSEGV, "a write to merged code went through");
}

/* PROT_NONE hides the page; it may or may not merge, and must be whole when it is shown again. */
static void test_prot_none(void)
{
	char *area = area_map_same(4, 7);

	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_NONE));
	engine_start();
	engine_settle();
	CHECK(write_signal(area) == SIGSEGV, "a write to PROT_NONE went through");
	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE));
	area_check_same(area, 4, 7);
	engine_settle();
	check_merged("shown again", area, 4);
	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_NONE));
	engine_wait_full_scans(2);
	CHECK(write_signal(area) == SIGSEGV, "a write to a merged PROT_NONE page went through");
	CHECK_SYS(mprotect(area, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE));
	page_fill(area, 8);
	CHECK_PAGE(area, 8);
	area_check_same(area + PAGE_SIZE, 3, 7);
}

static const struct test tests[] = {
	{ "soft-dirty-kept", test_soft_dirty_kept },
	{ "soft-dirty-on-write", test_soft_dirty_on_write },
	{ "uffd-wp-kept", test_uffd_wp_kept },
	{ "uffd-wp-after-merge", test_uffd_wp_after_merge },
	{ "read-only-mapping", test_read_only_mapping },
	{ "executable-mapping", test_executable_mapping },
	{ "prot-none", test_prot_none },
};

int main(int argc, char **argv)
{
	return harness_main("pte_bits", tests, ARRAY_SIZE(tests), argc, argv);
}
