// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process without privileges learns of another's memory, and how fast. It writes guesses
 * into pages of its own, waits until its count of merged pages shows that some were right, and
 * tells by the time that a write takes which. Only whoever looks on knows what is right.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "helper.h"
#include "limit.h"
#include "memory.h"

#define GUESSES 512
#define SECRETS 256

#define SECRET_SEED 100000
#define WRONG_SEED 500000

#define VICTIM_UID 1001
#define NOBODY 65534

/* A fast engine is asked for so long. */
#define ASK_SECS 5
/* Of module/engine/hold.c: nothing is answered before, and all by then; with some slack. */
#define HOLD_SECS 30
#define GIVE_UP_SECS 140
/* Across domains, in which there is nothing to wait for. */
#define GIVE_UP_SECS_APART 20
/* The count has not changed for so many full scans. */
#define STILL_SCANS 3
#define SAMPLES 64

/**
 * struct game - what both sides know
 * @seed: of each guess
 * @right: the victim has it; not for the guesser's eyes
 * @said: what the guesser says
 * @give_up: after so many seconds
 * @answered: it did not
 * @secs: from the first guess written to the last answer
 * @shown: of them until its count was above 0
 */
struct game {
	uint64_t seed[GUESSES];
	bool right[GUESSES];
	bool said[GUESSES];
	double give_up;
	bool answered;
	double secs;
	double shown;
};

static struct game *game;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t write_ns(char *page)
{
	uint64_t began = now_ns();

	*(volatile char *)page ^= 1;
	return now_ns() - began;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *sample)
{
	qsort(sample, SAMPLES, sizeof(*sample), compare);
	return sample[SAMPLES / 2];
}

/* Between a write that must copy and one that need not: a fork tells, without any engine. */
static uint64_t threshold_ns(void)
{
	uint64_t cow[SAMPLES], plain[SAMPLES];
	char *area = area_map(SAMPLES);
	size_t i;
	pid_t pid;

	for (i = 0; i < SAMPLES; i++)
		page_fill(area + i * PAGE_SIZE, i + 1);
	pid = CHECK_SYS(fork());
	if (!pid) {
		pause();
		_exit(0);
	}
	for (i = 0; i < SAMPLES; i++)
		cow[i] = write_ns(area + i * PAGE_SIZE);
	for (i = 0; i < SAMPLES; i++)
		plain[i] = write_ns(area + i * PAGE_SIZE);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(area, SAMPLES * PAGE_SIZE);
	return (median(cow) + median(plain)) / 2;
}

/* Seconds until the count shows a merge; -1: it has not. */
static double wait_shown(double began)
{
	long count = 0, seen, scans = 0;
	double shown = -1;

	for (;;) {
		seen = proc_number(getpid(), "ksm_merging_pages");
		CHECK(seen >= 0, "ksm_merging_pages cannot be read");
		if (seen && shown < 0)
			shown = now_secs() - began;
		if (seen != count)
			scans = engine_get("full_scans");
		count = seen;
		if (count && engine_get("full_scans") >= scans + STILL_SCANS)
			return shown;
		if (!count && now_secs() - began > game->give_up)
			return -1;
		usleep(1000);
	}
}

