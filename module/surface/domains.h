/* SPDX-License-Identifier: GPL-2.0-only */
/* The directories below /sys/kernel/mm/uksm/domains. */
#ifndef UKSM_DOMAINS_H
#define UKSM_DOMAINS_H

struct kobject;

int uksm_domain_files_init(struct kobject *parent);
void uksm_domain_files_stop(void);
void uksm_domain_files_exit(void);

#endif
