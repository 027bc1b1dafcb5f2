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

#define min(a, b)                                     \
	({                                            \
		__typeof__(a) a_ = (a);               \
		__typeof__(b) b_ = (b);               \
		a_ < b_ ? a_ : b_;                    \
	})

#define max(a, b)                                     \
	({                                            \
		__typeof__(a) a_ = (a);               \
		__typeof__(b) b_ = (b);               \
		a_ > b_ ? a_ : b_;                    \
	})

#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define clamp_t(type, value, low, high) clamp((type)(value), (type)(low), (type)(high))
#define min3(a, b, c) min_t(__typeof__(a), a, min_t(__typeof__(b), b, c))

#define swap(a, b)                          \
	do {                                \
		__typeof__(a) tmp_ = (a);   \
		(a) = (b);                  \
		(b) = tmp_;                 \
	} while (0)

#endif /* UKSM_SHIM_MINMAX_H */
