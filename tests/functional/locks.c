// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space whose mmap_lock cannot be had for as long as a user-space daemon likes: nobody
 * else waits for it. Loads the module itself, as it is unloaded meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "memory_block.h"
#include "module.h"

#define MOUNT_POINT "/fuse-of-uksm"
#define FILE_NAME MOUNT_POINT "/file"
#define FILE_NODE 2

/* What somebody waits for whom nothing is in the way but the engine. */
#define WRITE_SECS 0.1
#define SCANS_SECS 5
#define TRIES 5

/* Of a write of 2 to run: after so long it has tried often enough; and it gives up. */
#define TRIED_SECS 3
#define GIVES_UP_SECS 40

#define HELD_PAGES 64
#define HELD_SEED 5
#define OTHER_SEED 6

/* Each of some page tables has two pages that are merged. */
#define BUSY_TABLES 48
#define BUSY_PAGES 16384
#define BUSY_THREADS 3
/* In the line it takes three seconds, by tries fifteen. */
#define BUSY_SECS 60
/* Turns that the others may have for each page table that is unmerged. */
#define BUSY_TURNS 96

/* A file system with one file, whose pages are not there until the test says so. */

static void answer(int fd, const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = error,
		.unique = in->unique,
	};
	struct iovec parts[] = { { &out, sizeof(out) }, { (void *)data, len } };

	/* The kernel may have given up on it. */
	if (writev(fd, parts, len ? 2 : 1) < 0 && errno != ENOENT)
		test_fail("a reply to opcode %u: %m", in->opcode);
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == FILE_NODE ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1,
		.size = node == FILE_NODE ? PAGE_SIZE : 0,
	};
}

static void answer_lookup(int fd, const struct fuse_in_header *in)
{
	struct fuse_entry_out entry = {
		.nodeid = FILE_NODE,
		.entry_valid = 3600,
		.attr_valid = 3600,
		.attr = attr_of(FILE_NODE),
	};

	answer(fd, in, 0, &entry, sizeof(entry));
}

static void answer_getattr(int fd, const struct fuse_in_header *in)
{
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = attr_of(in->nodeid) };

	answer(fd, in, 0, &attr, sizeof(attr));
}

/* Who opens for reading and writing gets it without the page cache. */
static void answer_open(int fd, const struct fuse_in_header *in, const struct fuse_open_in *open)
{
	struct fuse_open_out out = {
		.open_flags = (open->flags & O_ACCMODE) == O_RDWR ? FOPEN_DIRECT_IO :
								    FOPEN_KEEP_CACHE,
	};

	answer(fd, in, 0, &out, sizeof(out));
}

static void answer_init(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = PAGE_SIZE,
		.max_write = PAGE_SIZE,
	};

	answer(fd, in, 0, &out, sizeof(out));
}

/* One request; true if it asks for what the file holds, which is not answered yet. */
static bool serve(int fd, char *buffer, size_t size)
{
	const struct fuse_in_header *in = (void *)buffer;

	/* Between the poll and here it may have been unmounted, or who asked may have been killed. */
	if (read(fd, buffer, size) < 0) {
		if (errno == ECONNABORTED || errno == ENODEV)
			_exit(0);
		CHECK(errno == ENOENT || errno == EINTR, "reading a request: %m");
		return false;
	}
	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(fd, in);
		break;
	case FUSE_LOOKUP:
		answer_lookup(fd, in);
		break;
	case FUSE_GETATTR:
		answer_getattr(fd, in);
		break;
	case FUSE_OPEN:
		answer_open(fd, in, (void *)(in + 1));
		break;
	case FUSE_READ:
		return true;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(fd, in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fd, in, -ENOSYS, NULL, 0);
		break;
	}
	return false;
}

