// SPDX-License-Identifier: GPL-2.0-only
#include "engine/domain.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "engine/lock.h"
#include "kernel/owner.h"
#include "pure/index.h"

static struct rhashtable domain_table;
static LIST_HEAD(domains);
static uksm_tie_fn *stable_tie;

/* The only one without isolation. It is always there. */
static struct uksm_domain *default_domain;

/* The last number that a process's domain was given. */
static u64 last_id;
/* How many want frames that nobody has chosen. */
static unsigned long nr_fresh_frames;

/*
 * Those whose directory in sysfs is to be made or removed. That is not done under uksm_mutex:
 * to remove a file waits for its readers.
 */
static LIST_HEAD(show_list);
static DEFINE_SPINLOCK(show_lock);
static void (*watcher)(void);

static const struct rhashtable_params domain_params = {
	.key_len = sizeof(struct uksm_domain_key),
	.key_offset = offsetof(struct uksm_domain, key),
	.head_offset = offsetof(struct uksm_domain, hash),
	.automatic_shrinking = true,
};

/*
 * How much address space a process has is for itself to decide, and so is how many processes there
 * are. So of what all metadata may use a part is for trees of domains, and each has at most a part
 * of what is left of that: trees with few roots work, and are deep.
 */
#define TREES_PART	8
#define TREES_SHARE	16

/* Of all domains but the default one. Under uksm_mutex. */
static unsigned long trees_bytes;

static bool is_default(const struct uksm_domain *domain)
{
	return domain->key.kind == UKSM_ISOLATE_NONE;
}

/* The default one's trees are not there for anybody's pages in particular. */
static unsigned long domain_trees_bytes(const struct uksm_domain *domain)
{
	return is_default(domain) ? 0 : 2 * uksm_tree_set_bytes(domain->order);
}

static void domain_account(const struct uksm_domain *domain, int sign)
{
	unsigned long trees = domain_trees_bytes(domain);

	trees_bytes += sign * (long)trees;
	if (!is_default(domain))
		uksm_stats_add(meta_bytes, sign * (long)(sizeof(*domain) + trees));
}

static unsigned long trees_bytes_left(void)
{
	unsigned long most = totalram_pages() / 100 / TREES_PART *
			     READ_ONCE(uksm_knobs.max_metadata_percentage) * PAGE_SIZE;

	return most > trees_bytes ? most - trees_bytes : 0;
}

/* As large as the machine's memory, or the process's, makes use of, within what it may have. */
static unsigned int domain_order(struct mm_struct *mm)
{
	unsigned long pages = totalram_pages() / nr_node_ids;
	unsigned int order = uksm_index_order(mm ? min(mm->total_vm, pages) : pages);
	unsigned long most = mm ? trees_bytes_left() / TREES_SHARE : ULONG_MAX;

	while (order && 2 * uksm_tree_set_bytes(order) > most)
		order--;
	return order;
}

static int domain_trees_init(struct uksm_domain *domain, unsigned int order)
{
	int err = uksm_tree_set_init(&domain->stable, order, stable_tie);

	if (err)
		return err;
	err = uksm_tree_set_init(&domain->unstable, order, NULL);
	if (err)
		uksm_tree_set_destroy(&domain->stable);
	return err;
}

/* Smaller ones, where memory is not to be had: others are not to wait for it to be made free. */
static int domain_trees_alloc(struct uksm_domain *domain, unsigned int order)
{
	while (domain_trees_init(domain, order)) {
		if (!order)
			return -ENOMEM;
		order--;
	}
	domain->order = order;
	return 0;
}

static struct uksm_domain *domain_alloc(const struct uksm_domain_key *key, struct mm_struct *mm)
{
	struct uksm_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!domain)
		return NULL;
	domain->key = *key;
	INIT_LIST_HEAD(&domain->show);
	if (domain_trees_alloc(domain, domain_order(mm)))
		goto free;
	/* Nobody looks for the default one, and its key changes. */
	if (!is_default(domain) &&
	    rhashtable_insert_fast(&domain_table, &domain->hash, domain_params))
		goto destroy;
	list_add_tail(&domain->list, &domains);
	nr_fresh_frames += uksm_domain_fresh_frames(domain);
	domain_account(domain, 1);
	return domain;

