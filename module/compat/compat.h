/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One face for all supported kernels: what differs between them, and what the
 * kernel's own inline functions would need unexported symbols for. Callers of
 * the page-table wrappers hold what the wrapped function of the kernel asks for.
 */
#ifndef UKSM_COMPAT_H
#define UKSM_COMPAT_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/fs.h>
#include <linux/ksm.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/percpu_counter.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/sched/coredump.h>

#include "kernel/failure.h"
#include "kernel/ksyms.h"

/* Work queues whose works stay on their CPU: the kind that was the only one has got a name. */
#ifdef UKSM_HAVE_WQ_PERCPU
#define UKSM_WQ_PERCPU WQ_PERCPU
#else
#define UKSM_WQ_PERCPU 0
#endif

/* Page tables */

/**
 * uksm_find_pmd() - find the PMD entry that covers an address
 * @mm: whose address space; its mmap_lock is held
 * @addr: user virtual address
 *
 * Return: the entry, which may be empty or huge, or NULL without a PMD table.
 */
static inline pmd_t *uksm_find_pmd(struct mm_struct *mm, unsigned long addr)
{
	return uksm_kcall(mm_find_pmd)(mm, addr);
}

/**
 * uksm_no_pmd_end() - how far there is no page table
 * @mm: whose address space; its mmap_lock is held
 * @addr: user virtual address for which uksm_find_pmd() gave NULL
 *
 * Return: the end, exclusive, of what the missing table would span: 0 if that is
 * the end of the address space.
 */
static inline unsigned long uksm_no_pmd_end(struct mm_struct *mm,
					    unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;

	if (pgd_none(READ_ONCE(*pgd)))
		return (addr & PGDIR_MASK) + PGDIR_SIZE;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(READ_ONCE(*p4d)))
		return (addr & P4D_MASK) + P4D_SIZE;
	return (addr & PUD_MASK) + PUD_SIZE;
}

/**
 * uksm_pmd_read() - read a PMD entry without its lock
 * @pmdp: the entry
 *
 * Return: a value that the entry had at one moment; on x86-64 one load.
 */
static inline pmd_t uksm_pmd_read(pmd_t *pmdp)
{
	return READ_ONCE(*pmdp);
}

/**
 * uksm_pte_map_lock() - map and lock the page table that covers an address
 * @mm: whose address space; its mmap_lock is held
 * @pmdp: the PMD entry that covers @addr
 * @addr: user virtual address
 * @ptlp: where to put the lock for pte_unmap_unlock()
 *
 * Return: the PTE of @addr, or NULL when there is no page table below @pmdp (any
 * more): the entry is empty, or a huge page took its place.
 */
static inline pte_t *uksm_pte_map_lock(struct mm_struct *mm, pmd_t *pmdp,
				       unsigned long addr, spinlock_t **ptlp)
{
	pte_t *ptep;

#if defined(UKSM_HAVE_PTE_OFFSET_MAP_LOCK_INNER)
	ptep = uksm_kcall(__pte_offset_map_lock)(mm, pmdp, addr, ptlp);
#elif !defined(pte_offset_map_lock)
	ptep = uksm_kcall(pte_offset_map_lock)(mm, pmdp, addr, ptlp);
#else
	/*
	 * Here only mmap_lock held for write takes a page table away, so what
	 * this check finds stays a page table.
	 */
	pmd_t pmd = uksm_pmd_read(pmdp);

	if (pmd_none(pmd) || pmd_trans_huge(pmd) || pmd_devmap(pmd) ||
	    !pmd_present(pmd) || pmd_bad(pmd))
		return NULL;
	ptep = pte_offset_map_lock(mm, pmdp, addr, ptlp);
	__release(*ptlp);
#endif
	/* For sparse, where it follows locks. */
#ifdef __cond_lock
	(void)__cond_lock(*ptlp, ptep);
#endif
	return ptep;
}

static inline struct page *uksm_normal_page(struct vm_area_struct *vma,
					    unsigned long addr, pte_t pte)
{
	return uksm_kcall(vm_normal_page)(vma, addr, pte);
}

/**
 * uksm_flush_tlb() - flush small pages from the TLBs
 * @vma: the VMA of the range
 * @start: first address
 * @end: end of the range, exclusive
 */
