/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSM_SHIM_MINMAX_H
#define UKSM_SHIM_MINMAX_H

#define clamp(value, low, high)                       \
	({                                            \
		__typeof__(value) v_ = (value);       \
		__typeof__(value) low_ = (low);       \
		__typeof__(value) high_ = (high);     \
		v_ < low_ ? low_ : v_ > high_ ? high_ : v_; \
	})

#define swap(a, b)                          \
	do {                                \
		__typeof__(a) tmp_ = (a);   \
		(a) = (b);                  \
		(b) = tmp_;                 \
	} while (0)

#endif /* UKSM_SHIM_MINMAX_H */
