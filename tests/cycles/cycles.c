// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load, merge, unload, again and again while processes write, fork, map and unmap what is merged;
 * and whether the kernel holds more and more the longer that goes on.
 *
 * That is judged by trend: samples are taken all along, and a straight line is fitted to each
 * amount. A leak has a slope that the scatter of the samples does not explain. UKSM_CYCLES says how
 * many cycles.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "kernel_amounts.h"
#include "memory.h"
#include "module.h"

#define CYCLES_DEFAULT 100
#define LOADERS 3
#define LOAD_PAGES 200
#define SAMPLES 21

/* So many pages or objects a cycle, beyond what scatter explains, are a leak. */
#define SLOPE_LIMIT 0.1
/* ... and at the least it grows in so many of the spans between two samples. */
#define RISES_LEAST 4
/* Standard errors of a slope that count as scatter: chance does it once in a thousand times. */
#define SCATTER 3.3

/* For the processes that make the load: rest for a sample, end. */
static struct load {
	volatile bool rest, stop;
	volatile unsigned long turns[LOADERS];
} *load;

static void fork_once(const char *area, uint64_t seed)
{
	pid_t pid = fork();

	if (!pid) {
		area_check_same(area, LOAD_PAGES / 4, seed);
		_exit(0);
	}
	if (pid > 0)
		child_finish(pid);
}

/* Memory that others have too, written, copied, unmapped and mapped anew. */
static void loader_main(unsigned int number)
{
	char *same = area_map_same(LOAD_PAGES, 1), *distinct = area_map_distinct(LOAD_PAGES, 1000);
	unsigned long turn;

	for (turn = 0; !load->stop; turn++) {
		load->turns[number] = turn;
		if (load->rest) {
			usleep(1000);
			continue;
		}
		page_touch(same + turn % LOAD_PAGES * PAGE_SIZE);
		page_touch(distinct + turn * 7 % LOAD_PAGES * PAGE_SIZE);
		if (turn % 97 == 0)
			fork_once(same, 1);
		if (turn % 389 == 0) {
			munmap(same, LOAD_PAGES * PAGE_SIZE);
			same = area_map_same(LOAD_PAGES, 1);
		}
		if (turn % 211 == 0) {
			area_check_same(same, LOAD_PAGES, 1);
			area_check_distinct(distinct, LOAD_PAGES, 1000);
		}
		usleep(300);
	}
	area_check_same(same, LOAD_PAGES, 1);
	area_check_distinct(distinct, LOAD_PAGES, 1000);
	_exit(0);
}

static void load_start(pid_t pids[LOADERS])
{
	unsigned int i;

	load = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(load != MAP_FAILED, "mmap: %m");
	for (i = 0; i < LOADERS; i++) {
		pids[i] = CHECK_SYS(fork());
		if (!pids[i])
			loader_main(i);
	}
}

static void load_stop(const pid_t pids[LOADERS])
{
	unsigned int i;

	load->stop = true;
	for (i = 0; i < LOADERS; i++)
		child_finish(pids[i]);
}