destroy:
	uksm_tree_set_destroy(&domain->unstable);
	uksm_tree_set_destroy(&domain->stable);
free:
	kfree(domain);
	return NULL;
}

/* Of one that has been shown, or is about to be, whoever removes the directory frees it. */
static void domain_free(struct uksm_domain *domain)
{
	bool hide;

	domain_account(domain, -1);
	nr_fresh_frames -= uksm_domain_fresh_frames(domain);
	if (!is_default(domain))
		rhashtable_remove_fast(&domain_table, &domain->hash, domain_params);
	list_del(&domain->list);
	uksm_tree_set_destroy(&domain->unstable);
	uksm_tree_set_destroy(&domain->stable);

	spin_lock(&show_lock);
	list_del_init(&domain->show);
	hide = domain->shown == UKSM_DOMAIN_SHOWN;
	if (hide) {
		domain->shown = UKSM_DOMAIN_TO_HIDE;
		list_add_tail(&domain->show, &show_list);
	}
	spin_unlock(&show_lock);
	if (!hide)
		kfree(domain);
	else if (watcher)
		watcher();
}

static void domain_show(struct uksm_domain *domain)
{
	if (!watcher)
		return;
	spin_lock(&show_lock);
	domain->shown = UKSM_DOMAIN_TO_SHOW;
	list_add_tail(&domain->show, &show_list);
	spin_unlock(&show_lock);
	watcher();
}

static bool find_id(struct mm_struct *mm, u64 *id)
{
	switch (uksm_knobs.isolation) {
	case UKSM_ISOLATE_USER:
		return uksm_owner_user(mm, id);
	case UKSM_ISOLATE_CGROUP:
		return uksm_owner_cgroup(mm, id);
	default:
		*id = last_id + 1;
		return true;
	}
}

/*
 * To which domain an address space belongs, with isolation; as a process by itself, to one that is
 * still to come. False if it has no owner, as when its process exits.
 */
static bool find_key(struct mm_struct *mm, struct uksm_domain_key *key)
{
	memset(key, 0, sizeof(*key));
	if (!uksm_owner_any(mm))
		return false;
	key->hardening = max(uksm_knobs.hardening, uksm_owner_hardening(mm));
	if (uksm_owner_name(mm, key->name)) {
		key->kind = UKSM_DOMAIN_NAMED;
		return true;
	}
	key->kind = uksm_knobs.isolation;
	return find_id(mm, &key->id);
}

/**
 * uksm_domain_enter() - the domain to which an address space belongs
 * @mm: address space that has none so far; the structure is kept, its users need not be
 *
 * Context: the caller holds uksm_mutex, and no mmap_lock. Allocates memory for the trees, as much
 * as can be had at once.
 * Return: the domain, with a reference that uksm_domain_leave() gives back; NULL if
 * there is no memory, or the process is just exiting.
 */
struct uksm_domain *uksm_domain_enter(struct mm_struct *mm)
{
	struct uksm_domain *domain;
	struct uksm_domain_key key;

	lockdep_assert_held(&uksm_mutex);
	if (uksm_knobs.isolation == UKSM_ISOLATE_NONE) {
		domain = default_domain;
	} else {
		if (!find_key(mm, &key))
			return NULL;
		domain = uksm_domain_find(&key);
		if (!domain) {
			domain = domain_alloc(&key, mm);
			if (!domain)
				return NULL;
			last_id++;
			domain_show(domain);
		}
	}
	WRITE_ONCE(domain->processes, domain->processes + 1);
	domain->users++;
	return domain;
}

/**
 * uksm_domain_left() - does an address space belong to another domain by now?
 * @domain: the one that it has
 * @mm: address space
 *
 * Context: the caller holds uksm_mutex.
 */
