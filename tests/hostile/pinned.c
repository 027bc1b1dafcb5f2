// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that cannot be merged since somebody holds them, with what others have.
 */
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cases.h"
#include "engine.h"
#include "equals.h"
#include "figures.h"
#include "harness.h"
#include "helper.h"
#include "memory.h"
#include "scanner.h"
#include "tenant.h"

#define PINNED_PAGES 4096UL
#define PIPE_PAGES 256UL
#define STEADY_SECS 10.0
#define LIMIT_SECS 30

/* A pipe holds pages that were spliced into it until somebody reads them. */
static void pin(char *area)
{
	struct iovec iov = { .iov_base = area, .iov_len = PIPE_PAGES * PAGE_SIZE };
	ssize_t done;
	int fds[2];

	CHECK_SYS(pipe(fds));
	CHECK_SYS(fcntl(fds[1], F_SETPIPE_SZ, PIPE_PAGES * PAGE_SIZE));
	while (iov.iov_len) {
		done = CHECK_SYS(vmsplice(fds[1], &iov, 1, SPLICE_F_NONBLOCK));
		iov.iov_base = (char *)iov.iov_base + done;
		iov.iov_len -= done;
	}
}

static void holder_main(struct helper *self, void *pinned)
{
	char *area;
	size_t i;

	tenant_become();
	area = area_map(PINNED_PAGES);
	for (i = 0; i < PINNED_PAGES; i++)
		if (pinned)
			victim_fill(area + i * PAGE_SIZE, i % VICTIM_PAGES);
		else
			page_fill(area + i * PAGE_SIZE, 70000000 + i);
	for (i = 0; pinned && i < PINNED_PAGES; i += PIPE_PAGES)
		pin(area + i * PAGE_SIZE);
	area_mergeable(area, PINNED_PAGES);
	helper_step(self);
}

static bool held_arg;

struct result {
	double merge_secs, percent;
};

/* With the tenant there first: the pair merges, and then all is as it will be. */
static struct result holder_run(bool pinned)
{
	struct helper holder;
	struct result r;
	struct victims v;

	helper_start(&holder, holder_main, pinned ? &held_arg : NULL);
	helper_wait(&holder);
	victims_start(&v);
	engine_set("run", 1);
	r.merge_secs = equals_wait(&v.pair, 0, 1, LIMIT_SECS);
	/* What rests comes to rest. */
	engine_wait_full_scans(16);
	r.percent = scanner_share(STEADY_SECS);
	victims_stop(&v);
	helper_kill(&holder);
	engine_unmerge();
	return r;
}

void case_pinned(void)
{
	struct result loose, held;

	scanner_tempo(1000, DEFAULT_MSECS);
	scanner_smart();
	loose = holder_run(false);
	held = holder_run(true);
	figure("pinned.alone_secs", loose.merge_secs);
	figure("pinned.alone_percent", loose.percent);
	figure("pinned.merge_secs", held.merge_secs);
	figure("pinned.percent", held.percent);
	judge(held.merge_secs <= allowed_secs(loose.merge_secs),
	      "a pair merges after %.1f s, beside others after %.1f", held.merge_secs,
	      loose.merge_secs);
	judge(held.percent <= 2 * loose.percent + 0.05,
	      "%.2f %% of a CPU for pinned pages, %.2f %% for others", held.percent,
	      loose.percent);
	judge_end();
}
