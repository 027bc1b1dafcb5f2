// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the engine reckons with is what there is: memory that an unload needs, of the machine and
 * of control groups; zero pages; records and address spaces of processes that have ended. Starts
 * and ends with the module unloaded.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"
#include "module.h"
#include "swap.h"
#include "uapi.h"

#define MIB_PAGES ((1UL << 20) / PAGE_SIZE)

/* Left to the machine when it is short of memory: too little for what is merged. */
#define LEFT_PAGES (64 * MIB_PAGES)

/* How soon a counter follows, and a refusal ends. */
#define FOLLOW_SECS 2

/* Every test begins with the module freshly loaded, whatever the one before left. */
static void begin(void)
{
	if (engine_is_stock())
		test_skip("stock ksm cannot be unloaded");
	if (module_loaded())
		module_unload();
	module_load();
}

static void oom_adjust(const char *score)
{
	int err = file_write("/proc/self/oom_score_adj", score);

	CHECK(!err, "oom_score_adj: %s", strerror(-err));
}

static long oom_kills(void)
{
	return sys_field("/proc/vmstat", "oom_kill");
}

static long meminfo_pages(const char *field)
{
	return sys_field("/proc/meminfo", field) / (long)(PAGE_SIZE >> 10);
}

static void check_alive(const char *who, const struct helper *h)
{
	CHECK(!waitpid(h->pid, NULL, WNOHANG), "%s is dead", who);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* A process with so many pages: of one content, zeroes with seed 0; or distinct. */
struct holding {
	struct helper helper;
	size_t pages;
	uint64_t seed;
	bool distinct;
	bool unmerged;
};

static void hold(struct helper *self, void *arg)
{
	const struct holding *h = arg;
	char *area;

	oom_adjust("0");
	area = h->distinct ? area_map_distinct(h->pages, h->seed) : area_map_same(h->pages, h->seed);
	helper_step(self);
	if (h->distinct)
		area_check_distinct(area, h->pages, h->seed);
	else
		area_check_same(area, h->pages, h->seed);
	if (h->unmerged)
		check_unmerged("in a process that had merged pages", area, h->pages);
}

static void hold_start(struct holding *h)
{
	helper_start(&h->helper, hold, h);
	helper_wait(&h->helper);
}

/* Takes memory until little is left to all others. */
static void eat(struct helper *self, void *unused)
{
	long more;

	(void)unused;
	oom_adjust("0");
	while ((more = meminfo_pages("MemAvailable:") - (long)LEFT_PAGES) > 0) {
		size_t pages = more > 512 ? more / 2 : more;
		char *area = area_map(pages);

		CHECK_SYS(madvise(area, pages * PAGE_SIZE, MADV_POPULATE_WRITE));
	}
	helper_step(self);
}

static void eat_start(struct helper *eater)
{
	helper_start(eater, eat, NULL);
	helper_wait(eater);
}

/* Stop with too little memory to unmerge what @h has: unloading has to be refused. */
static void refuse(struct holding *h, struct helper *eater)
{
	long kills = oom_kills();
	int err;

	eat_start(eater);
	engine_pause();
	err = module_try_unload();
	CHECK(oom_kills() == kills, "unloading: %s, and killed %ld processes",
	      err ? strerror(-err) : "accepted", oom_kills() - kills);
	CHECK(err == -EWOULDBLOCK, "unloading: %s", err ? strerror(-err) : "accepted");
	check_alive("the process with merged pages", &h->helper);
	check_alive("the process with the rest", eater);
}

/* It may be refused a moment longer, while the engine learns of it. */
static void check_unloads(const char *where)
{
	struct limit limit = limit_begin(FOLLOW_SECS * harness_slower());
	int err;

	engine_set("run", 0);
	while ((err = module_try_unload())) {
		CHECK(!limit_passed(&limit), "%s: unloading: %s", where, strerror(-err));
		usleep(50000);
	}
}

/* What maps the zero page gets memory as well when it is unmerged. */
static void test_zeroes_refused(void)
{
	struct holding zeroes = { .pages = meminfo_pages("MemTotal:") * 45 / 100 };
	struct helper eater;
	long kills = oom_kills();

	begin();
	if (access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK))
		test_skip("this kernel's zero pages stay where they are");
	engine_set("use_zero_pages", 1);
	hold_start(&zeroes);
	engine_start();
	engine_settle();
	CHECK(engine_get("ksm_zero_pages") == (long)zeroes.pages,
	      "ksm_zero_pages is %ld, expected %zu", engine_get("ksm_zero_pages"), zeroes.pages);
	refuse(&zeroes, &eater);
	helper_kill(&eater);
	check_unloads("zero pages, and memory is back");
	CHECK(oom_kills() == kills, "%ld processes were killed", oom_kills() - kills);
	helper_finish(&zeroes.helper);
}

