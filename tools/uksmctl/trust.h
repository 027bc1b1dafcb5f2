/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether this machine asks for signatures of modules, and whose it trusts. */
#ifndef UKSMCTL_TRUST_H
#define UKSMCTL_TRUST_H

#include "finding.h"
#include "kmod.h"
#include "text.h"

/** enum secure_boot - what the firmware says of Secure Boot */
enum secure_boot {
	SECURE_BOOT_UNKNOWN, /* there is firmware that may have it */
	SECURE_BOOT_ABSENT, /* the machine was not started by UEFI */
	SECURE_BOOT_OFF,
	SECURE_BOOT_SETUP, /* no keys are installed, so it checks none */
	SECURE_BOOT_ON,
};

/**
 * struct trust - of this machine
 * @secure_boot: the firmware's part
 * @lockdown: "none", "integrity" or "confidentiality"; "" when it is not told
 * @enforced: modules must be signed
 */
struct trust {
	enum secure_boot secure_boot;
	char lockdown[TEXT_SIZE];
	bool enforced;
};

/** trust_read() - of this machine */
void trust_read(struct trust *trust);

/**
 * trust_judge() - Secure Boot, lockdown, and the module's signature
 * @trust: of this machine
 * @kmod: the module that is installed; NULL when none is
 * @findings: receives what is found
 */
void trust_judge(const struct trust *trust, const struct kmod *kmod,
		 struct findings *findings);

#endif /* UKSMCTL_TRUST_H */
