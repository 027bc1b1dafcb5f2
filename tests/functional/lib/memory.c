// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	return x;
}

static uint64_t word_of(uint64_t seed, size_t i)
{
	return seed ? mix(mix(seed) + i * 0xd1342543de82ef95ULL) : 0;
}

void page_fill(void *page, uint64_t seed)
{
	uint64_t *words = page;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		words[i] = word_of(seed, i);
}

bool page_holds(const void *page, uint64_t seed)
{
	const volatile uint64_t *words = page;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		if (words[i] != word_of(seed, i))
			return false;
	return true;
}

void area_no_huge(void *addr, size_t bytes)
{
	if (kernel_has("TRANSPARENT_HUGEPAGE"))
		CHECK_SYS(madvise(addr, bytes, MADV_NOHUGEPAGE));
}

char *area_map(size_t pages)
{
	size_t size = (pages + 2) * PAGE_SIZE;
	char *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(addr != MAP_FAILED, "mmap of %zu pages: %m", pages);
	CHECK_SYS(munmap(addr, PAGE_SIZE));
	CHECK_SYS(munmap(addr + size - PAGE_SIZE, PAGE_SIZE));
	addr += PAGE_SIZE;
	area_no_huge(addr, pages * PAGE_SIZE);
	return addr;
}

void area_mergeable(void *addr, size_t pages)
{
	CHECK_SYS(madvise(addr, pages * PAGE_SIZE, MADV_MERGEABLE));
}

char *area_map_same(size_t pages, uint64_t seed)
{
	char *addr = area_map(pages);
	size_t i;

	for (i = 0; i < pages; i++)
		page_fill(addr + i * PAGE_SIZE, seed);
	area_mergeable(addr, pages);
	return addr;
}

char *area_map_distinct(size_t pages, uint64_t seed)
{
	char *addr = area_map(pages);
	size_t i;

	for (i = 0; i < pages; i++)
		page_fill(addr + i * PAGE_SIZE, seed + i);
	area_mergeable(addr, pages);
	return addr;
}

void area_check_same(const char *addr, size_t pages, uint64_t seed)
{
	size_t i;

	for (i = 0; i < pages; i++)
		CHECK_PAGE(addr + i * PAGE_SIZE, seed);
}

void area_check_distinct(const char *addr, size_t pages, uint64_t seed)
{
	size_t i;

	for (i = 0; i < pages; i++)
		CHECK_PAGE(addr + i * PAGE_SIZE, seed + i);
}

char *huge_map(size_t hpages, uint64_t seed)
{
	size_t i, pages = hpages * HPAGE_SIZE / PAGE_SIZE;
	long kib = hpages * (HPAGE_SIZE >> 10);
	char *addr;

	test_needs("TRANSPARENT_HUGEPAGE");
	addr = mmap(NULL, (hpages + 1) * HPAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(addr != MAP_FAILED, "mmap: %m");
	addr = (char *)(((uintptr_t)addr + HPAGE_SIZE - 1) & ~(HPAGE_SIZE - 1));
	CHECK_SYS(madvise(addr, hpages * HPAGE_SIZE, MADV_HUGEPAGE));
	for (i = 0; i < pages; i++)
		page_fill(addr + i * PAGE_SIZE, seed ? seed + i : 0);
	if (smaps_kib(addr, "AnonHugePages:") != kib)
		test_skip("no huge pages to be had: AnonHugePages is %ld of %ld KiB",
			  smaps_kib(addr, "AnonHugePages:"), kib);
	return addr;
}

static void read_words(const char *path, uint64_t index, uint64_t *words, size_t nr)
{
	int fd = CHECK_SYS(open(path, O_RDONLY));
	size_t done = 0, size = nr * sizeof(*words);

	while (done < size) {
		ssize_t len = pread(fd, (char *)words + done, size - done,
				    index * sizeof(*words) + done);

		CHECK(len > 0, "%s, words from %llu: %m", path, (unsigned long long)index);
		done += len;
	}
	close(fd);
}

static uint64_t read_word(const char *path, uint64_t index)
{
	uint64_t word;

	read_words(path, index, &word, 1);
	return word;
}

uint64_t pagemap_entry_of(pid_t pid, const void *addr)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	return read_word(path, (uintptr_t)addr / PAGE_SIZE);
}