static void refuse_merged(struct holding *h, struct helper *eater)
{
	begin();
	h->pages = 128 * MIB_PAGES;
	hold_start(h);
	engine_start();
	engine_wait_full_scans(3);
	refuse(h, eater);
}

static void test_memory_given_back(void)
{
	struct holding merged = { .seed = 1, .unmerged = true };
	struct helper eater;

	refuse_merged(&merged, &eater);
	helper_kill(&eater);
	check_unloads("memory is back");
	helper_finish(&merged.helper);
}

static void test_merged_exited(void)
{
	struct holding merged = { .seed = 2 };
	struct helper eater;

	refuse_merged(&merged, &eater);
	helper_kill(&merged.helper);
	check_unloads("nothing is merged");
	helper_kill(&eater);
}

#define GROUP_PAGES (16 * MIB_PAGES)
#define FULL "accounts-full"
#define ROOMY "accounts-roomy"
#define GROUP_UNLOAD_SECS 90

struct member {
	const char *group;
	const char *oom_score;
	uint64_t seed;
	char *area;
	struct helper helper;
};

static void member_run(struct helper *self, void *arg)
{
	const struct member *m = arg;
	size_t i;

	oom_adjust(m->oom_score);
	cgroup_join(m->group);
	for (i = 0; i < GROUP_PAGES; i++)
		page_fill(m->area + i * PAGE_SIZE, m->seed);
	area_mergeable(m->area, GROUP_PAGES);
	helper_step(self);
	area_check_same(m->area, GROUP_PAGES, m->seed);
}

static void member_start(struct member *m)
{
	cgroup_make(m->group);
	if (access("/proc/swaps", F_OK) == 0)
		cgroup_set(m->group, "memory.swap.max", "0");
	/* Known to the parent, which has not touched it. */
	m->area = area_map(GROUP_PAGES);
	helper_start(&m->helper, member_run, m);
	helper_wait(&m->helper);
}

/* Its pages are merged, so it has much less than it needs without: it gets no more. */
static void member_limit(const struct member *m)
{
	struct limit limit = limit_begin(20 * harness_slower());
	char text[32];
	long now;

	while ((now = cgroup_get(m->group, "memory.current")) > (long)(GROUP_PAGES * PAGE_SIZE / 4)) {
		CHECK(!limit_passed(&limit), "%s still uses %ld bytes", m->group, now);
		usleep(10000);
	}
	snprintf(text, sizeof(text), "%ld", now + (1L << 20));
	cgroup_set(m->group, "memory.max", text);
}

/* Number of frames behind the area of another process. */
static size_t member_frames(const struct member *m)
{
	static uint64_t pfns[GROUP_PAGES];
	size_t nr = 0, i, j;

	for (i = 0; i < GROUP_PAGES; i++) {
		uint64_t pfn = pfn_of_other(m->helper.pid, m->area + i * PAGE_SIZE);

		for (j = 0; j < nr && pfns[j] != pfn; j++)
			;
		if (j == nr)
			pfns[nr++] = pfn;
	}
	return nr;
}

/* The limit goes whatever has come of it, so that the machine can be ended. */
static void member_check(const char *where, struct member *m)
{
	long kills = cgroup_oom_kills(m->group);
	size_t frames;

	CHECK(!kills, "%s: %ld killed in %s", where, kills, m->group);
	check_alive(m->group, &m->helper);
	frames = member_frames(m);
	test_note("%s: %s has %zu frames for %lu pages", where, m->group, frames, GROUP_PAGES);
	cgroup_set(m->group, "memory.max", "max");
	helper_finish(&m->helper);
}

