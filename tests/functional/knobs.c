// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files of the engine's directory: names, modes, defaults, and the answer to every kind of
 * input. What stock answers on the running kernel is the measure; a table holds it for the files
 * that an older stock lacks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "memory.h"

/**
 * struct answer - what a write must do
 * @text: the bytes written
 * @err: 0 or the positive errno
 * @after: the value read back, NULL if it must be what it was
 */
struct answer {
	const char *text;
	int err;
	const char *after;
};

/* Not a number in any form that kstrto*() knows, base 10. */
#define NOT_A_NUMBER                                                                               \
	{ "\n", EINVAL }, { " ", EINVAL }, { "abc", EINVAL }, { " 5", EINVAL }, { "5 ", EINVAL },      \
		{ "5\n\n", EINVAL }, { "5\r\n", EINVAL }, { "5x", EINVAL }, { "0x5", EINVAL },         \
		{ "5.0", EINVAL }, { "-", EINVAL }, { "on", EINVAL }, { "none", EINVAL },              \
		{ "\xff", EINVAL }

#define NOT_NEGATIVE { "-1", EINVAL }, { "-0", EINVAL }, { "-2147483649", EINVAL }

static const struct answer uint_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", 0, "0" },
	{ "5", 0, "5" },
	{ "5\n", 0, "5" },
	{ "+7", 0, "7" },
	{ "007", 0, "7" },
	{ "4294967295", 0, "4294967295" },
	{ "4294967296", EINVAL },
	{ "18446744073709551615", EINVAL },
	{ "18446744073709551616", EINVAL },
	{ "99999999999999999999999999", EINVAL },
	{ NULL }
};

static const struct answer ulong_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", 0, "0" },
	{ "5\n", 0, "5" },
	{ "+7", 0, "7" },
	{ "4294967296", 0, "4294967296" },
	{ "18446744073709551615", 0, "18446744073709551615" },
	{ "18446744073709551616", EINVAL },
	{ NULL }
};

static const struct answer target_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", EINVAL },
	{ "1", 0, "1" },
	{ "18446744073709551615", 0, "18446744073709551615" },
	{ "18446744073709551616", EINVAL },
	{ NULL }
};

/* Parsed as an unsigned long and kept in 32 bits. */
static const struct answer max_cpu_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", 0, "0" },
	{ "100", 0, "100" },
	{ "101", 0, "101" },
	{ "4294967295", 0, "4294967295" },
	{ "18446744073709551616", EINVAL },
	{ NULL }
};

static const struct answer bit_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", 0, "0" },
	{ "1\n", 0, "1" },
	{ "+0", 0, "0" },
	{ "2", EINVAL },
	{ "18446744073709551615", EINVAL },
	{ "18446744073709551616", ERANGE },
	{ NULL }
};

static const struct answer cap_answers[] = {
	NOT_A_NUMBER,
	{ "", 0 },
	{ "-1", EINVAL },
	{ "0", EINVAL },
	{ "1", EINVAL },
	{ "2", 0, "2" },
	{ "100\n", 0, "100" },
	{ "2147483647", 0, "2147483647" },
	{ "2147483648", ERANGE },
	{ "-2147483648", EINVAL },
	{ "-2147483649", ERANGE },
	{ "18446744073709551616", ERANGE },
	{ NULL }
};

static const struct answer run_answers[] = {
	NOT_A_NUMBER,
	NOT_NEGATIVE,
	{ "", 0 },
	{ "0", 0, "0" },
	{ "1", 0, "1" },
	{ "1\n", 0, "1" },
	{ "2", 0, "2" },
	{ "3", EINVAL },
	{ "4", EINVAL },
	{ "4294967296", EINVAL },
	{ "18446744073709551617", EINVAL },
	{ NULL }
};

