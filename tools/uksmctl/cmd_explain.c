// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl explain: why a process's memory is merged, or is not. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "domains.h"
#include "engine.h"
#include "format.h"
#include "json.h"
#include "mappings.h"
#include "reasons.h"
#include "saturate.h"
#include "text.h"
#include "who.h"

/** struct engines - what could merge; run is -1 where it is not known */
struct engines {
	bool uksm_loaded;
	long long uksm_run;
	bool ksm_there;
	long long ksm_run;
};

/**
 * struct isolation - with whose pages the process's merge
 * @mode: the word; "" where the module has none
 * @domain: the process's domain; "" when it has none, or it cannot be told
 * @exists: the module knows the domain
 * @named: the domain was given to it by name
 * @may_be_named: only root may know that
 * @level: of hardening, that is listed for its control group or one above; NULL: none
 * @hardening: what the knob says; "" where the module has none
 * @weight: as listed for its control group or the nearest above; 0: none
 * @excluded: nothing of it is to be merged
 * @included: it takes part although it has not asked
 * @list_used: there are processes for which that holds
 */
struct isolation {
	char mode[TEXT_SIZE];
	char domain[DOMAIN_NAME_SIZE];
	bool exists;
	bool named;
	bool may_be_named;
	const char *level;
	char hardening[TEXT_SIZE];
	long long weight;
	bool excluded;
	bool included;
	bool list_used;
};

/** struct counters - of the process, as the kernel has them; each with whether it says it */
struct counters {
	bool merge_any_known;
	bool merge_any;
	bool merging_known;
	long long merging_pages;
	bool items_known;
	long long rmap_items;
	bool zero_known;
	long long zero_pages;
	bool profit_known;
	long long profit_bytes;
};

/** struct explanation - all that is shown */
struct explanation {
	struct who who;
	struct engines engines;
	struct isolation isolation;
	struct counters counters;
	struct mappings mappings;
	size_t mergeable_mappings;
	struct amounts amounts;
};

static long long read_run(const char *engine)
{
	char text[TEXT_SIZE];
	long long run;

	if (engine_read(engine, "run", text) || text_number(text, &run))
		return -1;

	return run;
}

static void read_engines(struct engines *engines)
{
	engines->uksm_loaded = engine_exists(ENGINE_UKSM);
	engines->uksm_run = read_run(ENGINE_UKSM);
	/* Below uksm's directory there is no telling of ksm. */
	engines->ksm_there = engine_exists(ENGINE_KSM) && !engine_ksm_is_uksm();
	engines->ksm_run = engines->ksm_there ? read_run(ENGINE_KSM) : -1;
}

/* Its domain by the mode, and by what the lists say of it. */
static void read_domain(struct isolation *isolation, const struct who *who)
{
	char *cgroup;
	int err;

	if (!strcmp(isolation->mode, "user") && who->uid >= 0) {
		domain_of_user(who->uid, isolation->domain);
	} else if (!strcmp(isolation->mode, "cgroup") && who->cgroup) {
		cgroup = require_memory(strdup(who->cgroup));
		if (domain_of_cgroup(cgroup, isolation->domain))
			isolation->domain[0] = '\0';
		free(cgroup);
	}
	err = domain_of_name(who->pid, isolation->domain);
	isolation->named = !err;
	isolation->may_be_named = err == -EACCES;
	if (*isolation->domain)
		domain_add_level(isolation->domain, isolation->level);
	isolation->exists = *isolation->domain &&
			    domain_exists(isolation->domain);
}

static void read_isolation(struct explanation *explanation)
{
	struct isolation *isolation = &explanation->isolation;
	const struct who *who = &explanation->who;
	char text[TEXT_SIZE];

	if (engine_read(ENGINE_UKSM, "isolation", text))
		return;
	snprintf(isolation->mode, sizeof(isolation->mode), "%s",
		 text_choice(text));
	engine_read(ENGINE_UKSM, "hardening", text);
	snprintf(isolation->hardening, sizeof(isolation->hardening), "%s",
		 text_choice(text));
	if (who->cgroup) {
		isolation->level = cgroup_level(who->cgroup);
		isolation->weight = cgroup_weight(who->cgroup);
	}
	if (strcmp(isolation->mode, "none"))
		read_domain(isolation, who);
	isolation->excluded = who->cgroup && cgroup_is_excluded(who->cgroup);
	isolation->included = who->cgroup && cgroup_is_included(who->cgroup);
	isolation->list_used = cgroups_are_included();
}

