// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl doctor: what keeps the module from being loaded or from merging, and what to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "array.h"
#include "commands.h"
#include "engine.h"
#include "finding.h"
#include "json.h"
#include "klog.h"
#include "kmod.h"
#include "trust.h"

#define CONFIG_SIZE (1 << 20)
#define OUTPUT_SIZE 4096

/**
 * struct patient - what is looked at
 * @release: the running kernel
 * @installed: the module that modprobe would load
 * @installed_err: 0, or why there is no @installed
 * @loaded: that which is loaded, if @is_loaded
 * @is_loaded: one is
 * @trust: what the machine asks of modules
 */
struct patient {
	char release[KMOD_TEXT_SIZE];
	struct kmod installed;
	int installed_err;
	struct kmod loaded;
	bool is_loaded;
	struct trust trust;
};

static void examine(struct patient *patient)
{
	struct utsname kernel;

	uname(&kernel);
	snprintf(patient->release, sizeof(patient->release), "%s",
		 kernel.release);
	patient->installed_err = kmod_installed(&patient->installed);
	kmod_loaded(&patient->loaded);
	patient->is_loaded = engine_exists(ENGINE_UKSM);
	trust_read(&patient->trust);
}

static bool exists(const char *file)
{
	char path[PATH_SIZE];

	return !access(make_path(path, "%s", file), F_OK);
}

/* All of a file, which may be compressed. Return: false when it cannot be had. */
static bool read_config_file(const char *file, char *text)
{
	char path[PATH_SIZE];
	const char *const unpack[] = { "gzip", "-dc", path, NULL };
	FILE *stream;
	size_t used;

	make_path(path, "%s", file);
	if (strstr(file, ".gz"))
		return !access(path, R_OK) &&
		       !command_run(unpack, text, CONFIG_SIZE);
	stream = text_open(path);
	if (!stream)
		return false;
	used = fread(text, 1, CONFIG_SIZE - 1, stream);
	text[used] = '\0';
	fclose(stream);

	return used;
}

static bool read_config(const char *release, char *text)
{
	static const char *const formats[] = { "/boot/config-%s",
					       "/usr/lib/modules/%s/config",
					       "/lib/modules/%s/config" };
	char file[PATH_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		snprintf(file, sizeof(file), formats[i], release);
		if (read_config_file(file, text))
			return true;
	}

	return read_config_file("/proc/config.gz", text);
}

/* Is there a line OPTION=y or OPTION=m? */
static bool has_option(const char *text, const char *option)
{
	const size_t length = strlen(option);

	for (const char *at = text; (at = strstr(at, option)); at += length)
		if ((at == text || at[-1] == '\n') && at[length] == '=' &&
		    (at[length + 1] == 'y' || at[length + 1] == 'm'))
			return true;

	return false;
}

/* As dkms.conf has them. */
static const char *const needed_options[] = { "CONFIG_KSM", "CONFIG_KPROBES",
					      "CONFIG_KALLSYMS_ALL",
					      "CONFIG_DYNAMIC_FTRACE",
					      "CONFIG_DEBUG_INFO_BTF" };

static void judge_kernel(const struct patient *patient,
			 struct findings *findings)
{
	char *text = require_memory(malloc(CONFIG_SIZE));
	const char *missing = NULL;
	const bool known = read_config(patient->release, text);

	for (size_t i = 0; known && i < ARRAY_SIZE(needed_options); i++)
		if (!missing && !has_option(text, needed_options[i]))
			missing = needed_options[i];
	free(text);
	if (!missing && !exists("/sys/kernel/btf/vmlinux"))
		missing = "type information (/sys/kernel/btf/vmlinux)";
	if (!missing && !exists("/sys/kernel/mm/ksm"))
		missing = "CONFIG_KSM";
	if (missing) {
		finding_add(findings, VERDICT_PROBLEM, "kernel",
			    "%s was built without %s", patient->release,
			    missing);
		finding_advise(findings, "start another kernel, as Debian's");
	} else if (known) {
		finding_add(findings, VERDICT_OK, "kernel",
			    "%s, built with all that the module needs",
			    patient->release);
	} else {
		finding_add(findings, VERDICT_WARNING, "kernel",
			    "%s; what it was built with is not known",
			    patient->release);
		finding_advise(
			findings,
			"there is no /boot/config-%s, nor /proc/config.gz",
			patient->release);
	}
}

/*
 * DKMS's lines: "uksm/VERSION, RELEASE, ...: installed", or "uksm/VERSION: added".
 * Return: the state for this kernel; "" when it does not know uksm; NULL without DKMS.
 */