/* A resting loader has nothing of its own but its areas; wait until all of them rest. */
static void load_rest(bool rest)
{
	unsigned long turns[LOADERS];
	unsigned int i;

	load->rest = rest;
	if (!rest)
		return;
	for (i = 0; i < LOADERS; i++)
		turns[i] = load->turns[i];
	for (i = 0; i < LOADERS; i++)
		while (load->turns[i] < turns[i] + 2)
			usleep(1000);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* Until a good part of what the loaders have is merged; adds up what loading, merging, unloading takes. */
static void cycle(double spent[3])
{
	double began = now(), limit = began + 50;

	module_load();
	spent[0] += now() - began;
	began = now();
	engine_start();
	while (engine_get("pages_sharing") < LOAD_PAGES * LOADERS / 2) {
		CHECK(now() < limit, "%ld pages merged in 50 s", engine_get("pages_sharing"));
		usleep(2000);
	}
	spent[1] += now() - began;
	began = now();
	module_unload();
	spent[2] += now() - began;
}

/* Amounts that nothing here can change for good, and of which sign a leak would be. */
static int leak_sign(const char *name)
{
	static const char *const pages[] = {
		"nr_anon_pages", "nr_slab_unreclaimable", "nr_kernel_stack", "nr_page_table_pages",
		"nr_isolated_anon", "nr_isolated_file", "nr_unevictable", "nr_mlock",
	};
	size_t i;

	if (!strcmp(name, KERNEL_FREE_PAGES))
		return -1;
	if (!strcmp(name, "VmallocUsed:") || !strcmp(name, "Percpu:"))
		return 1;
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		if (!strcmp(name, pages[i]))
			return 1;
	return !strchr(name, ':') && strncmp(name, "nr_", 3) && kernel_cache_matters(name);
}

/**
 * struct trend - a line through the samples of an amount
 * @slope: growth a cycle, positive for a leak
 * @error: standard error of it
 */
struct trend {
	double slope, error;
};

static struct trend fit(const double *x, const double *y, size_t n)
{
	double mean_x = 0, mean_y = 0, xx = 0, xy = 0, rest = 0, d;
	struct trend t;
	size_t i;

	for (i = 0; i < n; i++) {
		mean_x += x[i] / n;
		mean_y += y[i] / n;
	}
	for (i = 0; i < n; i++) {
		xx += (x[i] - mean_x) * (x[i] - mean_x);
		xy += (x[i] - mean_x) * (y[i] - mean_y);
	}
	t.slope = xy / xx;
	for (i = 0; i < n; i++) {
		d = y[i] - mean_y - t.slope * (x[i] - mean_x);
		rest += d * d;
	}
	t.error = sqrt(rest / (n - 2) / xx);
	return t;
}

static struct trend trend_of(const char *name, const struct kernel_amounts *samples,
			     const double *at, int sign)
{
	double values[SAMPLES];
	size_t i;

	for (i = 0; i < SAMPLES; i++)
		values[i] = sign * kernel_amount(&samples[i], name);
	return fit(at, values, SAMPLES);
}

/*
 * From sample to sample, how often has it grown? The kernel may start a thread or take a
 * slab at any time, once or twice; what leaks grows again and again.
 */
static unsigned int rises(const char *name, const struct kernel_amounts *samples, int sign)
{
	unsigned int i, nr = 0;

	for (i = 1; i < SAMPLES; i++)
		nr += sign * (kernel_amount(&samples[i], name) -
			      kernel_amount(&samples[i - 1], name)) > 0;
	return nr;
}

/* The name of an amount that leaks, or NULL; prints what has been looked at. */
static const char *find_leak(const struct kernel_amounts *samples, const double *at)
{
	const struct kernel_amounts *last = &samples[SAMPLES - 1];
	const char *leak = NULL, *blurred = "";
	double worst = 0;
	size_t i, judged = 0;

	for (i = 0; i < last->nr; i++) {
		const char *name = last->amounts[i].name;
		/* Pages: those of meminfo count KiB. */
		double unit = strchr(name, ':') ? 4 : 1, scatter;
		int sign = leak_sign(name);
		struct trend t;

		if (!sign)
			continue;
		judged++;
		t = trend_of(name, samples, at, sign);
		scatter = SCATTER * t.error / unit;
		t.slope /= unit;
		if (scatter > worst) {
			worst = scatter;
			blurred = name;
		}
		if (!strcmp(name, KERNEL_FREE_PAGES) || !strcmp(name, "Percpu:") ||
		    !strcmp(name, "VmallocUsed:") || t.slope - scatter > SLOPE_LIMIT)
			test_note("%s: %ld at first, %ld at last, %+.3f +- %.3f a cycle", name,
				  kernel_amount(&samples[0], name), last->amounts[i].value,
				  sign * t.slope, scatter);
		if (t.slope - scatter > SLOPE_LIMIT && rises(name, samples, sign) >= RISES_LEAST)
			leak = name;
	}
	test_note("%zu amounts judged; a leak of %.2f a cycle would show in each (%s scatters most)",
		  judged, worst + SLOPE_LIMIT, blurred);
	return leak;
}

/* What a leak of one page and of some objects a cycle looks like. */
static void leak_some(void)
{
	int fds[2];

	*area_map(1) = 1;
	CHECK_SYS(pipe(fds));
}

static const char *run_cycles(long nr, bool leaky)
{
	static struct kernel_amounts samples[SAMPLES];
	double at[SAMPLES], unused[3] = { 0 }, spent[3] = { 0 };
	pid_t pids[LOADERS];
	long i, sample = 0;

	CHECK(nr >= SAMPLES - 1, "a trend takes %d rounds at least", SAMPLES - 1);
	if (module_loaded())
		module_unload();
	load_start(pids);
	/* This program's own memory is not to grow. */
	memset(samples, 1, sizeof(samples));
	for (i = 0; i < 3; i++)
		cycle(unused);
	for (i = 0; sample < SAMPLES; i++) {
		if (i * (SAMPLES - 1) >= sample * nr) {
			load_rest(true);
			at[sample] = i;
			kernel_amounts_take(&samples[sample++]);
			load_rest(false);
		}
		if (sample == SAMPLES)
			break;
		cycle(spent);
		if (leaky)
			leak_some();
	}
	load_stop(pids);
	test_note("%ld rounds, of %.2f s to load, %.2f s to merge, %.2f s to unload", nr,
		  spent[0] / nr, spent[1] / nr, spent[2] / nr);
	return find_leak(samples, at);
}

static long wanted_cycles(void)
{
	const char *text = getenv("UKSM_CYCLES");

	return text && *text ? strtol(text, NULL, 10) : CYCLES_DEFAULT;
}

static void test_flat(void)
{
	const char *leak = run_cycles(wanted_cycles(), false), *again;

	if (!leak)
		return;
	/* Of so many amounts one may seem to grow, by chance. A leak goes on. */
	test_note("%s seems to grow", leak);
	again = run_cycles(wanted_cycles(), false);
	CHECK(!again, "%s grows from cycle to cycle, after %s did", again, leak);
}

/* The judge itself. */
static void test_sees_leak(void)
{
	const char *leak = run_cycles(SAMPLES - 1, true);

	CHECK(leak, "a page and a pipe leaked in every cycle, and nothing seen");
	test_note("seen by %s", leak);
}

int main(int argc, char **argv)
{
	unsigned int limit = 600 + wanted_cycles() * 10;
	const struct test tests[] = {
		{ "flat", test_flat, .timeout_secs = limit },
		{ "sees-leak", test_sees_leak, .timeout_secs = 600 },
	};
	int status;

	/* The harness wants an engine to look at. */
	if (!engine_has("run") && module_try_load("")) {
		harness_verdict("not ok", "cycles", "the module does not load");
		return 1;
	}
	status = harness_main("cycles", tests, ARRAY_SIZE(tests), argc, argv);
	if (engine_has("run") && module_try_unload()) {
		harness_verdict("not ok", "cycles.last-unload", "the module does not unload");
		return 1;
	}
	return status;
}