static inline void uksm_flush_tlb(struct vm_area_struct *vma,
				  unsigned long start, unsigned long end)
{
	uksm_kcall(flush_tlb_mm_range)(vma->vm_mm, start, end, PAGE_SHIFT,
				       false);
}

/* Reverse mapping */

/**
 * uksm_add_anon_rmap() - account for a PTE that maps a shared page
 * @folio: small anonymous folio
 * @page: its page
 * @vma: VMA that maps it, whose page-table lock is held
 * @addr: user virtual address of the mapping
 */
static inline void uksm_add_anon_rmap(struct folio *folio, struct page *page,
				      struct vm_area_struct *vma,
				      unsigned long addr)
{
#ifdef UKSM_HAVE_FOLIO_RMAP_PTES
	uksm_kcall(folio_add_anon_rmap_ptes)(folio, page, 1, vma, addr,
					     RMAP_NONE);
#else
	uksm_kcall(page_add_anon_rmap)(page, vma, addr, RMAP_NONE);
#endif
}

/**
 * uksm_remove_rmap() - account for a PTE that no longer maps a page
 * @folio: small folio
 * @page: its page
 * @vma: VMA that mapped it, whose page-table lock is held
 */
static inline void uksm_remove_rmap(struct folio *folio, struct page *page,
				    struct vm_area_struct *vma)
{
#ifdef UKSM_HAVE_FOLIO_RMAP_PTES
	uksm_kcall(folio_remove_rmap_ptes)(folio, page, 1, vma);
#else
	uksm_kcall(page_remove_rmap)(page, vma, false);
#endif
}

/**
 * uksm_try_share_anon_rmap() - turn an exclusive page into a shared one
 * @folio: small anonymous folio
 * @page: its page, AnonExclusive
 *
 * The caller has cleared the PTE and flushed it: against GUP-fast.
 *
 * Return: 0, or -EBUSY when the page may be pinned.
 */
static inline int uksm_try_share_anon_rmap(struct folio *folio,
					   struct page *page)
{
#ifdef UKSM_HAVE_FOLIO_RMAP_PTES
	return folio_try_share_anon_rmap_pte(folio, page);
#else
	return page_try_share_anon_rmap(page);
#endif
}

static inline void uksm_get_anon_vma(struct anon_vma *anon_vma)
{
	atomic_inc(&anon_vma->refcount);
}

/**
 * uksm_put_anon_vma() - drop a reference that uksm_get_anon_vma() took
 * @anon_vma: may be freed; may sleep until a walker has left it
 */
static inline void uksm_put_anon_vma(struct anon_vma *anon_vma)
{
	if (atomic_dec_and_test(&anon_vma->refcount))
		uksm_kcall(__put_anon_vma)(anon_vma);
}

/**
 * uksm_page_index() - page index by which rmap walks find an anonymous page
 * @vma: private VMA
 * @addr: user virtual address in it
 */
static inline unsigned long uksm_page_index(struct vm_area_struct *vma,
					    unsigned long addr)
{
#ifdef UKSM_HAVE_ANON_PAGE_INDEX
	return linear_anon_page_index(vma, addr);
#else
	return linear_page_index(vma, addr);
#endif
}

/* MMU notifiers, which a kernel without KVM and the like may not have */

#ifdef CONFIG_MMU_NOTIFIER

/**
 * struct uksm_invalidate - a range of addresses whose secondary mappings are
 *	kept away
 * @range: as the notifiers see it
 * @armed: the mm had notifiers at the start
 */
struct uksm_invalidate {
	struct mmu_notifier_range range;
	bool armed;
};

/*
 * As the kernel's own callers do, tell lockdep that notifiers could run here:
 * what they lock must not be held.
 */
static inline void uksm_lockdep_notifiers(void)
{
	might_sleep();
#ifdef CONFIG_LOCKDEP
	lock_map_acquire(uksm_kdata.__mmu_notifier_invalidate_range_start_map);
	lock_map_release(uksm_kdata.__mmu_notifier_invalidate_range_start_map);
#endif
}

/**
 * uksm_invalidate_start() - have secondary MMUs drop a range, and stay away
 * @inv: for uksm_invalidate_end()
 * @vma: the VMA; its mm's mmap_lock is held, so no notifier comes or goes
 * @start: user virtual address
 * @end: end of the range, exclusive
 *
 * May sleep.
 */