/* Tells when the page is asked for, and gives it when told to; later at once. */
static void fuse_daemon(struct helper *self, void *arg)
{
	static char buffer[FUSE_MIN_READ_BUFFER * 2], page[PAGE_SIZE];
	struct fuse_in_header asked = { 0 };
	int fd = *(int *)arg;
	struct pollfd polled[] = { { .fd = fd, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	bool told = false;
	char c = 1;

	for (;;) {
		CHECK_SYS(poll(polled, ARRAY_SIZE(polled), -1));
		if (polled[1].revents) {
			CHECK(read(self->fd, &c, 1) == 1, "the test is gone");
			answer(fd, &asked, 0, page, sizeof(page));
			polled[1].fd = -1;
			told = true;
		} else if (polled[0].revents & POLLIN && serve(fd, buffer, sizeof(buffer))) {
			if (told) {
				/* The page had gone before its reader came. */
				answer(fd, (void *)buffer, 0, page, sizeof(page));
				continue;
			}
			memcpy(&asked, buffer, sizeof(asked));
			polled[1].fd = self->fd;
			CHECK(write(self->fd, &c, 1) == 1, "the test is gone");
		} else if (polled[0].revents & (POLLERR | POLLHUP)) {
			_exit(0);
		}
	}
}

static void fuse_start(struct helper *server)
{
	char options[64];
	int fd;

	test_needs("FUSE_FS");
	fd = CHECK_SYS(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	umount2(MOUNT_POINT, MNT_DETACH);
	mkdir(MOUNT_POINT, 0700);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("uksm", MOUNT_POINT, "fuse", MS_NOSUID | MS_NODEV, options))
		test_skip("FUSE cannot be mounted: %s", strerror(errno));
	helper_start(server, fuse_daemon, &fd);
	close(fd);
}

static void fuse_stop(struct helper *server)
{
	umount2(MOUNT_POINT, MNT_DETACH);
	helper_kill(server);
}

static void reader(struct helper *self, void *unused)
{
	int fd = CHECK_SYS(open(FILE_NAME, O_RDONLY));
	char c;

	(void)unused;
	CHECK(read(fd, &c, 1) == 1, "read: %m");
}

/*
 * struct shared - what the holder is told
 * @unmerged: its memory is to be unmerged when it has its lock back
 */
struct shared {
	volatile bool unmerged;
};

/*
 * mmap() of a file opened for direct I/O holds the mmap_lock for writing while it waits for the
 * pages that the page cache has of it; one is locked until the daemon has answered. A page fault
 * would not do: it drops the lock while it waits.
 */
static void holder(struct helper *self, void *arg)
{
	int fd = CHECK_SYS(open(FILE_NAME, O_RDWR));
	char *area = area_map_same(HELD_PAGES, HELD_SEED), *map;
	const struct shared *shared = arg;
	size_t i;

	helper_step(self);
	map = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED, "mmap: %m");
	helper_step(self);
	area_check_same(area, HELD_PAGES, HELD_SEED);
	if (shared->unmerged)
		check_unmerged("where the lock is held", area, HELD_PAGES);
	for (i = 0; i < HELD_PAGES; i++)
		page_fill(area + i * PAGE_SIZE, i);
	for (i = 0; i < HELD_PAGES; i++)
		CHECK_PAGE(area + i * PAGE_SIZE, i);
}

static char state_of(pid_t pid)
{
	char path[64], line[512], *end = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		end = strrchr(line, ')');
	fclose(file);
	return end && end[1] ? end[2] : 0;
}

/* All who take part in it. */
struct scene {
	struct helper server;
	struct helper reader;
	struct helper holder;
	struct shared *shared;
};

/* Merged memory in a process, then its mmap_lock is away until scene_free(). */
static void scene_lock(struct scene *scene)
{
	struct limit limit;

	if (engine_is_stock())
		test_skip("stock waits for the lock");
	if (!module_loaded())
		module_load();
	fuse_start(&scene->server);
	scene->shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			     0);
	CHECK(scene->shared != MAP_FAILED, "mmap: %m");
	helper_start(&scene->holder, holder, scene->shared);
	helper_wait(&scene->holder);
	/* So that there are full scans without the holder. */
	area_map_distinct(HELD_PAGES, 1000);
	engine_start();
	engine_settle();
	CHECK(engine_get("pages_sharing") >= HELD_PAGES - 1, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	helper_start(&scene->reader, reader, NULL);
	helper_wait(&scene->server);
	helper_go(&scene->holder);
	limit = limit_begin(5 * harness_slower());
	while (state_of(scene->holder.pid) != 'D') {
		if (limit_passed(&limit))
			test_skip("mmap() of a FUSE file does not wait here");
		usleep(10000);
	}
}

static void scene_free(struct scene *scene)
{
	helper_go(&scene->server);
	helper_wait(&scene->holder);
}

/* Ends the holder, once it has found that its memory is what it was, and can be written. */
static void scene_end(struct scene *scene)
{
	helper_finish(&scene->holder);
	child_finish(scene->reader.pid);
	fuse_stop(&scene->server);
}

static void check_held(const struct scene *scene)
{
	CHECK(state_of(scene->holder.pid) == 'D', "the holder has its lock back");
}

static void wait_scans(long nr)
{
	struct limit limit = limit_begin(SCANS_SECS * harness_slower());
	long scans = engine_get("full_scans");

	while (engine_get("full_scans") < scans + nr) {
		CHECK(!limit_passed(&limit), "%ld full scans of %ld in %d s",
		      engine_get("full_scans") - scans, nr, SCANS_SECS);
		usleep(10000);
	}
}

/* Of a hundred looks, how often is the scanner in an uninterruptible wait? */
static void check_scanner_free(void)
{
	pid_t pid = engine_get("kthread_pid");
	int i, waits = 0;

	for (i = 0; i < 100; i++) {
		waits += state_of(pid) == 'D';
		usleep(5000);
	}
	test_note("uksmd in state D: %d of 100", waits);
	CHECK(waits < 20, "uksmd is in state D %d times of 100", waits);
}

/* Writing one and the other value takes no longer than without the holder. */
static void check_write(const char *knob, long one, long other, int expected)
{
	double best = 0;
	int i;

	for (i = 0; i < TRIES; i++) {
		double secs = now_secs();
		int err = engine_try_set(knob, i % 2 ? other : one);

		CHECK(err == expected, "%s: %s", knob, err ? strerror(-err) : "accepted");
		secs = now_secs() - secs;
		best = !i || secs < best ? secs : best;
	}
	test_note("%s: %.1f ms at best", knob, best * 1000);
	CHECK(best < WRITE_SECS * harness_slower(), "a write to %s took %.1f ms at best", knob,
	      best * 1000);
}

struct pair_page {
	char *page;
	uint64_t seed;
};

static void newcomer(struct helper *self, void *arg)
{
	struct pair_page *p = arg;

	page_fill(p->page, p->seed);
	area_mergeable(p->page, 1);
	helper_step(self);
	CHECK_PAGE(p->page, p->seed);
}

static void check_pair_merges(uint64_t seed)
{
	struct pair_page p = { .page = area_map(1), .seed = seed };
	struct limit limit = limit_begin(SCANS_SECS * harness_slower());
	struct helper pair[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pair); i++) {
		helper_start(&pair[i], newcomer, &p);
		helper_wait(&pair[i]);
	}
	while (pfn_of_other(pair[0].pid, p.page) != pfn_of_other(pair[1].pid, p.page)) {
		CHECK(!limit_passed(&limit), "two other processes do not merge");
		usleep(10000);
	}
	for (i = 0; i < ARRAY_SIZE(pair); i++)
		helper_finish(&pair[i]);
}

