// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM guest has all of a worker's known memory for its own, and writes and reads pages of it.
 *
 * The guest is one instruction long: in real mode, it copies a page from one segment to another.
 * Each thread has a guest of its own, which now and then makes place for a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"
#include "ops.h"
#include "worker.h"

/* Where the guest finds its code, its buffer behind that, and the worker's memory. */
#define CODE_AT 0UL
#define BUFFER_AT PAGE_SIZE
#define AREA_AT (1UL << 20)

/* cld; rep movsl %ds:(%si), %es:(%di); hlt */
static const uint8_t code[] = { 0xfc, 0xf3, 0x66, 0xa5, 0xf4 };

/**
 * struct guest - a virtual machine with one CPU
 * @owner: the process that may use it; a fork may not
 * @vm: file descriptor of the machine
 * @vcpu: of its CPU
 * @run: what the kernel tells of that
 * @run_size: of @run
 * @own: code and buffer, which nobody merges
 * @sregs: segments, of which each copy changes two
 */
struct guest {
	pid_t owner;
	int vm, vcpu;
	struct kvm_run *run;
	size_t run_size;
	char *own;
	struct kvm_sregs sregs;
};

static __thread struct guest guest;

static bool slot_set(int slot, unsigned long at, char *memory, unsigned long pages)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = pages * PAGE_SIZE,
		.userspace_addr = (uintptr_t)memory,
	};

	return !ioctl(guest.vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void guest_stop(void)
{
	if (guest.run != MAP_FAILED)
		munmap(guest.run, guest.run_size);
	if (guest.own != MAP_FAILED)
		munmap(guest.own, 2 * PAGE_SIZE);
	if (guest.vcpu >= 0)
		close(guest.vcpu);
	close(guest.vm);
	guest.owner = 0;
}

/* On failure errno tells, and what there is by then is for guest_stop(). */
static bool guest_boot(const struct area *area, int kvm)
{
	guest.run = MAP_FAILED;
	guest.own = MAP_FAILED;
	guest.vcpu = ioctl(guest.vm, KVM_CREATE_VCPU, 0);
	if (guest.vcpu < 0)
		return false;
	guest.run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	guest.run = mmap(NULL, guest.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpu, 0);
	if (guest.run == MAP_FAILED)
		return false;
	guest.own = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	if (guest.own == MAP_FAILED || !slot_set(0, CODE_AT, guest.own, 2) ||
	    !slot_set(1, AREA_AT, area->base, area->pages) ||
	    ioctl(guest.vcpu, KVM_GET_SREGS, &guest.sregs))
		return false;
	memcpy(guest.own, code, sizeof(code));
	guest.sregs.cs.base = CODE_AT;
	guest.sregs.cs.selector = 0;
	return true;
}

/* A signal may come in between, or memory be short: then there is none this time. */
static bool guest_start(const struct area *area)
{
	bool booted = false;
	int kvm, err;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	guest.vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	if (guest.vm >= 0)
		booted = guest_boot(area, kvm);
	err = errno;
	if (!booted && err != EINTR && err != ENOMEM)
		complain("a guest does not start: %s", strerror(err));
	if (kvm >= 0)
		close(kvm);
	if (booted)
		guest.owner = getpid();
	else if (guest.vm >= 0)
		guest_stop();
	return booted;
}

/* One of a parent is not closed by its number, which may be another file's by now. */
static enum outcome guest_ready(struct actor *a)
{
	if (access("/dev/kvm", F_OK))
		return not_available("no KVM");
	if (guest.owner == getpid() && rnd(&a->rng, 64))
		return DONE;
	if (guest.owner == getpid())
		guest_stop();
	return guest_start(a->area) ? DONE : REFUSED;
}

struct run {
	int result, err;
};

static void run_vcpu(void *arg)
{
	struct run *r = arg;

	do {
		r->result = ioctl(guest.vcpu, KVM_RUN, 0);
		r->err = errno;
	} while (r->result && (r->err == EINTR || r->err == EAGAIN));
}

/*
 * Let the guest copy a page. False if it could not, since another thread has protected
 * the one in the worker's memory, or the page is poisoned; how far it got nobody knows.
 */
static bool guest_copy(uint64_t from, uint64_t to)
{
	struct kvm_regs regs = { .rcx = PAGE_SIZE / 4, .rflags = 2 };
	struct run r = { -1, 0 };

	guest.sregs.ds.base = from;
	guest.sregs.es.base = to;
	if (ioctl(guest.vcpu, KVM_SET_SREGS, &guest.sregs) ||
	    ioctl(guest.vcpu, KVM_SET_REGS, &regs))
		die("registers of a guest");
	if (guard_run(run_vcpu, &r) == POISONED)
		return false;
	if (!r.result && guest.run->exit_reason == KVM_EXIT_HLT)
		return true;
	if (!r.result || (r.err != EFAULT && r.err != EHWPOISON))
		complain("a guest ended with %d, exit %u, %s", r.result, guest.run->exit_reason,
			 strerror(r.err));
	return false;
}

static uint64_t guest_address(unsigned long page)
{
	return AREA_AT + page * PAGE_SIZE;
}

/* The guest writes a page. */
enum outcome op_guest_write(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	enum outcome outcome = guest_ready(a);
	struct content content;
	bool written;

	if (outcome != DONE)
		return outcome;
	area_lock(a->area, page, 1);
	area_expect(a->area, page, actor_generation(a), &content, guest.own + BUFFER_AT);
	written = guest_copy(BUFFER_AT, guest_address(page));
	if (written) {
		a->area->state[page].content = content;
		area_check(a->area, page);
	} else {
		area_write(a->area, page, actor_generation(a));
	}
	area_unlock(a->area, page, 1);
	return written ? DONE : REFUSED;
}

/* The guest reads a page, and must see what we do. */
enum outcome op_guest_check(struct actor *a)
{
	unsigned long page = rnd(&a->rng, a->area->pages);
	enum outcome outcome = guest_ready(a);
	bool read;

	if (outcome != DONE)
		return outcome;
	area_lock(a->area, page, 1);
	read = guest_copy(guest_address(page), BUFFER_AT);
	if (read)
		area_check_copy(a->area, page, guest.own + BUFFER_AT);
	area_unlock(a->area, page, 1);
	return read ? DONE : REFUSED;
}
