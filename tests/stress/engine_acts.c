// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine is steered: knobs, run, the module itself, and ksmd beside it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "files.h"
#include "tally.h"
#include "tenants.h"
#include "worker.h"

#define STOCK_RUN "/sys/kernel/mm/ksm/run"
#define KNOBS_MAX 64
#define VALUE_MAX 64
#define LOAD_SECONDS 30

static const char *module_file;

/* The writable files, and what was in them at first. */
static struct {
	char path[300];
	char value[VALUE_MAX];
} knobs[KNOBS_MAX];
static size_t knobs_nr;

/* Of a choice only the word in brackets can be written back. */
static void keep_choice(char *value)
{
	char *open = strchr(value, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return;
	*close = '\0';
	memmove(value, open + 1, close - open);
}

void engine_init(const char *module)
{
	DIR *dir = opendir(ENGINE);
	struct dirent *entry;
	struct stat st;

	module_file = module;
	if (!dir)
		die("%s", ENGINE);
	while ((entry = readdir(dir)) && knobs_nr < KNOBS_MAX) {
		char *path = knobs[knobs_nr].path;

		snprintf(path, sizeof(knobs[0].path), ENGINE "%s", entry->d_name);
		if (!strcmp(entry->d_name, "run") || stat(path, &st) || !S_ISREG(st.st_mode) ||
		    !(st.st_mode & 0200) || file_read(path, knobs[knobs_nr].value, VALUE_MAX))
			continue;
		keep_choice(knobs[knobs_nr++].value);
	}
	closedir(dir);
}

void engine_restore(void)
{
	size_t k;

	for (k = 0; k < knobs_nr; k++)
		file_write(knobs[k].path, knobs[k].value);
}

static void set_speed(struct rng *rng)
{
	/* Flat out half of the time, and then not to be outdone by a dozen busy threads. */
	bool fast = rnd(rng, 2);
	long scanner = file_number(ENGINE "kthread_pid");

	file_write_number(ENGINE "pages_to_scan", fast ? 100000 : 1 + rnd(rng, 5000));
	file_write_number(ENGINE "sleep_millisecs", fast ? 0 : rnd(rng, 20));
	if (scanner > 0 && setpriority(PRIO_PROCESS, scanner, fast ? -5 : 5))
		complain("priority of the scanner: %s", strerror(errno));
}

void engine_start(struct rng *rng)
{
	int err = file_write(ENGINE "run", "1");

	if (err)
		complain("run=1: %s", strerror(-err));
	set_speed(rng);
}

static enum outcome act_speed(struct actor *a)
{
	set_speed(&a->rng);
	return DONE;
}

/* A process that is out of memory, alone in its control group, is reason enough to give up. */
static enum outcome act_unmerge(struct actor *a)
{
	int err = file_write(ENGINE "run", "2");

	if (err && err != -ENOMEM)
		complain("run=2: %s", strerror(-err));
	usleep(rnd(&a->rng, 50000));
	engine_start(&a->rng);
	return err ? REFUSED : DONE;
}

static enum outcome act_pause(struct actor *a)
{
	file_write(ENGINE "run", "0");
	usleep(rnd(&a->rng, 500000));
	engine_start(&a->rng);
	return DONE;
}

/* Any file that can be written, also such as this program has never heard of. */
static enum outcome act_knob(struct actor *a)
{
	static const unsigned long numbers[] = { 0, 1, 2, 3, 10, 64, 256, 2000 };
	size_t k = rnd(&a->rng, knobs_nr);
	int err;

	/* A file that had a word at first has two, of which this is one. */
	if (!strcmp(knobs[k].value, "none"))
		err = file_write(knobs[k].path, rnd(&a->rng, 2) ? "none" : "scan-time");
	else
		err = file_write_number(knobs[k].path, numbers[rnd(&a->rng, ARRAY_SIZE(numbers))]);
	return err ? REFUSED : DONE;
}

static enum outcome act_hardening(struct actor *a)
{
	static const char *const levels[] = { "none", "delay", "frame" };
	int err;

	file_write(ENGINE "run", "2");
	err = file_write(ENGINE "hardening", levels[rnd(&a->rng, ARRAY_SIZE(levels))]);
	engine_start(&a->rng);
	return err ? REFUSED : DONE;
}

static enum outcome act_restore(struct actor *a)
{
	(void)a;
	engine_restore();
	return DONE;
}

/* It must not start as long as ours runs, nor unmerge anything for good. */
static enum outcome act_stock_start(struct actor *a)
{
	int err = file_write(STOCK_RUN, "1");

	(void)a;
	if (err == -ENOENT)
		return not_available("the kernel has no ksmd");
	if (err != -EBUSY)
		complain("starting ksmd while uksm runs: %s", err ? strerror(-err) : "accepted");
	return DONE;
}

static enum outcome act_stock_unmerge(struct actor *a)
{
	int err = file_write(STOCK_RUN, "2");

	if (err == -ENOENT)
		return not_available("the kernel has no ksmd");
	usleep(rnd(&a->rng, 200000));
	err |= file_write(STOCK_RUN, "0");
	return err ? REFUSED : DONE;
}

/* It may refuse while memory goes offline, which takes as long as it takes. */
static void load(const char *parameters)
{
	time_t end = time(NULL) + patience(LOAD_SECONDS);
	int fd = open(module_file, O_RDONLY | O_CLOEXEC);

	while (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0)) {
		if (fd < 0 || errno != EBUSY || time(NULL) > end)
			die("loading %s", module_file);
		usleep(100000);
	}
	close(fd);
}