static void unload_full(const char *oom_score)
{
	struct member m = { FULL, oom_score, 3 };
	struct limit limit;
	struct timespec start;
	bool late = false;
	int status, err;
	pid_t pid;

	begin();
	member_start(&m);
	engine_start();
	engine_wait_full_scans(3);
	member_limit(&m);
	clock_gettime(CLOCK_MONOTONIC, &start);
	limit = limit_begin(GROUP_UNLOAD_SECS * harness_slower());
	pid = CHECK_SYS(fork());
	if (!pid)
		_exit(-module_try_unload());
	while (!waitpid(pid, &status, WNOHANG)) {
		if (!late && limit_passed(&limit)) {
			late = true;
			cgroup_set(FULL, "memory.max", "max");
		}
		usleep(20000);
	}
	CHECK(!late, "unloading did not end within %u s", GROUP_UNLOAD_SECS * harness_slower());
	CHECK(WIFEXITED(status), "unloading ended with status %#x", status);
	err = WEXITSTATUS(status);
	CHECK(!err || err == EWOULDBLOCK, "unloading: %s", strerror(err));
	test_note("unloading: %s after %ld ms", err ? strerror(err) : "done", elapsed_ms(&start));
	member_check("unloading", &m);
}

static void test_full_group_immortal(void)
{
	unload_full("-1000");
}

static void test_full_group_mortal(void)
{
	unload_full("0");
}

static void test_two_groups(void)
{
	struct member full = { FULL, "0", 4 }, roomy = { ROOMY, "0", 5 };
	size_t frames;
	int err;

	begin();
	member_start(&full);
	member_start(&roomy);
	engine_start();
	engine_wait_full_scans(3);
	member_limit(&full);
	err = engine_try_set("run", 2);
	CHECK(!cgroup_oom_kills(FULL), "run=2: %s, and %ld killed", err ? strerror(-err) : "accepted",
	      cgroup_oom_kills(FULL));
	CHECK(err == -ENOMEM, "run=2: %s", err ? strerror(-err) : "accepted");
	CHECK(engine_get("run") == 0, "run is %ld", engine_get("run"));
	frames = member_frames(&roomy);
	CHECK(frames == GROUP_PAGES, "%s has %zu frames for %lu pages", ROOMY, frames, GROUP_PAGES);
	frames = member_frames(&full);
	CHECK(frames < GROUP_PAGES / 2, "%s has %zu frames for %lu pages", FULL, frames, GROUP_PAGES);
	member_check("run=2", &full);
	member_check("run=2", &roomy);
}

#define PAIR_PAGES 1000UL

/* At least so much is known of a page. */
#define RECORD_BYTES 24

/*
 * What is merged in two processes of which one will be killed. Wherever the scanner is in those
 * before and behind them, it does not come by soon.
 */
struct pair {
	struct holding front, dead, alive, back;
	long metadata;
};

