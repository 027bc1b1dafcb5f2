// SPDX-License-Identifier: GPL-2.0-only
#include "phase.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "engine.h"
#include "guest.h"
#include "harness.h"
#include "holds.h"
#include "memory.h"
#include "oracle.h"
#include "order.h"
#include "profile.h"
#include "sample.h"
#include "work.h"

/*
 * Shorter than any preset's sleep, so that the scanner is asleep when the end of a full scan is
 * seen.
 */
#define POLL_NS 2000000
/* By the machine's clock, for one full scan. */
#define FULL_SCAN_SECS 300

#define STEADY_SHORTER 3

/* So many full scans that find nothing new have found everything: longer than ksmd skips a page. */
#define IDLE_SCANS 10
#define IDLE_NS 3000000000L
#define CONVERGE_SCANS_MAX 60

/*
 * Churn: pages rewritten in a second; of these in the hot region; its size; all in percent. And
 * full scans before it begins.
 */
#define CHURN_PERCENT 2
#define CHURN_IN_HOT 80
#define HOT_PERCENT 10
#define CHURN_SETTLE 6

/* A guest is started so often, with and without. */
#define BOOTS 5

/* After everything has merged nothing happens for so long, and then is measured. */
#define IDLE_BEFORE_SECS 120
#define IDLE_SECS 120

/* Full scans after everything has merged. */
#define HOLDS_SCANS 3

/*
 * Detection: engines that look at a page at every ninth full scan only must not be caught at the
 * same point each time.
 */
#define DETECT_ROUNDS 9
#define DETECT_PAGES 8
#define DETECT_SCANS_MAX 100

/* By the numbers of the contents: what the oracle must find, and quicker than it. */
static size_t could_be_saved(const struct guest *guests, size_t nr)
{
	size_t pages = 0, saving = 0, g, i;
	uint64_t *all;

	for (g = 0; g < nr; g++)
		pages += guests[g].pages;
	all = calloc(pages, sizeof(*all));
	CHECK(all, "no memory for %zu contents", pages);
	pages = 0;
	for (g = 0; g < nr; g++) {
		for (i = 0; i < guests[g].pages; i++)
			all[pages++] = guests[g].content[i];
	}
	qsort(all, pages, sizeof(*all), by_number);
	for (i = 1; i < pages; i++)
		saving += all[i] == all[i - 1];
	free(all);
	return saving;
}

struct oracle phase_oracle(struct run *run, const struct guest *guests, size_t nr)
{
	struct oracle o = oracle_ask(guests, nr, engine_get("max_page_sharing"));
	size_t saving = could_be_saved(guests, nr);

	CHECK(o.pages - o.distinct == saving, "the oracle finds %zu pages to save of %zu",
	      o.pages - o.distinct, saving);
	fprintf(run->out,
		",\"oracle\":{\"pages\":%zu,\"distinct\":%zu,\"zero\":%zu,\"within\":%zu,"
		"\"across\":%zu,\"pair\":%zu,\"limited\":%zu}",
		o.pages, o.distinct, o.zero, o.within, o.across, o.pair, o.limited);
	return o;
}

void phase_sample(struct run *run, const char *name)
{
	struct sample s = sample_take();

	fprintf(run->out, ",\"%s\":", name);
	sample_print(run->out, &s);
}

void phase_start(struct run *run)
{
	preset_apply(run->preset, run->settings->pages_to_scan);
	sample_scanner(run->preset->none ? NULL : run->preset->stock ? "ksmd" : "uksmd");
	if (run->settings->profile && !run->preset->none)
		profile_open(scanner_thread(), run->settings->profile);
	sample_settle_slabs();
	/* 6.1's ksmd does not count what it maps to the zero page. */
	if (engine_get("use_zero_pages") && !engine_has("ksm_zero_pages"))
		sample_saving_by_use();
	phase_sample(run, "before");
	fputs(",\"knobs\":", run->out);
	preset_print_knobs(run->out);
	if (!run->preset->none)
		engine_set("run", 1);
}

static void poll_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
}

static void wait_full_scan(void)
{
	long begun = engine_get("full_scans");
	time_t deadline = time(NULL) + FULL_SCAN_SECS;

	while (engine_get("full_scans") == begun) {
		CHECK(time(NULL) < deadline, "a full scan takes more than %d s", FULL_SCAN_SECS);
		poll_pause();
	}
}