/* kstrtobool() looks at the first character, of "on" and "off" at the second. */
static const struct answer bool_answers[] = {
	{ "", 0 },	  { "\n", EINVAL },  { " 1", EINVAL }, { "2", EINVAL },	    { "-1", EINVAL },
	{ "+1", EINVAL }, { "abc", EINVAL }, { "0", 0, "0" },  { "1\n", 0, "1" },   { "n", 0, "0" },
	{ "Y\n", 0, "1" }, { "on", 0, "1" },  { "off", 0, "0" }, { "oops", EINVAL }, { "true", 0, "1" },
	{ "false", 0, "0" }, { NULL }
};

static const struct answer advisor_answers[] = {
	{ "", 0 },
	{ "\n", EINVAL },
	{ "0", EINVAL },
	{ "1", EINVAL },
	{ "[none]", EINVAL },
	{ "scan", EINVAL },
	{ "scan-time ", EINVAL },
	{ "scan-time\n", 0, "none [scan-time]" },
	{ "scan-time", 0, "none [scan-time]" },
	{ "none\n", 0, "[none] scan-time" },
	{ "none", 0, "[none] scan-time" },
	{ NULL }
};

/* Written to both engines, to see that they answer alike, whatever it is. */
static const char *const any_input[] = {
	"", "\n", " ", "0", "1", "1\n", "1\n\n", " 1", "1 ", "1\r\n", "+1", "-1", "-0", "01", "0x1",
	"1x", "1.0", "abc", "y", "n", "Y\n", "on", "off\n", "oops", "true", "yes!", "2", "3", "4",
	"100", "101", "99999", "2147483647", "2147483648", "-2147483648", "-2147483649",
	"4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
	"18446744073709551615", "18446744073709551616", "99999999999999999999999999", "none",
	"none\n", "scan-time", "scan-time\n", "[none]", "\xff",
};

/**
 * struct knob - a file of the directory
 * @name: its name
 * @initial: its value after load, NULL for a counter
 * @answers: for a knob: what it must answer
 */
struct knob {
	const char *name;
	const char *initial;
	const struct answer *answers;
};

static const struct knob knobs[] = {
	{ "run", "0", run_answers },
	{ "pages_to_scan", "100", uint_answers },
	{ "sleep_millisecs", "20", uint_answers },
	{ "merge_across_nodes", "1", bit_answers },
	{ "use_zero_pages", "0", bool_answers },
	{ "max_page_sharing", "256", cap_answers },
	{ "stable_node_chains_prune_millisecs", "2000", uint_answers },
	{ "smart_scan", "1", bool_answers },
	{ "advisor_mode", "[none] scan-time", advisor_answers },
	{ "advisor_max_cpu", "70", max_cpu_answers },
	{ "advisor_min_pages_to_scan", "500", ulong_answers },
	{ "advisor_max_pages_to_scan", "30000", ulong_answers },
	{ "advisor_target_scan_time", "200", target_answers },
	{ "pages_shared" },
	{ "pages_sharing" },
	{ "pages_unshared" },
	{ "pages_volatile" },
	{ "full_scans" },
	{ "stable_node_chains" },
	{ "stable_node_dups" },
	{ "ksm_zero_pages" },
	{ "pages_scanned" },
	{ "pages_skipped" },
	{ "general_profit" },
};

