/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's jhash2(): Bob Jenkins's hashword() of lookup3, written down here
 * so that the unit tests need nothing but a compiler.  Where the kernel's
 * header is at hand, tests/unit/run compares the two.
 */
#ifndef UKSM_SHIM_JHASH_H
#define UKSM_SHIM_JHASH_H

#include <linux/types.h>

static inline u32 jhash_rotate(u32 word, unsigned int bits)
{
	return word << bits | word >> (32 - bits);
}

static inline u32 jhash2(const u32 *words, u32 count, u32 initval)
{
	/* lookup3's constants: rotations of mix() and of final(). */
	static const u8 mix[] = { 4, 6, 8, 16, 19, 4 };
	static const u8 final[] = { 14, 11, 25, 16, 4, 14, 24 };
	u32 state[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		state[i] = 0xdeadbeef + (count << 2) + initval;

	for (; count > 3; count -= 3, words += 3) {
		for (i = 0; i < 3; i++)
			state[i] += words[i];
		for (i = 0; i < 6; i++) {
			u32 *to = &state[i % 3], *from = &state[(i + 2) % 3];

			*to = (*to - *from) ^ jhash_rotate(*from, mix[i]);
			*from += state[(i + 1) % 3];
		}
	}
	if (!count)
		return state[2];

	for (i = 0; i < count; i++)
		state[i] += words[i];
	for (i = 0; i < 7; i++) {
		u32 *to = &state[(i + 2) % 3], from = state[(i + 1) % 3];

		*to = (*to ^ from) - jhash_rotate(from, final[i]);
	}
	return state[2];
}

#endif /* UKSM_SHIM_JHASH_H */
