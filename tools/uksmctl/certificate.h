/* SPDX-License-Identifier: GPL-2.0-only */
/* The certificate that DKMS signs with, and the keys that the kernel has. */
#ifndef UKSMCTL_CERTIFICATE_H
#define UKSMCTL_CERTIFICATE_H

#include <stdbool.h>

#include "kmod.h"
#include "text.h"

/**
 * struct certificate - one
 * @file: where it is, without the root for tests
 * @serial: its number, as modinfo(8) shows it: "3F:0A"; "" when it is not told
 * @subject_key: its subject key identifier, as the kernel shows it: "3f0a"; "" likewise
 */
struct certificate {
	char file[PATH_SIZE];
	char serial[KMOD_TEXT_SIZE];
	char subject_key[KMOD_TEXT_SIZE];
};

/**
 * certificate_find() - that which DKMS signs with
 * @certificate: receives it
 *
 * Return: false when there is none, or openssl(1) cannot read it.
 */
bool certificate_find(struct certificate *certificate);

/** enum known - is a key in one of the kernel's keyrings? */
enum known {
	KNOWN_NO,
	KNOWN_BY_NAME, /* one of that name is, and there is no more to go by */
	KNOWN_YES,
	KNOWN_HIDDEN, /* none of the kernel's keys is to be seen */
};

/**
 * keyring_knows() - is it there?
 * @signer: the name in the certificate
 * @subject_key: its subject key identifier; "" when it is not known
 */
enum known keyring_knows(const char *signer, const char *subject_key);

#endif /* UKSMCTL_CERTIFICATE_H */
