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
#include "kernel/named.h"
#include "page/merge.h"

struct mm_struct;

/* What a domain's processes have in common: enum uksm_isolation, or a name they were given. */
#define UKSM_DOMAIN_NAMED	UKSM_NR_ISOLATIONS

/* A name of a directory fits here: what the domain is, its ID or name, and its level. */
#define UKSM_DOMAIN_NAME_SIZE	64

/**
 * struct uksm_domain_key - which domain
 * @id: a user ID, the ID of a cgroup, or for a process a number that no other has had; else 0
 * @kind: what that is: enum uksm_isolation; or %UKSM_DOMAIN_NAMED
 * @hardening: enum uksm_hardening
 * @name: of %UKSM_DOMAIN_NAMED its name; zeroes behind it, and for others
 */
struct uksm_domain_key {
	u64 id;
	u32 kind;
	u32 hardening;
	char name[UKSM_NAME_SIZE];
};

/* Of its directory in sysfs, see surface/domains.c: there, to be made, to be removed. */
enum uksm_domain_shown {
	UKSM_DOMAIN_HIDDEN,
	UKSM_DOMAIN_TO_SHOW,
	UKSM_DOMAIN_SHOWN,
	UKSM_DOMAIN_TO_HIDE,
};

/**
 * struct uksm_domain - pages that may merge with each other
 * @key: which
 * @hash: link in the table keyed by @key
 * @list: link in the list of all
 * @users: address spaces, stable nodes and whatever else points here
 * @order: each of its trees has 2^order roots
 * @stable: merged pages
 * @unstable: pages seen and not merged
 * @processes: address spaces
 * @pages_scanned: and the following: its part of the counters in struct uksm_stats
 * @shown: enum uksm_domain_shown
 * @show: link in the list of those whose directory is to be made or removed
 * @kobj: its directory; its last reference frees the structure
 *
 * @shown and @show have a lock of their own, see domain.c. Counters are written under
 * uksm_mutex and read without it, the rest belongs to it.
 */
struct uksm_domain {
	struct uksm_domain_key key;
	struct rhash_head hash;
	struct list_head list;
	unsigned long users;
	unsigned int order;
	struct uksm_tree_set stable;
	struct uksm_tree_set unstable;
	unsigned long processes;
	unsigned long pages_scanned;
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

/** uksm_domain_holds() - must content that is new in a domain wait, before it merges with others'? */
static inline bool uksm_domain_holds(const struct uksm_domain *domain)
{
	return domain->key.hardening >= UKSM_HARDEN_DELAY;
}

/**
 * uksm_domain_checksum() - the checksum of a page, as a domain's trees have it
 * @domain: domain
 * @page: page, with a reference or otherwise kept
 *
 * Of all of it where content that is new must wait: a page may change in lines that are left out,
 * and would keep what it has waited for.
 */
static inline u32 uksm_domain_checksum(const struct uksm_domain *domain, struct page *page)
{
	return uksm_page_checksum(page, uksm_domain_holds(domain));
}

/** uksm_domain_samples_agree() - uksm_pages_samples_agree(), of pages of a domain */
static inline bool uksm_domain_samples_agree(const struct uksm_domain *domain, struct page *a,
					     struct page *b)
{
	return !uksm_domain_holds(domain) && uksm_pages_samples_agree(a, b);
}

/** uksm_domain_fresh_frames() - must a merged page lie where none of its users had it? */
static inline bool uksm_domain_fresh_frames(const struct uksm_domain *domain)
{
	return domain->key.hardening >= UKSM_HARDEN_FRAME;
}

struct uksm_domain *uksm_domain_enter(struct mm_struct *mm);
bool uksm_domain_left(const struct uksm_domain *domain, struct mm_struct *mm);
void uksm_domain_leave(struct uksm_domain *domain);
void uksm_domain_get(struct uksm_domain *domain);
void uksm_domain_put(struct uksm_domain *domain);
struct uksm_domain *uksm_domain_next(struct uksm_domain *domain);
bool uksm_domains_only_default(void);
void uksm_domains_set_hardening(enum uksm_hardening level);
bool uksm_domains_fresh_frames(void);

void uksm_domain_name(const struct uksm_domain_key *key, char name[UKSM_DOMAIN_NAME_SIZE]);
int uksm_domain_parse(char *name, struct uksm_domain_key *key);
struct uksm_domain *uksm_domain_find(const struct uksm_domain_key *key);

void uksm_domains_set_watcher(void (*changed)(void));
struct uksm_domain *uksm_domain_changed(bool *hide);

int uksm_domains_init(uksm_tie_fn *stable_tie);
void uksm_domains_exit(void);

#endif
