/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events, /sys/kernel/tracing/events/uksm. Names and fields follow the
 * kernel's events/ksm where ksm has the same event, so that a script for one
 * reads the other.
 *
 * The pointers serve to tell objects apart. They are hashed in the text and raw
 * in the binary buffers, and tracefs is root's alone.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM uksm

#if !defined(UKSM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define UKSM_TRACE_H

#include <linux/tracepoint.h>

/* clang-format off */

/* @rmap_entries: pages tracked at this moment, whatever their kind */
DECLARE_EVENT_CLASS(uksm_scan_template,

	TP_PROTO(unsigned long seq, unsigned long rmap_entries),

	TP_ARGS(seq, rmap_entries),

	TP_STRUCT__entry(
		__field(unsigned long, seq)
		__field(unsigned long, rmap_entries)
	),

	TP_fast_assign(
		__entry->seq = seq;
		__entry->rmap_entries = rmap_entries;
	),

	TP_printk("seq %lu rmap size %lu", __entry->seq, __entry->rmap_entries)
);

/**
 * uksm_start_scan - a full scan begins
 * @seq: its number: the value of full_scans before it is counted
 * @rmap_entries: pages tracked
 */
DEFINE_EVENT(uksm_scan_template, uksm_start_scan,
	TP_PROTO(unsigned long seq, unsigned long rmap_entries),
	TP_ARGS(seq, rmap_entries)
);

/**
 * uksm_stop_scan - a full scan has ended
 * @seq: the number under which uksm_start_scan announced it
 * @rmap_entries: pages tracked
 */
DEFINE_EVENT(uksm_scan_template, uksm_stop_scan,
	TP_PROTO(unsigned long seq, unsigned long rmap_entries),
	TP_ARGS(seq, rmap_entries)
);

/**
 * uksm_merge_one_page - a page was tried against one that is not merged yet
 * @pfn: the page that both would use
 * @rmap_item: the address whose page gives way
 * @mm: its address space
 * @err: 0 when it was merged
 */
TRACE_EVENT(uksm_merge_one_page,

	TP_PROTO(unsigned long pfn, void *rmap_item, void *mm, int err),

	TP_ARGS(pfn, rmap_item, mm, err),

	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(void *, rmap_item)
		__field(void *, mm)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->rmap_item = rmap_item;
		__entry->mm = mm;
		__entry->err = err;
	),

	TP_printk("ksm pfn %lu rmap_item %p mm %p error %d",
		  __entry->pfn, __entry->rmap_item, __entry->mm, __entry->err)
);

/**
 * uksm_merge_with_ksm_page - a page was tried against a KSM page
 * @ksm_pfn: the KSM page
 * @pfn: the page that gives way
 * @rmap_item: the address that maps @pfn
 * @mm: its address space
 * @err: 0 when it was merged
 */
TRACE_EVENT(uksm_merge_with_ksm_page,

	TP_PROTO(unsigned long ksm_pfn, unsigned long pfn, void *rmap_item,
		 void *mm, int err),

	TP_ARGS(ksm_pfn, pfn, rmap_item, mm, err),

	TP_STRUCT__entry(
		__field(unsigned long, ksm_pfn)
		__field(unsigned long, pfn)
		__field(void *, rmap_item)
		__field(void *, mm)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->ksm_pfn = ksm_pfn;
		__entry->pfn = pfn;
		__entry->rmap_item = rmap_item;
		__entry->mm = mm;
		__entry->err = err;
	),

	TP_printk("ksm pfn %lu pfn %lu rmap_item %p mm %p error %d",
		  __entry->ksm_pfn, __entry->pfn, __entry->rmap_item,
		  __entry->mm, __entry->err)
);

/**
 * uksm_remove_rmap_item - an address has left its KSM page
 * @pfn: the KSM page
 * @rmap_item: the address
 * @mm: its address space
 */
TRACE_EVENT(uksm_remove_rmap_item,

	TP_PROTO(unsigned long pfn, void *rmap_item, void *mm),

	TP_ARGS(pfn, rmap_item, mm),

	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(void *, rmap_item)
		__field(void *, mm)
	),

	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->rmap_item = rmap_item;
		__entry->mm = mm;
	),

	TP_printk("pfn %lu rmap_item %p mm %p",
		  __entry->pfn, __entry->rmap_item, __entry->mm)
);

/**
 * uksm_unmerge - an address was given a page of its own again
 * @mm: its address space
 * @address: the address in it
 * @err: 0, or why it still shares
 */
TRACE_EVENT(uksm_unmerge,

	TP_PROTO(void *mm, unsigned long address, int err),

	TP_ARGS(mm, address, err),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, address)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->address = address;
		__entry->err = err;
	),

	TP_printk("mm %p address %#lx error %d",
		  __entry->mm, __entry->address, __entry->err)
);

/* clang-format on */

#endif /* UKSM_TRACE_H */

/* Found by name on the include path, which Kbuild points at this directory. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH surface
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