static void pair_start(struct pair *p)
{
	*p = (struct pair){
		.front = { .pages = 64 * MIB_PAGES, .seed = 1000000, .distinct = true },
		.dead = { .pages = PAIR_PAGES, .seed = 5000, .distinct = true },
		.alive = { .pages = PAIR_PAGES, .seed = 5000, .distinct = true },
		.back = { .pages = 64 * MIB_PAGES, .seed = 2000000, .distinct = true },
	};
	begin();
	hold_start(&p->front);
	hold_start(&p->dead);
	hold_start(&p->alive);
	hold_start(&p->back);
	engine_start();
	engine_wait_full_scans(3);
	CHECK(engine_get("pages_sharing") == (long)PAIR_PAGES, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
}

static void pair_kill(struct pair *p, const char *where)
{
	p->metadata = engine_get("metadata_bytes");
	helper_kill(&p->dead.helper);
	engine_wait_at_most(where, "pages_sharing", 0, FOLLOW_SECS);
	engine_wait_at_most(where, "metadata_bytes", p->metadata - PAIR_PAGES * RECORD_BYTES,
			    FOLLOW_SECS);
	test_note("%s: metadata_bytes was %ld, is %ld", where, p->metadata,
		  engine_get("metadata_bytes"));
	helper_finish(&p->alive.helper);
	helper_finish(&p->front.helper);
	helper_finish(&p->back.helper);
}

static void test_dead_in_slow_scan(void)
{
	struct pair pair;

	pair_start(&pair);
	/* Some 16 seconds for each of the big ones. */
	engine_set("pages_to_scan", 1000);
	engine_set("sleep_millisecs", 1000);
	pair_kill(&pair, "killed, run is 1");
}

static void test_dead_while_stopped(void)
{
	struct pair pair;

	pair_start(&pair);
	engine_pause();
	pair_kill(&pair, "killed, run is 0");
}

/* Address spaces that the kernel has, those of dead processes included. */
static long mm_structs(void)
{
	FILE *file;
	char line[256];
	long active = -1, n;

	/* The objects of a CPU's own slabs all pass for used. */
	file_write("/sys/kernel/slab/mm_struct/shrink", "1");
	file = fopen("/proc/slabinfo", "r");
	if (!file)
		test_skip("no /proc/slabinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "mm_struct %ld", &n) == 1)
			active = n;
	fclose(file);
	if (active < 0)
		test_skip("mm_struct has no slab cache of its own");
	return active;
}

#define BURST 200
#define BURST_SPARE 20

static void test_burst(void)
{
	static struct holding burst[BURST];
	struct limit limit;
	long before, now;
	size_t i;

	begin();
	before = mm_structs();
	for (i = 0; i < BURST; i++) {
		burst[i] = (struct holding){ .pages = 2, .seed = 60000 + i };
		hold_start(&burst[i]);
	}
	engine_start();
	engine_settle();
	engine_pause();
	CHECK(engine_get("pages_sharing") >= BURST, "pages_sharing is %ld",
	      engine_get("pages_sharing"));
	for (i = 0; i < BURST; i++)
		helper_kill(&burst[i].helper);
	engine_unmerge();
	limit = limit_begin(FOLLOW_SECS * harness_slower());
	while ((now = mm_structs()) > before + BURST_SPARE) {
		CHECK(!limit_passed(&limit), "after run=2 %ld address spaces, %ld before", now, before);
		usleep(50000);
	}
	test_note("after run=2 %ld address spaces, %ld before", now, before);
}

#define ZEROES 1000

static void check_zeroes(const char *where, long expected)
{
	long now = engine_get("ksm_zero_pages");

	CHECK(now == expected, "%s: ksm_zero_pages is %ld, expected %ld", where, now, expected);
}

static void hold_zeroes(struct helper *self, void *unused)
{
	char *area = area_map_same(ZEROES, 0);
	pid_t pid;
	int i;

	(void)unused;
	helper_step(self);
	check_zeroes("merged", ZEROES);
	CHECK_SYS(madvise(area, ZEROES * PAGE_SIZE, MADV_DONTFORK));
	for (i = 0; i < 10; i++) {
		pid = CHECK_SYS(fork());
		if (!pid)
			_exit(0);
		child_finish(pid);
	}
	check_zeroes("ten children without them", ZEROES);
	CHECK_SYS(madvise(area, ZEROES * PAGE_SIZE, MADV_DOFORK));
	pid = CHECK_SYS(fork());
	if (!pid) {
		pause();
		_exit(0);
	}
	i = engine_get("ksm_zero_pages");
	CHECK(i >= ZEROES && i <= 2 * ZEROES, "with a living child: ksm_zero_pages is %d", i);
	test_note("with a living child: ksm_zero_pages is %d", i);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK_SYS(waitpid(pid, NULL, 0));
	engine_wait_at_most("the child is dead", "ksm_zero_pages", ZEROES, FOLLOW_SECS);
	check_zeroes("the child is dead", ZEROES);
	for (i = 0; i < 100; i++)
		area[i * PAGE_SIZE] = 1;
	check_zeroes("a hundred written", ZEROES - 100);
	helper_step(self);
}

static void test_zeroes_and_fork(void)
{
	struct helper holder;

	begin();
	if (access(ENGINE_DIR_STOCK "/ksm_zero_pages", F_OK))
		test_skip("this kernel does not count ksm_zero_pages");
	engine_set("use_zero_pages", 1);
	helper_start(&holder, hold_zeroes, NULL);
	helper_wait(&holder);
	engine_start();
	engine_settle();
	engine_pause();
	helper_go(&holder);
	helper_wait(&holder);
	helper_finish(&holder);
	engine_wait_at_most("all have exited", "ksm_zero_pages", 0, FOLLOW_SECS);
	check_zeroes("all have exited", 0);
}

/* Who waits behind a long unmerge can be killed before that is over. */
static void test_writer_behind_unmerge(void)
{
	struct holding pair[2];
	struct timespec killed;
	pid_t unmerger, writer;
	long sharing;
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(pair); i++) {
		pair[i] = (struct holding){ .pages = 128 * MIB_PAGES, .seed = 2000000, .distinct = true };
		hold_start(&pair[i]);
	}
	engine_start();
	engine_wait_full_scans(3);
	sharing = engine_get("pages_sharing");
	CHECK(sharing > (long)pair[0].pages / 2, "pages_sharing is %ld", sharing);
	unmerger = CHECK_SYS(fork());
	if (!unmerger)
		_exit(!!engine_try_set("run", 2));
	while (engine_get("pages_sharing") == sharing)
		usleep(500);
	writer = CHECK_SYS(fork());
	if (!writer)
		_exit(!!engine_try_set("max_page_sharing", 100));
	usleep(20000);
	if (waitpid(unmerger, NULL, WNOHANG))
		test_skip("run=2 was over before somebody could wait for it");
	CHECK(!waitpid(writer, NULL, WNOHANG), "the writer did not wait");
	test_note("%ld of %ld pages are merged yet", engine_get("pages_sharing"), sharing);
	clock_gettime(CLOCK_MONOTONIC, &killed);
	CHECK_SYS(kill(writer, SIGKILL));
	CHECK_SYS(waitpid(writer, NULL, 0));
	test_note("the writer ended %ld ms after SIGKILL, %ld pages are merged yet",
		  elapsed_ms(&killed), engine_get("pages_sharing"));
	CHECK(elapsed_ms(&killed) <= 1000 * harness_slower() && !waitpid(unmerger, NULL, WNOHANG),
	      "the writer was killed, and ended after %ld ms, behind run=2", elapsed_ms(&killed));
	child_finish(unmerger);
	for (i = 0; i < ARRAY_SIZE(pair); i++)
		helper_finish(&pair[i].helper);
}

#define SPARSE_PAGES 5000UL
#define SPARSE_STEP (512UL << 10)

/* A page here and there needs records as if all were there. */
static void hold_sparse(struct helper *self, void *unused)
{
	size_t size = SPARSE_PAGES * SPARSE_STEP, i;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)unused;
	CHECK(area != MAP_FAILED, "mmap: %m");
	area_no_huge(area, size);
	for (i = 0; i < SPARSE_PAGES; i++)
		page_fill(area + i * SPARSE_STEP, 7000 + i);
	CHECK_SYS(madvise(area, size, MADV_MERGEABLE));
	helper_step(self);
}