static inline void uksm_invalidate_start(struct uksm_invalidate *inv,
					 struct vm_area_struct *vma,
					 unsigned long start, unsigned long end)
{
	uksm_lockdep_notifiers();
	inv->armed = mm_has_notifiers(vma->vm_mm);
	if (!inv->armed)
		return;
	inv->range = (struct mmu_notifier_range){
		.mm = vma->vm_mm,
		.start = start,
		.end = end,
		.flags = MMU_NOTIFIER_RANGE_BLOCKABLE,
		.event = MMU_NOTIFY_CLEAR,
	};
	/* A blockable invalidation cannot fail. */
	uksm_kcall(__mmu_notifier_invalidate_range_start)(&inv->range);
}

/**
 * uksm_invalidate_end() - let secondary MMUs map the range again
 * @inv: from uksm_invalidate_start()
 */
static inline void uksm_invalidate_end(struct uksm_invalidate *inv)
{
	if (!inv->armed)
		return;
#ifdef UKSM_HAVE_RANGE_END_ONLY_END
	uksm_kcall(__mmu_notifier_invalidate_range_end)(&inv->range, false);
#else
	uksm_kcall(__mmu_notifier_invalidate_range_end)(&inv->range);
#endif
}

#else /* !CONFIG_MMU_NOTIFIER: nobody has secondary mappings */

struct uksm_invalidate {
};

static inline void uksm_invalidate_start(struct uksm_invalidate *inv, struct vm_area_struct *vma,
					 unsigned long start, unsigned long end)
{
	might_sleep();
}

static inline void uksm_invalidate_end(struct uksm_invalidate *inv)
{
}

#endif /* CONFIG_MMU_NOTIFIER */

/* Folios */

#ifdef FOLIO_MAPPING_KSM
#define UKSM_MAPPING_KSM FOLIO_MAPPING_KSM
#define UKSM_MAPPING_FLAGS FOLIO_MAPPING_FLAGS
#else
#define UKSM_MAPPING_KSM PAGE_MAPPING_KSM
#define UKSM_MAPPING_FLAGS PAGE_MAPPING_FLAGS
#endif

/**
 * uksm_folio_raw_mapping() - what a folio's mapping points to
 * @folio: any folio
 *
 * Return: the pointer without the bits that tell its type. Only the folio lock
 * makes it stable.
 */
static inline void *uksm_folio_raw_mapping(const struct folio *folio)
{
	unsigned long mapping = (unsigned long)READ_ONCE(folio->mapping);

	return (void *)(mapping & ~UKSM_MAPPING_FLAGS);
}

/**
 * uksm_folio_is_ksm_of() - is a folio the KSM folio of a given stable node?
 * @folio: any folio, locked or not
 * @node: stable node, or NULL for a KSM folio that no node claims any more
 */
static inline bool uksm_folio_is_ksm_of(const struct folio *folio,
					const void *node)
{
	return (unsigned long)READ_ONCE(folio->mapping) ==
	       ((unsigned long)node | UKSM_MAPPING_KSM);
}

/**
 * uksm_folio_set_ksm() - make an anonymous folio a KSM folio
 * @folio: small, locked, write-protected, not AnonExclusive
 * @node: stable node, or NULL when the last one goes
 */
static inline void uksm_folio_set_ksm(struct folio *folio, void *node)
{
	unsigned long mapping = (unsigned long)node | UKSM_MAPPING_KSM;

	WRITE_ONCE(folio->mapping, (struct address_space *)mapping);
}

static inline bool uksm_folio_test_ksm(const struct folio *folio)
{
	return ((unsigned long)READ_ONCE(folio->mapping) &
		UKSM_MAPPING_FLAGS) == UKSM_MAPPING_KSM;
}

/**
 * uksm_folio_test_anon() - is a folio anonymous, KSM folios included?
 * @folio: any folio
 */
static inline bool uksm_folio_test_anon(struct folio *folio)
{
	return folio_test_anon(folio);
}

/**
 * uksm_folio_mapcount_small() - how many PTEs map a folio
 * @folio: small folio
 */
static inline int uksm_folio_mapcount_small(struct folio *folio)
{
	return atomic_read(&folio->_mapcount) + 1;
}

