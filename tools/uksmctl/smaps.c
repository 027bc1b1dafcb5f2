// SPDX-License-Identifier: GPL-2.0-only
#include "smaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "saturate.h"
#include "text.h"

/*
 * A mapping has its line of addresses, then lines "Rss: 12 kB" and the like, and
 * "VmFlags:" last, where "mg" says that it is mergeable.
 */
static void take_line(const char *line, struct smaps *smaps,
		      long long *resident)
{
	long long kibibytes;

	if (sscanf(line, "Rss: %lld kB", &kibibytes) == 1) {
		*resident = multiply_saturated(kibibytes, 1024);
	} else if (sscanf(line, "KSM: %lld kB", &kibibytes) == 1) {
		if (smaps->ksm_bytes < 0)
			smaps->ksm_bytes = 0;
		smaps->ksm_bytes = add_saturated(
			smaps->ksm_bytes, multiply_saturated(kibibytes, 1024));
	} else if (!strncmp(line, "VmFlags:", 8)) {
		if (strstr(line, " mg"))
			smaps->mergeable_bytes = add_saturated(
				smaps->mergeable_bytes, *resident);
		*resident = 0;
	}
}

int smaps_read(pid_t pid, struct smaps *smaps)
{
	char path[PATH_SIZE];
	FILE *file = text_open(make_path(path, "/proc/%d/smaps", (int)pid));
	long long resident = 0;
	char *line = NULL;
	size_t room = 0;
	int err;

	smaps->mergeable_bytes = 0;
	smaps->ksm_bytes = -1;
	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		take_line(line, smaps, &resident);
	/* A process that is not ours opens, and fails at the first read. */
	err = ferror(file) ? -errno : 0;
	free(line);
	fclose(file);

	return err;
}
