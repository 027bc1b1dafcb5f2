/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STRESS_RANDOM_H
#define STRESS_RANDOM_H

#include <stdint.h>

/** struct rng - a repeatable sequence of numbers, of one thread */
struct rng {
	uint64_t state;
};

/** mix64() - a number whose every bit depends on every bit of another */
static inline uint64_t mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/** rnd() - the next number of the sequence, less than @below */
static inline uint64_t rnd(struct rng *rng, uint64_t below)
{
	rng->state = mix64(rng->state);
	return rng->state % below;
}

#endif