uint64_t pagemap_entry(const void *addr)
{
	return read_word("/proc/self/pagemap", (uintptr_t)addr / PAGE_SIZE);
}

uint64_t *pagemap_entries(const void *addr, size_t pages)
{
	uint64_t *entries = malloc(pages * sizeof(*entries));

	CHECK(entries, "out of memory");
	read_words("/proc/self/pagemap", (uintptr_t)addr / PAGE_SIZE, entries, pages);
	return entries;
}

static uint64_t entry_pfn(uint64_t entry)
{
	return entry & PM_PRESENT ? entry & ((1ULL << 55) - 1) : 0;
}

uint64_t pfn_of(const void *addr)
{
	return entry_pfn(pagemap_entry(addr));
}

uint64_t pfn_of_other(pid_t pid, const void *addr)
{
	return entry_pfn(pagemap_entry_of(pid, addr));
}

/* The frames of an area, 0 for absent pages; the caller frees the array. */
static uint64_t *area_pfns(const char *addr, size_t pages)
{
	uint64_t *pfns = pagemap_entries(addr, pages);
	size_t i;

	for (i = 0; i < pages; i++)
		pfns[i] = entry_pfn(pfns[i]);
	return pfns;
}

uint64_t pfn_flags(uint64_t pfn)
{
	return read_word("/proc/kpageflags", pfn);
}

void page_touch(void *page)
{
	volatile char *byte = page;

	*byte = *byte;
}

/* Does KPF_KSM tell a KSM page from another anonymous page on this kernel? */
static bool ksm_flag_usable(void)
{
	static int usable = -1;

	if (usable < 0) {
		char *page = area_map(1);

		page_touch(page);
		usable = !(pfn_flags(pfn_of(page)) & KPF_MASK_KSM);
		CHECK_SYS(munmap(page, PAGE_SIZE));
	}
	return usable;
}

size_t ksm_frames(void)
{
	static uint64_t flags[8192];
	size_t frames = 0, first = 0;
	ssize_t got;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	if (!ksm_flag_usable())
		test_skip("KPF_KSM is on all anonymous pages of this kernel");
	CHECK(fd >= 0, "/proc/kpageflags: %m");
	for (; (got = read(fd, flags, sizeof(flags))) > 0; first += got / sizeof(flags[0]))
		for (size_t i = 0; i < got / sizeof(flags[0]); i++)
			if (flags[i] & KPF_MASK_KSM)
				frames += read_word("/proc/kpagecount", first + i) > 0;
	CHECK(!got, "/proc/kpageflags: %m");
	close(fd);
	return frames;
}

/* Frames that are next to each other in the area may be the same: their flags are read once. */
static void check_ksm(const char *where, const char *addr, size_t pages, bool expected)
{
	uint64_t *pfns;
	size_t i;

	if (!ksm_flag_usable())
		return;
	pfns = area_pfns(addr, pages);
	for (i = 0; i < pages; i++) {
		bool ksm;

		if (i && pfns[i] == pfns[i - 1])
			continue;
		ksm = pfns[i] && (pfn_flags(pfns[i]) & KPF_MASK_KSM);
		CHECK(ksm == expected, "%s: %p is %sa KSM page", where, addr + i * PAGE_SIZE,
		      ksm ? "" : "not ");
	}
	free(pfns);
}

void check_page_ksm(const char *where, const void *addr, bool expected)
{
	check_ksm(where, addr, 1, expected);
}

