// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait until an engine has merged memory of ours, and see that it is intact.
 * Argument: the engine's directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES		64
#define PAGE_BYTES	4096
#define WAIT_SECONDS	60

static long counter(const char *dir, const char *name)
{
	char path[256];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%ld", &value) != 1)
		perror(path);
	if (file)
		fclose(file);
	return value;
}

int main(int argc, char **argv)
{
	unsigned char *memory;
	size_t i;
	int second;

	if (argc != 2)
		return 2;
	memory = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 0x5a, PAGES * PAGE_BYTES);
	if (madvise(memory, PAGES * PAGE_BYTES, MADV_MERGEABLE)) {
		perror("madvise");
		return 1;
	}

	for (second = 0; second < WAIT_SECONDS; second++) {
		if (counter(argv[1], "pages_sharing") == PAGES - 1)
			break;
		sleep(1);
	}
	printf("shared %ld sharing %ld after %d s\n",
	       counter(argv[1], "pages_shared"),
	       counter(argv[1], "pages_sharing"), second);
	for (i = 0; i < PAGES * PAGE_BYTES; i++) {
		if (memory[i] != 0x5a) {
			fprintf(stderr, "byte %zu has changed\n", i);
			return 1;
		}
	}
	return second < WAIT_SECONDS ? 0 : 1;
}
