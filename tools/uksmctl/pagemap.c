// SPDX-License-Identifier: GPL-2.0-only
#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdlib.h>
#include <unistd.h>

#include "status.h"
#include "text.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define ENTRY_PRESENT (1ULL << 63)
#define ENTRY_FILE (1ULL << 61) /* of a file, or shared */
#define ENTRY_PFN ((1ULL << 55) - 1)

#define FLAG(name) (1ULL << KPF_##name)
#define FLAGS_UNFIT \
	(FLAG(HUGE) | FLAG(HWPOISON) | FLAG(NOPAGE) | FLAG(ZERO_PAGE))
/* Of an anonymous page the last is PG_anon_exclusive, which tools/mm/page-types.c knows, too. */
#define KPF_ANON_EXCLUSIVE 34
#define FLAGS_NOT_MERGED \
	(FLAG(COMPOUND_HEAD) | FLAG(COMPOUND_TAIL) | FLAG(ANON_EXCLUSIVE))

static int open_file(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	return file < 0 ? -errno : file;
}

int pagemap_open(pid_t pid)
{
	char path[PATH_SIZE];
	int file = open_file(make_path(path, "/proc/%d/pagemap", (int)pid));

	return file == -ENOENT ? -ESRCH : file;
}

/* Return: how many words there are, or -errno. */
static ssize_t read_words(int file, uint64_t *words, size_t count,
			  uint64_t first)
{
	ssize_t got;

	do {
		got = pread(file, words, count * sizeof(*words),
			    (off_t)(first * sizeof(*words)));
	} while (got < 0 && errno == EINTR);

	return got < 0 ? -errno : got / (ssize_t)sizeof(*words);
}

static enum page_kind kind_of(const struct page_flags *known, uint64_t flags,
			      bool may_be_merged)
{
	if (flags & FLAGS_UNFIT)
		return PAGE_OTHER;
	if (flags & FLAG(KSM) && !(flags & FLAGS_NOT_MERGED) &&
	    (known->merged_told || may_be_merged))
		return PAGE_MERGED;

	return flags & (FLAG(ANON) | FLAG(KSM)) ? PAGE_ANONYMOUS : PAGE_OTHER;
}

static bool is_candidate(uint64_t entry)
{
	return entry & ENTRY_PRESENT && !(entry & ENTRY_FILE);
}

/* Neighbours, as in a huge page, have their flags read at once. Return: how many, or -errno. */
static ssize_t look_up(const struct page_flags *known, const uint64_t *entries,
		       size_t count, struct page_batch *batch, size_t at)
{
	const uint64_t pfn = entries[at] & ENTRY_PFN;
	uint64_t flags[PAGEMAP_BATCH];
	size_t run = 1;
	ssize_t got;

	if (!pfn)
		return -ENODATA;
	while (at + run < count && is_candidate(entries[at + run]) &&
	       (entries[at + run] & ENTRY_PFN) == pfn + run)
		run++;
	got = read_words(known->file, flags, run, pfn);
	if (got < 0)
		return got;
	for (size_t i = 0; i < run; i++) {
		batch->pfns[at + i] = pfn + i;
		/* What the file has not is no memory. */
		batch->kinds[at + i] =
			i < (size_t)got ?
				kind_of(known, flags[i], batch->may_be_merged) :
				PAGE_OTHER;
	}

	return (ssize_t)run;
}

int pagemap_read(const struct pagemap *map, struct page_batch *batch)
{
	uint64_t entries[PAGEMAP_BATCH];
	ssize_t count =
		read_words(map->entries, entries, batch->count, batch->first);

	if (count < 0)
		return (int)count;
	/* The file is at its end when the address space has gone. */
	if (!count)
		return -ESRCH;
	batch->count = (size_t)count;
	for (size_t i = 0; i < batch->count;) {
		ssize_t run = 1;

		batch->kinds[i] = PAGE_OTHER;
		if (is_candidate(entries[i]))
			run = look_up(&map->flags, entries, batch->count, batch,
				      i);
		if (run < 0)
			return (int)run;
		i += (size_t)run;
	}

	return 0;
}

/* A page of our own that has just been written is not merged. */
static bool is_merged_told(const struct page_flags *flags)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *page = require_memory(aligned_alloc(size, size));
	const int entries = pagemap_open(getpid());
	uint64_t entry, word;
	bool told = true;

	*(volatile char *)page = 1;
	if (entries >= 0 &&
	    read_words(entries, &entry, 1, (uintptr_t)page / size) == 1 &&
	    is_candidate(entry) &&
	    read_words(flags->file, &word, 1, entry & ENTRY_PFN) == 1)
		told = !(word & FLAG(KSM));
	free(page);
	if (entries >= 0)
		close(entries);

	return told;
}

int page_flags_open(struct page_flags *flags)
{
	char path[PATH_SIZE];

	flags->file = open_file(make_path(path, "/proc/kpageflags"));
	if (flags->file < 0)
		return flags->file;
	flags->merged_told = is_merged_told(flags);

	return 0;
}

void page_flags_close(struct page_flags *flags)
{
	if (flags->file >= 0)
		close(flags->file);
	flags->file = -1;
}
