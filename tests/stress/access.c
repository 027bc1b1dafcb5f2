// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content is written and read, by its own process and by others.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops.h"
#include "worker.h"

enum outcome op_write(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);

	area_lock(a->area, page, 1);
	area_write(a->area, page, actor_generation(a));
	area_unlock(a->area, page, 1);
	return DONE;
}

enum outcome op_patch(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);

	area_lock(a->area, page, 1);
	area_patch(a->area, page, actor_generation(a));
	area_unlock(a->area, page, 1);
	return DONE;
}

enum outcome op_fill(struct actor *a)
{
	unsigned long from, n, i;

	actor_range(a, 64, &from, &n);
	for (i = from; i < from + n; i++) {
		area_lock(a->area, i, 1);
		area_write(a->area, i, actor_generation(a));
		area_unlock(a->area, i, 1);
	}
	return DONE;
}

enum outcome op_check(struct actor *a)
{
	unsigned long from, n, i;

	actor_range(a, 16, &from, &n);
	for (i = from; i < from + n; i++) {
		area_lock(a->area, i, 1);
		area_check(a->area, i);
		area_unlock(a->area, i, 1);
	}
	return DONE;
}

/* What another process is to write where; the writers return true if all of it was written. */
struct remote {
	pid_t pid, tid;
	char *to;
	const char *bytes;
};

static bool poke(const struct remote *r)
{
	bool poked = true;
	size_t at;
	long word;

	if (ptrace(PTRACE_ATTACH, r->tid, NULL, NULL) || waitpid(r->tid, NULL, __WALL) < 0)
		return false;
	for (at = 0; at < PAGE_SIZE && poked; at += sizeof(word)) {
		memcpy(&word, r->bytes + at, sizeof(word));
		poked = !ptrace(PTRACE_POKEDATA, r->tid, r->to + at, word);
	}
	ptrace(PTRACE_DETACH, r->tid, NULL, NULL);
	return poked;
}

static bool write_remote(const struct remote *r)
{
	struct iovec local = { (void *)r->bytes, PAGE_SIZE }, remote = { r->to, PAGE_SIZE };

	return process_vm_writev(r->pid, &local, 1, &remote, 1, 0) == (ssize_t)PAGE_SIZE;
}

static bool write_mem(const struct remote *r)
{
	char path[32];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", r->pid);
	fd = open(path, O_RDWR);
	written = fd >= 0 && pwrite(fd, r->bytes, PAGE_SIZE, (uintptr_t)r->to) == (ssize_t)PAGE_SIZE;
	close(fd);
	return written;
}

/* A child writes a page of ours; where it cannot, nobody knows how far it got. */
static enum outcome remote_write(struct actor *a, bool (*writer)(const struct remote *r))
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	struct remote r = { getpid(), syscall(SYS_gettid), area_page(a->area, page), NULL };
	char bytes[PAGE_SIZE];
	struct content content;
	int status = -1;
	pid_t pid;

	area_lock(a->area, page, 1);
	area_expect(a->area, page, actor_generation(a), &content, bytes);
	r.bytes = bytes;
	pid = fork();
	if (!pid)
		_exit(writer(&r) ? 0 : EXIT_REFUSED);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0)
			;
	if (!status) {
		a->area->state[page].content = content;
		area_check(a->area, page);
	} else {
		area_write(a->area, page, actor_generation(a));
	}
	area_unlock(a->area, page, 1);
	return status ? REFUSED : DONE;
}

enum outcome op_poke(struct actor *a)
{
	return remote_write(a, poke);
}

enum outcome op_write_remote(struct actor *a)
{
	return remote_write(a, write_remote);
}

enum outcome op_write_mem(struct actor *a)
{
	return remote_write(a, write_mem);
}
