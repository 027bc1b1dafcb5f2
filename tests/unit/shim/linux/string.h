/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#define memzero_explicit(s, n) explicit_bzero(s, n)
