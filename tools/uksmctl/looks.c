// SPDX-License-Identifier: GPL-2.0-only
#include "looks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <xxhash.h>

#include "progress.h"
#include "status.h"
#include "text.h"

/* x86-64 has no other. */
#define PAGE_BYTES 4096UL

/**
 * struct process_files - of the process that is looked at
 * @map: its pagemap, and kpageflags
 * @memory: its mem
 */
struct process_files {
	struct pagemap map;
	int memory;
};

static int open_files(struct process_files *files, pid_t pid,
		      const struct page_flags *flags)
{
	char path[PATH_SIZE];

	*files = (struct process_files){
		.map = { .entries = pagemap_open(pid), .flags = *flags },
	};
	if (files->map.entries < 0)
		return files->map.entries;
	files->memory = open(make_path(path, "/proc/%d/mem", (int)pid),
			     O_RDONLY | O_CLOEXEC);
	if (files->memory >= 0)
		return 0;
	close(files->map.entries);

	return errno == ENOENT ? -ESRCH : -errno;
}

static void close_files(const struct process_files *files)
{
	close(files->map.entries);
	close(files->memory);
}

static void digest(const struct looks *looks, const void *page,
		   uint64_t *digest)
{
	XXH128_hash_t hash = XXH3_128bits_withSecret(
		page, PAGE_BYTES, looks->secret, sizeof(looks->secret));

	digest[0] = hash.high64;
	digest[1] = hash.low64;
}

int looks_init(struct looks *looks, const struct targets *targets)
{
	int err = page_flags_open(&looks->flags);
	size_t got = 0;

	looks->buffer = require_memory(calloc(PAGEMAP_BATCH, PAGE_BYTES));
	looks->seen = require_memory(
		calloc(targets->count + 1, sizeof(*looks->seen)));
	if (err)
		return err;
	while (got < sizeof(looks->secret)) {
		ssize_t more = getrandom(looks->secret + got,
					 sizeof(looks->secret) - got, 0);

		if (more < 0 && errno != EINTR)
			return -errno;
		got += more > 0 ? (size_t)more : 0;
	}
	digest(looks, looks->buffer, looks->zero_digest);

	return 0;
}

/* realloc() of much memory moves page tables and copies nothing. */
static void *with_room(void *list, size_t *room, size_t needed, size_t size)
{
	if (needed <= *room)
		return list;
	*room = *room ? *room + *room / 2 : 1024;
	if (*room < needed)
		*room = needed;

	return require_memory(reallocarray(list, *room, size));
}

/* Return: how many pages could be read from there on, up to @count. */
static size_t read_pages(int memory, uint64_t first, size_t count,
			 unsigned char *buffer)
{
	size_t bytes = 0;

	while (bytes < count * PAGE_BYTES) {
		ssize_t got = pread(memory, buffer + bytes,
				    count * PAGE_BYTES - bytes,
				    (off_t)(first * PAGE_BYTES + bytes));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		bytes += (size_t)got;
	}

	return bytes / PAGE_BYTES;
}

/* How many neighbours from here on have a page that is wanted, or have none. */
static size_t alike(const struct page_batch *batch, size_t at)
{
	const bool wanted = batch->kinds[at] != PAGE_OTHER;
	size_t count = 1;

	while (at + count < batch->count &&
	       (batch->kinds[at + count] != PAGE_OTHER) == wanted)
		count++;

	return count;
}

static void record(struct looks *looks, const struct page_batch *batch,
		   size_t at, size_t count, uint32_t process)
{
	looks->stretches = with_room(looks->stretches, &looks->stretch_room,
				     looks->stretch_count + 1,
				     sizeof(*looks->stretches));
	looks->stretches[looks->stretch_count++] = (struct look_stretch){
		.first = batch->first + at,
		.count = (uint32_t)count,
		.process = process,
		.may_be_merged = batch->may_be_merged,
	};
	looks->records = with_room(looks->records, &looks->room,
				   looks->count + count,
				   sizeof(*looks->records));
	for (size_t i = 0; i < count; i++) {
		struct page_record *new = &looks->records[looks->count++];

		new->place = page_place(batch->pfns[at + i],
					batch->kinds[at + i] == PAGE_MERGED,
					process);
		digest(looks, looks->buffer + i * PAGE_BYTES, new->digest);
	}
	looks->seen[process].pages += (long long)count;
}

/* Pages that cannot be read, as memory that has failed, are left out. */
static void take_batch(struct looks *looks, int memory,
		       const struct page_batch *batch, uint32_t process)
{
	for (size_t at = 0; at < batch->count;) {
		size_t count = alike(batch, at), got;

		if (batch->kinds[at] == PAGE_OTHER) {
			at += count;
			continue;
		}
		got = read_pages(memory, batch->first + at, count,
				 looks->buffer);
		if (got)
			record(looks, batch, at, got, process);
		at += got < count ? got + 1 : got;
	}
}

