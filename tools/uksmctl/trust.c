// SPDX-License-Identifier: GPL-2.0-only
#include "trust.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "certificate.h"

#define EFIVARS "/sys/firmware/efi/efivars/"
#define EFI_GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
/* What mokutil leaves for shim to ask about at the next boot. */
#define MOK_REQUEST "MokNew-605dab50-e046-4300-abb6-3dd810dd8b23"

static bool exists(const char *file)
{
	char path[PATH_SIZE];

	return !access(make_path(path, "%s", file), F_OK);
}

/* A variable of one byte, after four of attributes. Return: it, or -1. */
static int efi_byte(const char *name)
{
	unsigned char data[5];
	char path[PATH_SIZE];
	ssize_t got = -1;
	int file = open(make_path(path, EFIVARS "%s" EFI_GLOBAL, name),
			O_RDONLY | O_CLOEXEC);

	if (file >= 0) {
		got = read(file, data, sizeof(data));
		close(file);
	}

	return got == sizeof(data) ? data[4] : -1;
}

static enum secure_boot read_secure_boot(void)
{
	int on;

	if (!exists("/sys/firmware/efi"))
		return SECURE_BOOT_ABSENT;
	on = efi_byte("SecureBoot");
	if (on < 0)
		return SECURE_BOOT_UNKNOWN;
	if (on)
		return SECURE_BOOT_ON;

	return efi_byte("SetupMode") > 0 ? SECURE_BOOT_SETUP : SECURE_BOOT_OFF;
}

void trust_read(struct trust *trust)
{
	char path[PATH_SIZE], text[TEXT_SIZE];

	trust->secure_boot = read_secure_boot();
	text_read(make_path(path, "/sys/kernel/security/lockdown"), text);
	snprintf(trust->lockdown, sizeof(trust->lockdown), "%s",
		 text_choice(text));
	text_read(make_path(path, "/sys/module/module/parameters/sig_enforce"),
		  text);
	trust->enforced = *text == 'Y' ||
			  (*trust->lockdown && strcmp(trust->lockdown, "none"));
}

static void judge_secure_boot(const struct trust *trust,
			      struct findings *findings)
{
	const char *name = "secure-boot";

	switch (trust->secure_boot) {
	case SECURE_BOOT_ABSENT:
		finding_add(
			findings, VERDICT_OK, name,
			"there is none: the machine was not started by UEFI");
		break;
	case SECURE_BOOT_OFF:
		finding_add(findings, VERDICT_OK, name, "off");
		break;
	case SECURE_BOOT_SETUP:
		finding_add(
			findings, VERDICT_OK, name,
			"off: the firmware is in setup mode and has no keys");
		break;
	case SECURE_BOOT_ON:
		finding_add(findings, VERDICT_OK, name, "on");
		break;
	case SECURE_BOOT_UNKNOWN:
		finding_add(
			findings, VERDICT_WARNING, name,
			"not known: the firmware's variables cannot be read");
		finding_advise(
			findings,
			"mount -t efivarfs none /sys/firmware/efi/efivars");
		break;
	}
}

static void judge_lockdown(const struct trust *trust, struct findings *findings)
{
	const char *must = trust->enforced ? "modules must be signed" :
					     "modules need not be signed";

	if (!*trust->lockdown)
		finding_add(findings, VERDICT_OK, "lockdown",
			    "this kernel does not tell; %s", must);
	else if (!strcmp(trust->lockdown, "confidentiality"))
		finding_add(findings, VERDICT_OK, "lockdown",
			    "confidentiality: %s; there are no trace events",
			    must);
	else
		finding_add(findings, VERDICT_OK, "lockdown", "%s: %s",
			    trust->lockdown, must);
}