static bool has(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* As knob_read(), but for a choice that ksm does not know: the tables above are ksm's. */
static int read_as_ksm(const char *dir, const char *name, char value[KNOB_TEXT_MAX])
{
	static const char own[] = " auto";
	int err = knob_read(dir, name, value);
	size_t len = err ? 0 : strlen(value);

	if (err || strcmp(name, "advisor_mode") || !strcmp(dir, ENGINE_DIR_STOCK))
		return err;
	CHECK(len > strlen(own) && !strcmp(value + len - strlen(own), own), "%s is \"%s\"", name, value);
	value[len - strlen(own)] = '\0';
	return 0;
}

/* Must this engine have the file? Ours has all of them, stock those of its kernel. */
static bool expected_here(const struct knob *knob)
{
	return !engine_is_stock() || has(engine_dir(), knob->name);
}

static bool can_compare(void)
{
	return !engine_is_stock() && has(ENGINE_DIR_STOCK, "run");
}

/* A name that stock has grown since the table was written is one that ours lacks. */
static void check_stock_names(void)
{
	DIR *dir = opendir(ENGINE_DIR_STOCK);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		CHECK(entry->d_name[0] == '.' || has(engine_dir(), entry->d_name),
		      "stock has %s, this engine does not", entry->d_name);
	closedir(dir);
}

static void test_names(void)
{
	unsigned int present = 0;
	size_t k;

	check_stock_names();
	for (k = 0; k < ARRAY_SIZE(knobs); k++)
		present += has(engine_dir(), knobs[k].name);
	test_note("%u of %zu names", present, ARRAY_SIZE(knobs));
	CHECK(present >= (engine_is_stock() ? 14 : ARRAY_SIZE(knobs)), "%u of %zu names exist",
	      present, ARRAY_SIZE(knobs));
}

static void test_modes(void)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(knobs); k++) {
		mode_t mode = S_IFREG | (knobs[k].answers ? 0644 : 0444);
		char path[512];
		struct stat st;

		if (!expected_here(&knobs[k]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", engine_dir(), knobs[k].name);
		CHECK_SYS(stat(path, &st));
		CHECK(st.st_mode == mode, "%s has mode %o, not %o", knobs[k].name, st.st_mode, mode);
		CHECK(!st.st_uid && !st.st_gid, "%s belongs to %u:%u", knobs[k].name, st.st_uid,
		      st.st_gid);
	}
}

/* Runs first after the engine's start, so nothing has been written yet. */
static void test_defaults(void)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(knobs); k++) {
		const char *initial = knobs[k].initial ? knobs[k].initial : "0";
		char value[KNOB_TEXT_MAX];
		int err;

		if (!expected_here(&knobs[k]))
			continue;
		err = read_as_ksm(engine_dir(), knobs[k].name, value);
		CHECK(!err, "reading %s: %s", knobs[k].name, strerror(-err));
		CHECK(!strcmp(value, initial), "%s is \"%s\", not \"%s\"", knobs[k].name, value,
		      initial);
	}
}

/* One line, ended by a newline; a number, but for the advisor's mode. */
static void test_shape(void)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(knobs); k++) {
		char path[512], text[KNOB_TEXT_MAX] = "", *end;
		ssize_t len;
		int fd;

		if (!expected_here(&knobs[k]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", engine_dir(), knobs[k].name);
		fd = CHECK_SYS(open(path, O_RDONLY));
		len = CHECK_SYS(read(fd, text, sizeof(text) - 1));
		CHECK(len > 1 && text[len - 1] == '\n' && strchr(text, '\n') == text + len - 1,
		      "%s is not one line", knobs[k].name);
		CHECK(read(fd, text + len, 1) == 0, "%s goes on after its newline", knobs[k].name);
		close(fd);
		if (!strcmp(knobs[k].name, "advisor_mode"))
			continue;
		errno = 0;
		strtol(text, &end, 10);
		CHECK(end == text + len - 1 && !errno, "%s holds \"%.*s\"", knobs[k].name,
		      (int)len - 1, text);
	}
}

static void test_counters_read_only(void)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(knobs); k++) {
		int err;

		if (knobs[k].answers || !expected_here(&knobs[k]))
			continue;
		err = knob_write(engine_dir(), knobs[k].name, "1", 1);
		CHECK(err == -EACCES, "writing %s: %s", knobs[k].name,
		      err ? strerror(-err) : "accepted");
	}
}

/* What to write so that a knob reads as it did; the advisor's mode shows all its words. */
static const char *writable_form(const char *value)
{
	if (!strcmp(value, "[none] scan-time"))
		return "none";
	if (!strcmp(value, "none [scan-time]"))
		return "scan-time";
	return value;
}

struct reply {
	int err;
	char after[KNOB_TEXT_MAX];
};

/* Writes to a knob that has its initial value, reads it back and makes it initial again. */
static struct reply ask(const char *dir, const struct knob *knob, const char *text)
{
	const char *initial = writable_form(knob->initial);
	struct reply reply;
	int err;