static const char *dkms_state(const struct patient *patient, char *output)
{
	static const char *const status[] = { "dkms", "status", "uksm", NULL };
	const char *state = "";
	char *save = NULL;

	if (command_run(status, output, OUTPUT_SIZE))
		return NULL;
	for (char *line = strtok_r(output, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *release = strstr(line + 1, patient->release);
		char *colon = strrchr(line, ':');

		if (!colon)
			continue;
		if (release && release[-1] == ' ' &&
		    release[strlen(patient->release)] == ',')
			return colon + 1 + strspn(colon + 1, " ");
		state = "added";
	}

	return state;
}

static void advise_to_install(const struct patient *patient,
			      struct findings *findings)
{
	char output[OUTPUT_SIZE], build[PATH_SIZE];
	const char *state = dkms_state(patient, output);

	snprintf(build, sizeof(build), "/lib/modules/%s/build",
		 patient->release);
	if (!state)
		finding_advise(
			findings,
			"there is no DKMS: install the package uksm-dkms");
	else if (!*state)
		finding_advise(
			findings,
			"DKMS does not know it: install the package uksm-dkms");
	else if (!exists(build))
		finding_advise(
			findings,
			"DKMS has its source, but not the kernel's headers: install linux-headers-%s",
			patient->release);
	else
		finding_advise(
			findings,
			"DKMS: %s; dkms autoinstall -k %s says why it is not installed",
			state, patient->release);
}

static void judge_installed(const struct patient *patient,
			    struct findings *findings)
{
	const struct kmod *kmod = &patient->installed;
	char output[OUTPUT_SIZE];
	const char *state;

	if (patient->installed_err == -ENODEV) {
		finding_add(findings,
			    patient->is_loaded ? VERDICT_WARNING :
						 VERDICT_PROBLEM,
			    "installed", "no module uksm for this kernel");
		advise_to_install(patient, findings);
		return;
	}
	if (patient->installed_err) {
		finding_add(findings, VERDICT_WARNING, "installed",
			    "not known: modinfo cannot be run: %s",
			    strerror(-patient->installed_err));
		finding_advise(findings, "install the package kmod");
		return;
	}
	state = dkms_state(patient, output);
	finding_add(findings, VERDICT_OK, "installed", "%s, %s%s%s",
		    *kmod->version ? kmod->version : "version not known",
		    kmod->file, state && *state ? ", DKMS: " : "",
		    state && *state ? state : "");
}

/* Why it is not loaded, as far as the kernel's log tells. */
static void judge_log(struct findings *findings)
{
	struct klog klog;
	int err = klog_read(&klog);

	if (err) {
		finding_add(findings, VERDICT_WARNING, "log",
			    "the kernel's log cannot be read: %s",
			    strerror(-err));
		finding_advise(findings, "run this as root");
		return;
	}
	if (*klog.refusal) {
		finding_add(findings, VERDICT_PROBLEM, "log", "%s",
			    klog.refusal);
		finding_advise(findings,
			       "the admin guide, Loading, says what it means");
	} else if (*klog.rejection) {
		finding_add(findings, VERDICT_WARNING, "log",
			    "%s; whether that was uksm is not told",
			    klog.rejection);
	} else {
		finding_add(findings, VERDICT_OK, "log",
			    "no word of uksm being refused");
	}
}

static void judge_loaded(const struct patient *patient,
			 struct findings *findings)
{
	const struct kmod *loaded = &patient->loaded;
	const struct kmod *installed = &patient->installed;

	if (!patient->is_loaded) {
		const bool may = !findings_with(findings, VERDICT_PROBLEM);

		finding_add(findings, VERDICT_WARNING, "loaded", "no");
		if (may)
			finding_advise(findings, "modprobe uksm");
		judge_log(findings);
		return;
	}
	if (patient->installed_err || !*installed->srcversion ||
	    kmod_same(loaded, installed)) {
		finding_add(findings, VERDICT_OK, "loaded", "%s (%s)",
			    loaded->version, loaded->srcversion);
		return;
	}
	finding_add(findings, VERDICT_WARNING, "loaded",
		    "%s (%s), which is not what is installed, %s (%s)",
		    loaded->version, loaded->srcversion, installed->version,
		    installed->srcversion);
	finding_advise(findings, "uksmctl reload --dry-run, uksmctl reload");
}

static long long number_of(const char *engine, const char *name)
{
	char text[TEXT_SIZE];
	long long number;

	if (engine_read(engine, name, text) || text_number(text, &number))
		return -1;

	return number;
}

static void judge_ksmd(const struct patient *patient, struct findings *findings)
{
	const long long run = number_of(ENGINE_KSM, "run");
	const bool holds = number_of(ENGINE_KSM, "pages_shared") > 0;

	if (engine_ksm_is_uksm()) {
		finding_add(findings, VERDICT_OK, "ksmd",
			    "out of reach: uksm-ksm-compat is active");
		return;
	}
	if (run <= 0 && !holds) {
		finding_add(findings, VERDICT_OK, "ksmd", "stopped and empty");
		return;
	}
	finding_add(findings,
		    patient->is_loaded ? VERDICT_PROBLEM : VERDICT_WARNING,
		    "ksmd", "%s: uksm cannot be started (EBUSY)",
		    run == 1 ? "running" :
		    holds    ? "stopped, but it holds merged pages" :
			       "set to unmerge, which is to be followed by 0");
	finding_advise(
		findings,
		"echo 2 > /sys/kernel/mm/ksm/run, echo 0 > /sys/kernel/mm/ksm/run");
}

/* Return: false when systemd does not say that it is so. */
static bool unit_is(const char *state, const char *unit)
{
	const char *const systemctl[] = { "systemctl", state, unit, NULL };
	char output[OUTPUT_SIZE];

	return !command_run(systemctl, output, sizeof(output));
}

static void judge_drivers(struct findings *findings)
{
	static const char *const units[] = { "ksmtuned.service",
					     "ksm.service" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!unit_is("is-active", units[i]))
			continue;
		if (engine_ksm_is_uksm()) {
			finding_add(findings, VERDICT_OK, "drivers",
				    "%s drives uksm, by uksm-ksm-compat",
				    units[i]);
			return;
		}
		finding_add(findings, VERDICT_WARNING, "drivers",
			    "%s is active, and starts ksmd", units[i]);
		finding_advise(
			findings,
			"systemctl disable --now %s, or have it drive uksm: systemctl enable --now uksm-ksm-compat",
			units[i]);
		return;
	}
	finding_add(findings, VERDICT_OK, "drivers",
		    "neither ksmtuned nor ksm.service is active");
}

