// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory goes offline while both engines are told to do things: each of the three waits for one of
 * the others, and none may wait for ever.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "limit.h"
#include "memory.h"
#include "memory_block.h"

#define RUN_SECS 12
#define END_SECS 10
#define PAGES 8192

/**
 * struct shared - what the processes know of each other
 * @stop: they are to end
 * @rounds: what each has done
 */
struct shared {
	atomic_bool stop;
	atomic_uint rounds[3];
};

static struct shared *shared;

static unsigned int stock_round(const char *unused)
{
	(void)unused;
	usleep(500);
	return !knob_write(ENGINE_DIR_STOCK, "run", "0", 1);
}

static unsigned int engine_round(const char *unused)
{
	bool done;

	(void)unused;
	done = !engine_try_set("run", 1);
	usleep(60000);
	return !engine_try_set("run", 2) && done;
}

static pid_t party(size_t nr, unsigned int (*round)(const char *arg), const char *arg)
{
	pid_t pid = CHECK_SYS(fork());

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!atomic_load(&shared->stop))
		atomic_fetch_add(&shared->rounds[nr], round(arg));
	_exit(0);
}

static char state_of(pid_t pid)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return state;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(f);
	return state;
}

static void test_three_parties(void)
{
	static const char *const names[] = {
		"memory offline and online", "ksmd's run file", "the engine's run file"
	};
	char *area, block[128];
	struct limit limit;
	pid_t pids[3];
	size_t i;

	if (engine_is_stock())
		test_skip("takes two engines");
	memory_block_find(block, sizeof(block));
	shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED, "mmap: %m");
	area = area_map_same(PAGES, 3);
	CHECK_SYS(madvise(area, PAGES * PAGE_SIZE, MADV_DONTFORK));
	engine_start();
	engine_settle();
	pids[0] = party(0, memory_block_round, block);
	pids[1] = party(1, stock_round, NULL);
	pids[2] = party(2, engine_round, NULL);
	sleep(RUN_SECS);
	atomic_store(&shared->stop, true);
	limit = limit_begin(END_SECS * harness_slower());
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		while (!waitpid(pids[i], NULL, WNOHANG)) {
			CHECK(!limit_passed(&limit), "%s: state %c after %u s (%s: %c, %s: %c)",
			      names[i], state_of(pids[i]), END_SECS * harness_slower(), names[1],
			      state_of(pids[1]), names[2], state_of(pids[2]));
			usleep(10000);
		}
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		test_note("%s: %u times", names[i], atomic_load(&shared->rounds[i]));
	CHECK(atomic_load(&shared->rounds[0]), "no memory went offline");
	area_check_same(area, PAGES, 3);
	engine_set("run", 1);
	engine_wait_full_scans(4);
	CHECK(engine_get("pages_sharing") > PAGES / 2, "pages_sharing is %ld afterwards",
	      engine_get("pages_sharing"));
}

static const struct test tests[] = {
	{ "three-parties", test_three_parties, .timeout_secs = 90 },
};

int main(int argc, char **argv)
{
	return harness_main("hotplug", tests, ARRAY_SIZE(tests), argc, argv);
}
