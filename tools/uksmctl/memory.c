// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

#include <stdio.h>

#include "saturate.h"
#include "text.h"

long long memory_available(void)
{
	char path[PATH_SIZE], line[128];
	FILE *file = text_open(make_path(path, "/proc/meminfo"));
	long long kibibytes = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lld kB", &kibibytes) == 1)
			break;
	if (file)
		fclose(file);

	return kibibytes < 0 ? -1 : multiply_saturated(kibibytes, 1024);
}
