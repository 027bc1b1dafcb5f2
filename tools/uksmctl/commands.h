/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, and what their options say. */
#ifndef UKSMCTL_COMMANDS_H
#define UKSMCTL_COMMANDS_H

#include <stdbool.h>

#include "status.h"

/**
 * struct options - of all commands
 * @json: JSON instead of text
 * @interval: of status, seconds to measure CPU time over
 * @dry_run: of set, apply and reload, only check
 * @force: of reload, with the version that is loaded as well
 * @max_domains: of metrics, how many domains at most
 * @rows: of top, domains, dry-run and sharing, how many at most; 0: all
 * @sort: of top, by which column
 * @all: of top, processes that have nothing to do with merging as well; of dry-run,
 *	memory that did not ask for it
 * @vms: of top, dry-run and sharing, virtual machines only
 * @verbose: of explain, a line for each mapping as well
 * @seconds: of dry-run, between the looks
 * @max_sharing: of dry-run, as max_page_sharing; 0: as the module has it
 * @zero_pages: of dry-run, as if use_zero_pages were set
 */
struct options {
	bool json;
	double interval;
	bool dry_run;
	bool force;
	long max_domains;
	long rows;
	const char *sort;
	bool all;
	bool vms;
	bool verbose;
	double seconds;
	long max_sharing;
	bool zero_pages;
};

/*
 * Each takes its options and the arguments that are left, and returns the status
 * to end with.
 */
enum status command_status(const struct options *options, int argc,
			   char **argv);
enum status command_watch(const struct options *options, int argc, char **argv);
enum status command_set(const struct options *options, int argc, char **argv);
enum status command_apply(const struct options *options, int argc, char **argv);
enum status command_save(const struct options *options, int argc, char **argv);
enum status command_reload(const struct options *options, int argc,
			   char **argv);
enum status command_merge(const struct options *options, int argc, char **argv);
enum status command_metrics(const struct options *options, int argc,
			    char **argv);
enum status command_top(const struct options *options, int argc, char **argv);
enum status command_domains(const struct options *options, int argc,
			    char **argv);
enum status command_explain(const struct options *options, int argc,
			    char **argv);
enum status command_dry_run(const struct options *options, int argc,
			    char **argv);
enum status command_sharing(const struct options *options, int argc,
			    char **argv);
enum status command_features(const struct options *options, int argc,
			     char **argv);
enum status command_doctor(const struct options *options, int argc,
			   char **argv);

#endif /* UKSMCTL_COMMANDS_H */