/* ksm_stat has what the kernel is new enough for. */
static void read_counters(pid_t pid, struct counters *counters)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	const char *value;

	text_read(make_path(path, "/proc/%d/ksm_stat", (int)pid), text);
	counters->items_known = text_keyed_number(text, "ksm_rmap_items",
						  &counters->rmap_items);
	counters->zero_known = text_keyed_number(text, "ksm_zero_pages",
						 &counters->zero_pages);
	counters->profit_known = text_keyed_number(text, "ksm_process_profit",
						   &counters->profit_bytes);
	counters->merging_known = text_keyed_number(text, "ksm_merging_pages",
						    &counters->merging_pages);
	value = text_keyed(text, "ksm_merge_any");
	counters->merge_any = value && !strncmp(value, "yes", 3);
	counters->merge_any_known = counters->merge_any ||
				    (value && !strncmp(value, "no", 2));
	if (counters->merging_known)
		return;
	counters->merging_known =
		!text_read(make_path(path, "/proc/%d/ksm_merging_pages",
				     (int)pid),
			   text) &&
		!text_number(text, &counters->merging_pages);
}

static void add_up(struct explanation *explanation)
{
	const struct mappings *mappings = &explanation->mappings;
	const struct counters *counters = &explanation->counters;

	for (size_t i = 0; i < mappings->count; i++) {
		struct amounts amounts = amounts_of(&mappings->list[i]);

		amounts_add(&explanation->amounts, &amounts);
		if (mappings->list[i].flags & MAPPING_MERGEABLE)
			explanation->mergeable_mappings++;
	}
	if (!mappings->ksm_known && counters->merging_known &&
	    counters->merging_pages > 0)
		amounts_set_merged(&explanation->amounts,
				   multiply_saturated(counters->merging_pages,
						      sysconf(_SC_PAGESIZE)));
}

/* What can be done about memory that may merge depends on why it has not. */
static const char *unmerged_text(const struct explanation *explanation)
{
	const struct engines *engines = &explanation->engines;
	const struct counters *counters = &explanation->counters;
	const long long *bytes = explanation->amounts.bytes;
	/* Each page that was looked at has an item, and some that are in swap or gone. */
	const long long items_bytes =
		multiply_saturated(counters->rmap_items, sysconf(_SC_PAGESIZE));
	const long long may_merge = add_saturated(
		bytes[REASON_MERGED],
		add_saturated(bytes[REASON_UNMERGED], bytes[REASON_HUGE]));

	if (engines->uksm_run != 1 && engines->ksm_run != 1)
		return "may merge, but neither uksm nor ksmd runs";
	if (explanation->isolation.excluded)
		return "asked for it, but its control group is excluded";
	if (!explanation->mappings.ksm_known && !counters->merging_known)
		return "may merge; whether it has is not known";
	if (counters->items_known && counters->rmap_items <= 0)
		return "may merge: not looked at yet";
	if (counters->items_known && items_bytes < may_merge)
		return "may merge: not all looked at yet; no equal page found, often written, or pinned";

	return "may merge: no equal page found so far, often written, or pinned";
}

static const char *text_of(const struct explanation *explanation,
			   enum reason reason)
{
	switch (reason) {
	case REASON_MERGED:
		return "merged";
	case REASON_UNMERGED:
		return unmerged_text(explanation);
	case REASON_HUGE:
		return "may merge: transparent huge pages, split when a page in them has an equal";
	case REASON_SWAPPED:
		return "may merge, but is swapped out: not looked at before it is used again";
	case REASON_NO_CONSENT:
		return "private memory for which nobody asked (by madvise(2), or MemoryKSM= of systemd)";
	case REASON_FILE:
		return "pages of files: never merged";
	case REASON_SHARED:
		return "shared memory: never merged";
	case REASON_HUGETLB:
		return "huge pages of hugetlbfs: never merged";
	case REASON_SPECIAL:
		return "mappings of devices, shadow stacks and other special ones: never merged";
	case REASONS:
		break;
	}

	return "";
}

