// SPDX-License-Identifier: GPL-2.0-only
#include "vm_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* QEMU itself, or a link to it that distributions have. */
static bool is_qemu(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;

	return !strncmp(base, "qemu-system-", 12) ||
	       !strcmp(base, "qemu-kvm") || !strcmp(base, "kvm");
}

/* One element of a list: commas separate them, and ",," stands for one. Return: the rest. */
static const char *take_element(const char *list, char *element, size_t size)
{
	size_t used = 0;

	for (; *list && (*list != ',' || list[1] == ','); list++) {
		list += *list == ',';
		if (used + 1 < size)
			element[used++] = *list;
	}
	element[used] = '\0';

	return *list ? list + 1 : list;
}

/* "NAME", "NAME,debug-threads=on" or "guest=NAME,...": the key may be left out in front. */
static void take_name(const char *list, char *name, size_t size)
{
	char element[PATH_SIZE];

	for (bool first = true; *list; first = false) {
		list = take_element(list, element, sizeof(element));
		if (!strncmp(element, "guest=", 6))
			snprintf(name, size, "%s", element + 6);
		else if (first && !strchr(element, '='))
			snprintf(name, size, "%s", element);
	}
}

bool vm_name(pid_t pid, char *name, size_t size)
{
	char path[PATH_SIZE];
	FILE *file = text_open(make_path(path, "/proc/%d/cmdline", (int)pid));
	char *argument = NULL;
	size_t room = 0;
	bool qemu = false, next_is_name = false;

	if (!file)
		return false;
	while (getdelim(&argument, &room, '\0', file) > 0) {
		if (!qemu) {
			if (!is_qemu(argument))
				break;
			qemu = true;
			snprintf(name, size, "(no name)");
			continue;
		}
		if (next_is_name) {
			take_name(argument, name, size);
			break;
		}
		next_is_name = !strcmp(argument, "-name") ||
			       !strcmp(argument, "--name");
	}
	free(argument);
	fclose(file);

	return qemu;
}