/* How a key gets to the kernel. */
static void advise_to_enrol(const struct trust *trust, const char *certificate,
			    struct findings *findings)
{
	if (trust->secure_boot == SECURE_BOOT_ABSENT)
		finding_advise(
			findings,
			"without UEFI no key can be enrolled: start the kernel without lockdown= and module.sig_enforce, or with a key of yours built in");
	else if (exists(EFIVARS MOK_REQUEST))
		finding_advise(
			findings,
			"a key waits to be enrolled: reboot, and choose Enroll MOK on the blue screen that comes before the boot menu");
	else
		finding_advise(
			findings,
			"mokutil --import %s, choose a password; reboot, and choose Enroll MOK on the blue screen that comes before the boot menu",
			certificate);
}

static void advise_to_sign(const struct kmod *kmod, struct findings *findings)
{
	finding_advise(
		findings,
		"DKMS signs what it builds, where openssl is installed: dkms build --force uksm/%s, dkms install --force uksm/%s",
		kmod->version, kmod->version);
}

static void judge_unsigned(const struct trust *trust, const struct kmod *kmod,
			   struct findings *findings)
{
	finding_add(findings, trust->enforced ? VERDICT_PROBLEM : VERDICT_OK,
		    "signature",
		    trust->enforced ?
			    "none, and this kernel loads signed modules only" :
			    "none, and none is needed");
	if (trust->enforced)
		advise_to_sign(kmod, findings);
}

/* There is a key, and no telling whether it is the one. */
static void judge_name(const struct trust *trust, const struct kmod *kmod,
		       const struct certificate *dkms,
		       struct findings *findings)
{
	const enum verdict verdict = trust->enforced ? VERDICT_WARNING :
						       VERDICT_OK;

	if (!*dkms->serial) {
		finding_add(
			findings, verdict, "key",
			"the kernel has one of that name; whether it is this one is not known");
		if (trust->enforced)
			finding_advise(
				findings,
				"modprobe tells; to enrol its certificate: mokutil --import CERTIFICATE");
		return;
	}
	finding_add(
		findings, verdict, "key",
		"the kernel has one of that name; the module's is not %s, with which DKMS signs",
		dkms->file);
	if (trust->enforced)
		advise_to_sign(kmod, findings);
}

static void judge_key(const struct trust *trust, const struct kmod *kmod,
		      struct findings *findings)
{
	struct certificate dkms;
	const bool is_dkms = certificate_find(&dkms) &&
			     !strcasecmp(dkms.serial, kmod->key);

	switch (keyring_knows(kmod->signer, is_dkms ? dkms.subject_key : "")) {
	case KNOWN_YES:
		finding_add(findings, VERDICT_OK, "key",
			    "the kernel has it (%s)", dkms.file);
		break;
	case KNOWN_BY_NAME:
		judge_name(trust, kmod, &dkms, findings);
		break;
	case KNOWN_HIDDEN:
		finding_add(findings,
			    trust->enforced ? VERDICT_WARNING : VERDICT_OK,
			    "key", "not known: root alone sees the kernel's");
		if (trust->enforced)
			finding_advise(findings, "run this as root");
		break;
	case KNOWN_NO:
		finding_add(findings,
			    trust->enforced ? VERDICT_PROBLEM : VERDICT_OK,
			    "key", "the kernel does not have it%s",
			    trust->enforced ? ", and refuses the module" :
					      ", and does not ask for it");
		if (trust->enforced)
			advise_to_enrol(trust,
					is_dkms ? dkms.file : "CERTIFICATE",
					findings);
		break;
	}
}

void trust_judge(const struct trust *trust, const struct kmod *kmod,
		 struct findings *findings)
{
	judge_secure_boot(trust, findings);
	judge_lockdown(trust, findings);
	if (!kmod)
		return;
	if (!kmod->is_signed) {
		judge_unsigned(trust, kmod, findings);
		return;
	}
	finding_add(findings, VERDICT_OK, "signature", "by %s, key %s",
		    *kmod->signer ? kmod->signer : "somebody",
		    *kmod->key ? kmod->key : "not told");
	judge_key(trust, kmod, findings);
}
