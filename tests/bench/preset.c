// SPDX-License-Identifier: GPL-2.0-only
#include "preset.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine.h"
#include "harness.h"

/* Sleep of those that are compared at equal knobs, ksm's default. */
#define SLEEP 20

/* default: ksm's own; tuned: the most that ksmtuned sets. */
static const struct preset presets[] = {
	{ "none", .stock = true, .none = true, .sleep = SLEEP },
	{ "ksmd", .stock = true, .sleep = SLEEP },
	{ "ksmd-smart", .stock = true, .sleep = SLEEP, .smart_scan = true },
	{ "ksmd-default", .stock = true, .pages = 100, .sleep = 20, .smart_scan = true },
	{ "ksmd-tuned", .stock = true, .pages = 1250, .sleep = 10, .smart_scan = true },
	{ "ksmd-advisor", .stock = true, .sleep = SLEEP, .smart_scan = true, .advisor = "scan-time" },
	{ "uksm", .sleep = SLEEP },
	{ "uksm-smart", .sleep = SLEEP, .smart_scan = true },
	{ "uksm-default", .pages = 100, .sleep = 20, .smart_scan = true },
	{ "uksm-tuned", .pages = 1250, .sleep = 10, .smart_scan = true },
	{ "uksm-advisor", .sleep = SLEEP, .smart_scan = true, .advisor = "scan-time" },
	{ "uksm-process", .sleep = SLEEP, .isolation = "process" },
	{ "uksm-delay", .sleep = SLEEP, .hardening = "delay" },
	{ "uksm-frame", .sleep = SLEEP, .hardening = "frame" },
	{ "uksm-auto", .sleep = SLEEP, .smart_scan = true, .advisor = "auto" },
};

const struct preset *preset_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(presets); i++) {
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	}
	return NULL;
}

const char *preset_engine(const struct preset *p)
{
	if (p->none)
		return "none";
	return p->stock ? "ksmd" : "uksm";
}

void preset_list(FILE *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(presets); i++)
		fprintf(out, "%s\n", presets[i].name);
}

void preset_select(const struct preset *p)
{
	setenv("KSM_DIR", p->stock ? ENGINE_DIR_STOCK : ENGINE_DIR_UKSM, 1);
}

const char *preset_missing(const struct preset *p)
{
	if (!engine_has("run"))
		return "such engine";
	/* ksmd-default and -tuned are what they are without it as well. */
	if (p->smart_scan && !p->pages && !engine_has("smart_scan"))
		return "smart_scan";
	if (p->advisor && !engine_has("advisor_mode"))
		return "advisor";
	return NULL;
}

static void choose(const char *knob, const char *word)
{
	CHECK(!knob_write(engine_dir(), knob, word, strlen(word)), "%s cannot be set to %s", knob,
	      word);
}

void preset_apply(const struct preset *p, unsigned int pages)
{
	if (engine_has("advisor_mode"))
		choose("advisor_mode", "none");
	if (engine_has("isolation"))
		choose("isolation", p->isolation ? p->isolation : "none");
	if (engine_has("hardening"))
		choose("hardening", p->hardening ? p->hardening : "none");
	if (engine_has("smart_scan"))
		engine_set("smart_scan", p->smart_scan);
	engine_set("pages_to_scan", p->pages ? p->pages : pages);
	engine_set("sleep_millisecs", p->sleep);
	if (p->advisor)
		choose("advisor_mode", p->advisor);
}

void preset_print_knobs(FILE *out)
{
	DIR *dir = opendir(engine_dir());
	char text[KNOB_TEXT_MAX];
	const char *comma = "";
	struct dirent *entry;
	struct stat status;

	CHECK(dir, "%s: %m", engine_dir());
	fputc('{', out);
	while ((entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &status, 0) || !S_ISREG(status.st_mode) ||
		    !(status.st_mode & 0200) || knob_read(engine_dir(), entry->d_name, text))
			continue;
		fprintf(out, "%s\"%s\":\"%s\"", comma, entry->d_name, text);
		comma = ",";
	}
	closedir(dir);
	fputc('}', out);
}