static void test_metadata_for_others(void)
{
	long percent = meminfo_pages("MemTotal:") * (long)PAGE_SIZE / 100;
	struct holding pair[2];
	struct helper greedy;
	size_t i;

	begin();
	engine_start();
	if (engine_has("max_metadata_percentage"))
		engine_set("max_metadata_percentage", 1);
	else
		test_note("no max_metadata_percentage");
	helper_start(&greedy, hold_sparse, NULL);
	helper_wait(&greedy);
	engine_wait_full_scans(3);
	test_note("metadata_bytes is %ld, 1 %% are %ld", engine_get("metadata_bytes"), percent);
	CHECK(engine_get("metadata_bytes") <= percent, "metadata_bytes is %ld, 1 %% are %ld",
	      engine_get("metadata_bytes"), percent);
	CHECK(engine_get("metadata_bytes") > percent / 8,
	      "metadata_bytes is %ld, so the limit is not tried", engine_get("metadata_bytes"));
	for (i = 0; i < ARRAY_SIZE(pair); i++) {
		pair[i] = (struct holding){ .pages = 64, .seed = 9000, .distinct = true };
		hold_start(&pair[i]);
	}
	engine_wait_full_scans(3);
	CHECK(engine_get("pages_sharing") == 64, "pages_sharing is %ld", engine_get("pages_sharing"));
	for (i = 0; i < ARRAY_SIZE(pair); i++)
		helper_finish(&pair[i].helper);
	helper_finish(&greedy);
	engine_wait_at_most("all have exited", "dead_metadata_bytes", 0, FOLLOW_SECS);
	test_note("metadata_bytes is %ld afterwards", engine_get("metadata_bytes"));
}

