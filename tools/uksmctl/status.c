// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

static void vcomplain(const char *format, va_list arguments)
{
	fflush(stdout);
	fputs("uksmctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vcomplain(format, arguments);
	va_end(arguments);
}

enum status fail(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vcomplain(format, arguments);
	va_end(arguments);

	return status;
}

enum status fail_at(enum status status, const char *file, unsigned int line,
		    const char *format, ...)
{
	char *reason = NULL, *place = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&reason, format, arguments) < 0 ||
	    asprintf(&place, "%s:%u", file, line) < 0)
		exit(fail(STATUS_REFUSED, "out of memory"));
	va_end(arguments);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", format_plain(place), format_plain(reason));
	free(place);
	free(reason);

	return status;
}

void *require_memory(void *memory)
{
	if (!memory)
		exit(fail(STATUS_REFUSED, "out of memory"));

	return memory;
}

enum status flush_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return STATUS_OK;
	if (errno == EPIPE)
		return STATUS_REFUSED;

	return fail(STATUS_REFUSED, "cannot write the output: %s",
		    strerror(errno));
}