bool uksm_domain_left(const struct uksm_domain *domain, struct mm_struct *mm)
{
	struct uksm_domain_key key;

	lockdep_assert_held(&uksm_mutex);
	if (uksm_knobs.isolation == UKSM_ISOLATE_NONE || !find_key(mm, &key))
		return false;
	/* A process by itself still is. */
	if (key.kind == UKSM_ISOLATE_PROCESS && domain->key.kind == UKSM_ISOLATE_PROCESS)
		key.id = domain->key.id;
	return memcmp(&key, &domain->key, sizeof(key));
}

/**
 * uksm_domain_leave() - an address space has no domain any more
 * @domain: from uksm_domain_enter(); NULL: nothing is to be done
 *
 * Context: the caller holds uksm_mutex, and has forgotten all records of it.
 */
void uksm_domain_leave(struct uksm_domain *domain)
{
	if (!domain)
		return;
	WRITE_ONCE(domain->processes, domain->processes - 1);
	uksm_domain_put(domain);
}

/** uksm_domain_get() - keep a domain, under uksm_mutex */
void uksm_domain_get(struct uksm_domain *domain)
{
	lockdep_assert_held(&uksm_mutex);
	domain->users++;
}

/** uksm_domain_put() - undo uksm_domain_get(); the last one frees it */
void uksm_domain_put(struct uksm_domain *domain)
{
	lockdep_assert_held(&uksm_mutex);
	if (!--domain->users)
		domain_free(domain);
}

/** uksm_domain_next() - the domain after this one, or after NULL the first; NULL at the end */
struct uksm_domain *uksm_domain_next(struct uksm_domain *domain)
{
	lockdep_assert_held(&uksm_mutex);
	if (!domain)
		return list_first_entry_or_null(&domains, struct uksm_domain, list);
	return list_is_last(&domain->list, &domains) ? NULL : list_next_entry(domain, list);
}

/** uksm_domains_only_default() - has nothing any domain but the default one, and nothing that? */
bool uksm_domains_only_default(void)
{
	lockdep_assert_held(&uksm_mutex);
	return list_is_singular(&domains) && default_domain->users == 1;
}

/**
 * uksm_domains_set_hardening() - the knob has changed, and there is no domain but the default one
 * @level: what it is now
 *
 * Context: the caller holds uksm_mutex, and nothing is recorded.
 */
void uksm_domains_set_hardening(enum uksm_hardening level)
{
	lockdep_assert_held(&uksm_mutex);
	default_domain->key.hardening = level;
	nr_fresh_frames = uksm_domain_fresh_frames(default_domain);
}

/** uksm_domains_fresh_frames() - does any domain want frames that nobody has chosen? */
bool uksm_domains_fresh_frames(void)
{
	lockdep_assert_held(&uksm_mutex);
	return nr_fresh_frames;
}

/* What names begin with; without isolation there is no directory. */
static const char *const kinds[] = {
	[UKSM_ISOLATE_USER] = "user",
	[UKSM_ISOLATE_CGROUP] = "cgroup",
	[UKSM_ISOLATE_PROCESS] = "process",
	[UKSM_DOMAIN_NAMED] = "named",
};

/**
 * uksm_domain_name() - the name of a domain's directory
 * @key: of a domain that has one
 * @name: as user-1000, named-NAME, cgroup-12.delay: the level if it is not that of all
 *
 * Context: any; the knob has not changed since the domain came.
 */
void uksm_domain_name(const struct uksm_domain_key *key, char name[UKSM_DOMAIN_NAME_SIZE])
{
	bool own_level = key->hardening > READ_ONCE(uksm_knobs.hardening);
	const char *level = own_level ? uksm_hardening_words[key->hardening] : "";
	const char *dot = own_level ? "." : "";

	if (key->kind == UKSM_DOMAIN_NAMED)
		snprintf(name, UKSM_DOMAIN_NAME_SIZE, "named-%s%s%s", key->name, dot, level);
	else
		snprintf(name, UKSM_DOMAIN_NAME_SIZE, "%s-%llu%s%s", kinds[key->kind], key->id,
			 dot, level);
}

