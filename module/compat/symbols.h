/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's unexported symbols that the module uses, with their types.
 *
 * This file is included several times, on purpose, with other meanings of
 *
 *   UKSM_KSYM_FUNC(name, return type, parameter types...)
 *   UKSM_KSYM_DATA(name)
 *
 * Prototypes are compared with the kernel's headers when the module is built,
 * and with the running kernel's BTF when it is loaded. BTF does not tell objects'
 * types: struct uksm_kdata has them, and the build compares those that the headers
 * declare.
 */

UKSM_KSYM_DATA(ksm_run);
UKSM_KSYM_DATA(ksm_pages_shared);
UKSM_KSYM_DATA(ksm_thread_mutex);
UKSM_KSYM_DATA(ksm_attr_group);
UKSM_KSYM_DATA(mm_kobj);
UKSM_KSYM_DATA(__start_BTF);
UKSM_KSYM_DATA(__stop_BTF);
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
UKSM_KSYM_DATA(ksm_zero_pages);
#endif
#ifdef CONFIG_MEMORY_FAILURE
UKSM_KSYM_DATA(num_poisoned_pages);
#endif

#if defined(CONFIG_LOCKDEP) && defined(CONFIG_MMU_NOTIFIER)
UKSM_KSYM_DATA(__mmu_notifier_invalidate_range_start_map);
#endif

UKSM_KSYM_FUNC(find_ge_pid, struct pid *, int, struct pid_namespace *);
UKSM_KSYM_FUNC(mm_find_pmd, pmd_t *, struct mm_struct *, unsigned long);
UKSM_KSYM_FUNC(vm_normal_page, struct page *, struct vm_area_struct *,
	       unsigned long, pte_t);
UKSM_KSYM_FUNC(flush_tlb_mm_range, void, struct mm_struct *, unsigned long,
	       unsigned long, unsigned int, bool);
UKSM_KSYM_FUNC(folio_free_swap, bool, struct folio *);
UKSM_KSYM_FUNC(__put_anon_vma, void, struct anon_vma *);
UKSM_KSYM_FUNC(lru_add_drain, void, void);
UKSM_KSYM_FUNC(task_sched_runtime, unsigned long long, struct task_struct *);

/* What prctl(PR_SET_MEMORY_MERGE) does, where the kernel has that. */
#ifdef UKSM_HAVE_KSM_MERGE_ANY
UKSM_KSYM_FUNC(ksm_enable_merge_any, int, struct mm_struct *);
#endif

/* Charging a page for another one, which stays charged: once the name of it has been changed. */
#if !defined(CONFIG_MEMCG)
#elif defined(UKSM_HAVE_MEMCG_REPLACE_FOLIO)
UKSM_KSYM_FUNC(mem_cgroup_replace_folio, void, struct folio *, struct folio *);
#else
UKSM_KSYM_FUNC(mem_cgroup_migrate, void, struct folio *, struct folio *);
#endif

#ifdef CONFIG_MMU_NOTIFIER
UKSM_KSYM_FUNC(__mmu_notifier_invalidate_range_start, int,
	       struct mmu_notifier_range *);
#ifdef UKSM_HAVE_RANGE_END_ONLY_END
UKSM_KSYM_FUNC(__mmu_notifier_invalidate_range_end, void,
	       struct mmu_notifier_range *, bool);
#else
UKSM_KSYM_FUNC(__mmu_notifier_invalidate_range_end, void,
	       struct mmu_notifier_range *);
#endif
#endif /* CONFIG_MMU_NOTIFIER */

/* The rmap of PTE-mapped folios: page by page, later ranges of pages. */
#ifdef UKSM_HAVE_FOLIO_RMAP_PTES
UKSM_KSYM_FUNC(folio_add_anon_rmap_ptes, void, struct folio *, struct page *,
	       int, struct vm_area_struct *, unsigned long, rmap_t);
UKSM_KSYM_FUNC(folio_remove_rmap_ptes, void, struct folio *, struct page *, int,
	       struct vm_area_struct *);
#else
UKSM_KSYM_FUNC(page_add_anon_rmap, void, struct page *, struct vm_area_struct *,
	       unsigned long, rmap_t);
UKSM_KSYM_FUNC(page_remove_rmap, void, struct page *, struct vm_area_struct *,
	       bool);
#endif

/*
 * Once page tables could go away under mmap_lock held for read, mapping one
 * became a function: under an inner name first. Before, it is all inline.
 */
#if defined(UKSM_HAVE_PTE_OFFSET_MAP_LOCK_INNER)
UKSM_KSYM_FUNC(__pte_offset_map_lock, pte_t *, struct mm_struct *, pmd_t *,
	       unsigned long, spinlock_t **);
#elif !defined(pte_offset_map_lock)
UKSM_KSYM_FUNC(pte_offset_map_lock, pte_t *, struct mm_struct *, pmd_t *,
	       unsigned long, spinlock_t **);
#endif

/* Real-time kernels are built without huge pages: nothing is to be split there. */
#if !defined(CONFIG_TRANSPARENT_HUGEPAGE)
#elif defined(UKSM_HAVE_SPLIT_TO_ORDER_INNER)
UKSM_KSYM_FUNC(__split_huge_page_to_list_to_order, int, struct page *,
	       struct list_head *, unsigned int);
#elif defined(UKSM_HAVE_SPLIT_TO_ORDER)
UKSM_KSYM_FUNC(split_huge_page_to_list_to_order, int, struct page *,
	       struct list_head *, unsigned int);
#else
UKSM_KSYM_FUNC(split_huge_page_to_list, int, struct page *, struct list_head *);
#endif

#undef UKSM_KSYM_FUNC
#undef UKSM_KSYM_DATA