static void guesser_run(struct helper *self, void *unused)
{
	uint64_t threshold;
	double began;
	char *area;
	size_t i;

	(void)unused;
	CHECK_SYS(setresgid(NOBODY, NOBODY, NOBODY));
	CHECK_SYS(setresuid(NOBODY, NOBODY, NOBODY));
	/* As after an exec: its own files in /proc are its own. */
	CHECK_SYS(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	threshold = threshold_ns();
	for (;;) {
		helper_step(self);
		began = now_secs();
		/* Memory that has been merged in vain before would be merged later the next time. */
		area = area_map(GUESSES);
		for (i = 0; i < GUESSES; i++)
			page_fill(area + i * PAGE_SIZE, game->seed[i]);
		area_mergeable(area, GUESSES);
		game->shown = wait_shown(began);
		game->answered = game->shown >= 0;
		for (i = 0; i < GUESSES; i++)
			game->said[i] = write_ns(area + i * PAGE_SIZE) > threshold;
		munmap(area, GUESSES * PAGE_SIZE);
		game->secs = now_secs() - began;
	}
}

static void victim_run(struct helper *self, void *unused)
{
	char *area;

	(void)unused;
	CHECK_SYS(setresuid(VICTIM_UID, VICTIM_UID, VICTIM_UID));
	area = area_map_distinct(SECRETS, SECRET_SEED);
	helper_step(self);
	area_check_distinct(area, SECRETS, SECRET_SEED);
}

/* Half of the guesses are right, nobody knows which. */
static void game_deal(unsigned int round)
{
	size_t i, secret = 0;

	srandom(1 + round);
	for (i = 0; i < GUESSES; i++) {
		game->right[i] = secret < SECRETS && random() % 2;
		game->seed[i] = game->right[i] ? SECRET_SEED + secret++ :
						 WRONG_SEED + round * GUESSES + i;
	}
}

/**
 * struct score - of some rounds
 * @guesses: answered
 * @correct: of them
 * @secs: that it took
 * @shown: until the count of the first round showed; -1: never
 */
struct score {
	unsigned long guesses;
	unsigned long correct;
	double secs;
	double shown;
};

static struct score play(double give_up)
{
	struct helper victim, guesser;
	struct score score = { .shown = -1 };
	unsigned int round;
	size_t i;

	game = mmap(NULL, sizeof(*game), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	game->give_up = give_up;
	helper_start(&victim, victim_run, NULL);
	helper_wait(&victim);
	engine_start();
	engine_settle();
	helper_start(&guesser, guesser_run, NULL);
	helper_wait(&guesser);
	/* What the victim has is old by then. */
	for (round = 0; score.secs < ASK_SECS; round++) {
		game_deal(round);
		helper_go(&guesser);
		helper_wait(&guesser);
		score.secs += game->secs;
		if (!game->answered)
			break;
		if (!round)
			score.shown = game->shown;
		score.guesses += GUESSES;
		for (i = 0; i < GUESSES; i++)
			score.correct += game->said[i] == game->right[i];
	}
	helper_kill(&guesser);
	helper_finish(&victim);
	return score;
}

static void note(const char *what, const struct score *s)
{
	if (s->shown < 0)
		test_note("%s: no guess answered in %.0f s", what, s->secs);
	else
		test_note("%s: the count shows after %.2f s; %lu guesses in %.1f s, %.0f %% correct by time: %.1f a second",
			  what, s->shown, s->guesses, s->secs, 100.0 * s->correct / s->guesses,
			  s->guesses / s->secs);
}

static void set(const char *knob, const char *word)
{
	int err = knob_write(engine_dir(), knob, word, strlen(word));

	CHECK(!err, "%s=%s: %s", knob, word, strerror(-err));
}

/* Or the test sees nothing, and says nothing where there is something. */
static void check_open(const struct score *s)
{
	CHECK(s->shown >= 0, "no guess was answered");
	CHECK(s->correct * 10 >= s->guesses * 8, "%lu of %lu answers are correct", s->correct,
	      s->guesses);
}

static void test_open(void)
{
	struct score score = play(GIVE_UP_SECS);

	note(engine_is_stock() ? "ksmd" : "none", &score);
	check_open(&score);
}

static void held(const char *level)
{
	struct score score;

	if (engine_is_stock())
		test_skip("ksm has no hardening");
	set("hardening", level);
	score = play(GIVE_UP_SECS);
	note(level, &score);
	check_open(&score);
	CHECK(score.shown > HOLD_SECS, "the first guesses were answered after %.1f s", score.shown);
}

static void test_delay(void)
{
	held("delay");
}

static void test_frame(void)
{
	held("frame");
}

static void test_process(void)
{
	struct score score;

	if (engine_is_stock())
		test_skip("ksm has no isolation");
	set("isolation", "process");
	score = play(GIVE_UP_SECS_APART);
	note("isolation process", &score);
	CHECK(score.shown < 0, "guesses were answered");
}

static const struct test tests[] = {
	{ "open", test_open, 200 },
	{ "delay", test_delay, 300 },
	{ "frame", test_frame, 300 },
	{ "process", test_process, 120 },
};

int main(int argc, char **argv)
{
	return harness_main("oracle", tests, ARRAY_SIZE(tests), argc, argv);
}
