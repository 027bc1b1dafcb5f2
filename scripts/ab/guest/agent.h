/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the program that runs in the guests of scripts/uksm-ab.
 */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stdint.h>

/* splitmix64's output function: a good hash of 64 bits. */
static inline uint64_t hash(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* memory.c: pages of known content, some of them rewritten all the time. */
bool memory_init(uint64_t seed, uint64_t mebibytes, unsigned int stride,
		 unsigned int rewrites_per_tick);
void memory_fill(void);
void memory_tick(void);
void memory_damage(void);
bool memory_verify(void);

/* service.c: the web server and the database of a Debian guest. */
bool service_fill(uint64_t seed);
void service_tick(void);
bool service_verify(void);

/* latency.c: how long operations took. */
enum latency {
	LATENCY_MEMORY,
	LATENCY_WEB,
	LATENCY_DATABASE,
	LATENCIES,
};

uint64_t latency_now_nsecs(void);
void latency_add(enum latency kind, uint64_t nsecs);
void latency_report(void);

#endif
