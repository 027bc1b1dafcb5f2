/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures as people read them. */
#ifndef UKSMCTL_FORMAT_H
#define UKSMCTL_FORMAT_H

/* Room for any figure below. */
#define FIGURE_SIZE 48

/**
 * format_bytes() - bytes in the unit that leaves one to four digits: "1.2 GiB"
 * @figure: receives it, FIGURE_SIZE bytes
 * @bytes: may be negative
 *
 * Return: @figure.
 */
const char *format_bytes(char *figure, double bytes);

/**
 * format_short_bytes() - the same for a narrow column: "1.2G"
 * @figure: receives it, FIGURE_SIZE bytes
 * @bytes: may be negative
 *
 * Return: @figure.
 */
const char *format_short_bytes(char *figure, double bytes);

/**
 * format_duration() - seconds, as minutes, hours and days where they are many
 * @figure: receives it, FIGURE_SIZE bytes
 * @seconds: not negative
 *
 * Return: @figure.
 */
const char *format_duration(char *figure, double seconds);

/**
 * format_plain() - make a text from elsewhere harmless to a terminal
 * @text: control characters in it, and what is no UTF-8, become question marks
 *
 * Return: @text.
 */
char *format_plain(char *text);

#endif /* UKSMCTL_FORMAT_H */