/* Wait for a child that is not to take long; its status. */
static int reap_soon(pid_t pid, const char *what)
{
	struct limit limit = limit_begin(SCANS_SECS * harness_slower());
	int status;

	while (!CHECK_SYS(waitpid(pid, &status, WNOHANG))) {
		CHECK(!limit_passed(&limit), "%s is not done in %d s", what, SCANS_SECS);
		usleep(10000);
	}
	return status;
}

/* Who asks for the holder's memory waits for him; nobody else does, and the pace is the usual one. */
static void test_fuse_merge_now(void)
{
	struct scene scene;
	double percent;
	char who[32];
	long scanned;
	pid_t asker;
	int status;

	scene_lock(&scene);
	snprintf(who, sizeof(who), "%d", scene.holder.pid);
	asker = CHECK_SYS(fork());
	if (!asker)
		_exit(-knob_write(engine_dir(), "domains/merge_now", who, strlen(who)));
	usleep(200000);
	wait_scans(2);
	check_pair_merges(78);
	engine_set("pages_to_scan", 10);
	engine_set("sleep_millisecs", 50);
	sleep(1);
	percent = engine_cpu_percent(2);
	test_note("uksmd uses %.1f %% of a CPU", percent);
	CHECK(percent < 25, "uksmd uses %.1f %% of a CPU at a pace of 10 pages each 50 ms", percent);
	check_held(&scene);
	CHECK(!CHECK_SYS(waitpid(asker, &status, WNOHANG)), "there is an answer: %#x", status);
	/* Nor is it forgotten where the scanner sleeps for long, or has nothing to do. */
	engine_set("sleep_millisecs", 600000);
	sleep(1);
	scanned = engine_get("pages_scanned");
	sleep(2);
	scanned = engine_get("pages_scanned") - scanned;
	CHECK(scanned <= 20, "%ld pages are scanned in 2 s, and 10 are to be in 10 minutes", scanned);
	engine_set("max_available_percentage", 1);
	sleep(1);
	scene_free(&scene);
	status = reap_soon(asker, "merge_now");
	CHECK(WIFEXITED(status), "status %#x", status);
	CHECK(!WEXITSTATUS(status), "not merged: %s", strerror(WEXITSTATUS(status)));
	engine_set("max_available_percentage", 100);
	engine_set("sleep_millisecs", 1);
	scene_end(&scene);
}