/* Those that have any, the largest first. Return: how many. */
static int sort_reasons(const struct amounts *amounts, enum reason *sorted)
{
	int count = 0;

	for (int reason = 0; reason < REASONS; reason++) {
		int at = count;

		if (!amounts->bytes[reason])
			continue;
		for (; at &&
		       amounts->bytes[sorted[at - 1]] < amounts->bytes[reason];
		     at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = (enum reason)reason;
		count++;
	}

	return count;
}

/* Of one mapping it is not known whether it is merged where smaps does not say. */
static const char *name_in_mapping(const struct explanation *explanation,
				   enum reason reason)
{
	if (reason == REASON_UNMERGED && !explanation->mappings.ksm_known)
		return "mergeable";

	return reason_names[reason];
}

static void print_who(struct who *who)
{
	printf("process   %d %s", (int)who->pid, format_plain(who->name));
	if (who->vm)
		printf(", virtual machine %s", format_plain(who->guest));
	if (who->uid >= 0)
		printf(", user %lld", who->uid);
	if (who->cgroup)
		printf(", cgroup %s", format_plain(who->cgroup));
	putchar('\n');
}

static const char *run_text(long long run)
{
	static const char *const texts[] = { "stopped", "running",
					     "stopped, unmerged" };

	return run >= 0 && run <= 2 ? texts[run] : "in an unknown state";
}

static void print_engines(const struct engines *engines)
{
	printf("engine    uksm is %s; ", engines->uksm_loaded ?
						 run_text(engines->uksm_run) :
						 "not loaded");
	printf("ksmd is %s\n",
	       engines->ksm_there ? run_text(engines->ksm_run) : "not there");
}

/* The higher of the knob's and that which is listed. */
static const char *hardening_of(const struct isolation *isolation)
{
	if (!isolation->level || !strcmp(isolation->hardening, "frame"))
		return isolation->hardening;

	return isolation->level;
}

static void print_isolation(struct isolation *isolation)
{
	static const char unless_named[] =
		", unless it was given one by name, which root sees";
	const char *mode = isolation->mode;

	if (!*mode)
		return;
	printf("isolation %s: ", format_plain(isolation->mode));
	if (isolation->excluded)
		puts("excluded, by its control group or one above it");
	else if (!strcmp(mode, "none"))
		puts("merges with pages of all processes");
	else if (!strcmp(mode, "process") && !isolation->named)
		printf("merges with its own pages only%s\n",
		       isolation->may_be_named ? unless_named : "");
	else if (!*isolation->domain)
		puts("its domain is not known");
	else
		printf("merges within domain %s only%s%s\n",
		       format_plain(isolation->domain),
		       isolation->exists ? "" : ", which has nothing yet",
		       isolation->may_be_named ? unless_named : "");
}

/* What the lists say of it, where they do. */
static void print_listed(const struct isolation *isolation)
{
	const bool counts = strcmp(isolation->mode, "none");

	if (isolation->level)
		printf("hardening %s, by its control group or one above it%s\n",
		       counts ? hardening_of(isolation) : isolation->level,
		       counts ? "" : ", which counts with isolation only");
	if (isolation->weight)
		printf("weight    %lld, by its control group or one above it; 100 where none is listed\n",
		       isolation->weight);
}

static void print_consent(const struct explanation *explanation)
{
	const struct counters *counters = &explanation->counters;

	fputs("consent   ", stdout);
	if (counters->merge_any)
		fputs("for all memory, by prctl(PR_SET_MEMORY_MERGE): ",
		      stdout);
	if (explanation->mergeable_mappings || counters->merge_any)
		printf("%zu of %zu mappings may merge\n",
		       explanation->mergeable_mappings,
		       explanation->mappings.count);
	else
		puts("none: neither madvise(MADV_MERGEABLE) nor prctl(PR_SET_MEMORY_MERGE)");
	if (explanation->isolation.included)
		printf("          its control group, or one above it, is included%s\n",
		       explanation->mergeable_mappings || counters->merge_any ?
			       "" :
			       "; it has refused, or is QEMU, or has not been met yet");
	else if (explanation->isolation.list_used && counters->merge_any)
		puts("          if domains/included was used before uksm met it, that counts only in its groups");
}

static void print_count(bool known, long long number, const char *what)
{
	if (known)
		printf("%lld %s", number, what);
	else
		printf("- %s", what);
}

static void print_counters(const struct counters *counters)
{
	char figure[FIGURE_SIZE];

	fputs("counters  ", stdout);
	print_count(counters->merging_known, counters->merging_pages,
		    "pages merged, ");
	print_count(counters->items_known, counters->rmap_items,
		    "kept track of, ");
	print_count(counters->zero_known, counters->zero_pages, "zero pages; ");
	printf("profit %s\n",
	       counters->profit_known ?
		       format_bytes(figure, (double)counters->profit_bytes) :
		       "-");
}

static void print_reasons(const struct explanation *explanation)
{
	const struct amounts *amounts = &explanation->amounts;
	const double total = (double)amounts_total(amounts);
	char rss[FIGURE_SIZE], swap[FIGURE_SIZE], hugetlb[FIGURE_SIZE];
	enum reason sorted[REASONS];
	int count = sort_reasons(amounts, sorted);

	printf("memory    %s resident, %s swapped out",
	       format_bytes(rss, (double)amounts->rss),
	       format_bytes(swap, (double)amounts->swap));
	if (amounts->hugetlb)
		printf(", %s of hugetlbfs",
		       format_bytes(hugetlb, (double)amounts->hugetlb));
	printf("\n\n%12s %6s  %-10s  %s\n", "KIB", "%", "REASON", "MEANING");
	for (int i = 0; i < count; i++)
		printf("%12lld %6.1f  %-10s  %s\n",
		       amounts->bytes[sorted[i]] / 1024,
		       100 * (double)amounts->bytes[sorted[i]] / total,
		       reason_names[sorted[i]],
		       text_of(explanation, sorted[i]));
	printf("%12lld %6.1f  %-10s  %s\n", amounts_total(amounts) / 1024,
	       total > 0 ? 100.0 : 0.0, "total",
	       amounts->hugetlb ? "resident, swapped out, and of hugetlbfs" :
				  "resident and swapped out");
}

static void print_mapping(const struct explanation *explanation,
			  const struct mapping *mapping)
{
	const struct amounts amounts = amounts_of(mapping);
	enum reason sorted[REASONS];
	int count = sort_reasons(&amounts, sorted);

	printf("%16llx %16llx %12lld  ", mapping->start, mapping->end,
	       amounts_total(&amounts) / 1024);
	for (int i = 0; i < count; i++)
		printf("%s%s %lld", i ? ", " : "",
		       name_in_mapping(explanation, sorted[i]),
		       amounts.bytes[sorted[i]] / 1024);
	printf("%s%s%s\n", count ? "" : "-", *mapping->name ? "  " : "",
	       format_plain(mapping->name));
}

static void print_text(struct explanation *explanation, bool verbose)
{
	print_who(&explanation->who);
	print_engines(&explanation->engines);
	print_isolation(&explanation->isolation);
	print_listed(&explanation->isolation);
	print_consent(explanation);
	print_counters(&explanation->counters);
	print_reasons(explanation);
	if (!verbose)
		return;
	printf("\n%16s %16s %12s  %s\n", "START", "END", "KIB",
	       "REASONS, IN KIB, AND NAME");
	for (size_t i = 0; i < explanation->mappings.count; i++)
		print_mapping(explanation, &explanation->mappings.list[i]);
}

static void json_known(bool known, const char *name, long long number)
{
	if (known)
		json_integer(name, number);
	else
		json_null(name);
}

static void json_optional(const char *name, const char *text)
{
	if (text && *text)
		json_string(name, text);
	else
		json_null(name);
}

static void json_counters(const struct counters *counters)
{
	json_object("counters");
	json_known(counters->merging_known, "ksm_merging_pages",
		   counters->merging_pages);
	json_known(counters->items_known, "ksm_rmap_items",
		   counters->rmap_items);
	json_known(counters->zero_known, "ksm_zero_pages",
		   counters->zero_pages);
	json_known(counters->profit_known, "ksm_process_profit",
		   counters->profit_bytes);
	json_object_end();
}

static void json_summary(const struct explanation *explanation)
{
	const struct who *who = &explanation->who;
	const struct engines *engines = &explanation->engines;
	const struct counters *counters = &explanation->counters;

	json_integer("pid", who->pid);
	json_string("kind", who->vm ? "vm" : "process");
	json_string("name", who->name);
	json_optional("guest", who->guest);
	json_known(who->uid >= 0, "uid", who->uid);
	json_optional("cgroup", who->cgroup);
	json_bool("uksm_loaded", engines->uksm_loaded);
	json_known(engines->uksm_run >= 0, "uksm_run", engines->uksm_run);
	json_known(engines->ksm_run >= 0, "ksm_run", engines->ksm_run);
	json_optional("isolation", explanation->isolation.mode);
	json_optional("domain", explanation->isolation.domain);
	json_bool("domain_exists", explanation->isolation.exists);
	json_bool("domain_named", explanation->isolation.named);
	json_optional("hardened", explanation->isolation.level);
	json_known(explanation->isolation.weight, "weight",
		   explanation->isolation.weight);
	json_bool("excluded", explanation->isolation.excluded);
	json_bool("included", explanation->isolation.included);
	if (counters->merge_any_known)
		json_bool("merge_any", counters->merge_any);
	else
		json_null("merge_any");
	json_unsigned("mappings_in_all", explanation->mappings.count);
	json_unsigned("mappings_mergeable", explanation->mergeable_mappings);
	json_counters(counters);
	json_integer("rss_bytes", explanation->amounts.rss);
	json_integer("swap_bytes", explanation->amounts.swap);
	json_integer("hugetlb_bytes", explanation->amounts.hugetlb);
}

static void json_reasons(const struct explanation *explanation)
{
	const struct amounts *amounts = &explanation->amounts;
	enum reason sorted[REASONS];
	int count = sort_reasons(amounts, sorted);

	json_array("reasons");
	for (int i = 0; i < count; i++) {
		json_object(NULL);
		json_string("reason", reason_names[sorted[i]]);
		json_integer("bytes", amounts->bytes[sorted[i]]);
		json_string("meaning", text_of(explanation, sorted[i]));
		json_object_end();
	}
	json_array_end();
}

static void json_mapping(const struct explanation *explanation,
			 const struct mapping *mapping)
{
	const struct amounts amounts = amounts_of(mapping);
	enum reason sorted[REASONS];
	int count = sort_reasons(&amounts, sorted);
	char address[32];

	json_object(NULL);
	snprintf(address, sizeof(address), "%llx", mapping->start);
	json_string("start", address);
	snprintf(address, sizeof(address), "%llx", mapping->end);
	json_string("end", address);
	json_optional("name", mapping->name);
	json_object("reasons");
	for (int i = 0; i < count; i++)
		json_integer(name_in_mapping(explanation, sorted[i]),
			     amounts.bytes[sorted[i]]);
	json_object_end();
	json_object_end();
}

static void print_json(const struct explanation *explanation, bool verbose)
{
	json_start(false);
	json_summary(explanation);
	json_reasons(explanation);
	if (verbose) {
		json_array("mappings");
		for (size_t i = 0; i < explanation->mappings.count; i++)
			json_mapping(explanation,
				     &explanation->mappings.list[i]);
		json_array_end();
	}
	json_end();
}

/* Return: STATUS_OK, or another with a message that says what stood in the way. */
static enum status read_memory(pid_t pid, struct explanation *explanation)
{
	int err = who_read(pid, &explanation->who);

	if (err == -ESRCH)
		return fail(STATUS_REFUSED, "there is no process %d", (int)pid);
	if (err)
		return fail(STATUS_REFUSED, "process %d cannot be read: %s",
			    (int)pid, strerror(-err));
	if (explanation->who.has_exited || !who_is_there(&explanation->who))
		return fail(STATUS_REFUSED, "process %d has exited", (int)pid);
	if (!explanation->who.has_memory)
		return fail(
			STATUS_REFUSED,
			"process %d has no memory of its own: it is a thread of the kernel, or is exiting",
			(int)pid);

	read_counters(pid, &explanation->counters);
	err = mappings_read(pid, &explanation->mappings);
	if (!who_is_there(&explanation->who))
		err = -ESRCH;
	switch (-err) {
	case 0:
		return STATUS_OK;
	case ESRCH:
		return fail(
			STATUS_REFUSED,
			"process %d has exited, or begun another program, meanwhile",
			(int)pid);
	case EACCES:
	case EPERM:
		return fail(
			STATUS_PERMISSION,
			"the memory of process %d may not be looked at: root is needed",
			(int)pid);
	case EBADMSG:
		return fail(
			STATUS_REFUSED,
			"/proc/%d/smaps is cut off, or is not as the kernel writes it",
			(int)pid);
	default:
		return fail(STATUS_REFUSED, "/proc/%d/smaps: %s", (int)pid,
			    strerror(-err));
	}
}

/* Return: 0 when it is no process ID. */
static pid_t parse_pid(const char *text)
{
	long long pid;

	if (text_number(text, &pid) || pid <= 0 || pid > INT_MAX)
		return 0;

	return (pid_t)pid;
}

enum status command_explain(const struct options *options, int argc,
			    char **argv)
{
	struct explanation explanation = { .mergeable_mappings = 0 };
	enum status status;
	pid_t pid;

	if (argc != 1)
		return fail(STATUS_USAGE, "explain takes one process ID");
	pid = parse_pid(argv[0]);
	if (!pid)
		return fail(STATUS_USAGE, "explain %s: not a process ID",
			    format_plain(argv[0]));

	status = read_memory(pid, &explanation);
	if (!status) {
		read_engines(&explanation.engines);
		read_isolation(&explanation);
		add_up(&explanation);
		if (options->json)
			print_json(&explanation, options->verbose);
		else
			print_text(&explanation, options->verbose);
	}
	mappings_free(&explanation.mappings);
	who_free(&explanation.who);

	return status;
}
