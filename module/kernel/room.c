// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmerging takes memory, on behalf of processes that did not ask for it. Were it short,
 * the fault would call the OOM killer, and the victim would be a guest: of the machine's
 * the biggest, or any in a full cgroup. So before each step somebody asks here.
 */
#include "kernel/room.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/page_counter.h>
#include <linux/sched/mm.h>

/* Left alone: memory that others need to go on, and of small machines a part. */
#define RESERVE_PAGES	((32UL << 20) >> PAGE_SHIFT)
#define RESERVE_SHARE	16
/* What each CPU may have charged in advance, so that it shows as used. */
#define MARGIN_PAGES	128UL

static bool machine_has_room(unsigned int pages)
{
	long reserve = min(RESERVE_PAGES, totalram_pages() / RESERVE_SHARE);

	return si_mem_available() > reserve + (long)pages;
}

/**
 * uksm_room_ample() - is so much memory available that there is no need to save any?
 * @percent: of all memory; 100: never
 *
 * Available is what MemAvailable of /proc/meminfo says, si_mem_available().
 */
bool uksm_room_ample(unsigned int percent)
{
	return percent < 100 &&
	       si_mem_available() / percent >= (long)(totalram_pages() / 100);
}

#ifdef CONFIG_MEMCG

/* Does each cgroup up to the root have some to spare? */
static bool margin(struct mem_cgroup *memcg, unsigned long pages)
{
	/* The root, which has no parent, has no limit. */
	for (; memcg && parent_mem_cgroup(memcg); memcg = parent_mem_cgroup(memcg)) {
		unsigned long max = READ_ONCE(memcg->memory.max);
		unsigned long used = page_counter_read(&memcg->memory);

		if (used + pages > max)
			return false;
	}
	return true;
}

/*
 * At its limit a cgroup may still have room, in pages of files that can be dropped. So
 * have as many pages charged to it as are needed, of the kernel's kind: other than a fault
 * these may fail (__GFP_RETRY_MAYFAIL), after what can be reclaimed has been, and without
 * the OOM killer: try_charge_memcg().
 */
static bool probe(struct mem_cgroup *memcg, unsigned int pages)
{
	struct page *page[UKSM_ROOM_PAGES_MAX];
	struct mem_cgroup *old;
	unsigned int n;

	pages = min_t(unsigned int, pages, UKSM_ROOM_PAGES_MAX);
	old = set_active_memcg(memcg);
	for (n = 0; n < pages; n++) {
		page[n] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
		if (!page[n])
			break;
	}
	set_active_memcg(old);
	pages -= n;
	while (n)
		__free_page(page[--n]);
	return !pages;
}

static bool cgroup_has_room(struct mm_struct *mm, unsigned int pages)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm);
	bool room;

	/* NULL with the controller off. */
	if (!memcg)
		return true;
	room = margin(memcg, pages + MARGIN_PAGES) || probe(memcg, pages);
	mem_cgroup_put(memcg);
	return room;
}

#else

static bool cgroup_has_room(struct mm_struct *mm, unsigned int pages)
{
	return true;
}

#endif /* CONFIG_MEMCG */

/**
 * uksm_room_for_copies() - can pages be copied for a process without harm to anybody?
 * @mm: its address space
 * @pages: how many, at most %UKSM_ROOM_PAGES_MAX
 *
 * Others may take the memory meanwhile; but what is left over here is more than a few
 * milliseconds of that.
 *
 * Context: may sleep, and reclaim. No folio lock may be held.
 * Return: 0; -ENOMEM when the machine is short of memory, -EDQUOT when a memory cgroup of
 * the process is.
 */
int uksm_room_for_copies(struct mm_struct *mm, unsigned int pages)
{
	if (!machine_has_room(pages))
		return -ENOMEM;
	return cgroup_has_room(mm, pages) ? 0 : -EDQUOT;
}
