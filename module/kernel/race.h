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

/**
 * uksm_race_spin() - as uksm_race_point(), under a spinlock: no sleep, but time goes by
 * @name: as there
 */
#ifdef UKSM_DEBUG
void uksm_race_spin(const char *name);
#else
static inline void uksm_race_spin(const char *name)
{
}
#endif

/* What is slowed down outside of the module, to widen a race with it. */
#ifdef UKSM_DEBUG
void uksm_race_init(void);
void uksm_race_exit(void);
#else
static inline void uksm_race_init(void)
{
}
static inline void uksm_race_exit(void)
{
}
#endif

/**
 * uksm_race_met() - somebody else has come in between, which was noticed
 * @name: of the point
 */
#ifdef UKSM_DEBUG
void uksm_race_met(const char *name);
#else
static inline void uksm_race_met(const char *name)
{
}
#endif

#endif
