// SPDX-License-Identifier: GPL-2.0-only
#include "mappings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "saturate.h"
#include "status.h"
#include "text.h"

/**
 * struct reader - where one is in the file
 * @mappings: what has been read
 * @room: for how many there is room
 * @open: the last one still lacks its VmFlags, which are the last line of each
 * @has_rss: it had its Rss
 */
struct reader {
	struct mappings *mappings;
	size_t room;
	bool open;
	bool has_rss;
};

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	{ "Rss", offsetof(struct mapping, rss) },
	{ "Anonymous", offsetof(struct mapping, anonymous) },
	{ "KSM", offsetof(struct mapping, ksm) },
	{ "AnonHugePages", offsetof(struct mapping, huge) },
	{ "Swap", offsetof(struct mapping, swap) },
	{ "Shared_Hugetlb", offsetof(struct mapping, hugetlb) },
	{ "Private_Hugetlb", offsetof(struct mapping, hugetlb) },
};

/*
 * mg is VM_MERGEABLE. The others are those that uksm_vma_compatible() of the module
 * refuses, and that the kernel's ksm does: VM_SHARED, VM_MAYSHARE, VM_HUGETLB, VM_PFNMAP,
 * VM_IO, VM_DONTEXPAND, VM_MIXEDMAP, VM_DROPPABLE and VM_SHADOW_STACK.
 */
static const struct {
	char letters[3];
	unsigned int flag;
} letters_of_flags[] = {
	{ "mg", MAPPING_MERGEABLE }, { "sh", MAPPING_SHARED },
	{ "ms", MAPPING_SHARED },    { "ht", MAPPING_HUGETLB },
	{ "pf", MAPPING_SPECIAL },   { "io", MAPPING_SPECIAL },
	{ "de", MAPPING_SPECIAL },   { "mm", MAPPING_SPECIAL },
	{ "dp", MAPPING_SPECIAL },   { "ss", MAPPING_SPECIAL },
};

static struct mapping *last_of(struct reader *reader)
{
	return &reader->mappings->list[reader->mappings->count - 1];
}

/* START-END PERMISSIONS OFFSET DEVICE INODE [NAME]; a newline in the name is \012 there. */
static bool parse_head(const char *line, struct mapping *mapping, int *name)
{
	*name = 0;

	return sscanf(line, "%llx-%llx %*4s %*x %*x:%*x %*u %n",
		      &mapping->start, &mapping->end, name) == 2 &&
	       *name && mapping->start < mapping->end;
}

static int begin_mapping(struct reader *reader, const struct mapping *mapping,
			 const char *name)
{
	struct mappings *mappings = reader->mappings;

	if (reader->open)
		return -EBADMSG;
	if (mappings->count == reader->room) {
		reader->room = reader->room ? 2 * reader->room : 64;
		mappings->list = require_memory(reallocarray(
			mappings->list, reader->room, sizeof(*mapping)));
	}
	mappings->list[mappings->count] = *mapping;
	mappings->list[mappings->count++].name = require_memory(strdup(name));
	reader->open = true;
	reader->has_rss = false;

	return 0;
}

static void take_flags(const char *line, struct mapping *mapping)
{
	for (line += strspn(line, " "); *line;) {
		size_t length = strcspn(line, " ");

		for (size_t i = 0; i < ARRAY_SIZE(letters_of_flags); i++)
			if (length == 2 &&
			    !strncmp(line, letters_of_flags[i].letters, 2))
				mapping->flags |= letters_of_flags[i].flag;
		line += length;
		line += strspn(line, " ");
	}
}

/* "12 kB" in bytes, or a negative number. */
static long long parse_bytes(const char *text)
{
	char *end;
	long long number;

	text += strspn(text, " ");
	if (*text < '0' || *text > '9')
		return -1;
	/* What is too much for it becomes LLONG_MAX. */
	number = strtoll(text, &end, 10);

	return strcmp(end, " kB") ? -1 : multiply_saturated(number, 1024);
}

/* Fields that are not of interest, newer ones too, are passed over. */
static int take_field(struct reader *reader, const char *name, size_t length,
		      const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		long long bytes, *to;

		if (strlen(fields[i].name) != length ||
		    strncmp(fields[i].name, name, length))
			continue;
		bytes = parse_bytes(value);
		if (bytes < 0)
			return -EBADMSG;
		to = (long long *)((char *)last_of(reader) + fields[i].offset);
		*to = add_saturated(*to, bytes);
		reader->has_rss |= fields[i].offset ==
				   offsetof(struct mapping, rss);
		reader->mappings->ksm_known |= fields[i].offset ==
					       offsetof(struct mapping, ksm);
	}

	return 0;
}

/* Return: 0, or -EBADMSG for what the kernel would not write here. */
static int take_line(struct reader *reader, char *line)
{
	struct mapping mapping = { .start = 0 };
	size_t length = strlen(line);
	const char *colon;
	int name;

	if (!length || line[length - 1] != '\n')
		return -EBADMSG;
	line[length - 1] = '\0';
	if (parse_head(line, &mapping, &name))
		return begin_mapping(reader, &mapping, line + name);

	colon = strchr(line, ':');
	if (!colon || !reader->open)
		return -EBADMSG;
	if (strncmp(line, "VmFlags:", 8))
		return take_field(reader, line, (size_t)(colon - line),
				  colon + 1);
	if (!reader->has_rss)
		return -EBADMSG;
	take_flags(colon + 1, last_of(reader));
	reader->open = false;

	return 0;
}

static int read_lines(FILE *file, struct reader *reader)
{
	char *line = NULL;
	size_t room = 0;
	int err = 0;

	errno = 0;
	while (!err && getline(&line, &room, file) > 0)
		err = take_line(reader, line);
	if (!err && !feof(file))
		err = errno ? -errno : -EIO;
	free(line);

	return err ?: reader->open ? -EBADMSG : 0;
}

/*
 * The file ends early, and without an error, when its process exits or begins another
 * program. It is empty from then on.
 */
static bool has_gone(FILE *file)
{
	rewind(file);

	return getc(file) == EOF;
}

int mappings_read(pid_t pid, struct mappings *mappings)
{
	struct reader reader = { .mappings = mappings };
	char path[PATH_SIZE];
	FILE *file;
	int err;

	*mappings = (struct mappings){ .count = 0 };
	file = text_open(make_path(path, "/proc/%d/smaps", (int)pid));
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	err = read_lines(file, &reader);
	if ((!err || err == -EBADMSG) && has_gone(file))
		err = -ESRCH;
	fclose(file);

	return err;
}

void mappings_free(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		free(mappings->list[i].name);
	free(mappings->list);
	*mappings = (struct mappings){ .count = 0 };
}
