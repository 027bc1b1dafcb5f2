// SPDX-License-Identifier: GPL-2.0-only
#include "figures.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "harness.h"

static char not_met[900];

static const char *figures_file(void)
{
	const char *path = getenv("HOSTILE_FIGURES");

	return path && *path ? path : "/tmp/hostile-figures";
}

static const char *engine_name(void)
{
	return engine_is_stock() ? "ksmd" : "uksm";
}

void figure(const char *name, double value)
{
	FILE *file = fopen(figures_file(), "a");
	double other = engine_is_stock() ? -1 : figure_of_ksmd(name, -1);

	CHECK(file, "%s: %m", figures_file());
	fprintf(file, "%s %s %.6f\n", engine_name(), name, value);
	fclose(file);
	if (other >= 0)
		test_note("%s %s: %.4g (ksmd: %.4g)", engine_name(), name, value, other);
	else
		test_note("%s %s: %.4g", engine_name(), name, value);
}

double figure_of_ksmd(const char *name, double fallback)
{
	FILE *file = fopen(figures_file(), "r");
	char engine[16], key[128], text[64];

	if (!file)
		return fallback;
	while (fscanf(file, "%15s %127s %63s", engine, key, text) == 3)
		if (!strcmp(engine, "ksmd") && !strcmp(key, name))
			fallback = strtod(text, NULL);
	fclose(file);
	return fallback;
}

void judge(bool met, const char *fmt, ...)
{
	size_t used = strlen(not_met);
	char text[300];
	va_list ap;

	if (met)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	test_note("%s: not met: %s", engine_name(), text);
	snprintf(not_met + used, sizeof(not_met) - used, "%s%s", used ? "; " : "", text);
}

void judge_end(void)
{
	if (not_met[0] && !engine_is_stock())
		test_fail("%s", not_met);
}
