/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UKSMCTL_ARRAY_H
#define UKSMCTL_ARRAY_H

/** ARRAY_SIZE() - how many elements an array has */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif /* UKSMCTL_ARRAY_H */
