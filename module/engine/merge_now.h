/* SPDX-License-Identifier: GPL-2.0-only */
/* Merging what a process, or a domain, has, at once. */
#ifndef UKSM_MERGE_NOW_H
#define UKSM_MERGE_NOW_H

struct uksm_domain_key;

int uksm_merge_now_process(int pid);
int uksm_merge_now_domain(const struct uksm_domain_key *key);

#endif
