// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl sharing: who has how many merged pages in common with whom. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "format.h"
#include "json.h"
#include "pagemap.h"
#include "pairs.h"
#include "progress.h"
#include "saturate.h"
#include "targets.h"
#include "text.h"

/* More are not compared: the matrix and the time grow with the square. */
#define COMPARED_MAX 1024
/* So many are shown as a matrix. */
#define MATRIX_MAX 8

/**
 * struct merged - the merged pages of all processes
 * @places: each address with a page, as page_place() makes them
 * @count: how many
 * @room: for how many there is room
 */
struct merged {
	uint64_t *places;
	size_t count;
	size_t room;
};

/** struct pair - that has something in common */
struct pair {
	uint32_t one;
	uint32_t other;
	uint32_t common;
};

/** struct pair_list - of them, those with most in common first */
struct pair_list {
	struct pair *list;
	size_t count;
};

static void take_batch(struct merged *merged, const struct page_batch *batch,
		       uint32_t process)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->kinds[i] != PAGE_MERGED)
			continue;
		if (merged->count == merged->room) {
			merged->room = merged->room ? 2 * merged->room : 4096;
			merged->places = require_memory(
				reallocarray(merged->places, merged->room,
					     sizeof(*merged->places)));
		}
		merged->places[merged->count++] =
			page_place(batch->pfns[i], true, process);
	}
}

static int take_process(struct merged *merged, const struct targets *targets,
			uint32_t process, const struct page_flags *flags)
{
	const struct target *target = &targets->list[process];
	struct pagemap map = { .entries = pagemap_open(target->pid),
			       .flags = *flags };
	struct page_batch batch;
	int err = 0;

	if (map.entries < 0)
		return map.entries;
	for (size_t i = 0; i < target->range_count && !err; i++) {
		const struct range *range = &target->ranges[i];

		for (uint64_t at = range->first; at < range->end && !err;
		     at += batch.count) {
			batch.first = at;
			batch.may_be_merged = range->may_be_merged;
			batch.count = range->end - at < PAGEMAP_BATCH ?
					      range->end - at :
					      PAGEMAP_BATCH;
			err = pagemap_read(&map, &batch);
			if (!err)
				take_batch(merged, &batch, process);
			if (!progress_show("merged pages",
					   (long long)merged->count,
					   targets->pages))
				err = -EINTR;
		}
	}
	close(map.entries);

	return err;
}

/* Return: 0 or -errno; a process that has ended has nothing. */
static int take_all(struct merged *merged, struct targets *targets)
{
	struct page_flags flags;
	int err = page_flags_open(&flags);

	for (uint32_t i = 0; i < targets->count && !err; i++) {
		const size_t before = merged->count;

		err = take_process(merged, targets, i, &flags);
		if (err == -EINTR || err == -ENODATA)
			break;
		if (err || !target_is_there(&targets->list[i])) {
			merged->count = before;
			targets->list[i].gone = true;
		}
		err = 0;
	}
	page_flags_close(&flags);

	return err;
}

static int by_common(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = (a->common < b->common) - (a->common > b->common);

	order = order ?: (a->one > b->one) - (a->one < b->one);

	return order ?: (a->other > b->other) - (a->other < b->other);
}

static bool is_named(const struct targets *targets, uint32_t process,
		     const struct targets_choice *choice)
{
	for (size_t i = 0; i < choice->pid_count; i++)
		if (choice->pids[i] == targets->list[process].pid)
			return true;

	return !choice->pid_count;
}

static struct pair_list list_pairs(const struct pairs *pairs,
				   const struct targets *targets,
				   const struct targets_choice *choice)
{
	struct pair_list found = { .count = 0 };
	size_t room = 0;

	for (uint32_t one = 0; one < pairs->processes; one++) {
		const bool named = is_named(targets, one, choice);

		for (uint32_t other = one + 1; other < pairs->processes;
		     other++) {
			uint32_t common = pairs_common(pairs, one, other);

			if (!common ||
			    !(named || is_named(targets, other, choice)))
				continue;
			if (found.count == room) {
				room = room ? 2 * room : 256;
				found.list = require_memory(reallocarray(
					found.list, room, sizeof(*found.list)));
			}
			found.list[found.count++] =
				(struct pair){ one, other, common };
		}
	}
	if (found.count)
		qsort(found.list, found.count, sizeof(*found.list), by_common);

	return found;
}

static const char *pages(char *figure, long long number)
{
	return format_short_bytes(
		figure, (double)number * (double)sysconf(_SC_PAGESIZE));
}

static void print_name(const struct target *target)
{
	char name[sizeof(target->name)];

	memcpy(name, target->name, sizeof(name));
	printf("%s%s", target->vm ? "VM " : "", format_plain(name));
}

/* Those that have something in common with another, or were named. */
static size_t pick(const struct pairs *pairs, const struct pair_list *list,
		   uint32_t *picked)
{
	bool *has = require_memory(calloc(pairs->processes + 1, sizeof(*has)));
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		has[list->list[i].one] = has[list->list[i].other] = true;
	for (uint32_t i = 0; i < pairs->processes; i++) {
		if (!has[i])
			continue;
		if (count < MATRIX_MAX)
			picked[count] = i;
		count++;
	}
	free(has);

	return count;
}

