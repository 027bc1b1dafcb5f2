// SPDX-License-Identifier: GPL-2.0-only
/* uksmctl: show and set what the module uksm does. The command line. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "commands.h"
#include "interval.h"
#include "status.h"

/**
 * struct command - one of them
 * @name: as on the command line
 * @options: letters of the options that it takes, beside -h and -V
 * @run: what does it
 */
struct command {
	const char *name;
	const char *options;
	enum status (*run)(const struct options *options, int argc,
			   char **argv);
};

/* clang-format off */
static const struct command commands[] = {
	{ "status", "ji", command_status },
	{ "watch", "j", command_watch },
	{ "set", "jn", command_set },
	{ "apply", "jn", command_apply },
	{ "save", "", command_save },
	{ "reload", "fn", command_reload },
	{ "merge", "", command_merge },
	{ "top", "jarsv", command_top },
	{ "domains", "jr", command_domains },
	{ "explain", "jv", command_explain },
	{ "dry-run", "ajrtvxz", command_dry_run },
	{ "sharing", "jrv", command_sharing },
	{ "features", "j", command_features },
	{ "doctor", "j", command_doctor },
	{ "metrics", "m", command_metrics },
};
/* clang-format on */

/* tests/docs reads the names of commands and options here. */
static const char usage_text[] =
	"usage: uksmctl [--json] COMMAND [OPTION...] [ARGUMENT...]\n"
	"\n"
	"  status                     saving, profit, CPU time, and both engines\n"
	"    -i, --interval SECONDS   measure CPU time over so long (1)\n"
	"  watch [INTERVAL [COUNT]]   a line each INTERVAL seconds (1)\n"
	"  set NAME=VALUE...          write knobs: all of them, or none\n"
	"    -n, --dry-run            check only\n"
	"  apply [FILE]               set what a file says (/etc/uksm/uksm.conf): all, or nothing\n"
	"    -n, --dry-run            check, and show what would change\n"
	"  save [FILE]                make such a file of the current settings\n"
	"  reload                     load the module that is installed, and keep what is set\n"
	"    -f, --force              that which is loaded as well\n"
	"    -n, --dry-run            check, and show what would be done\n"
	"  merge PID|DOMAIN...        merge what a process, or a domain, has, at once\n"
	"  top                        which process has how much of the saving\n"
	"    -r, --rows COUNT         so many at most, 0 for all (20)\n"
	"    -s, --sort COLUMN        by rss, mergeable, merged (default), pid or name\n"
	"    -v, --vms                virtual machines only\n"
	"    -a, --all                processes that merging does not concern as well\n"
	"  domains                    which isolation domain has how much of the saving\n"
	"    -r, --rows COUNT         so many at most, 0 for all (20)\n"
	"  explain PID                why memory of a process is merged, or is not\n"
	"    -v, --verbose            a line for each mapping as well\n"
	"  dry-run [PID...]           what merging would save, with each kind of isolation\n"
	"    -a, --all                of memory that did not ask for merging as well\n"
	"    -r, --rows COUNT         so many domains of each kind, 0 for all (5)\n"
	"    -t, --seconds SECONDS    between the two looks at each page (10)\n"
	"    -v, --vms                virtual machines only\n"
	"    -x, --max-sharing COUNT  so many addresses may share a page (as the module has it)\n"
	"    -z, --zero-pages         as if use_zero_pages were 1\n"
	"  sharing [PID...]           who shares how many merged pages with whom\n"
	"    -r, --rows COUNT         so many pairs at most, 0 for all (20)\n"
	"    -v, --vms                virtual machines only\n"
	"  features                   what this kernel and this module offer\n"
	"  doctor                     what is wrong with this machine, and what to do\n"
	"  metrics [FILE]             all of it for Prometheus, into a file for node_exporter\n"
	"    -m, --max-domains COUNT  so many domains at most (1000)\n"
	"\n"
	"  -j, --json                 JSON instead of text\n"
	"  -h, --help                 this\n"
	"  -V, --version              the version\n"
	"\n"
	"Exit status: 0 success, 1 the kernel refused, or doctor has found a problem,\n"
	"2 wrong usage or value, 3 module not loaded, 4 root needed, 5 what was written could\n"
	"not be undone, or not all could be set again, 6 reload has unloaded the module, and\n"
	"the new one does not load.\n";

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "interval", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, 'j' },
	{ "max-domains", required_argument, NULL, 'm' },
	{ "max-sharing", required_argument, NULL, 'x' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "rows", required_argument, NULL, 'r' },
	{ "seconds", required_argument, NULL, 't' },
	{ "sort", required_argument, NULL, 's' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "vms", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "zero-pages", no_argument, NULL, 'z' },
	{ NULL, 0, NULL, 0 },
};

