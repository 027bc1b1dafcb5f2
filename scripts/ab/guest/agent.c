// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest of scripts/uksm-ab runs: fill memory, keep rewriting some of it,
 * use the services of a Debian guest, and say at the end whether every byte is
 * what was written.
 *
 * usage: agent SEED MEBIBYTES STRIDE REWRITES busybox|debian|workload
 *
 * One page in STRIDE is rewritten now and then, REWRITES of them ten times a
 * second.  It talks over stdin and stdout: it says "booted"; told to "fill", it
 * answers "filled" once memory is written; to "verify" it answers "intact ..." or
 * "DAMAGED ..."; to "latency" with histograms and "end"; "damage" flips a bit
 * behind its own back; "off" ends it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

#define TICK_MSECS	100

enum mode { MODE_BUSYBOX, MODE_DEBIAN, MODE_WORKLOAD };

static enum mode mode;
static uint64_t seed;
static bool filled;

static void fill(void)
{
	memory_fill();
	if (mode == MODE_WORKLOAD && !service_fill(seed)) {
		puts("the services cannot be filled");
		return;
	}
	filled = true;
	puts("filled");
}

/*
 * Debian's own programs and libraries lie in the page cache, where equal pages
 * of all guests are merged: what dpkg knows of them must still hold.
 */
static bool packages_verify(void)
{
	static const char command[] =
		"cd / && for package in libc6:amd64 bash coreutils systemd; do "
		"cat /var/lib/dpkg/info/$package.md5sums; done | "
		"md5sum --check --quiet > /dev/console 2>&1";

	return !system(command);
}

static void verify(void)
{
	if (mode == MODE_WORKLOAD && !service_verify())
		return;
	if (mode != MODE_BUSYBOX && !packages_verify()) {
		puts("DAMAGED files of Debian packages, see the console");
		return;
	}
	memory_verify();
}

static void tick(void)
{
	memory_tick();
	if (mode == MODE_WORKLOAD)
		service_tick();
}

/* False: it is time to end. */
static bool obey(const char *line)
{
	if (!strcmp(line, "fill\n"))
		fill();
	else if (!strcmp(line, "verify\n"))
		verify();
	else if (!strcmp(line, "latency\n"))
		latency_report();
	else if (!strcmp(line, "damage\n"))
		memory_damage();
	else if (!strcmp(line, "off\n"))
		return false;
	return true;
}

static bool parse(char **argv)
{
	static const char * const modes[] = {
		[MODE_BUSYBOX] = "busybox",
		[MODE_DEBIAN] = "debian",
		[MODE_WORKLOAD] = "workload",
	};

	for (mode = MODE_BUSYBOX; strcmp(argv[5], modes[mode]); mode++)
		if (mode == MODE_WORKLOAD)
			return false;
	seed = strtoull(argv[1], NULL, 10);
	return memory_init(seed, strtoull(argv[2], NULL, 10),
			   strtoul(argv[3], NULL, 10),
			   strtoul(argv[4], NULL, 10));
}

/* Neither echo nor carriage returns: the other side is no human. */
static void make_raw(void)
{
	struct termios settings;

	if (tcgetattr(STDIN_FILENO, &settings))
		return;		/* no terminal */
	cfmakeraw(&settings);
	tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t next_tick = 0;
	char line[32];

	make_raw();
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (argc != 6 || !parse(argv)) {
		puts("the agent's arguments are wrong, or memory does not suffice");
		return 1;
	}
	puts("booted");

	for (;;) {
		int ready = poll(&input, 1, TICK_MSECS);

		if (ready < 0 && errno != EINTR)
			return 1;
		if (filled && latency_now_nsecs() >= next_tick) {
			next_tick = latency_now_nsecs() + TICK_MSECS * 1000000ULL;
			tick();
		}
		if (ready <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 1;
		if (!obey(line))
			return 0;
	}
}
