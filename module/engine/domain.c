// SPDX-License-Identifier: GPL-2.0-only
#include "engine/domain.h"

#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "engine/lock.h"
#include "kernel/owner.h"
#include "pure/index.h"

static struct rhashtable domain_table;
static LIST_HEAD(domains);
static uksm_tie_fn *stable_tie;

/* The only one without isolation. It is always there. */
static struct uksm_domain *default_domain;
/* Its ID, which no user, cgroup or process has. */
#define DEFAULT_ID U64_MAX

/* The last number that a process's domain was given. */
static u64 last_id;

/*
 * Those whose directory in sysfs is to be made or removed. That is not done under uksm_mutex:
 * to remove a file waits for its readers.
 */
static LIST_HEAD(show_list);
static DEFINE_SPINLOCK(show_lock);
static void (*watcher)(void);

static const struct rhashtable_params domain_params = {
	.key_len = sizeof(u64),
	.key_offset = offsetof(struct uksm_domain, id),
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

/* The default one's trees are not there for anybody's pages in particular. */
static unsigned long domain_trees_bytes(const struct uksm_domain *domain)
{
	return domain->id == DEFAULT_ID ? 0 : 2 * uksm_tree_set_bytes(domain->order);
}

static void domain_account(const struct uksm_domain *domain, int sign)
{
	unsigned long trees = domain_trees_bytes(domain);

	trees_bytes += sign * (long)trees;
	if (domain->id != DEFAULT_ID)
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

static struct uksm_domain *domain_alloc(u64 id, struct mm_struct *mm)
{
	struct uksm_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!domain)
		return NULL;
	domain->id = id;
	domain->isolation = uksm_knobs.isolation;
	INIT_LIST_HEAD(&domain->show);
	if (domain_trees_alloc(domain, domain_order(mm)))
		goto free;
	if (rhashtable_insert_fast(&domain_table, &domain->hash, domain_params))
		goto destroy;
	list_add_tail(&domain->list, &domains);
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

/* False if the address space has no owner, as when its process exits. */
static bool find_id(struct mm_struct *mm, u64 *id)
{
	switch (uksm_knobs.isolation) {
	case UKSM_ISOLATE_USER:
		return uksm_owner_user(mm, id);
	case UKSM_ISOLATE_CGROUP:
		return uksm_owner_cgroup(mm, id);
	case UKSM_ISOLATE_PROCESS:
		*id = last_id + 1;
		return true;
	default:
		*id = DEFAULT_ID;
		return true;
	}
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
	u64 id;

	lockdep_assert_held(&uksm_mutex);
	if (uksm_knobs.isolation == UKSM_ISOLATE_NONE) {
		domain = default_domain;
	} else {
		if (!find_id(mm, &id))
			return NULL;
		domain = rhashtable_lookup_fast(&domain_table, &id, domain_params);
		if (!domain) {
			domain = domain_alloc(id, mm);
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
	u64 id;

	lockdep_assert_held(&uksm_mutex);
	if (uksm_knobs.isolation != UKSM_ISOLATE_USER && uksm_knobs.isolation != UKSM_ISOLATE_CGROUP)
		return false;
	return find_id(mm, &id) && id != domain->id;
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
	int err = rhashtable_init(&domain_table, &domain_params);

	if (err)
		return err;
	stable_tie = tie;
	default_domain = domain_alloc(DEFAULT_ID, NULL);
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
