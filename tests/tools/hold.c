// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds mergeable memory for others to look at: hold MIB CONTENTS [ANYTHING...].
 * MIB of pages of CONTENTS different contents, so that what merging leaves is known.
 * Says "ready" when all is written, and ends with its standard input: with 3 if any byte
 * is another by then. Started by the name and with the options of QEMU it passes for a guest.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL

/* What each byte of a page is. */
static int content_of(unsigned long page, unsigned long contents)
{
	return (int)(page % contents) + 1;
}

static int is_intact(const char *memory, unsigned long pages,
		     unsigned long contents)
{
	for (unsigned long i = 0; i < pages * PAGE_BYTES; i++)
		if (memory[i] != (char)content_of(i / PAGE_BYTES, contents))
			return 0;

	return 1;
}

int main(int argc, char **argv)
{
	unsigned long pages, contents;
	char *memory;

	if (argc < 3)
		return 2;
	pages = strtoul(argv[1], NULL, 10) * 256;
	contents = strtoul(argv[2], NULL, 10);
	if (!pages || !contents)
		return 2;

	memory = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED ||
	    madvise(memory, pages * PAGE_BYTES, MADV_NOHUGEPAGE) ||
	    madvise(memory, pages * PAGE_BYTES, MADV_MERGEABLE)) {
		perror("hold");
		return 1;
	}
	for (unsigned long i = 0; i < pages; i++)
		memset(memory + i * PAGE_BYTES, content_of(i, contents),
		       PAGE_BYTES);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;

	if (!is_intact(memory, pages, contents)) {
		fputs("hold: the memory is not what was written\n", stderr);
		return 3;
	}

	return 0;
}