/* What is behind the dot, if there is one, which is cut off. */
static int parse_level(char *name, u32 *level)
{
	char *dot = strchr(name, '.');
	int found;

	*level = READ_ONCE(uksm_knobs.hardening);
	if (!dot)
		return 0;
	*dot = '\0';
	found = match_string(uksm_hardening_words, UKSM_NR_HARDENINGS, dot + 1);
	if (found <= UKSM_HARDEN_NONE)
		return -EINVAL;
	*level = found;
	return 0;
}

/**
 * uksm_domain_parse() - which domain a name of uksm_domain_name() means
 * @name: the name; changed
 * @key: filled in
 *
 * Return: 0, or -EINVAL if it is no such name.
 */
int uksm_domain_parse(char *name, struct uksm_domain_key *key)
{
	char *id = strchr(name, '-');

	memset(key, 0, sizeof(*key));
	if (!id || parse_level(id, &key->hardening))
		return -EINVAL;
	*id++ = '\0';
	for (key->kind = UKSM_ISOLATE_USER; strcmp(name, kinds[key->kind]); key->kind++)
		if (key->kind == UKSM_DOMAIN_NAMED)
			return -EINVAL;
	if (key->kind == UKSM_DOMAIN_NAMED) {
		if (!uksm_name_valid(id))
			return -EINVAL;
		strscpy(key->name, id, sizeof(key->name));
		return 0;
	}
	return isdigit(*id) && !kstrtou64(id, 10, &key->id) ? 0 : -EINVAL;
}

/** uksm_domain_find() - the domain of that key, or NULL */
struct uksm_domain *uksm_domain_find(const struct uksm_domain_key *key)
{
	lockdep_assert_held(&uksm_mutex);
	return rhashtable_lookup_fast(&domain_table, key, domain_params);
}

/**
 * uksm_domains_set_watcher() - who makes and removes their directories
 * @changed: called when there is something to be done, under uksm_mutex. NULL: nobody
 *
 * Context: process context. On return the one before is not called any more.
 */
void uksm_domains_set_watcher(void (*changed)(void))
{
	mutex_lock(&uksm_mutex);
	watcher = changed;
	mutex_unlock(&uksm_mutex);
}

/**
 * uksm_domain_changed() - a domain whose directory is to be made or removed
 * @hide: set to what is to be done; what @shown says may be another by the time this returns
 *
 * In the order in which they have come and gone: so one that has the ID of another comes after
 * that has gone.
 *
 * Return: one whose directory is to be made, and which will not be freed before it is given out
 * again; or one whose directory is to be removed, and which is the caller's to free; or NULL.
 */
struct uksm_domain *uksm_domain_changed(bool *hide)
{
	struct uksm_domain *domain;

	spin_lock(&show_lock);
	domain = list_first_entry_or_null(&show_list, struct uksm_domain, show);
	if (domain) {
		list_del_init(&domain->show);
		*hide = domain->shown == UKSM_DOMAIN_TO_HIDE;
		domain->shown = *hide ? UKSM_DOMAIN_HIDDEN : UKSM_DOMAIN_SHOWN;
	}
	spin_unlock(&show_lock);
	return domain;
}

/**
 * uksm_domains_init() - make the default domain
 * @tie: the second key of stable nodes
 *
 * Return: 0 or -ENOMEM.
 */
int uksm_domains_init(uksm_tie_fn *tie)
{
	const struct uksm_domain_key key = { .hardening = uksm_knobs.hardening };
	int err = rhashtable_init(&domain_table, &domain_params);

	if (err)
		return err;
	stable_tie = tie;
	default_domain = domain_alloc(&key, NULL);
	if (!default_domain) {
		rhashtable_destroy(&domain_table);
		return -ENOMEM;
	}
	default_domain->users = 1;
	return 0;
}

/** uksm_domains_exit() - free it; there is no other left */
void uksm_domains_exit(void)
{
	mutex_lock(&uksm_mutex);
	WARN_ON_ONCE(!uksm_domains_only_default());
	uksm_domain_put(default_domain);
	mutex_unlock(&uksm_mutex);
	rhashtable_destroy(&domain_table);
}
