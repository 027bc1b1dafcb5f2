/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine of KVM that has memory and no CPU: its notifier works all the same.
 */
#ifndef UKSM_TEST_MACHINE_H
#define UKSM_TEST_MACHINE_H

#include <stddef.h>

/** machine_make() - make one with this memory, for as long as the process runs; needs /dev/kvm */
void machine_make(void *memory, size_t bytes);

#endif