static void test_fuse_lock(void)
{
	struct scene scene;

	scene_lock(&scene);
	wait_scans(3);
	check_pair_merges(77);
	check_scanner_free();
	check_write("run", 1, 0, 0);
	check_write("pages_to_scan", 5000, 10000, 0);
	check_write("max_page_sharing", 100, 101, -EBUSY);
	check_write("checksum_lines", 8, 16, -EBUSY);
	wait_scans(3);
	check_held(&scene);
	scene_free(&scene);
	engine_wait_full_scans(2);
	scene_end(&scene);
}

/* Reading all there is. */
static void check_reads(void)
{
	DIR *dir = opendir(engine_dir());
	struct dirent *entry;
	char text[KNOB_TEXT_MAX];

	CHECK(dir, "%s: %m", engine_dir());
	while ((entry = readdir(dir))) {
		double secs = now_secs();

		if (entry->d_type != DT_REG)
			continue;
		knob_read(engine_dir(), entry->d_name, text);
		secs = now_secs() - secs;
		CHECK(secs < 1 * harness_slower(), "reading %s took %.1f s", entry->d_name, secs);
	}
	closedir(dir);
}

static void note_signal(int unused)
{
	(void)unused;
}

/* Unmerge everything in a process of its own, which exits with the errno, and survives SIGUSR1. */
static pid_t unmerge_start(void)
{
	struct sigaction action = { .sa_handler = note_signal };
	pid_t pid = CHECK_SYS(fork());

	if (!pid) {
		CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
		_exit(-engine_try_set("run", 2));
	}
	return pid;
}

/* One for whom a lock is in the way, who has tried so often that it tries no more, but waits. */
static pid_t unmerge_waiting(void)
{
	pid_t pid = unmerge_start();

	sleep(TRIED_SECS * harness_slower());
	CHECK(!waitpid(pid, NULL, WNOHANG), "run=2 does not wait for the lock");
	return pid;
}

static void unmerge_kill(pid_t writer)
{
	CHECK_SYS(kill(writer, SIGKILL));
	reap_soon(writer, "who writes 2 to run and is killed");
}

/* With the lock to be had, nothing stays merged. */
static void check_unmerges(void)
{
	engine_unmerge();
	engine_check_counters("unmerged", 0, 0, 0, 0);
}

/* Who unmerges everything has to wait for the lock; nobody else does, and a signal ends it. */
static void test_fuse_unmerge(void)
{
	struct scene scene;
	pid_t writer;

	scene_lock(&scene);
	writer = unmerge_waiting();
	check_write("pages_to_scan", 5000, 10000, 0);
	check_reads();
	CHECK(!waitpid(writer, NULL, WNOHANG), "run=2 does not wait for the lock");
	unmerge_kill(writer);
	engine_set("run", 1);
	wait_scans(3);
	check_held(&scene);
	scene_free(&scene);
	check_unmerges();
	scene_end(&scene);
}

/* Memory goes offline meanwhile. */
static void test_fuse_unmerge_offline(void)
{
	char block[128];
	struct scene scene;
	pid_t writer, offliner;
	int status;

	/* Not the block where the page is that the daemon has locked: that cannot go. */
	memory_block_find(block, sizeof(block));
	CHECK(memory_block_offline(block), "%s does not go offline", block);
	scene_lock(&scene);
	memory_block_online(block);
	writer = unmerge_waiting();
	offliner = CHECK_SYS(fork());
	if (!offliner)
		_exit(memory_block_round(block) ? 0 : 1);
	status = reap_soon(offliner, "memory that goes offline");
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "memory does not go offline");
	check_held(&scene);
	unmerge_kill(writer);
	scene_free(&scene);
	check_unmerges();
	scene_end(&scene);
}

