// SPDX-License-Identifier: GPL-2.0-only
#include "machine.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "harness.h"

void machine_make(void *memory, size_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)memory,
	};
	int kvm = CHECK_SYS(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	int vm = CHECK_SYS(ioctl(kvm, KVM_CREATE_VM, 0));

	CHECK_SYS(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}