uint64_t zero_pfn(void)
{
	volatile char *page = area_map(1);
	uint64_t pfn;
	char c = *page;

	CHECK(c == 0, "fresh memory holds %d", c);
	pfn = pfn_of((const void *)page);
	CHECK(pfn && (pfn_flags(pfn) & KPF_MASK_ZERO), "read of fresh memory did not map the zero page");
	CHECK_SYS(munmap((void *)page, PAGE_SIZE));
	return pfn;
}

static int compare_pfns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The frames of the present pages of an area, sorted; the caller frees the array. */
static uint64_t *sorted_pfns(const char *addr, size_t pages, size_t *nr)
{
	uint64_t *pfns = area_pfns(addr, pages);
	size_t i;

	*nr = 0;
	for (i = 0; i < pages; i++)
		if (pfns[i])
			pfns[(*nr)++] = pfns[i];
	qsort(pfns, *nr, sizeof(*pfns), compare_pfns);
	return pfns;
}

size_t pages_distinct(const char *addr, size_t pages)
{
	size_t nr, i, distinct = 0;
	uint64_t *pfns = sorted_pfns(addr, pages, &nr);

	for (i = 0; i < nr; i++)
		distinct += i == 0 || pfns[i] != pfns[i - 1];
	free(pfns);
	return distinct;
}

size_t pages_max_sharers(const char *addr, size_t pages)
{
	size_t nr, i, run = 0, longest = 0;
	uint64_t *pfns = sorted_pfns(addr, pages, &nr);

	for (i = 0; i < nr; i++) {
		run = i && pfns[i] == pfns[i - 1] ? run + 1 : 1;
		if (run > longest)
			longest = run;
	}
	free(pfns);
	return longest;
}

size_t pages_of_frame(const char *addr, size_t pages, uint64_t pfn)
{
	uint64_t *pfns = area_pfns(addr, pages);
	size_t i, nr = 0;

	for (i = 0; i < pages; i++)
		nr += pfns[i] == pfn;
	free(pfns);
	return nr;
}

size_t pages_together(const char *addr, const char *other, size_t pages)
{
	uint64_t *pfns = area_pfns(addr, pages), *others = area_pfns(other, pages);
	size_t i, nr = 0;

	for (i = 0; i < pages; i++)
		nr += pfns[i] && pfns[i] == others[i];
	free(pfns);
	free(others);
	return nr;
}

void check_merged(const char *where, const char *addr, size_t pages)
{
	CHECK(pages_max_sharers(addr, pages) == pages,
	      "%s: %zu pages lie in %zu frames, the most in one is %zu", where, pages,
	      pages_distinct(addr, pages), pages_max_sharers(addr, pages));
	check_ksm(where, addr, pages, true);
}

void wait_merged(const char *where, const char *addr, size_t pages, unsigned int scans)
{
	unsigned int done;

	for (done = 0; done < scans && pages_max_sharers(addr, pages) < pages; done++)
		engine_wait_full_scans(1);
	test_note("%s: merged after %u full scans", where, done);
	check_merged(where, addr, pages);
}

void check_unmerged(const char *where, const char *addr, size_t pages)
{
	size_t distinct = pages_distinct(addr, pages);

	CHECK(distinct == pages, "%s: %zu pages lie in %zu frames", where, pages, distinct);
	check_ksm(where, addr, pages, false);
}

long smaps_kib(const void *addr, const char *field)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	size_t field_len = strlen(field);
	bool inside = false;
	char line[512];
	long kib = -1;

	CHECK(smaps, "/proc/self/smaps: %m");
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)addr >= start && (uintptr_t)addr < end;
		else if (inside && !strncmp(line, field, field_len))
			kib = strtol(line + field_len, NULL, 10);
	}
	fclose(smaps);
	return kib;
}

long proc_number(pid_t pid, const char *file)
{
	char path[64];
	long value;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

long sys_field(const char *path, const char *name)
{
	char line[256], key[128];
	long value, found = -1;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%127s %ld", key, &value) == 2 && !strcmp(key, name))
			found = value;
	fclose(f);
	return found;
}

long proc_field(pid_t pid, const char *file, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return sys_field(path, name);
}