	reply.err = -knob_write(dir, knob->name, text, strlen(text));
	err = read_as_ksm(dir, knob->name, reply.after);
	CHECK(!err, "reading %s: %s", knob->name, strerror(-err));
	err = knob_write(dir, knob->name, initial, strlen(initial));
	CHECK(!err, "%s does not take its own initial value %s: %s", knob->name, initial,
	      strerror(-err));
	return reply;
}

static const char *printable(const char *text)
{
	static char out[4][160];
	static unsigned int turn;
	char *s = out[turn++ % 4], *p = s;

	for (; *text && p < s + 150; text++)
		p += sprintf(p, *text >= ' ' && *text <= '~' ? "%c" : "\\x%02x",
			     (unsigned char)*text);
	*p = '\0';
	return s;
}

static const struct knob *knob_named(const char *name)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(knobs); k++)
		if (!strcmp(knobs[k].name, name))
			return &knobs[k];
	test_fail("no knob %s", name);
}

/**
 * struct complaints - what is wrong with a knob
 * @nr: number of wrong answers
 * @first: the first of them, for the verdict; all go to the log
 */
struct complaints {
	unsigned int nr;
	char first[1024];
};

static void compare(struct complaints *wrong, const struct knob *knob, const char *text,
		    const struct reply *got, int err, const char *after, const char *whose)
{
	char line[sizeof(wrong->first)];

	if (got->err == err && !strcmp(got->after, after))
		return;
	snprintf(line, sizeof(line), "\"%s\": %s, then %s; %s: %s, then %s", printable(text),
		 strerror(got->err), got->after, whose, strerror(err), after);
	test_note("%s: %s", knob->name, line);
	if (!wrong->nr++)
		memcpy(wrong->first, line, sizeof(line));
}

static void check_answers(const char *name)
{
	const struct knob *knob = knob_named(name);
	struct complaints wrong = { 0 };
	const struct answer *want;
	size_t i;

	if (!expected_here(knob))
		test_skip("this kernel's stock has no %s", name);
	for (want = knob->answers; want->text; want++) {
		struct reply got = ask(engine_dir(), knob, want->text);

		compare(&wrong, knob, want->text, &got, want->err,
			want->after ? want->after : knob->initial, "expected");
	}
	for (i = 0; can_compare() && has(ENGINE_DIR_STOCK, name) && i < ARRAY_SIZE(any_input); i++) {
		struct reply ours = ask(engine_dir(), knob, any_input[i]);
		struct reply stock = ask(ENGINE_DIR_STOCK, knob, any_input[i]);

		compare(&wrong, knob, any_input[i], &ours, stock.err, stock.after, "stock");
	}
	CHECK(!wrong.nr, "%u wrong answers, the first to %s", wrong.nr, wrong.first);
}

