// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

#define MM_DIR "/sys/kernel/mm/"

bool engine_exists(const char *engine)
{
	char path[PATH_SIZE];
	struct stat dir;

	return !stat(make_path(path, MM_DIR "%s", engine), &dir) &&
	       S_ISDIR(dir.st_mode);
}

bool engine_ksm_is_uksm(void)
{
	char path[PATH_SIZE];
	struct stat uksm, ksm;

	if (stat(make_path(path, MM_DIR ENGINE_UKSM), &uksm) ||
	    stat(make_path(path, MM_DIR ENGINE_KSM), &ksm))
		return false;

	return uksm.st_dev == ksm.st_dev && uksm.st_ino == ksm.st_ino;
}

int engine_read(const char *engine, const char *file, char *text)
{
	char path[PATH_SIZE];

	return text_read(make_path(path, MM_DIR "%s/%s", engine, file), text);
}

int engine_write(const char *engine, const char *file, const char *text)
{
	char path[PATH_SIZE];

	return text_write(make_path(path, MM_DIR "%s/%s", engine, file), text);
}

/* Known files by their place in the list, others after them. */
static size_t rank(const char *name)
{
	const struct known_file *known = file_find(name);

	return known ? (size_t)(known - known_files) : known_file_count;
}

static int compare(const void *left, const void *right)
{
	const struct file_value *a = left, *b = right;
	size_t rank_a = rank(a->name), rank_b = rank(b->name);

	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;

	return strcmp(a->name, b->name);
}

/* Return: false when the entry is no file, or gone again. */
static bool read_value(const char *engine, const char *name,
		       struct file_value *value)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	struct stat file;

	make_path(path, MM_DIR "%s/%s", engine, name);
	if (stat(path, &file) || !S_ISREG(file.st_mode))
		return false;

	value->error = -text_read(path, text);
	value->name = require_memory(strdup(name));
	value->text = require_memory(strdup(text));
	value->writable = file.st_mode & 0222;
	value->known = file_find(name);

	return true;
}

int engine_files_read(const char *engine, struct engine_files *files)
{
	char path[PATH_SIZE];
	DIR *dir = opendir(make_path(path, MM_DIR "%s", engine));
	struct dirent *entry;
	size_t room = 0;

	files->values = NULL;
	files->count = 0;
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (files->count == room) {
			room = room ? 2 * room : 64;
			files->values = require_memory(reallocarray(
				files->values, room, sizeof(*files->values)));
		}
		if (read_value(engine, entry->d_name,
			       &files->values[files->count]))
			files->count++;
	}
	closedir(dir);
	if (files->count)
		qsort(files->values, files->count, sizeof(*files->values),
		      compare);

	return 0;
}

void engine_files_free(struct engine_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->values[i].name);
		free(files->values[i].text);
	}
	free(files->values);
	files->values = NULL;
	files->count = 0;
}

const struct file_value *engine_files_find(const struct engine_files *files,
					   const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->values[i].name, name))
			return &files->values[i];

	return NULL;
}

bool engine_files_number(const struct engine_files *files, const char *name,
			 long long *number)
{
	const struct file_value *value = engine_files_find(files, name);

	*number = 0;

	return value && !value->error && !text_number(value->text, number);
}

enum status require_uksm(void)
{
	if (engine_exists(ENGINE_UKSM))
		return STATUS_OK;

	return fail(STATUS_NO_MODULE,
		    "the module uksm is not loaded: modprobe uksm");
}

const char *uksm_version(char *text)
{
	char path[PATH_SIZE];

	text_read(make_path(path, "/sys/module/uksm/version"), text);

	return text;
}
