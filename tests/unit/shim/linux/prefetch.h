/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As the kernel does it on x86.  With __builtin_prefetch() alone in it, gcc
 * takes a function for one without effect and drops the calls.
 */
#define prefetch(address) \
	asm volatile("prefetcht0 %0" : : "m"(*(const char *)(address)))
