// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content keeps, and comes to lie elsewhere: in swap, in huge pages, on another node, in
 * another frame; or it is lost with its frame.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "ops.h"
#include "worker.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#ifndef MPOL_MF_MOVE
#define MPOL_MF_MOVE 2
#endif

/* Each takes a frame from the machine, unless memory offline gives it back. */
#define SOFT_OFFLINES_MAX 4000

static enum outcome advise(struct actor *a, unsigned long max, int advice)
{
	unsigned long from, n;

	actor_range(a, max, &from, &n);
	return madvise(area_page(a->area, from), n * PAGE_SIZE, advice) ? REFUSED : DONE;
}

enum outcome op_pageout(struct actor *a)
{
	return advise(a, 128, rnd(&a->rng, 4) ? MADV_PAGEOUT : MADV_COLD);
}

enum outcome op_populate(struct actor *a)
{
	return advise(a, 64, rnd(&a->rng, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

enum outcome op_collapse(struct actor *a)
{
	unsigned long from = rnd(&a->rng, a->area->pages) / 512 * 512;

	if (from + 512 > a->area->pages)
		return REFUSED;
	history_note(from, 512);
	if (!madvise(area_page(a->area, from), 512 * PAGE_SIZE, MADV_COLLAPSE))
		return DONE;
	if (errno == EINVAL && access("/sys/kernel/mm/transparent_hugepage", F_OK))
		return not_available("no huge pages");
	return REFUSED;
}

enum outcome op_huge(struct actor *a)
{
	return advise(a, 1024, rnd(&a->rng, 3) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

enum outcome op_lock(struct actor *a)
{
	unsigned long from, n;
	int err;

	actor_range(a, 32, &from, &n);
	err = mlock(area_page(a->area, from), n * PAGE_SIZE);
	usleep(rnd(&a->rng, 5000));
	err |= munlock(area_page(a->area, from), n * PAGE_SIZE);
	return err ? REFUSED : DONE;
}

static bool one_node(void)
{
	return access("/sys/devices/system/node/node1", F_OK);
}

enum outcome op_move_pages(struct actor *a)
{
	enum { MAX = 32 };
	int node = rnd(&a->rng, 2), nodes[MAX], status[MAX];
	unsigned long from, n, i;
	void *pages[MAX];

	if (one_node())
		return not_available("one memory node");
	actor_range(a, MAX, &from, &n);
	for (i = 0; i < n; i++) {
		pages[i] = area_page(a->area, from + i);
		nodes[i] = node;
	}
	return syscall(SYS_move_pages, 0, n, pages, nodes, status, MPOL_MF_MOVE) < 0 ? REFUSED :
										      DONE;
}

enum outcome op_migrate(struct actor *a)
{
	unsigned long old = 1, new = 2;
	bool back = rnd(&a->rng, 2);

	if (one_node())
		return not_available("one memory node");
	return syscall(SYS_migrate_pages, 0, 8 * sizeof(old), back ? &new : &old,
		       back ? &old : &new) < 0 ? REFUSED : DONE;
}

enum outcome op_soft_offline(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);

	if (count_up(tally->soft_offlines) > SOFT_OFFLINES_MAX)
		return REFUSED;
	if (!madvise(area_page(a->area, page), PAGE_SIZE, MADV_SOFT_OFFLINE))
		return DONE;
	if (errno == EINVAL)
		return not_available("no memory failure handling");
	return REFUSED;
}

struct poisoning {
	char *page;
	int err;
};

/* Newer kernels signal the caller as if it had met the error itself. */
static void poison(void *arg)
{
	struct poisoning *p = arg;

	p->err = 0;
	if (madvise(p->page, PAGE_SIZE, MADV_HWPOISON))
		p->err = errno;
}

/*
 * A page that everybody may share is written, given time to merge, and destroyed. All
 * who share it lose it; nobody else may lose anything. Never a page of zeroes: the
 * kernel's own could be what lies there.
 */
enum outcome op_hard_offline(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	struct area *area = a->area;
	struct poisoning p = { area_page(area, page) };
	enum outcome outcome = DONE;

	if (tally->poisonings >= LOST_MAX)
		return REFUSED;
	area_lock(area, page, 1);
	do {
		area_write(area, page, actor_generation(a));
	} while (content_is_zero(&area->state[page].content, area->seed));
	usleep(rnd(&a->rng, 100000));
	area_announce_poison(area, page);
	if (guard_run(poison, &p) == TOUCHED && p.err)
		outcome = p.err == EINVAL ? not_available("no memory failure handling") : REFUSED;
	area_check(area, page);
	area_unlock(area, page, 1);
	return outcome;
}
