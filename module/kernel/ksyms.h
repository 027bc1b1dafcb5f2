/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_KSYMS_H
#define UKSM_KSYMS_H

#include <linux/kobject.h>
#include <linux/ksm.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rmap.h>
#include <linux/sched/cputime.h>
#include <linux/static_call.h>
#include <linux/swap.h>

/* Not declared for modules: on some of the kernels, or on any. */
pmd_t *mm_find_pmd(struct mm_struct *mm, unsigned long address);
void __put_anon_vma(struct anon_vma *anon_vma);
void lru_add_drain(void);
void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start,
			unsigned long end, unsigned int stride_shift,
			bool freed_tables);

/*
 * Unexported functions are called through static calls only: the kernel patches
 * a direct call into each call site. With IBT an indirect call would fault,
 * since the kernel erases the landing pads of functions whose address it never
 * takes.
 */
#define UKSM_KSYM_FUNC(name, ...) DECLARE_STATIC_CALL(uksm_ksym_##name, name)
#define UKSM_KSYM_DATA(...)
#include "compat/symbols.h"

/**
 * uksm_kcall() - call an unexported function of compat/symbols.h
 * @name: its name in the kernel
 *
 * Followed by the arguments in parentheses. Valid after uksm_ksyms_init().
 */
#define uksm_kcall(name) static_call(uksm_ksym_##name)

/**
 * struct uksm_kdata - where the kernel's unexported objects are
 * @ksm_run: what was last written to /sys/kernel/mm/ksm/run, and 4 while memory
 *	is being taken offline
 * @ksm_pages_shared: KSM folios that ksmd holds
 * @ksm_thread_mutex: protects both
 * @ksm_attr_group: the files of /sys/kernel/mm/ksm
 * @mm_kobj: the directory /sys/kernel/mm
 * @ksm_zero_pages: zero pages that merging has placed; NULL where the kernel
 *	does not count them
 * @num_poisoned_pages: pages that have failed; NULL where the kernel does not
 *	handle that
 * @__mmu_notifier_invalidate_range_start_map: what lockdep takes for held while
 *	notifiers run; on kernels with lockdep and notifiers
 * @__start_BTF: the kernel's type information
 * @__stop_BTF: its end
 *
 * Members have the kernel's names and types.
 */
struct uksm_kdata {
	unsigned long *ksm_run;
	unsigned long *ksm_pages_shared;
	struct mutex *ksm_thread_mutex;
	const struct attribute_group *ksm_attr_group;
	struct kobject **mm_kobj;
	atomic_long_t *ksm_zero_pages;
	atomic_long_t *num_poisoned_pages;
#if defined(CONFIG_LOCKDEP) && defined(CONFIG_MMU_NOTIFIER)
	struct lockdep_map *__mmu_notifier_invalidate_range_start_map;
#endif
	const u8 *__start_BTF;
	const u8 *__stop_BTF;
};

extern struct uksm_kdata uksm_kdata;

/**
 * struct uksm_ksym_func - one UKSM_KSYM_FUNC() of compat/symbols.h
 * @name: its name in the kernel
 * @prototype: its type as the module was compiled with, the way uksm_btf_lookup()
 *	tells it: "int (struct page *, struct list_head *)"
 */
struct uksm_ksym_func {
	const char *name;
	const char *prototype;
};

#define UKSM_KSYM_MAX_FUNCS 28

/* Filled by uksm_ksyms_init(); gone once the module is loaded. */
extern struct uksm_ksym_func uksm_ksym_funcs[UKSM_KSYM_MAX_FUNCS];
extern unsigned int uksm_ksym_nr_funcs;

int uksm_ksyms_init(void);

#endif
