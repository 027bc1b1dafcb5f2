// SPDX-License-Identifier: GPL-2.0-only
#include "certificate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_FILE "/var/lib/dkms/mok.pub"
#define FRAMEWORK "/etc/dkms/framework.conf"
#define SETTING "mok_certificate="
#define OUTPUT_SIZE 4096
/* The kernel shows asymmetric keys by so much of the word, and with this after the name. */
#define KEY_TYPE "asymmetri "

/* DKMS's setting is shell; plain words of it are understood. */
static void find_file(char *name)
{
	char path[PATH_SIZE], line[PATH_SIZE + sizeof(SETTING)];
	FILE *file = text_open(make_path(path, FRAMEWORK));

	snprintf(name, PATH_SIZE, "%s", DEFAULT_FILE);
	while (file && fgets(line, sizeof(line), file)) {
		char *from = line + strspn(line, " \t");

		if (strncmp(from, SETTING, strlen(SETTING)))
			continue;
		from += strlen(SETTING);
		from += strspn(from, "\"'");
		from[strcspn(from, "\"' \t\n")] = '\0';
		if (*from == '/' && !strchr(from, '$'))
			snprintf(name, PATH_SIZE, "%s", from);
	}
	if (file)
		fclose(file);
}

/* Hexadecimal digits up to the end of the line, two by two, with @between or nothing. */
static void copy_hex(char *to, const char *from, bool colons, int (*as)(int))
{
	size_t digits = 0, used = 0;

	for (; from && *from && *from != '\n'; from++) {
		if (!isxdigit((unsigned char)*from))
			continue;
		if (used + 3 > KMOD_TEXT_SIZE)
			break;
		if (colons && digits && !(digits % 2))
			to[used++] = ':';
		to[used++] = (char)as((unsigned char)*from);
		digits++;
	}
	to[used] = '\0';
}

bool certificate_find(struct certificate *certificate)
{
	char path[PATH_SIZE], output[OUTPUT_SIZE];
	const char *const openssl[] = {
		"openssl", "x509",    "-noout", "-inform",
		"DER",	   "-serial", "-ext",	"subjectKeyIdentifier",
		"-in",	   path,      NULL
	};
	const char *found;

	find_file(certificate->file);
	certificate->serial[0] = certificate->subject_key[0] = '\0';
	if (access(make_path(path, "%s", certificate->file), R_OK) ||
	    command_run(openssl, output, sizeof(output)))
		return false;
	found = strstr(output, "serial=");
	if (!found)
		return false;
	copy_hex(certificate->serial, found + strlen("serial="), true, toupper);
	found = strstr(output, "Subject Key Identifier");
	found = found ? strchr(found, '\n') : NULL;
	copy_hex(certificate->subject_key, found ? found + 1 : NULL, false,
		 tolower);

	return *certificate->serial;
}

/* Of "NAME: IDENTIFIER: X509.rsa ...": NAME may have the organisation before it. */
static enum known compare(char *description, const char *signer,
			  const char *subject_key)
{
	char *algorithm = strstr(description, ": X509.");
	char *identifier;
	size_t length, wanted = strlen(signer);

	if (!algorithm)
		return KNOWN_NO;
	*algorithm = '\0';
	identifier = strrchr(description, ':');
	if (!identifier || identifier[1] != ' ')
		return KNOWN_NO;
	*identifier = '\0';
	identifier += 2;
	if (*subject_key)
		return strcasecmp(identifier, subject_key) ? KNOWN_NO :
							     KNOWN_YES;
	length = strlen(description);
	if (!wanted || length < wanted ||
	    strcmp(description + length - wanted, signer))
		return KNOWN_NO;
	if (length > wanted && description[length - wanted - 1] != ' ')
		return KNOWN_NO;

	return KNOWN_BY_NAME;
}

enum known keyring_knows(const char *signer, const char *subject_key)
{
	char path[PATH_SIZE], line[1024];
	FILE *file = text_open(make_path(path, "/proc/keys"));
	enum known known = KNOWN_HIDDEN;

	while (file && fgets(line, sizeof(line), file)) {
		char *key = strstr(line, KEY_TYPE);
		enum known found;

		if (!key)
			continue;
		found = compare(key + strlen(KEY_TYPE), signer, subject_key);
		if (known == KNOWN_HIDDEN || found > known)
			known = found;
		if (known == KNOWN_YES)
			break;
	}
	if (file)
		fclose(file);
	if (known == KNOWN_HIDDEN && file && !geteuid())
		return KNOWN_NO;

	return known;
}
