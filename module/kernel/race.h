/* SPDX-License-Identifier: GPL-2.0-only */
/* Points where a race could be lost, for tests to widen (debug builds). */
#ifndef UKSM_RACE_H
#define UKSM_RACE_H

/**
 * uksm_race_point() - somebody else may come in between here
 * @name: one of the list in race.c
 *
 * In debug builds whoever comes to the point that the module parameter race= names sleeps
 * there; else this is nothing. Not to be used under a spinlock.
 */
#ifdef UKSM_DEBUG
void uksm_race_point(const char *name);
#else
static inline void uksm_race_point(const char *name)
{
}
#endif

#endif
