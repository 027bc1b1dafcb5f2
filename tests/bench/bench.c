// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure engines over works, one after another in one boot, the engines in turn. Each measurement
 * is a process of its own and prints one line of JSON; what else it prints begins with '#'.
 */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content.h"
#include "engine.h"
#include "harness.h"
#include "memory.h"
#include "module.h"
#include "work.h"

#define NAME_MAX_LEN 64

static struct settings settings = {
	.mib = 32,
	.pages_to_scan = 1000,
	.settle = 24,
	.measure = 18,
	.sparse_gib = 64,
	.seconds = 30,
};

static const char *wanted_works = "";
static const char *wanted_presets = "";
static unsigned int repeats = 1;
static bool warm_up;

static void usage(void)
{
	const struct work *w;

	fputs("options: [--works A,B...] [--presets A,B...] [--repeats N] [--warm-up]\n"
	      "         [--mib N] [--pages N] [--settle N] [--measure N] [--sparse-gib N]\n"
	      "         [--seconds N] [--profile USECS]\n\nworks:\n",
	      stderr);
	for (w = works; w->name; w++)
		fprintf(stderr, "%s %s\n", w->name, w->title);
	fputs("presets:\n", stderr);
	preset_list(stderr);
	exit(2);
}

/* Word number @nr of a list separated by spaces or commas; false if there are fewer. */
static bool word_at(const char *list, unsigned int nr, char word[NAME_MAX_LEN])
{
	static const char separators[] = " ,";
	size_t len;

	for (;; list += len, nr--) {
		list += strspn(list, separators);
		len = strcspn(list, separators);
		if (!len || len >= NAME_MAX_LEN)
			return false;
		if (!nr)
			break;
	}
	memcpy(word, list, len);
	word[len] = '\0';
	return true;
}

static bool listed(const char *list, const char *name)
{
	char word[NAME_MAX_LEN];
	unsigned int i;

	for (i = 0; word_at(list, i, word); i++) {
		if (!strcmp(word, name))
			return true;
	}
	return false;
}

static const struct work *work_find(const char *name)
{
	const struct work *w;

	for (w = works; w->name; w++) {
		if (!strcmp(w->name, name))
			return w;
	}
	return NULL;
}

/* In a process of its own; its one line is printed if it comes to its end. */
static void measure(const struct work *work, const struct preset *preset, const char *variant,
		    unsigned int repeat)
{
	struct run run = { .settings = &settings, .preset = preset, .variant = variant };
	char *text = NULL;
	size_t len;

	run.out = open_memstream(&text, &len);
	CHECK(run.out, "no memory for the output");
	draw_restart();
	fprintf(run.out,
		"{\"work\":\"%s\",\"variant\":\"%s\",\"preset\":\"%s\",\"engine\":\"%s\","
		"\"repeat\":%u",
		work->name, variant, preset->name, preset_engine(preset), repeat);
	work->measure(&run);
	fputs("}\n", run.out);
	fclose(run.out);
	fwrite(text, 1, len, stdout);
	fflush(stdout);
	free(text);
}

/* Unmerged, stopped, and with no page left, whatever the measurement did. */
static bool engine_clean(void)
{
	char why[KNOB_TEXT_MAX];

	if (engine_reset(why, sizeof(why)))
		return true;
	printf("# the engine is not clean afterwards: %s\n", why);
	return false;
}

