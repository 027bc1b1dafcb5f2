/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit statuses, and the messages that go with them. docs/uksmctl.8 lists them. */
#ifndef UKSMCTL_STATUS_H
#define UKSMCTL_STATUS_H

/** enum status - what the command ends with */
enum status {
	STATUS_OK = 0,
	STATUS_REFUSED =
		1, /* the kernel refused, or something could not be read */
	STATUS_USAGE = 2, /* a command, option, name or value that is wrong */
	STATUS_NO_MODULE = 3, /* uksm is not loaded */
	STATUS_PERMISSION = 4, /* root is needed */
	STATUS_PARTLY_SET = 5, /* not all is as it was, or as it should be */
	STATUS_UNLOADED = 6, /* reload: the module is unloaded, and none loads */
};

/**
 * complain() - one line on stderr, after the program's name
 * @format: as printf(), without a newline
 */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/**
 * fail() - complain, and say with what to end
 * @status: the status
 * @format: as printf(), without a newline
 *
 * Return: @status.
 */
__attribute__((format(printf, 2, 3))) enum status fail(enum status status,
						       const char *format, ...);

/**
 * fail_at() - one line on stderr, for something that a file says
 * @status: the status
 * @file: the file, as it was given
 * @line: its line; 0 for the file as a whole
 * @format: as printf(), without a newline
 *
 * Control characters, which may come from the file, become question marks.
 *
 * Return: @status.
 */
__attribute__((format(printf, 4, 5))) enum status
fail_at(enum status status, const char *file, unsigned int line,
	const char *format, ...);

/**
 * require_memory() - a result of malloc(), or the end of the program
 * @memory: what malloc() or its like returned
 */
void *require_memory(void *memory);

/**
 * flush_output() - write out what stdout holds
 *
 * Return: STATUS_OK, or STATUS_REFUSED, with a message, when it cannot be written;
 * a reader that has gone (EPIPE) needs no message.
 */
enum status flush_output(void);

#endif /* UKSMCTL_STATUS_H */