static void judge_services(struct findings *findings)
{
	if (!command_exists("systemctl")) {
		finding_add(findings, VERDICT_OK, "services",
			    "there is no systemd");
		return;
	}
	judge_drivers(findings);
	finding_add(findings, VERDICT_OK, "services",
		    "uksm-config is %s; uksm-exporter.timer is %s",
		    unit_is("is-enabled", "uksm-config.service") ?
			    "on: settings are applied at boot" :
			    "off",
		    unit_is("is-enabled", "uksm-exporter.timer") ? "on" :
								   "off");
}

static void judge_merging(const struct patient *patient,
			  struct findings *findings)
{
	char text[TEXT_SIZE];
	const char *isolation;

	if (!patient->is_loaded)
		return;
	if (number_of(ENGINE_UKSM, "run") == 1) {
		finding_add(findings, VERDICT_OK, "merging", "running");
	} else {
		finding_add(findings, VERDICT_WARNING, "merging", "stopped");
		finding_advise(findings, "uksmctl set run=1");
	}
	if (engine_read(ENGINE_UKSM, "isolation", text))
		return;
	isolation = text_choice(text);
	if (!strcmp(isolation, "none"))
		finding_add(findings, VERDICT_OK, "isolation",
			    "none: pages of all owners merge with each other");
	else
		finding_add(findings, VERDICT_OK, "isolation", "by %.64s",
			    isolation);
}

static void print(struct findings *findings)
{
	const size_t problems = findings_with(findings, VERDICT_PROBLEM);
	const size_t warnings = findings_with(findings, VERDICT_WARNING);

	findings_print(findings);
	printf("%zu problem%s, %zu warning%s\n", problems,
	       problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

static void print_json(const struct findings *findings)
{
	json_start(false);
	json_integer("problems",
		     (long long)findings_with(findings, VERDICT_PROBLEM));
	json_integer("warnings",
		     (long long)findings_with(findings, VERDICT_WARNING));
	findings_json("findings", findings);
	json_end();
}

enum status command_doctor(const struct options *options, int argc, char **argv)
{
	struct findings findings = { .count = 0 };
	struct patient patient;

	if (argc)
		return fail(STATUS_USAGE, "doctor takes no argument '%s'",
			    argv[0]);
	examine(&patient);
	judge_kernel(&patient, &findings);
	judge_installed(&patient, &findings);
	trust_judge(&patient.trust,
		    patient.installed_err ? NULL : &patient.installed,
		    &findings);
	judge_loaded(&patient, &findings);
	judge_ksmd(&patient, &findings);
	judge_services(&findings);
	judge_merging(&patient, &findings);
	if (options->json)
		print_json(&findings);
	else
		print(&findings);

	return findings_with(&findings, VERDICT_PROBLEM) ? STATUS_REFUSED :
							   STATUS_OK;
}