void wait_full_scans(unsigned int nr)
{
	while (nr--)
		wait_full_scan();
}

void phase_between(struct run *run, unsigned int nr)
{
	phase_sample(run, "settled");
	if (run->settings->profile)
		profile_start();
	wait_full_scans(nr);
	if (run->settings->profile)
		profile_end(run->out);
	phase_sample(run, "measured");
}

void phase_steady(struct run *run)
{
	/* Where no page is skipped a few full scans tell as much. */
	unsigned int part = run->preset->smart_scan ? 1 : STEADY_SHORTER;

	wait_full_scans((run->settings->settle + part - 1) / part);
	phase_between(run, (run->settings->measure + part - 1) / part);
}

/* Of 100 pages so many of each guest; @edits has room for all. */
static size_t choose_churn(const struct guest *g, struct edit *edits)
{
	size_t nr = g->pages * CHURN_PERCENT / 100, hot = g->pages * HOT_PERCENT / 100, i;

	for (i = 0; i < nr; i++) {
		bool in_hot = draw_below(100) < CHURN_IN_HOT;

		edits[i].page = in_hot ? draw_below(hot) : hot + draw_below(g->pages - hot);
		/* Half of what is written is somewhere already. */
		edits[i].content = draw_below(2) ? content_new() :
						     g->content[draw_below(g->pages)];
	}
	return nr;
}

static void churn(struct guest *guests, size_t nr)
{
	struct edit *edits;
	size_t g;

	for (g = 0; g < nr; g++) {
		edits = calloc(guests[g].pages, sizeof(*edits));
		CHECK(edits, "no memory for edits");
		guest_edit(&guests[g], edits, choose_churn(&guests[g], edits));
		free(edits);
	}
}

void phase_churn(struct run *run, struct guest *guests, size_t nr)
{
	const char *comma = "";
	unsigned int second;

	wait_full_scans(CHURN_SETTLE);
	phase_sample(run, "settled");
	fputs(",\"churn\":[", run->out);
	for (second = 0; second < run->settings->seconds; second++) {
		struct sample s;

		churn(guests, nr);
		sleep(1);
		s = sample_quick();
		fprintf(run->out, "%s[%ld,%zu]", comma, sample_saving(&s),
			could_be_saved(guests, nr));
		comma = ",";
	}
	fputs("]", run->out);
	phase_sample(run, "measured");
}

void phase_cap(struct run *run, struct guest *guests, size_t nr)
{
	struct sample first = sample_quick(), now;
	const char *comma = "";
	unsigned int half;

	fputs(",\"cap\":[", run->out);
	for (half = 0; half <= 2 * run->settings->seconds; half++) {
		now = sample_quick();
		fprintf(run->out, "%s[%ld,%ld]", comma, now.time_ns - first.time_ns,
			now.cpu_ns - first.cpu_ns);
		comma = ",";
		if (nr && half % 2)
			churn(guests, nr);
		usleep(500000);
	}
	fputs("]", run->out);
	phase_sample(run, "measured");
}

static void print_point(struct run *run, const struct sample *s, const struct sample *first)
{
	fprintf(run->out, "%s[%ld,%ld,%ld,%ld]", s == first ? "" : ",",
		s->time_ns - first->time_ns, s->cpu_ns - first->cpu_ns,
		s->full_scans - first->full_scans, sample_saving(s));
}

void phase_converge(struct run *run, size_t wanted)
{
	struct sample first = sample_quick(), last = first, now;
	long grown_at = first.full_scans, grown_ns = first.time_ns;
	long best = 0;

	if (run->settings->profile)
		profile_start();
	fputs(",\"series\":[", run->out);
	print_point(run, &first, &first);
	for (;;) {
		poll_pause();
		now = sample_quick();
		if (now.cpu_ns == last.cpu_ns)
			continue;
		last = now;
		print_point(run, &now, &first);
		if (sample_saving(&now) > best) {
			best = sample_saving(&now);
			grown_at = now.full_scans;
			grown_ns = now.time_ns;
		}
		if ((size_t)best >= wanted)
			break;
		/* At a pace of the engine's own a full scan may be done in a moment. */
		if (now.time_ns - grown_ns > IDLE_NS &&
		    (now.full_scans - grown_at > IDLE_SCANS ||
		     now.full_scans - first.full_scans > CONVERGE_SCANS_MAX))
			break;
	}
	fputs("]", run->out);
	if (run->settings->profile)
		profile_end(run->out);
	phase_sample(run, "converged");
}