/**
 * uksm_split_folio() - split the large folio of a page into small ones
 * @page: one of its pages, on which the caller holds a reference; its folio is
 *	locked and has no other references than its mappings
 *
 * Return: 0 when @page is now a small folio of its own, locked, with the
 * caller's reference; -errno when nothing has changed: always, on kernels without
 * huge pages, where no process has a large anonymous folio.
 */
static inline int uksm_split_folio(struct page *page)
{
#if !defined(CONFIG_TRANSPARENT_HUGEPAGE)
	return -EBUSY;
#elif defined(UKSM_HAVE_SPLIT_TO_ORDER_INNER)
	return uksm_kcall(__split_huge_page_to_list_to_order)(page, NULL, 0);
#elif defined(UKSM_HAVE_SPLIT_TO_ORDER)
	return uksm_kcall(split_huge_page_to_list_to_order)(page, NULL, 0);
#else
	return uksm_kcall(split_huge_page_to_list)(page, NULL);
#endif
}

/**
 * uksm_folio_free_swap() - give up a folio's swap space if nothing needs it
 * @folio: locked
 */
static inline bool uksm_folio_free_swap(struct folio *folio)
{
	return uksm_kcall(folio_free_swap)(folio);
}

/**
 * uksm_charge_like() - charge a new folio to the memory cgroup of another one
 * @folio: new, of the same size and kind
 * @old: stays charged as well, and is about to be freed
 *
 * Both are locked. Not refused at the cgroup's limit, as the kernel's own migration is not.
 */
static inline void uksm_charge_like(struct folio *folio, struct folio *old)
{
#if !defined(CONFIG_MEMCG)
#elif defined(UKSM_HAVE_MEMCG_REPLACE_FOLIO)
	uksm_kcall(mem_cgroup_replace_folio)(old, folio);
#else
	uksm_kcall(mem_cgroup_migrate)(old, folio);
#endif
}

/**
 * uksm_memory_has_failed() - has any page of this machine ever failed?
 *
 * Or been taken out of use because it was about to. Such pages may be mapped for
 * a moment, and must not be read.
 */
static inline bool uksm_memory_has_failed(void)
{
#ifdef CONFIG_MEMORY_FAILURE
	return READ_ONCE(uksm_failure_seen) || atomic_long_read(uksm_kdata.num_poisoned_pages);
#else
	return false;
#endif
}

/* The zero page */

static inline unsigned long uksm_zero_pfn(void)
{
	return page_to_pfn(ZERO_PAGE(0));
}

static inline bool uksm_pfn_is_zero_page(unsigned long pfn)
{
	return is_zero_pfn(pfn);
}

/**
 * uksm_zero_pte_mark() - mark a PTE of the zero page as placed by merging
 * @pte: special, read-only PTE of the zero page
 *
 * The kernel takes the mark, where it knows it, as the sign to count the page
 * out again: uksm_account_zero_map() must follow.
 */
static inline pte_t uksm_zero_pte_mark(pte_t pte)
{
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
	return pte_mkdirty(pte);
#else
	return pte;
#endif
}

/**
 * uksm_pte_is_merged_zero() - does a PTE bear the mark of uksm_zero_pte_mark()?
 * @pte: present PTE
 *
 * Return: always false on kernels without the mark.
 */
static inline bool uksm_pte_is_merged_zero(pte_t pte)
{
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
	return is_ksm_zero_pte(pte);
#else
	return false;
#endif
}

/** uksm_zero_pages_marked() - are zero pages that merging has placed told from others? */
static inline bool uksm_zero_pages_marked(void)
{
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
	return true;
#else
	return false;
#endif
}

/**
 * uksm_mm_zero_pages() - how many zero pages merging has placed in an address space, at most
 * @mm: address space, which may have exited
 * @known: how many are known of
 *
 * Return: @known, or what the kernel has counted if that is less.
 */
static inline unsigned long uksm_mm_zero_pages(struct mm_struct *mm, unsigned long known)
{
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
	long counted = atomic_read(&mm->mm_users) ? atomic_long_read(&mm->ksm_zero_pages) : 0;

	return clamp(counted, 0L, (long)known);
#else
	return known;
#endif
}

/**
 * uksm_account_zero_mark() - account for a zero page that is there, and now bears the mark
 * @mm: whose page-table lock is held
 */
