/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lists of control groups in uksm's folder domains. Of one that is read each line is a path; one
 * is put on by writing + and the path, and taken off by - and the path.
 */
#ifndef UKSMCTL_LISTS_H
#define UKSMCTL_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "settings.h"
#include "status.h"

/**
 * list_at() - all lists, by the name that they have in uksm's directory
 * @index: from 0
 *
 * Return: the name, or NULL behind the last.
 */
const char *list_at(size_t index);

/** list_order() - where in that order it is set; behind all for what is no list */
size_t list_order(const char *name);

/** list_is() - is this the name of a list? */
bool list_is(const char *name);

/** list_has() - is a path in what a list shows? */
bool list_has(const char *text, const char *path);

/** list_can_be_said() - does a line of a file of settings say this path, and no other? */
bool list_can_be_said(const char *path);

/**
 * list_add_all() - what is in a list, as settings that put it on
 * @list: its name
 * @settings: receives + and the path of each, behind the others; nothing of a list that
 *	the module does not have
 *
 * Return: STATUS_OK, or STATUS_REFUSED after a message.
 */
enum status list_add_all(const char *list, struct settings *settings);

#endif /* UKSMCTL_LISTS_H */