static bool run_one(const struct work *work, const struct preset *preset, const char *variant,
		    unsigned int repeat)
{
	const char *missing;
	pid_t child;
	int status;

	preset_select(preset);
	missing = preset_missing(preset);
	if (!missing && preset->none && !work->idle)
		missing = "scanner to measure";
	if (!missing && work->needs && !engine_has(work->needs))
		missing = work->needs;
	if (missing) {
		printf("# skip %s %s: no %s\n", work->name, preset->name, missing);
		return true;
	}
	engine_save();
	printf("# %s %s %s, repeat %u\n", work->name, variant, preset->name, repeat);
	fflush(stdout);
	child = CHECK_SYS(fork());
	if (!child) {
		setpgid(0, 0);
		measure(work, preset, variant, repeat);
		_exit(0);
	}
	setpgid(child, child);
	CHECK_SYS(waitpid(child, &status, 0));
	kill(-child, SIGKILL);
	if (status)
		printf("# FAILED: %s %s %s ended with %#x\n", work->name, variant, preset->name,
		       status);
	return engine_clean() && !status;
}

static bool run_round(const struct work *work, const char *variant, unsigned int repeat)
{
	const char *presets = *wanted_presets ? wanted_presets : work->presets;
	char name[NAME_MAX_LEN];
	unsigned int i;
	bool good = true;

	for (i = 0; word_at(presets, i, name); i++)
		good &= run_one(work, preset_find(name), variant, repeat);
	return good;
}

/* Repeat 0 is the warm-up, which is thrown away by those who read the figures. */
static bool run_work(const struct work *work)
{
	unsigned int i, repeat;
	char variant[NAME_MAX_LEN] = "";
	bool good = true;

	for (i = 0; word_at(work->variants, i, variant) || !i; i++) {
		for (repeat = warm_up ? 0 : 1; repeat <= repeats; repeat++)
			good &= run_round(work, variant, repeat);
	}
	return good;
}

static void check_names(void)
{
	char name[NAME_MAX_LEN];
	unsigned int i;

	for (i = 0; word_at(wanted_works, i, name); i++)
		CHECK(work_find(name), "there is no work \"%s\"\n", name);
	for (i = 0; word_at(wanted_presets, i, name); i++)
		CHECK(preset_find(name), "there is no preset \"%s\"\n", name);
}

/* 0 is no value for any of them. */
static void parse_number(const char *name, const char *text, unsigned int *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	CHECK(end != text && !*end && value > 0 && value <= UINT_MAX,
	      "--%s takes a number from 1 on, not \"%s\"\n", name, text);
	*number = value;
}

static void parse(int argc, char **argv)
{
	enum { WARM_UP = 1, WORKS, PRESETS };
	static const struct option options[] = {
		{ "warm-up", no_argument, NULL, WARM_UP },
		{ "works", required_argument, NULL, WORKS },
		{ "presets", required_argument, NULL, PRESETS },
		{ "repeats", required_argument },
		{ "mib", required_argument },
		{ "pages", required_argument },
		{ "settle", required_argument },
		{ "measure", required_argument },
		{ "sparse-gib", required_argument },
		{ "seconds", required_argument },
		{ "profile", required_argument },
		{ NULL },
	};
	unsigned int *const numbers[ARRAY_SIZE(options)] = {
		[3] = &repeats,		      &settings.mib,	 &settings.pages_to_scan,
		&settings.settle,     &settings.measure, &settings.sparse_gib,
		&settings.seconds,    &settings.profile,
	};
	int option, index;

	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		switch (option) {
		case WARM_UP:
			warm_up = true;
			break;
		case WORKS:
			wanted_works = optarg;
			break;
		case PRESETS:
			wanted_presets = optarg;
			break;
		case 0:
			parse_number(options[index].name, optarg, numbers[index]);
			break;
		default:
			usage();
		}
	}
	if (optind < argc)
		usage();
}

int main(int argc, char **argv)
{
	const struct work *w;
	bool good = true;

	parse(argc, argv);
	check_names();
	setenv("KSM_DIR", ENGINE_DIR_UKSM, 1);
	if (getenv("UKSM_KO"))
		module_load();
	for (w = works; w->name; w++) {
		if (!*wanted_works || listed(wanted_works, w->name))
			good &= run_work(w);
	}
	if (getenv("UKSM_KO"))
		module_unload();
	puts(good ? "# complete" : "# FAILED");
	return !good;
}