static void print_matrix(const struct pairs *pairs,
			 const struct targets *targets, const uint32_t *picked,
			 size_t count)
{
	char figure[FIGURE_SIZE];

	printf("%8s", "PID");
	for (size_t i = 0; i < count; i++)
		printf(" %8d", (int)targets->list[picked[i]].pid);
	puts("  NAME");
	for (size_t i = 0; i < count; i++) {
		printf("%8d", (int)targets->list[picked[i]].pid);
		for (size_t j = 0; j < count; j++)
			printf(" %8s",
			       pages(figure, pairs_common(pairs, picked[i],
							  picked[j])));
		fputs("  ", stdout);
		print_name(&targets->list[picked[i]]);
		putchar('\n');
	}
}

static void print_pairs(const struct targets *targets,
			const struct pair_list *list, size_t rows)
{
	char figure[FIGURE_SIZE];

	printf("%8s %8s %8s  %s\n", "COMMON", "PID", "PID", "NAMES");
	for (size_t i = 0; i < rows; i++) {
		const struct pair *pair = &list->list[i];
		const struct target *one = &targets->list[pair->one];
		const struct target *other = &targets->list[pair->other];

		printf("%8s %8d %8d  ", pages(figure, pair->common),
		       (int)one->pid, (int)other->pid);
		print_name(one);
		fputs(", ", stdout);
		print_name(other);
		putchar('\n');
	}
	if (rows < list->count)
		printf("%8s and %zu more\n", "", list->count - rows);
}

static void print_text(const struct pairs *pairs, const struct targets *targets,
		       const struct pair_list *list, size_t rows)
{
	uint32_t picked[MATRIX_MAX];
	size_t count = pick(pairs, list, picked);

	if (!count)
		puts("no two of the processes have a merged page in common");
	else if (count <= MATRIX_MAX)
		print_matrix(pairs, targets, picked, count);
	else
		print_pairs(targets, list, rows);
}

static void json_process(const struct target *target, const struct pairs *pairs,
			 uint32_t number)
{
	json_object(NULL);
	json_integer("pid", target->pid);
	json_string("kind", target->vm ? "vm" : "process");
	json_string("name", target->name);
	json_integer("merged_addresses", pairs->addresses[number]);
	json_integer("merged_pages", pairs_common(pairs, number, number));
	json_object_end();
}

static void print_json(const struct pairs *pairs, const struct targets *targets,
		       const struct pair_list *list, size_t rows)
{
	json_start(false);
	json_unsigned("unreadable", targets->unreadable);
	json_unsigned("left_out", list->count - rows);
	json_array("processes");
	for (uint32_t i = 0; i < pairs->processes; i++)
		if (!targets->list[i].gone)
			json_process(&targets->list[i], pairs, i);
	json_array_end();
	json_array("pairs");
	for (size_t i = 0; i < rows; i++) {
		const struct pair *pair = &list->list[i];

		json_object(NULL);
		json_array("pids");
		json_integer(NULL, targets->list[pair->one].pid);
		json_integer(NULL, targets->list[pair->other].pid);
		json_array_end();
		json_integer("common_pages", pair->common);
		json_integer("common_bytes",
			     multiply_saturated(pair->common,
						sysconf(_SC_PAGESIZE)));
		json_object_end();
	}
	json_array_end();
	json_end();
}

static enum status compare(const struct options *options,
			   const struct targets_choice *choice,
			   struct targets *targets)
{
	struct merged merged = { .count = 0 };
	struct pair_list list;
	struct pairs pairs;
	size_t rows;
	int err;

	if (targets->count > COMPARED_MAX)
		return fail(
			STATUS_REFUSED,
			"%zu processes have merged pages, more than %d: --vms",
			targets->count, COMPARED_MAX);
	err = take_all(&merged, targets);
	progress_end();
	if (err) {
		free(merged.places);
		if (err == -EACCES || err == -EPERM || err == -ENODATA)
			return fail(STATUS_PERMISSION, "root is needed");
		return fail(STATUS_REFUSED, "pages cannot be looked at: %s",
			    strerror(-err));
	}
	pairs_count(&pairs, targets->count, merged.places, merged.count);
	free(merged.places);
	list = list_pairs(&pairs, targets, choice);
	rows = list.count;
	if (options->rows && rows > (size_t)options->rows)
		rows = (size_t)options->rows;
	if (options->json)
		print_json(&pairs, targets, &list, rows);
	else
		print_text(&pairs, targets, &list, rows);
	if (targets->unreadable)
		complain("left out: %zu that only root may look at",
			 targets->unreadable);
	free(list.list);
	pairs_free(&pairs);

	return STATUS_OK;
}

enum status command_sharing(const struct options *options, int argc,
			    char **argv)
{
	struct targets_choice choice = { .want = WANT_MERGED,
					 .vms = options->vms };
	struct targets targets = { .count = 0 };
	char path[PATH_SIZE];
	enum status status;
	pid_t *pids;

	status = targets_parse("sharing", argc, argv, &pids);
	for (int i = 0; i < argc && !status; i++)
		if (access(make_path(path, "/proc/%d", (int)pids[i]), F_OK))
			status = fail(STATUS_REFUSED, "there is no process %d",
				      (int)pids[i]);
	if (!status) {
		progress_begin();
		status = targets_read(&choice, &targets);
	}
	/* Of those that are named, with all others. */
	choice.pids = pids;
	choice.pid_count = (size_t)argc;
	if (!status)
		status = compare(options, &choice, &targets);
	targets_free(&targets);
	free(pids);

	return status;
}
