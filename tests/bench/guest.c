// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content.h"
#include "harness.h"
#include "machine.h"
#include "memory.h"

void guest_init(struct guest *g, size_t pages)
{
	*g = (struct guest){ .pages = pages, .block = pages };
	g->content = calloc(pages, sizeof(*g->content));
	CHECK(g->content, "no memory for a guest of %zu pages", pages);
}

uintptr_t guest_address(const struct guest *g, size_t page)
{
	return GUEST_BASE + page / g->block * g->gap + page % g->block * PAGE_SIZE;
}

static void write_all(int fd, const void *data, size_t len)
{
	ssize_t done;

	for (; len; data = (const char *)data + done, len -= done)
		done = CHECK_SYS(write(fd, data, len));
}

/* False at the end of the stream. */
static bool read_all(int fd, void *data, size_t len)
{
	ssize_t done;

	for (; len; data = (char *)data + done, len -= done) {
		done = CHECK_SYS(read(fd, data, len));
		if (!done)
			return false;
	}
	return true;
}

static void fill(const struct guest *g)
{
	size_t length = guest_address(g, g->pages - 1) + PAGE_SIZE - GUEST_BASE, i;
	void *base = (void *)GUEST_BASE;

	CHECK_SYS(mmap(base, length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0));
	CHECK_SYS(madvise(base, length, g->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	if (g->boot) {
		CHECK_SYS(madvise(base, length, MADV_MERGEABLE));
		g->boot(g);
		return;
	}
	for (i = 0; i < g->pages; i++)
		content_write((void *)guest_address(g, i), g->content[i]);
	if (g->machine)
		machine_make(base, length);
	CHECK_SYS(madvise(base, length, MADV_MERGEABLE));
}

static void die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

/* A tree of forks is complete when its root has a byte from each. */
static void fork_tree(unsigned int forks)
{
	pid_t parent = getpid();
	int done[2];
	unsigned int i;
	char byte = 0;

	for (i = 0; i < forks; i++) {
		CHECK_SYS(pipe(done));
		if (!CHECK_SYS(fork())) {
			die_with_parent(parent);
			fork_tree(forks - 1);
			write_all(done[1], &byte, 1);
			for (;;)
				pause();
		}
		CHECK(read_all(done[0], &byte, 1), "a fork of a guest has gone");
		close(done[0]);
		close(done[1]);
	}
}

static void obey(const struct guest *g, int fd)
{
	struct edit edit;
	size_t nr;
	char byte = 0;

	while (read_all(fd, &nr, sizeof(nr))) {
		while (nr--) {
			read_all(fd, &edit, sizeof(edit));
			content_write((void *)guest_address(g, edit.page), edit.content);
		}
		write_all(fd, &byte, 1);
	}
}

void guest_start(struct guest *g)
{
	pid_t parent = getpid();
	int fds[2];
	char byte = 0;

	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	g->pid = CHECK_SYS(fork());
	if (!g->pid) {
		die_with_parent(parent);
		close(fds[0]);
		fill(g);
		fork_tree(g->forks);
		write_all(fds[1], &byte, 1);
		if (g->live)
			g->live(g, fds[1]);
		else
			obey(g, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	g->fd = fds[0];
	CHECK(read_all(g->fd, &byte, 1), "a guest has gone before it was filled");
}

void guest_edit(struct guest *g, const struct edit *edits, size_t nr)
{
	size_t i;
	char byte;

	for (i = 0; i < nr; i++)
		g->content[edits[i].page] = edits[i].content;
	write_all(g->fd, &nr, sizeof(nr));
	write_all(g->fd, edits, nr * sizeof(*edits));
	CHECK(read_all(g->fd, &byte, 1), "a guest has gone");
}

void guest_go(const struct guest *g)
{
	char byte = 0;

	write_all(g->fd, &byte, 1);
}

uint64_t guest_pfn(const struct guest *g, size_t page)
{
	uint64_t entry = pagemap_entry_of(g->pid, (void *)guest_address(g, page));

	return entry & PM_PRESENT ? entry & ((1ULL << 55) - 1) : 0;
}

void guest_read(const struct guest *g, size_t page, void *copy)
{
	struct iovec local = { copy, PAGE_SIZE };
	struct iovec remote = { (void *)guest_address(g, page), PAGE_SIZE };
	ssize_t len = CHECK_SYS(process_vm_readv(g->pid, &local, 1, &remote, 1, 0));

	CHECK(len == PAGE_SIZE, "page %zu of guest %d cannot be read", page, (int)g->pid);
}

void guest_stop(struct guest *g)
{
	if (!g->pid)
		return;
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
	close(g->fd);
	g->pid = 0;
}

void guest_end(struct guest *g)
{
	guest_stop(g);
	free(g->content);
}