static inline void uksm_account_zero_mark(struct mm_struct *mm)
{
#ifdef UKSM_HAVE_KSM_ZERO_PAGES
	atomic_long_inc(uksm_kdata.ksm_zero_pages);
	atomic_long_inc(&mm->ksm_zero_pages);
#endif
}

/**
 * uksm_account_zero_map() - account for a zero page in an anonymous page's place
 * @mm: whose page-table lock is held
 */
static inline void uksm_account_zero_map(struct mm_struct *mm)
{
	uksm_account_zero_mark(mm);
	/* dec_mm_counter(), but for its trace event, which is not exported. */
#ifdef UKSM_HAVE_RSS_STAT_PERCPU
	percpu_counter_dec(&mm->rss_stat[MM_ANONPAGES]);
#else
	atomic_long_dec(&mm->rss_stat.count[MM_ANONPAGES]);
#endif
}

/* Address spaces */

/**
 * uksm_mm_wants_merge() - did a process ever ask for merging?
 * @mm: its address space
 *
 * By madvise(MADV_MERGEABLE) or prctl(PR_SET_MEMORY_MERGE), itself or before a
 * fork, while the kernel knew it.
 */
static inline bool uksm_mm_wants_merge(struct mm_struct *mm)
{
#ifdef UKSM_HAVE_MM_FLAGS_TEST
	return mm_flags_test(MMF_VM_MERGEABLE, mm);
#else
	return test_bit(MMF_VM_MERGEABLE, &mm->flags);
#endif
}

/** uksm_merge_any_known() - can a process ask for merging of all that it has, and ever will? */
static inline bool uksm_merge_any_known(void)
{
#ifdef UKSM_HAVE_KSM_MERGE_ANY
	return true;
#else
	return false;
#endif
}

/**
 * uksm_merge_any_joins() - do new mappings of a process that has asked for that join others?
 *
 * Once VM_MERGEABLE is set before a new mapping is joined with its neighbours (ksm_vma_flags()),
 * which have it. Before that it was set afterwards (ksm_add_vma()), and the two differed.
 */
static inline bool uksm_merge_any_joins(void)
{
#ifdef UKSM_HAVE_KSM_VMA_FLAGS
	return true;
#else
	return false;
#endif
}

/** uksm_mm_merges_any() - has that been asked for, by or for a process, and not been taken back? */
static inline bool uksm_mm_merges_any(struct mm_struct *mm)
{
#if !defined(UKSM_HAVE_KSM_MERGE_ANY)
	return false;
#elif defined(UKSM_HAVE_MM_FLAGS_TEST)
	return mm_flags_test(MMF_VM_MERGE_ANY, mm);
#else
	return test_bit(MMF_VM_MERGE_ANY, &mm->flags);
#endif
}

/**
 * uksm_cpu_awaited() - has somebody woken up who is to have this CPU next?
 *
 * Kernels with lazy preemption tell a kernel thread by a flag of its own, and let who has woken
 * up wait for the next tick (since 6.13: resched_curr_lazy()).
 */
static inline bool uksm_cpu_awaited(void)
{
#ifdef TIF_NEED_RESCHED_LAZY
	if (test_thread_flag(TIF_NEED_RESCHED_LAZY))
		return true;
#endif
	return need_resched();
}

/** uksm_cpu_give() - as cond_resched(), which knows nothing of that flag */
static inline void uksm_cpu_give(void)
{
	cond_resched();
	if (uksm_cpu_awaited())
		schedule();
}

/**
 * uksm_mmap_write_trylock() - take an mmap_lock for writing, if nobody has it
 * @mm: address space
 *
 * What mmap_write_lock() does beside, and mmap_write_unlock() undoes, is done.
 */
static inline bool uksm_mmap_write_trylock(struct mm_struct *mm)
{
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
#ifdef UKSM_HAVE_MM_LOCK_SEQCOUNT
	mm_lock_seqcount_begin(mm);
#endif
	return true;
}

/**
 * uksm_mm_merge_any() - ask for it on behalf of a process
 * @mm: its address space; mmap_lock is held for writing
 *
 * As prctl(PR_SET_MEMORY_MERGE) does: all its mappings that can be merged are marked, and so will
 * be those that come, its children's, and what it executes.
 *
 * Context: may sleep. Takes time for each mapping.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP.
 */
