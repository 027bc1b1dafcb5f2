/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains: pages merge with those of their own only. */
#ifndef UKSM_DOMAIN_H
#define UKSM_DOMAIN_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>

#include "engine/knobs.h"
#include "engine/stats.h"
#include "engine/tree_set.h"

struct mm_struct;

/* Of its directory in sysfs, see surface/domains.c: there, to be made, to be removed. */
enum uksm_domain_shown {
	UKSM_DOMAIN_HIDDEN,
	UKSM_DOMAIN_TO_SHOW,
	UKSM_DOMAIN_SHOWN,
	UKSM_DOMAIN_TO_HIDE,
};

/**
 * struct uksm_domain - pages that may merge with each other
 * @id: a user ID, the ID of a cgroup, or for a process a number
 *	that no other has had; of the only one without isolation the highest that there is
 * @isolation: what that is: enum uksm_isolation
 * @hash: link in the table keyed by @id
 * @list: link in the list of all
 * @users: address spaces, stable nodes and whatever else points here
 * @order: each of its trees has 2^order roots
 * @stable: merged pages
 * @unstable: pages seen and not merged
 * @processes: address spaces
 * @pages_shared: and the following: its part of the counters in struct uksm_stats
 * @shown: enum uksm_domain_shown
 * @show: link in the list of those whose directory is to be made or removed
 * @kobj: its directory; its last reference frees the structure
 *
 * @shown and @show have a lock of their own, see domain.c. Counters are written under
 * uksm_mutex and read without it, the rest belongs to it.
 */
struct uksm_domain {
	u64 id;
	enum uksm_isolation isolation;
	struct rhash_head hash;
	struct list_head list;
	unsigned long users;
	unsigned int order;
	struct uksm_tree_set stable;
	struct uksm_tree_set unstable;
	unsigned long processes;
	unsigned long pages_shared;
	unsigned long pages_sharing;
	unsigned long pages_unshared;
	unsigned long pages_volatile;
	unsigned long zero_pages;
	unsigned long split_zero_pages;
	unsigned long cow_breaks;
	enum uksm_domain_shown shown;
	struct list_head show;
	struct kobject kobj;
};

/*
 * Change a counter, of a domain and of all, as in uksm_domain_add(domain, pages_shared, 1).
 * Context: uksm_mutex held.
 */
#define uksm_domain_add(_domain, _field, _n)			\
	do {							\
		struct uksm_domain *_d = (_domain);		\
		long _k = (_n);					\
								\
		WRITE_ONCE(_d->_field, _d->_field + _k);	\
		uksm_stats_add(_field, _k);			\
	} while (0)

struct uksm_domain *uksm_domain_enter(struct mm_struct *mm);
bool uksm_domain_left(const struct uksm_domain *domain, struct mm_struct *mm);
void uksm_domain_leave(struct uksm_domain *domain);
void uksm_domain_get(struct uksm_domain *domain);
void uksm_domain_put(struct uksm_domain *domain);
struct uksm_domain *uksm_domain_next(struct uksm_domain *domain);
bool uksm_domains_only_default(void);

void uksm_domains_set_watcher(void (*changed)(void));
struct uksm_domain *uksm_domain_changed(bool *hide);

int uksm_domains_init(uksm_tie_fn *stable_tie);
void uksm_domains_exit(void);

#endif
