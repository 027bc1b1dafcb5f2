// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test process and everything it forks share one page with the harness, so that a failure
 * anywhere in the family fails the test, and the first one names the reason.
 */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "limit.h"

#define DEFAULT_TIMEOUT_SECS 60
#define LEFTOVERS_SECS 20

enum verdict { VERDICT_NONE, VERDICT_FAIL, VERDICT_SKIP };

struct outcome {
	atomic_int verdict;
	char why[1024];
};

static struct outcome *outcome;

static void outcome_set(enum verdict verdict, const char *fmt, va_list ap)
{
	int expected = VERDICT_NONE;

	if (atomic_compare_exchange_strong(&outcome->verdict, &expected, verdict))
		vsnprintf(outcome->why, sizeof(outcome->why), fmt, ap);
}

void test_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (outcome)
		outcome_set(VERDICT_FAIL, fmt, ap);
	else
		vfprintf(stderr, fmt, ap);
	va_end(ap);
	_exit(1);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (outcome)
		outcome_set(VERDICT_SKIP, fmt, ap);
	va_end(ap);
	_exit(0);
}

bool kernel_has(const char *option)
{
	/* The last answer: some ask often, and the file is long. */
	static char asked[64];
	static bool found;
	const char *path = getenv("UKSM_CONFIG");
	char line[512], start[128];
	FILE *config;

	if (!path || !*path)
		return true;
	if (!strcmp(asked, option))
		return found;
	config = fopen(path, "r");
	CHECK(config, "cannot read %s: %m", path);
	snprintf(start, sizeof(start), "CONFIG_%s=", option);
	found = false;
	while (!found && fgets(line, sizeof(line), config))
		found = !strncmp(line, start, strlen(start)) && strchr("ym", line[strlen(start)]);
	fclose(config);
	snprintf(asked, sizeof(asked), "%s", option);
	return found;
}

void test_needs(const char *option)
{
	if (!kernel_has(option))
		test_skip("this kernel is built without CONFIG_%s", option);
}

void test_note(const char *fmt, ...)
{
	char line[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	printf("# %s\n", line);
	fflush(stdout);
}

void harness_verdict(const char *state, const char *name, const char *why)
{
	const char *kernel = getenv("UKSM_KERNEL");
	const char *path = getenv("UKSM_RESULTS");
	char line[1400];
	FILE *results;
	char *c;

	snprintf(line, sizeof(line), "%s %s%s%s%s%s%s", state, kernel ? kernel : "",
		 kernel ? ":" : "", engine_is_stock() ? "stock:" : "", name, why ? " - " : "",
		 why ? why : "");
	for (c = line; *c; c++)
		if (*c == '\n')
			*c = ' ';
	printf("%s\n", line);
	fflush(stdout);
	if (!path || !*path)
		return;
	results = fopen(path, "a");
	if (!results) {
		fprintf(stderr, "cannot append to %s: %m\n", path);
		exit(2);
	}
	fprintf(results, "%s\n", line);
	fclose(results);
}

unsigned int harness_slower(void)
{
	const char *text = getenv("UKSM_SLOWER");
	int slower = text ? atoi(text) : 0;

	return slower > 0 ? slower : 1;
}

static bool has_second_node(void)
{
	return access("/sys/devices/system/node/node1", F_OK) == 0;
}

static pid_t test_spawn(const struct test *test)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	test->run();
	fflush(stdout);
	_exit(0);
}

/*
 * Reap the test within its limit, then whatever it left behind in its process group, unless that is
 * something that cannot be killed.
 */
static int test_reap(pid_t pid, unsigned int timeout_secs, bool *timed_out)
{
	struct limit limit = limit_begin(timeout_secs);
	int status = 0;
	pid_t got;

	*timed_out = false;
	while (!(got = waitpid(pid, &status, WNOHANG))) {
		if (limit_passed(&limit)) {
			*timed_out = true;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		usleep(2000);
	}
	kill(-pid, SIGKILL);
	limit = limit_begin(LEFTOVERS_SECS * harness_slower());
	while ((got = waitpid(-pid, NULL, WNOHANG)) >= 0 && !limit_passed(&limit))
		if (!got)
			usleep(1000);
	return status;
}

static bool test_run_one(const char *program, const struct test *test)
{
	unsigned int timeout_secs = (test->timeout_secs ?: DEFAULT_TIMEOUT_SECS) * harness_slower();
	char name[128], why[1200], leftover[256];
	double start = now_secs();
	bool timed_out, clean;
	int status;
	pid_t pid;

	snprintf(name, sizeof(name), "%s.%s", program, test->name);
	if (test->numa && !has_second_node()) {
		bool can_have = kernel_has("NUMA") && kernel_has("NUMA_EMU");

		harness_verdict(can_have ? "not ok" : "skip", name, can_have ?
				"needs a second memory node (numa=fake=2)" :
				"this kernel is built without CONFIG_NUMA_EMU");
		return !can_have;
	}
	memset(outcome, 0, sizeof(*outcome));
	fflush(stdout);
	pid = test_spawn(test);
	if (pid < 0) {
		harness_verdict("not ok", name, "fork failed");
		return false;
	}
	status = test_reap(pid, timeout_secs, &timed_out);
	/* At once, as what has gone wrong may be such that the engine never answers again. */
	if (atomic_load(&outcome->verdict) == VERDICT_FAIL) {
		harness_verdict("not ok", name, outcome->why);
		engine_reset(leftover, sizeof(leftover));
		printf("# %s took %.1f s\n", name, now_secs() - start);
		return false;
	}
	clean = engine_reset(leftover, sizeof(leftover));
	printf("# %s took %.1f s\n", name, now_secs() - start);

	if (atomic_load(&outcome->verdict) == VERDICT_SKIP) {
		harness_verdict("skip", name, outcome->why);
		return true;
	}
	if (timed_out)
		snprintf(why, sizeof(why), "still running after %u s", timeout_secs);
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(why, sizeof(why), "exit status %d", WEXITSTATUS(status));
	else if (!clean)
		snprintf(why, sizeof(why), "afterwards: %s", leftover);
	else
		why[0] = '\0';
	harness_verdict(why[0] ? "not ok" : "ok", name, why[0] ? why : NULL);
	return !why[0];
}

static bool selected(const char *name, int argc, char **argv)
{
	int i;

	if (argc < 2)
		return true;
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

static bool names_known(const struct test *tests, size_t nr, int argc, char **argv)
{
	size_t t;
	int i;

	for (i = 1; i < argc; i++) {
		for (t = 0; t < nr && strcmp(argv[i], tests[t].name); t++)
			;
		if (t == nr) {
			fprintf(stderr, "%s: no test named %s (-l lists them)\n", argv[0], argv[i]);
			return false;
		}
	}
	return true;
}

int harness_main(const char *program, const struct test *tests, size_t nr, int argc, char **argv)
{
	bool all_passed = true;
	size_t t;

	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (t = 0; t < nr; t++)
			printf("%s\n", tests[t].name);
		return 0;
	}
	if (!names_known(tests, nr, argc, argv))
		return 2;
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (outcome == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	if (!engine_save()) {
		harness_verdict("not ok", program, "no engine to test at KSM_DIR");
		return 2;
	}
	for (t = 0; t < nr; t++)
		if (selected(tests[t].name, argc, argv))
			all_passed &= test_run_one(program, &tests[t]);
	return all_passed ? 0 : 1;
}