#define TENANTS 300
#define TENANT_RESERVES (16UL << 30)

/* Much address space, and a page that takes part. */
static void hold_space(struct helper *self, void *unused)
{
	char *page = area_map_distinct(1, 12000);

	(void)unused;
	CHECK(mmap(NULL, TENANT_RESERVES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0) != MAP_FAILED, "mmap: %m");
	helper_step(self);
	area_check_distinct(page, 1, 12000);
}

/* Each process a domain: its trees are for the memory that it says it has. */
static void test_domains_for_others(void)
{
	static struct helper tenant[TENANTS];
	long percent = meminfo_pages("MemTotal:") * (long)PAGE_SIZE / 100, bytes, most;
	struct holding other = { .pages = 64, .seed = 9000 };
	size_t i;

	begin();
	if (!engine_has("isolation"))
		test_skip("there are no domains");
	CHECK(!knob_write(ENGINE_DIR_UKSM, "isolation", "process", 7), "cannot isolate");
	most = percent * engine_get("max_metadata_percentage");
	engine_start();
	bytes = engine_get("metadata_bytes");
	for (i = 0; i < TENANTS; i++) {
		helper_start(&tenant[i], hold_space, NULL);
		helper_wait(&tenant[i]);
	}
	engine_wait_full_scans(2);
	bytes = engine_get("metadata_bytes") - bytes;
	test_note("%d processes: %ld KiB of metadata, and at most %ld in all", TENANTS, bytes >> 10,
		  most >> 10);
	CHECK(engine_get("pages_volatile") + engine_get("pages_unshared") >= TENANTS,
	      "not all processes take part");
	CHECK(bytes < most / 4, "%ld KiB of metadata, of %ld", bytes >> 10, most >> 10);
	hold_start(&other);
	engine_wait_full_scans(3);
	CHECK(engine_get("pages_sharing") == 63, "pages_sharing is %ld", engine_get("pages_sharing"));
	helper_finish(&other.helper);
	for (i = 0; i < TENANTS; i++)
		helper_finish(&tenant[i]);
	engine_unmerge();
	engine_pause();
	CHECK(!knob_write(ENGINE_DIR_UKSM, "isolation", "none", 4), "cannot end isolation");
}

static const struct test tests[] = {
	/* Before any other with zero pages, of which some kernels lose count. */
	{ "zeroes-refused", test_zeroes_refused },
	{ "memory-given-back", test_memory_given_back, .timeout_secs = 180 },
	{ "merged-exited", test_merged_exited, .timeout_secs = 180 },
	{ "two-groups", test_two_groups },
	{ "full-group-mortal", test_full_group_mortal, .timeout_secs = 150 },
	{ "dead-in-slow-scan", test_dead_in_slow_scan },
	{ "dead-while-stopped", test_dead_while_stopped },
	{ "burst", test_burst },
	{ "zeroes-and-fork", test_zeroes_and_fork },
	{ "writer-behind-unmerge", test_writer_behind_unmerge },
	{ "metadata-for-others", test_metadata_for_others },
	{ "domains-for-others", test_domains_for_others },
	/* The last, for where it fails the machine may not be the same. */
	{ "full-group-immortal", test_full_group_immortal, .timeout_secs = 150 },
};

int main(int argc, char **argv)
{
	/* Who judges is not to be killed. */
	file_write("/proc/self/oom_score_adj", "-1000");
	return module_main("accounts", tests, ARRAY_SIZE(tests), argc, argv);
}