#define ANSWERS_TEST(name)                                                                         \
	static void test_##name(void)                                                              \
	{                                                                                          \
		check_answers(#name);                                                              \
	}

ANSWERS_TEST(run)
ANSWERS_TEST(pages_to_scan)
ANSWERS_TEST(sleep_millisecs)
ANSWERS_TEST(merge_across_nodes)
ANSWERS_TEST(use_zero_pages)
ANSWERS_TEST(max_page_sharing)
ANSWERS_TEST(stable_node_chains_prune_millisecs)
ANSWERS_TEST(smart_scan)
ANSWERS_TEST(advisor_mode)
ANSWERS_TEST(advisor_max_cpu)
ANSWERS_TEST(advisor_min_pages_to_scan)
ANSWERS_TEST(advisor_max_pages_to_scan)
ANSWERS_TEST(advisor_target_scan_time)

static void check_write(const char *name, const char *text, int err, const char *after)
{
	char value[KNOB_TEXT_MAX];
	int got = -knob_write(engine_dir(), name, text, strlen(text));

	CHECK(got == err, "%s=%s: %s, expected %s", name, text, strerror(got), strerror(err));
	got = read_as_ksm(engine_dir(), name, value);
	CHECK(!got && !strcmp(value, after), "%s reads \"%s\" after writing \"%s\", expected \"%s\"",
	      name, value, text, after);
}

/* What merged pages forbid, and in which order a write is judged: its form comes first. */
static void test_busy_while_merged(void)
{
	char *area = area_map_same(64, 1);
	int run;

	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	for (run = 1; run >= 0; run--) {
		engine_set("run", run);
		check_write("merge_across_nodes", "0", EBUSY, "1");
		check_write("merge_across_nodes", "1", 0, "1");
		check_write("merge_across_nodes", "2", EINVAL, "1");
		check_write("merge_across_nodes", "x", EINVAL, "1");
		check_write("max_page_sharing", "100", EBUSY, "256");
		check_write("max_page_sharing", "256", 0, "256");
		check_write("max_page_sharing", "1", EINVAL, "256");
		check_write("max_page_sharing", "2147483648", ERANGE, "256");
		check_write("use_zero_pages", "1", 0, "1");
		check_write("use_zero_pages", "0", 0, "0");
		check_write("stable_node_chains_prune_millisecs", "5", 0, "5");
		check_write("run", "3", EINVAL, run ? "1" : "0");
		check_merged("after refused writes", area, 64);
	}
	engine_unmerge();
	check_write("merge_across_nodes", "0", 0, "0");
	check_write("max_page_sharing", "100", 0, "100");
	area_check_same(area, 64, 1);
}

/* Pages seen and not merged forbid nothing. */
static void test_not_busy_while_unshared(void)
{
	area_map_distinct(64, 10);
	engine_start();
	engine_settle();
	engine_check_counters("64 different pages", 0, 0, 64, 0);
	check_write("merge_across_nodes", "0", 0, "0");
	check_write("max_page_sharing", "100", 0, "100");
}

/* run=2 starts the count of full scans anew, and it may be written twice. */
static void test_run_2_resets(void)
{
	char *area = area_map_same(8, 2);

	engine_start();
	engine_settle();
	check_merged("at first", area, 8);
	CHECK(engine_get("full_scans") >= 2, "full_scans is %ld", engine_get("full_scans"));
	engine_unmerge();
	CHECK(engine_get("full_scans") == 0, "full_scans is %ld after run=2", engine_get("full_scans"));
	engine_unmerge();
	check_unmerged("after run=2 twice", area, 8);
	engine_set("run", 0);
	engine_unmerge();
	CHECK(engine_get("run") == 2, "run is %ld", engine_get("run"));
	engine_set("run", 1);
	engine_settle();
	check_merged("after run=1", area, 8);
}

/* While the advisor is on it owns pages_to_scan; off again, that is back at its default. */
static void test_advisor_owns_pages_to_scan(void)
{
	if (!engine_has("advisor_mode"))
		test_skip("this kernel's stock has no advisor");
	check_write("pages_to_scan", "321", 0, "321");
	check_write("advisor_mode", "scan-time", 0, "none [scan-time]");
	check_write("pages_to_scan", "400", EINVAL, "500");
	check_write("advisor_mode", "none", 0, "[none] scan-time");
	check_write("pages_to_scan", "100", 0, "100");
	check_write("pages_to_scan", "321", 0, "321");
}

/* What ksm does not have: the engine sets its own pace, and owns pages_to_scan as well. */
static void test_advisor_auto(void)
{
	char value[KNOB_TEXT_MAX];

	if (engine_is_stock())
		test_skip("stock has no such advisor");
	check_write("pages_to_scan", "321", 0, "321");
	CHECK(!knob_write(engine_dir(), "advisor_mode", "auto\n", 5), "auto is refused");
	CHECK(!knob_read(engine_dir(), "advisor_mode", value) &&
		      !strcmp(value, "none scan-time [auto]"), "advisor_mode is \"%s\"", value);
	check_write("pages_to_scan", "400", EINVAL, "500");
	check_write("advisor_mode", "scan-time", 0, "none [scan-time]");
	check_write("pages_to_scan", "400", EINVAL, "500");
	check_write("advisor_mode", "none", 0, "[none] scan-time");
	check_write("pages_to_scan", "100", 0, "100");
	CHECK(knob_write(engine_dir(), "advisor_mode", "automatic", 9) == -EINVAL, "automatic is taken");
}

static void test_profit(void)
{
	char *area = area_map_same(64, 3);
	long profit, expected;

	if (!engine_has("general_profit"))
		test_skip("this kernel's stock has no general_profit");
	engine_start();
	engine_settle();
	check_merged("at first", area, 64);
	engine_pause();
	profit = engine_get("general_profit");
	expected = 63 * PAGE_SIZE;
	test_note("general_profit %ld for 63 pages saved", profit);
	CHECK(profit <= expected && profit > expected - 64 * 256,
	      "general_profit is %ld, 63 pages are saved", profit);
	CHECK(!engine_is_stock() || profit == expected - 64 * 64, "stock's own figure is %ld", profit);
}

static void test_max_available_percentage(void)
{
	if (!engine_has("max_available_percentage"))
		test_skip("no max_available_percentage");
	CHECK(engine_get("max_available_percentage") == 100, "default %ld",
	      engine_get("max_available_percentage"));
	check_write("max_available_percentage", "0", EINVAL, "100");
	check_write("max_available_percentage", "101", EINVAL, "100");
	check_write("max_available_percentage", "-1", EINVAL, "100");
	check_write("max_available_percentage", "5x", EINVAL, "100");
	check_write("max_available_percentage", "1", 0, "1");
	check_write("max_available_percentage", "100", 0, "100");
}

static void test_max_metadata_percentage(void)
{
	if (!engine_has("max_metadata_percentage"))
		test_skip("no max_metadata_percentage");
	CHECK(engine_get("max_metadata_percentage") == 20, "default %ld",
	      engine_get("max_metadata_percentage"));
	check_write("max_metadata_percentage", "0", EINVAL, "20");
	check_write("max_metadata_percentage", "101", EINVAL, "20");
	check_write("max_metadata_percentage", "-1", EINVAL, "20");
	check_write("max_metadata_percentage", "5x", EINVAL, "20");
	check_write("max_metadata_percentage", "1", 0, "1");
	check_write("max_metadata_percentage", "100", 0, "100");
	check_write("max_metadata_percentage", "20", 0, "20");
}

static const struct test tests[] = {
	{ "defaults", test_defaults },
	{ "names", test_names },
	{ "modes", test_modes },
	{ "shape", test_shape },
	{ "counters-read-only", test_counters_read_only },
	{ "run", test_run },
	{ "pages_to_scan", test_pages_to_scan },
	{ "sleep_millisecs", test_sleep_millisecs },
	{ "merge_across_nodes", test_merge_across_nodes },
	{ "use_zero_pages", test_use_zero_pages },
	{ "max_page_sharing", test_max_page_sharing },
	{ "stable_node_chains_prune_millisecs", test_stable_node_chains_prune_millisecs },
	{ "smart_scan", test_smart_scan },
	{ "advisor_mode", test_advisor_mode },
	{ "advisor-auto", test_advisor_auto },
	{ "advisor_max_cpu", test_advisor_max_cpu },
	{ "advisor_min_pages_to_scan", test_advisor_min_pages_to_scan },
	{ "advisor_max_pages_to_scan", test_advisor_max_pages_to_scan },
	{ "advisor_target_scan_time", test_advisor_target_scan_time },
	{ "max_available_percentage", test_max_available_percentage },
	{ "max_metadata_percentage", test_max_metadata_percentage },
	{ "busy-while-merged", test_busy_while_merged },
	{ "not-busy-while-unshared", test_not_busy_while_unshared },
	{ "run-2-resets", test_run_2_resets },
	{ "advisor-owns-pages_to_scan", test_advisor_owns_pages_to_scan },
	{ "profit", test_profit },
};

int main(int argc, char **argv)
{
	return harness_main("knobs", tests, ARRAY_SIZE(tests), argc, argv);
}
