// SPDX-License-Identifier: GPL-2.0-only
#include "format.h"

#include <math.h>
#include <stdio.h>

#include "text.h"

static const char units[] = "BKMGTPE";

/* The unit as an index, and the amount in it. */
static int scale(double *bytes)
{
	int unit = 0;

	/* 1023.95 would be shown as 1024.0. */
	while (fabs(*bytes) >= 1023.95 && units[unit + 1]) {
		*bytes /= 1024;
		unit++;
	}

	return unit;
}

const char *format_bytes(char *figure, double bytes)
{
	int unit = scale(&bytes);

	if (unit)
		snprintf(figure, FIGURE_SIZE, "%.1f %ciB", bytes, units[unit]);
	else
		snprintf(figure, FIGURE_SIZE, "%.0f B", bytes);

	return figure;
}

const char *format_short_bytes(char *figure, double bytes)
{
	int unit = scale(&bytes);

	snprintf(figure, FIGURE_SIZE, "%.*f%c",
		 unit && fabs(bytes) < 99.95 ? 1 : 0, bytes, units[unit]);

	return figure;
}

const char *format_duration(char *figure, double seconds)
{
	const long long whole = (long long)seconds;

	if (whole >= 86400)
		snprintf(figure, FIGURE_SIZE, "%lld d %lld h", whole / 86400,
			 whole % 86400 / 3600);
	else if (whole >= 3600)
		snprintf(figure, FIGURE_SIZE, "%lld h %lld min", whole / 3600,
			 whole % 3600 / 60);
	else if (whole >= 60)
		snprintf(figure, FIGURE_SIZE, "%lld min %lld s", whole / 60,
			 whole % 60);
	else
		snprintf(figure, FIGURE_SIZE, "%.2f s", seconds);

	return figure;
}

/* A control character of ASCII, or one of the second set of ISO 6429 (U+0080 to U+009F). */
static bool is_control(const unsigned char *at)
{
	return *at < 0x20 || *at == 0x7f ||
	       (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f);
}

char *format_plain(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t length = text_utf8_length(at);

		if (!length || is_control(at))
			*at++ = '?';
		else
			at += length;
	}

	return text;
}
