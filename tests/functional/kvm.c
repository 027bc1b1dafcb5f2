// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a virtual machine's MMU is told of: every page that is mapped anew, and hardly any other.
 * The machine has memory and no CPU; its notifier works all the same, and has a trace event.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "machine.h"
#include "memory.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENT TRACING "events/kvm/kvm_unmap_hva_range/enable"

#define PAGES 128
/* One page in so many is like the others of its kind. */
#define APART 16
/* What may be shut out beside a page that changes. */
#define BYSTANDERS 4

static void text_write(const char *path, const char *text)
{
	int fd = CHECK_SYS(open(path, O_WRONLY | O_TRUNC));

	CHECK_SYS(write(fd, text, strlen(text)));
	close(fd);
}

/* A virtual machine with the area for its memory, for as long as the test runs. */
static void vm_with_memory(char *area, size_t pages)
{
	test_needs("KVM");
	/* KVM's own condition; QEMU emulates no AMD CPU that tells so of its TSC. */
	if (kernel_has("PREEMPT_RT") && system("grep -qw constant_tsc /proc/cpuinfo"))
		test_skip("KVM of a real-time kernel needs a constant TSC, which this CPU lacks");
	CHECK(!access("/dev/kvm", F_OK) || !system("modprobe -q kvm_amd || modprobe -q kvm_intel"),
	      "no /dev/kvm");
	machine_make(area, pages * PAGE_SIZE);
	if (access(EVENT, F_OK))
		test_skip("the kernel has no kvm_unmap_hva_range event");
}

static void watch_begin(void)
{
	text_write(TRACING "trace", "");
	text_write(EVENT, "1");
}

/* End the watch: which of the pages has the machine been told to drop? */
static void watch_end(const char *area, bool told[PAGES])
{
	FILE *trace;
	char line[400];

	text_write(EVENT, "0");
	memset(told, 0, PAGES * sizeof(*told));
	trace = fopen(TRACING "trace", "r");
	CHECK(trace, "cannot read the trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), trace)) {
		const char *range = strstr(line, " unmap range: ");
		unsigned long start, end, i;

		if (!range || sscanf(range, " unmap range: %lx -- %lx", &start, &end) != 2)
			continue;
		for (i = 0; i < PAGES; i++) {
			uintptr_t page = (uintptr_t)area + i * PAGE_SIZE;

			told[i] |= page >= start && page < end;
		}
	}
	fclose(trace);
}

static char *area_of_few_equals(void)
{
	char *area = area_map(PAGES);
	size_t i;

	for (i = 0; i < PAGES; i++)
		page_fill(area + i * PAGE_SIZE, i % APART ? 1000 + i : 7);
	area_mergeable(area, PAGES);
	return area;
}

static void check_told(const char *what, const bool told[PAGES])
{
	size_t i, bystanders = 0;

	for (i = 0; i < PAGES; i++) {
		if (i % APART)
			bystanders += told[i];
		else
			CHECK(told[i], "%s: KVM was not told of page %zu", what, i);
	}
	CHECK(bystanders <= PAGES / APART * BYSTANDERS, "%s: KVM lost %zu pages that stay", what,
	      bystanders);
}

static void test_told_of_merging(void)
{
	bool told[PAGES];
	char *area = area_of_few_equals();

	vm_with_memory(area, PAGES);
	watch_begin();
	engine_start();
	engine_settle();
	engine_pause();
	watch_end(area, told);
	engine_check_counters("merged", 1, PAGES / APART - 1, -1, -1);
	check_told("merging", told);
}

static void test_told_of_unmerging(void)
{
	bool told[PAGES];
	char *area = area_of_few_equals();
	size_t i;

	engine_start();
	engine_settle();
	vm_with_memory(area, PAGES);
	watch_begin();
	engine_unmerge();
	watch_end(area, told);
	check_told("unmerging", told);
	for (i = 0; i < PAGES; i++)
		CHECK_PAGE(area + i * PAGE_SIZE, i % APART ? 1000 + i : 7);
}

static const struct test tests[] = {
	{ "told-of-merging", test_told_of_merging },
	{ "told-of-unmerging", test_told_of_unmerging },
};

int main(int argc, char **argv)
{
	return harness_main("kvm", tests, ARRAY_SIZE(tests), argc, argv);
}