void phase_holds(struct run *run, size_t wanted)
{
	bool steady = strcmp(run->variant, "notifier");

	holds_open(scanner_thread(), run->variant);
	holds_start();
	phase_converge(run, wanted);
	holds_end(run->out, "holds");
	/* Where nothing changes no guest is shut out. */
	if (steady)
		holds_start();
	wait_full_scans(HOLDS_SCANS);
	if (steady)
		holds_end(run->out, "holds_steady");
	phase_sample(run, "measured");
}

static long start_ns(struct guest *g)
{
	long before = sample_quick().time_ns, ns;

	guest_start(g);
	ns = sample_quick().time_ns - before;
	guest_stop(g);
	return ns;
}

void phase_boot(struct run *run, struct guest *g)
{
	const char *comma = "";
	unsigned int i;
	long stopped;

	wait_full_scans(CHURN_SETTLE);
	phase_sample(run, "settled");
	fputs(",\"boot\":[", run->out);
	for (i = 0; i < BOOTS; i++) {
		engine_set("run", 0);
		stopped = start_ns(g);
		engine_set("run", 1);
		wait_full_scan();
		fprintf(run->out, "%s[%ld,%ld]", comma, stopped, start_ns(g));
		comma = ",";
	}
	fputs("]", run->out);
	phase_sample(run, "measured");
}

void phase_idle(struct run *run, size_t wanted)
{
	phase_converge(run, wanted);
	sleep(IDLE_BEFORE_SECS);
	phase_sample(run, "settled");
	sleep(IDLE_SECS);
	phase_sample(run, "measured");
	fprintf(run->out, ",\"idle_seconds\":%d", IDLE_SECS);
}

/**
 * struct probe - a page that was rewritten
 * @guest: whose it is
 * @page: its number
 * @written: full_scans when it was
 */
struct probe {
	struct guest *guest;
	size_t page;
	long written;
};

static void write_probes(struct probe *probes, struct guest *guests, size_t nr, size_t merged,
			 unsigned int round)
{
	size_t i;

	for (i = 0; i < DETECT_PAGES; i++) {
		struct probe *p = &probes[i];
		struct edit edit;

		/* Spread over all guests, never twice the same and never page 0. */
		p->guest = &guests[(round + i) % nr];
		p->page = p->guest->pages / DETECT_PAGES * i +
			  p->guest->pages / (DETECT_PAGES * (DETECT_ROUNDS + 1)) * (round + 1);
		edit = (struct edit){ p->page, guests[0].content[merged] };
		guest_edit(p->guest, &edit, 1);
		p->written = engine_get("full_scans");
	}
}

/* Take those that have been merged off the list, and print how long it took. */
static size_t collect_probes(struct run *run, struct probe *probes, size_t nr, uint64_t pfn,
			     const char **comma)
{
	long now = engine_get("full_scans");
	size_t i, left = 0;

	for (i = 0; i < nr; i++) {
		bool given_up = now - probes[i].written > DETECT_SCANS_MAX;

		if (guest_pfn(probes[i].guest, probes[i].page) != pfn && !given_up) {
			probes[left++] = probes[i];
			continue;
		}
		fprintf(run->out, "%s%ld", *comma, given_up ? -1 : now - probes[i].written);
		*comma = ",";
	}
	return left;
}

void phase_detect(struct run *run, struct guest *guests, size_t nr, size_t merged)
{
	struct probe probes[DETECT_ROUNDS * DETECT_PAGES];
	uint64_t pfn = guest_pfn(&guests[0], merged);
	const char *comma = "";
	unsigned int round;
	size_t left = 0;

	CHECK(pfn, "the merged page that others are to be made equal to is not there");
	fputs(",\"detection\":[", run->out);
	for (round = 0; round < DETECT_ROUNDS || left; round++) {
		if (round < DETECT_ROUNDS) {
			write_probes(&probes[left], guests, nr, merged, round);
			left += DETECT_PAGES;
		}
		wait_full_scan();
		left = collect_probes(run, probes, left, pfn, &comma);
	}
	fputs("]", run->out);
}