static int take_process(struct looks *looks, const struct targets *targets,
			uint32_t process)
{
	const struct target *target = &targets->list[process];
	struct process_files files;
	struct page_batch batch;
	int err = open_files(&files, target->pid, &looks->flags);

	if (err)
		return err;
	for (size_t i = 0; i < target->range_count && !err; i++) {
		const struct range *range = &target->ranges[i];

		for (uint64_t at = range->first; at < range->end && !err;
		     at += batch.count) {
			/* To the end of a page table, as huge pages do. */
			uint64_t end = (at | (PAGEMAP_BATCH - 1)) + 1;

			batch.first = at;
			batch.may_be_merged = range->may_be_merged;
			batch.count =
				(end < range->end ? end : range->end) - at;
			err = pagemap_read(&files.map, &batch);
			if (!err)
				take_batch(looks, files.memory, &batch,
					   process);
			if (!progress_show("first look",
					   (long long)looks->count,
					   targets->pages))
				err = -EINTR;
		}
	}
	close_files(&files);

	return err;
}

static void forget_process(struct looks *looks, struct target *target,
			   struct seen *seen, size_t records, size_t stretches)
{
	looks->count = records;
	looks->stretch_count = stretches;
	*seen = (struct seen){ .pages = 0 };
	target->gone = true;
}

int looks_first(struct looks *looks, struct targets *targets)
{
	for (uint32_t i = 0; i < targets->count; i++) {
		const size_t records = looks->count;
		const size_t stretches = looks->stretch_count;
		struct target *target = &targets->list[i];
		int err = take_process(looks, targets, i);

		if (err == -EINTR || err == -ENODATA)
			return err;
		if (err == -EACCES || err == -EPERM)
			targets->unreadable++;
		if (err || !target_is_there(target))
			forget_process(looks, target, &looks->seen[i], records,
				       stretches);
	}

	return 0;
}

/**
 * struct again - the second look at a process
 * @from: the record of the first look that is next
 * @to: where the next one that is kept goes
 */
struct again {
	size_t from;
	size_t to;
};

static void compare_page(struct looks *looks, struct again *again,
			 const unsigned char *page, uint64_t place)
{
	const struct page_record *before = &looks->records[again->from++];
	struct seen *seen = &looks->seen[page_process(place)];
	struct page_record now = { .place = place };

	if (page)
		digest(looks, page, now.digest);
	if (!page || memcmp(before->digest, now.digest, sizeof(now.digest))) {
		seen->changed++;
		return;
	}
	seen->merged += page_is_merged(place);
	looks->records[again->to++] = now;
}

static void compare_batch(struct looks *looks, struct again *again, int memory,
			  const struct page_batch *batch, uint32_t process)
{
	for (size_t at = 0; at < batch->count;) {
		size_t count = alike(batch, at), got = 0;

		if (batch->kinds[at] != PAGE_OTHER)
			got = read_pages(memory, batch->first + at, count,
					 looks->buffer);
		for (size_t i = 0; i < count; i++, at++) {
			bool merged = batch->kinds[at] == PAGE_MERGED;
			uint64_t pfn = i < got ? batch->pfns[at] : 0;

			compare_page(looks, again,
				     i < got ? looks->buffer + i * PAGE_BYTES :
					       NULL,
				     page_place(pfn, merged, process));
		}
	}
}

static int compare_stretch(struct looks *looks, struct again *again,
			   const struct process_files *files,
			   const struct look_stretch *stretch)
{
	struct page_batch batch;

	for (uint32_t done = 0; done < stretch->count;
	     done += (uint32_t)batch.count) {
		int err;

		batch.first = stretch->first + done;
		batch.may_be_merged = stretch->may_be_merged;
		batch.count = stretch->count - done;
		err = pagemap_read(&files->map, &batch);
		if (err)
			return err;
		compare_batch(looks, again, files->memory, &batch,
			      stretch->process);
	}

	return 0;
}

/* Return: the stretch behind those of the process. */
static size_t end_of_process(const struct looks *looks, size_t begin)
{
	size_t end = begin + 1;

	while (end < looks->stretch_count &&
	       looks->stretches[end].process == looks->stretches[begin].process)
		end++;

	return end;
}

static int compare_process(struct looks *looks, struct again *again,
			   const struct target *target, size_t begin,
			   size_t end)
{
	struct process_files files;
	int err = open_files(&files, target->pid, &looks->flags);

	if (err)
		return err;
	for (size_t i = begin; i < end && !err; i++) {
		err = compare_stretch(looks, again, &files,
				      &looks->stretches[i]);
		if (!progress_show("second look", (long long)again->from,
				   (long long)looks->count))
			err = -EINTR;
	}
	close_files(&files);

	return err;
}

int looks_second(struct looks *looks, struct targets *targets)
{
	struct again again = { .from = 0 };

	for (size_t at = 0, end; at < looks->stretch_count; at = end) {
		const uint32_t process = looks->stretches[at].process;
		const struct again before = again;
		struct seen *seen = &looks->seen[process];
		struct target *target = &targets->list[process];
		int err;

		end = end_of_process(looks, at);
		err = compare_process(looks, &again, target, at, end);
		if (err == -EINTR || err == -ENODATA)
			return err;
		again.from = before.from + (size_t)seen->pages;
		if (err || !target_is_there(target)) {
			again.to = before.to;
			*seen = (struct seen){ .pages = 0 };
			target->gone = true;
		}
	}
	looks->count = again.to;

	return 0;
}

void looks_free(struct looks *looks)
{
	free(looks->records);
	free(looks->stretches);
	free(looks->seen);
	free(looks->buffer);
	page_flags_close(&looks->flags);
	*looks = LOOKS_EMPTY;
}