/* Not empty and without memory to spare, it may refuse to go. */
static enum outcome act_reload(struct actor *a)
{
	static const char *const parameters[] = { "", "run=0", "run=1" };

	if (!module_file)
		return not_available("no module named");
	if (syscall(SYS_delete_module, "uksm", O_NONBLOCK))
		return REFUSED;
	if (rnd(&a->rng, 2))
		usleep(rnd(&a->rng, 300000));
	load(parameters[rnd(&a->rng, 3)]);
	engine_start(&a->rng);
	return DONE;
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* In a process of its own, which waits for the answer while other acts go on, or gives up. */
static void ask_to_merge(pid_t worker, unsigned int seconds)
{
	struct sigaction action = { .sa_handler = on_alarm };

	/* Whoever has forked us does not reap us. */
	if (!fork()) {
		sigaction(SIGALRM, &action, NULL);
		alarm(seconds);
		file_write_number(ENGINE "domains/merge_now", worker);
	}
	_exit(0);
}

static enum outcome act_merge_now(struct actor *a)
{
	unsigned int i, start = rnd(&a->rng, WORKERS_MAX), seconds = 1 + rnd(&a->rng, 5);
	pid_t worker = 0, pid;

	for (i = 0; i < WORKERS_MAX && worker <= 0; i++)
		worker = tally->workers[(start + i) % WORKERS_MAX];
	if (worker <= 0)
		return REFUSED;
	pid = fork();
	if (pid < 0)
		return REFUSED;
	if (!pid)
		ask_to_merge(worker, seconds);
	waitpid(pid, NULL, 0);
	return DONE;
}

const struct kind engine_acts[] = {
	{ "speed", 4, act_speed },
	{ "knob", 12, act_knob },
	{ "knobs-restored", 2, act_restore },
	{ "unmerge", 1, act_unmerge },
	{ "pause", 2, act_pause },
	{ "stock-start", 1, act_stock_start },
	{ "stock-unmerge", 1, act_stock_unmerge },
	{ "reload", 3, act_reload },
	{ "isolation", 2, act_isolation },
	{ "treatment", 6, act_treatment },
	{ "merge-now", 4, act_merge_now },
	{ "hardening", 2, act_hardening },
	{ "tenants", 4, act_tenants },
};

const size_t engine_acts_nr = ARRAY_SIZE(engine_acts);