static inline int uksm_mm_merge_any(struct mm_struct *mm)
{
#ifdef UKSM_HAVE_KSM_MERGE_ANY
	return uksm_kcall(ksm_enable_merge_any)(mm);
#else
	return -EOPNOTSUPP;
#endif
}

/**
 * uksm_vma_compatible() - may pages of a VMA be merged at all?
 * @vma: the VMA, stable under mmap_lock
 *
 * Whether merging was asked for (VM_MERGEABLE), and whether there is anything to
 * merge (an anon_vma), is the caller's question.
 */
static inline bool uksm_vma_compatible(struct vm_area_struct *vma)
{
	unsigned long unfit = VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO |
			      VM_DONTEXPAND | VM_HUGETLB | VM_MIXEDMAP;

#ifdef VM_DROPPABLE
	unfit |= VM_DROPPABLE;
#endif
#ifdef VM_SHADOW_STACK
	unfit |= VM_SHADOW_STACK;
#endif
	/* exec moves the temporary stack where no rmap walk finds it. */
	return !(vma->vm_flags & unfit) && !vma_is_dax(vma) &&
	       !vma_is_temporary_stack(vma);
}

/**
 * uksm_unshare() - give an address a private copy of the KSM page it maps
 * @vma: the VMA of @addr; its mm's mmap_lock is held
 * @addr: user virtual address
 *
 * Unlike a write this does not trip over userfaultfd's write protection. One
 * fault need not be enough: the caller looks again. Where userfaultfd keeps all
 * access away, debug kernels complain of a fault that does not allow to be tried
 * again. This one does, and waits for nothing, so the mmap_lock stays held.
 *
 * Return: as handle_mm_fault(); %VM_FAULT_RETRY where userfaultfd is in the way.
 */
static inline vm_fault_t uksm_unshare(struct vm_area_struct *vma,
				      unsigned long addr)
{
	return handle_mm_fault(vma, addr,
			       FAULT_FLAG_UNSHARE | FAULT_FLAG_REMOTE |
			       FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT, NULL);
}

/*
 * What /proc/PID/ksm_merging_pages and ksm_stat show. ksmd, which is idle
 * while uksm is not, is the only other writer.
 */
static inline void uksm_mm_merging_add(struct mm_struct *mm, long pages)
{
	WRITE_ONCE(mm->ksm_merging_pages, mm->ksm_merging_pages + pages);
}

static inline void uksm_mm_rmap_items_add(struct mm_struct *mm, long items)
{
	WRITE_ONCE(mm->ksm_rmap_items, mm->ksm_rmap_items + items);
}

/* The rest of the kernel */

/**
 * uksm_own_runtime_ns() - CPU time that the running thread has used, up to now
 */
static inline u64 uksm_own_runtime_ns(void)
{
	return uksm_kcall(task_sched_runtime)(current);
}

/**
 * uksm_mm_kobject() - the directory /sys/kernel/mm
 */
static inline struct kobject *uksm_mm_kobject(void)
{
	return *uksm_kdata.mm_kobj;
}

/**
 * uksm_mutex_has_waiters() - does a task wait for a mutex?
 * @lock: a mutex that the caller holds
 */
static inline bool uksm_mutex_has_waiters(struct mutex *lock)
{
#if defined(CONFIG_PREEMPT_RT)
	/*
	 * An rt_mutex then. A waiter stays in the tree until it has the lock. Its wait_lock,
	 * a raw one, is not needed for a mere look.
	 */
	return !RB_EMPTY_ROOT(&lock->rtmutex.waiters.rb_root);
#elif defined(UKSM_HAVE_MUTEX_FIRST_WAITER)
	/* The wait_lock that protects it is not needed for a mere look. */
	return data_race(READ_ONCE(lock->first_waiter));
#else
	return !list_empty_careful(&lock->wait_list);
#endif
}

/**
 * uksm_ftrace_set_ip() - have a traced call go on elsewhere
 * @fregs: as an ftrace callback with FTRACE_OPS_FL_IPMODIFY gets them
 * @ip: address of the function to enter instead
 */
static __always_inline void uksm_ftrace_set_ip(struct ftrace_regs *fregs,
					       unsigned long ip)
{
#ifdef ftrace_regs_set_instruction_pointer
	ftrace_regs_set_instruction_pointer(fregs, ip);
#else
	ftrace_instruction_pointer_set(fregs, ip);
#endif
}

#endif
