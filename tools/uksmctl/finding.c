// SPDX-License-Identifier: GPL-2.0-only
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "json.h"

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_WARNING] = "warning",
	[VERDICT_PROBLEM] = "problem",
};

void finding_add(struct findings *findings, enum verdict verdict,
		 const char *name, const char *format, ...)
{
	struct finding *finding = &findings->list[findings->count];
	va_list arguments;

	if (findings->count == MAX_FINDINGS)
		abort();
	findings->count++;
	finding->name = name;
	finding->verdict = verdict;
	finding->advice[0] = '\0';
	va_start(arguments, format);
	vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
}

void finding_advise(struct findings *findings, const char *format, ...)
{
	struct finding *finding = &findings->list[findings->count - 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding->advice, sizeof(finding->advice), format, arguments);
	va_end(arguments);
}

size_t findings_with(const struct findings *findings, enum verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->list[i].verdict == verdict;

	return count;
}

void findings_print(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->list[i];

		printf("%-7s  %-11s  %s\n", verdicts[finding->verdict],
		       finding->name, format_plain(finding->text));
		if (*finding->advice)
			printf("%20s  -> %s\n", "",
			       format_plain(finding->advice));
	}
}

void findings_json(const char *name, const struct findings *findings)
{
	json_array(name);
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		json_object(NULL);
		json_string("name", finding->name);
		json_string("verdict", verdicts[finding->verdict]);
		json_string("text", finding->text);
		if (*finding->advice)
			json_string("advice", finding->advice);
		else
			json_null("advice");
		json_object_end();
	}
	json_array_end();
}
