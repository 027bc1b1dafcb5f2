/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sums of numbers that come from files: whatever they say, a result that does not
 * fit is the greatest or least that does.
 */
#ifndef UKSMCTL_SATURATE_H
#define UKSMCTL_SATURATE_H

#include <limits.h>

static inline long long add_saturated(long long a, long long b)
{
	long long sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;

	return b < 0 ? LLONG_MIN : LLONG_MAX;
}

static inline long long subtract_saturated(long long a, long long b)
{
	long long difference;

	if (!__builtin_sub_overflow(a, b, &difference))
		return difference;

	return b < 0 ? LLONG_MAX : LLONG_MIN;
}

/** multiply_saturated() - @b is positive: a size */
static inline long long multiply_saturated(long long a, long long b)
{
	long long product;

	if (!__builtin_mul_overflow(a, b, &product))
		return product;

	return a < 0 ? LLONG_MIN : LLONG_MAX;
}

#endif /* UKSMCTL_SATURATE_H */