/* Any signal will do; as much as is merged still is, which the writer is told. */
static void test_fuse_unmerge_interrupted(void)
{
	struct scene scene;
	pid_t writer;
	int status;

	scene_lock(&scene);
	writer = unmerge_waiting();
	CHECK_SYS(kill(writer, SIGUSR1));
	status = reap_soon(writer, "who writes 2 to run and is interrupted");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EINTR, "run=2 ended with %#x", status);
	CHECK(!engine_get("run"), "run is %ld", engine_get("run"));
	check_held(&scene);
	scene_free(&scene);
	check_unmerges();
	scene_end(&scene);
}

/* Some time it says that it cannot; all the others have been unmerged, and so the knobs are free. */
static void test_fuse_unmerge_gives_up(void)
{
	struct scene scene;
	struct limit limit;
	pid_t writer;
	char *other;
	int status;

	scene_lock(&scene);
	other = area_map_same(HELD_PAGES, OTHER_SEED);
	engine_settle();
	writer = unmerge_start();
	limit = limit_begin(GIVES_UP_SECS * harness_slower());
	while (!CHECK_SYS(waitpid(writer, &status, WNOHANG))) {
		CHECK(!limit_passed(&limit), "run=2 goes on after %d s", GIVES_UP_SECS);
		usleep(10000);
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EBUSY, "run=2 ended with %#x", status);
	CHECK(!engine_get("run"), "run is %ld", engine_get("run"));
	check_unmerged("where no lock is held", other, HELD_PAGES);
	CHECK(engine_get("pages_sharing") == HELD_PAGES - 1, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	check_write("max_page_sharing", 100, 101, -EBUSY);
	check_held(&scene);
	scene_free(&scene);
	check_unmerges();
	scene_end(&scene);
}

static pid_t unload_start(void)
{
	pid_t pid = CHECK_SYS(fork());

	if (!pid)
		_exit(module_try_unload() ? 1 : 0);
	usleep(500000 * harness_slower());
	return pid;
}

/* The module can be unloaded nevertheless; memory that stays merged is as good as before. */
static void test_fuse_unload_killed(void)
{
	struct scene scene;
	pid_t unloader;

	scene_lock(&scene);
	unloader = unload_start();
	CHECK(!waitpid(unloader, NULL, WNOHANG), "unloading does not wait for the lock");
	CHECK_SYS(kill(unloader, SIGKILL));
	reap_soon(unloader, "who unloads the module and is killed");
	CHECK(!module_loaded() && !engine_has("run"), "the module is still there");
	check_held(&scene);
	scene_free(&scene);
	scene_end(&scene);
	module_load();
}

/* Who unmerges is in the way of nobody who unloads. */
static void test_fuse_unmerge_unload(void)
{
	struct scene scene;
	pid_t writer, unloader;
	int status;

	scene_lock(&scene);
	writer = unmerge_waiting();
	unloader = unload_start();
	status = reap_soon(writer, "who writes 2 to run while the module is unloaded");
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status), "run=2 says that nothing is merged");
	CHECK_SYS(kill(unloader, SIGKILL));
	reap_soon(unloader, "who unloads the module and is killed");
	CHECK(!module_loaded() && !engine_has("run"), "the module is still there");
	check_held(&scene);
	scene_free(&scene);
	scene_end(&scene);
	module_load();
}

/* Some time it goes on without. */
static void test_fuse_unload_gives_up(void)
{
	struct scene scene;
	struct limit limit;
	pid_t unloader;
	int status;

	scene_lock(&scene);
	unloader = unload_start();
	limit = limit_begin(GIVES_UP_SECS * harness_slower());
	while (!CHECK_SYS(waitpid(unloader, &status, WNOHANG))) {
		CHECK(!limit_passed(&limit), "the unload goes on after %d s", GIVES_UP_SECS);
		usleep(10000);
	}
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the unload ended with %#x", status);
	CHECK(!module_loaded() && !engine_has("run"), "the module is still there");
	check_held(&scene);
	scene_free(&scene);
	scene_end(&scene);
	module_load();
}

/* Or goes on when the lock can be had; then nothing stays merged. */
static void test_fuse_unload(void)
{
	struct scene scene;
	pid_t unloader;
	int status;

	scene_lock(&scene);
	scene.shared->unmerged = true;
	unloader = unload_start();
	CHECK(!waitpid(unloader, NULL, WNOHANG), "unloading does not wait for the lock");
	helper_go(&scene.server);
	status = reap_soon(unloader, "the unload");
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the unload ended with %#x", status);
	CHECK(!module_loaded() && !engine_has("run"), "the module is still there");
	helper_wait(&scene.holder);
	scene_end(&scene);
	module_load();
}