static const char short_options[] = "afhi:jm:nr:s:t:vVx:z";

static enum status usage_failure(void)
{
	fputs("Try 'uksmctl --help'.\n", stderr);

	return STATUS_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];

	return NULL;
}

/* Return: STATUS_OK, or STATUS_USAGE with a message. */
static enum status take_option(int letter, const char *argument,
			       struct options *options)
{
	char *end;

	switch (letter) {
	case 'a':
		options->all = true;
		break;
	case 'f':
		options->force = true;
		break;
	case 'i':
		if (!interval_parse(argument, &options->interval))
			return fail(STATUS_USAGE,
				    "--interval %s: not a number of seconds",
				    argument);
		break;
	case 'j':
		options->json = true;
		break;
	case 'm':
		options->max_domains = strtol(argument, &end, 10);
		if (!*argument || *end || options->max_domains < 0)
			return fail(STATUS_USAGE,
				    "--max-domains %s: not a number of domains",
				    argument);
		break;
	case 'n':
		options->dry_run = true;
		break;
	case 'r':
		options->rows = strtol(argument, &end, 10);
		if (!*argument || *end || options->rows < 0)
			return fail(STATUS_USAGE,
				    "--rows %s: not a number of rows",
				    argument);
		break;
	case 's':
		options->sort = argument;
		break;
	case 't':
		if (!interval_parse(argument, &options->seconds))
			return fail(STATUS_USAGE,
				    "--seconds %s: not a number of seconds",
				    argument);
		break;
	case 'x':
		options->max_sharing = strtol(argument, &end, 10);
		if (!*argument || *end || options->max_sharing < 2 ||
		    options->max_sharing > INT_MAX)
			return fail(STATUS_USAGE,
				    "--max-sharing %s: not from 2 to %d",
				    argument, INT_MAX);
		break;
	case 'z':
		options->zero_pages = true;
		break;
	case 'v':
		options->vms = options->verbose = true;
		break;
	default:
		return usage_failure();
	}

	return STATUS_OK;
}

/*
 * Letters of the options seen that the command does not take; and the word that was
 * written for -v, which is short for another with each command.
 */
static enum status check_options(const struct command *command,
				 const char *seen, const char *word)
{
	const char *takes = command->run == command_explain ? "verbose" : "vms";

	if (word && strchr(command->options, 'v') && strcmp(word, takes)) {
		complain("%s takes no option --%s", command->name, word);
		return usage_failure();
	}
	for (; *seen; seen++) {
		if (strchr(command->options, *seen))
			continue;
		complain("%s takes no option -%c", command->name, *seen);
		return usage_failure();
	}

	return STATUS_OK;
}

static enum status run(int argc, char **argv)
{
	struct options options = {
		.interval = 1,
		.max_domains = 1000,
		.rows = -1,
		.sort = "merged",
		.seconds = 10,
	};
	char seen[sizeof(short_options)] = "";
	const struct command *command;
	const char *word = NULL;
	enum status status;
	int letter, index = -1;

	for (; (letter = getopt_long(argc, argv, short_options, long_options,
				     &index)) != -1;
	     index = -1) {
		if (letter == 'v' && index >= 0) {
			const char *other = word;

			word = long_options[index].name;
			if (other && strcmp(other, word))
				return fail(
					STATUS_USAGE,
					"no command takes --verbose and --vms");
		}
		if (letter == 'h') {
			fputs(usage_text, stdout);
			return STATUS_OK;
		}
		if (letter == 'V') {
			puts("uksmctl " UKSM_VERSION);
			return STATUS_OK;
		}
		status = take_option(letter, optarg, &options);
		if (status)
			return status;
		if (!strchr(seen, letter))
			seen[strlen(seen)] = (char)letter;
	}
	if (optind == argc) {
		fputs(usage_text, stderr);
		return STATUS_USAGE;
	}

	command = find_command(argv[optind]);
	if (!command) {
		complain("there is no command '%s'", argv[optind]);
		return usage_failure();
	}
	status = check_options(command, seen, word);
	if (options.rows < 0)
		options.rows = command->run == command_dry_run ? 5 : 20;

	return status ?:
			command->run(&options, argc - optind - 1,
				     argv + optind + 1);
}

int main(int argc, char **argv)
{
	enum status status = run(argc, argv);

	return status ?: flush_output();
}
