/* SPDX-License-Identifier: GPL-2.0-only */
#define __read_mostly