/*
 * A lock that is never free, as somebody always has it for writing and others wait: who tries for
 * it only never gets it, who waits in the line does. How long that takes depends on the machine,
 * but not how often the others have the lock meanwhile.
 */
struct busy {
	char *other;
	unsigned long *turns;
};

static void *busy_thread(void *arg)
{
	const struct busy *busy = arg;

	for (;;) {
		CHECK_SYS(mprotect(busy->other, BUSY_PAGES * PAGE_SIZE, PROT_READ));
		CHECK_SYS(mprotect(busy->other, BUSY_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE));
		__atomic_fetch_add(busy->turns, 2, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Under a debug kernel's checkers each change of protection, for which a step waits, takes long. */
static size_t busy_tables(void)
{
	return BUSY_TABLES / harness_slower();
}

static char *busy_pair(char *area, size_t i)
{
	return area + i * HPAGE_SIZE;
}

static void busy_main(struct helper *self, void *turns)
{
	size_t tables = busy_tables(), pages = tables * HPAGE_SIZE / PAGE_SIZE;
	struct busy busy = { .other = area_map(BUSY_PAGES), .turns = turns };
	char *area = area_map(pages);
	pthread_t thread;
	size_t i;

	area_mergeable(area, pages);
	for (i = 0; i < tables; i++) {
		page_fill(busy_pair(area, i), HELD_SEED);
		page_fill(busy_pair(area, i) + PAGE_SIZE, HELD_SEED);
	}
	for (i = 0; i < BUSY_PAGES; i++)
		busy.other[i * PAGE_SIZE] = 1;
	helper_step(self);
	for (i = 0; i < BUSY_THREADS; i++)
		CHECK(!pthread_create(&thread, NULL, busy_thread, &busy), "pthread_create");
	helper_step(self);
	CHECK(pages_distinct(area, pages) == 2 * tables, "%zu frames",
	      pages_distinct(area, pages));
	for (i = 0; i < tables; i++)
		area_check_same(busy_pair(area, i), 2, HELD_SEED);
}

static void test_busy_lock_unmerge(void)
{
	unsigned long *turns = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct helper busy;
	struct limit limit;
	unsigned long had;
	double began;
	pid_t writer;
	int status;

	CHECK(turns != MAP_FAILED, "mmap");

	if (engine_is_stock())
		test_skip("stock waits for the lock");
	if (!module_loaded())
		module_load();
	helper_start(&busy, busy_main, turns);
	helper_wait(&busy);
	engine_start();
	engine_settle();
	CHECK(engine_get("pages_sharing") == 2 * (long)busy_tables() - 1, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	helper_go(&busy);
	helper_wait(&busy);
	began = now_secs();
	had = __atomic_load_n(turns, __ATOMIC_RELAXED);
	limit = limit_begin(BUSY_SECS * harness_slower());
	writer = unmerge_start();
	while (!CHECK_SYS(waitpid(writer, &status, WNOHANG))) {
		CHECK(!limit_passed(&limit), "run=2 goes on after %d s", BUSY_SECS);
		usleep(10000);
	}
	had = __atomic_load_n(turns, __ATOMIC_RELAXED) - had;
	test_note("run=2 took %.1f s, and %lu turns of the lock", now_secs() - began, had);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "run=2 ended with %#x", status);
	CHECK(had < BUSY_TURNS * busy_tables(), "others had the lock %lu times meanwhile", had);
	helper_finish(&busy);
}

static const struct test tests[] = {
	{ "fuse-lock", test_fuse_lock },
	{ "fuse-merge-now", test_fuse_merge_now },
	{ "fuse-unmerge", test_fuse_unmerge },
	{ "fuse-unmerge-offline", test_fuse_unmerge_offline },
	{ "fuse-unmerge-interrupted", test_fuse_unmerge_interrupted },
	{ "fuse-unmerge-gives-up", test_fuse_unmerge_gives_up, .timeout_secs = 120 },
	{ "fuse-unmerge-unload", test_fuse_unmerge_unload },
	{ "fuse-unload-killed", test_fuse_unload_killed },
	{ "fuse-unload", test_fuse_unload },
	{ "fuse-unload-gives-up", test_fuse_unload_gives_up, .timeout_secs = 120 },
	{ "busy-lock-unmerge", test_busy_lock_unmerge },
};

int main(int argc, char **argv)
{
	return module_main("locks", tests, ARRAY_SIZE(tests), argc, argv);
}
