/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lists in uksm's folder domains. Of one that is read each line is an entry: the path of a control
 * group, of some with a word behind it, or a process ID and a name. One is put on, or changed, by writing +
 * and the entry, and taken off by - and the path or the ID.
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

/** list_is_of_processes() - is it one of process IDs, which mean nothing after a boot? */
bool list_is_of_processes(const char *name);

/**
 * list_check() - would a list take this?
 * @list: its name
 * @write: + and an entry, or - and what it begins with; more blanks than one before the word of an
 *	entry, and zeroes before a number, are taken out in place
 * @reason: receives why not, REASON_SIZE bytes
 */
bool list_check(const char *list, char *write, char *reason);

/**
 * list_read() - what a list shows, however long
 * @list: its name
 * @text: receives it, to be freed; NULL on failure
 *
 * Return: 0 or -errno.
 */
int list_read(const char *list, char **text);

/** list_has() - is this very entry in what a list shows? */
bool list_has(const char *list, const char *text, const char *entry);

/** list_same() - are two writes, + or -, of the same control group or process? */
bool list_same(const char *list, const char *one, const char *other);

/**
 * list_undo() - what is to be written to have it as it is
 * @list: its name
 * @text: what it shows
 * @write: what will be written
 *
 * Return: the write, to be freed.
 */
char *list_undo(const char *list, const char *text, const char *write);

/** list_off() - what takes off the entry that this write puts on, in place */
void list_off(const char *list, char *write);

/** list_can_be_said() - does a line of a file of settings say this entry, and no other? */
bool list_can_be_said(const char *entry);

/** list_explain() - what an error of a write to a list means, or NULL when strerror() says it */
const char *list_explain(const char *list, int error);

/**
 * list_add_all() - what is in a list, as settings that put it on
 * @list: its name
 * @settings: receives + and each entry, behind the others; nothing of a list that the
 *	module does not have
 *
 * Return: STATUS_OK, or STATUS_REFUSED after a message.
 */
enum status list_add_all(const char *list, struct settings *settings);

#endif /* UKSMCTL_LISTS_H */
