// SPDX-License-Identifier: GPL-2.0-only
/*
 * One engine at a time: what each refuses while the other runs or holds merged pages, and that the
 * kernel log names the file to write.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"
#include "klog.h"
#include "memory.h"

#define STOCK ENGINE_DIR_STOCK

static int stock_set(const char *knob, const char *value)
{
	return knob_write(STOCK, knob, value, strlen(value));
}

/* Both engines, and stock idle even if the test before failed with stock running. */
static void require_both(void)
{
	if (engine_is_stock() || access(STOCK "/run", F_OK))
		test_skip("needs both engines");
	CHECK(!stock_set("run", "2") && !stock_set("run", "0"), "stock does not stop");
}

static long stock_get(const char *knob)
{
	char text[KNOB_TEXT_MAX];
	long value;

	CHECK(!knob_read(STOCK, knob, text) && sscanf(text, "%ld", &value) == 1, "stock's %s", knob);
	return value;
}

static void stock_wait_full_scans(unsigned int nr)
{
	long target = stock_get("full_scans") + 1 + nr;
	int tries;

	for (tries = 0; stock_get("full_scans") < target; tries++) {
		CHECK(tries < 2000, "stock does not scan");
		usleep(10000);
	}
}

static void stock_start(void)
{
	CHECK(!stock_set("pages_to_scan", "20000"), "stock's pages_to_scan");
	CHECK(!stock_set("sleep_millisecs", "1"), "stock's sleep_millisecs");
	CHECK(!stock_set("run", "1"), "stock does not start");
}

static void stock_stop(void)
{
	CHECK(!stock_set("run", "2"), "stock's run=2");
	CHECK(!stock_set("run", "0"), "stock's run=0");
	CHECK(!stock_set("pages_to_scan", "100"), "stock's pages_to_scan");
	CHECK(!stock_set("sleep_millisecs", "20"), "stock's sleep_millisecs");
}

static void test_stock_refused_while_running(void)
{
	char *area;
	int log, err;

	require_both();
	area = area_map_same(4, 1);
	engine_start();
	engine_settle();
	check_merged("uksm", area, 4);
	log = klog_open();
	err = stock_set("run", "1");
	CHECK(err == -EBUSY, "stock's run=1 while uksm runs: %s", err ? strerror(-err) : "accepted");
	CHECK(stock_get("run") == 0, "stock's run is %ld", stock_get("run"));
	CHECK(klog_count(log, ENGINE_DIR_UKSM "/run") == 1, "the log does not name %s/run once",
	      ENGINE_DIR_UKSM);
	engine_wait_full_scans(3);
	check_merged("uksm, undisturbed", area, 4);
	area_check_same(area, 4, 1);
}

static void test_stock_refused_while_holding(void)
{
	char *area;
	int log, err;

	require_both();
	area = area_map_same(4, 2);
	engine_start();
	engine_settle();
	engine_pause();
	check_merged("uksm", area, 4);
	log = klog_open();
	err = stock_set("run", "1\n");
	CHECK(err == -EBUSY, "stock's run=1 while uksm holds pages: %s",
	      err ? strerror(-err) : "accepted");
	CHECK(klog_count(log, ENGINE_DIR_UKSM "/run") == 1, "the log does not name %s/run once",
	      ENGINE_DIR_UKSM);
	/* Whatever does not start stock stays as it was. */
	CHECK(!stock_set("run", "0"), "stock's run=0 is refused");
	CHECK(stock_set("run", "3") == -EINVAL, "stock's run=3 is not EINVAL");
	CHECK(!stock_set("pages_to_scan", "100"), "stock's pages_to_scan is refused");
	check_merged("uksm, undisturbed", area, 4);
	engine_unmerge();
	CHECK(!stock_set("run", "1"), "stock's run=1 is refused though uksm holds nothing");
	stock_stop();
	area_check_same(area, 4, 2);
}

static void test_refused_while_stock_runs(void)
{
	char *area;
	int log, err;

	require_both();
	area = area_map_same(4, 3);
	stock_start();
	stock_wait_full_scans(2);
	check_merged("stock", area, 4);
	log = klog_open();
	err = engine_try_set("run", 1);
	CHECK(err == -EBUSY, "run=1 while stock runs: %s", err ? strerror(-err) : "accepted");
	CHECK(engine_get("run") == 0, "run is %ld", engine_get("run"));
	CHECK(klog_count(log, STOCK "/run") == 1, "the log does not name %s/run once", STOCK);
	CHECK(!engine_try_set("run", 0), "run=0 is refused");
	stock_wait_full_scans(2);
	check_merged("stock, undisturbed", area, 4);
	stock_stop();
	check_unmerged("after stock's run=2", area, 4);
	area_check_same(area, 4, 3);
}

static void test_refused_while_stock_holds(void)
{
	char *area;
	int log, err;

	require_both();
	area = area_map_same(4, 4);
	stock_start();
	stock_wait_full_scans(2);
	CHECK(!stock_set("run", "0"), "stock's run=0");
	check_merged("stock", area, 4);
	log = klog_open();
	err = engine_try_set("run", 1);
	CHECK(err == -EBUSY, "run=1 while stock holds pages: %s", err ? strerror(-err) : "accepted");
	CHECK(klog_count(log, STOCK "/run") == 1, "the log does not name %s/run once", STOCK);
	stock_stop();
	engine_start();
	engine_settle();
	check_merged("uksm, after stock let go", area, 4);
	area_check_same(area, 4, 4);
}

/* To and fro over the same memory, as a comparison of the two does. */
static void test_hand_over(void)
{
	char *area;
	int round;

	require_both();
	area = area_map_same(16, 5);
	for (round = 0; round < 5; round++) {
		stock_start();
		stock_wait_full_scans(2);
		check_merged("stock", area, 16);
		stock_stop();
		check_unmerged("between", area, 16);
		engine_start();
		engine_settle();
		check_merged("uksm", area, 16);
		engine_check_counters("uksm", 1, 15, 0, 0);
		CHECK(stock_get("pages_shared") == 0, "stock counts uksm's pages");
		engine_unmerge();
		check_unmerged("after uksm", area, 16);
		engine_pause();
		area_check_same(area, 16, 5);
	}
}

/* stock's run=2 breaks any KSM page of an advised mapping; uksm must stay sound under it. */
static void test_stock_unmerge_meanwhile(void)
{
	char *area;
	int round, err;

	require_both();
	area = area_map_same(64, 6);
	engine_start();
	engine_settle();
	for (round = 0; round < 10; round++) {
		err = stock_set("run", "2");
		CHECK(!err || err == -EBUSY, "stock's run=2: %s", strerror(-err));
		area_check_same(area, 64, 6);
		stock_set("run", "0");
		engine_wait_full_scans(1);
	}
	/* So often unmerged, a page may look like one that is merged in vain. */
	wait_merged("at the end", area, 64, 20);
	check_merged("at the end", area, 64);
	area_check_same(area, 64, 6);
	engine_check_counters("at the end", 1, 63, 0, 0);
}

static long rmap_items(void)
{
	return proc_field(getpid(), "ksm_stat", "ksm_rmap_items");
}

/* What stock keeps of pages that did not merge is still counted when uksm has gone. */
static void test_stock_keeps_items(void)
{
	enum { PAGES = 64 };
	char *area;
	long items;

	require_both();
	if (rmap_items() < 0)
		test_skip("this kernel has no ksm_stat");
	area = area_map_distinct(PAGES, 700);
	stock_start();
	stock_wait_full_scans(2);
	CHECK(!stock_set("run", "0"), "stock's run=0");
	items = rmap_items();
	CHECK(items >= PAGES, "stock has %ld items", items);
	engine_start();
	engine_settle();
	CHECK(rmap_items() >= items, "with uksm's there are %ld items, stock has %ld", rmap_items(),
	      items);
	engine_unmerge();
	CHECK(rmap_items() == items, "uksm has gone, and there are %ld items of %ld", rmap_items(),
	      items);
	stock_stop();
	CHECK(!rmap_items(), "stock has none any more, and there are %ld items", rmap_items());
	area_check_distinct(area, PAGES, 700);
}

static const struct test tests[] = {
	{ "stock-refused-while-running", test_stock_refused_while_running },
	{ "stock-refused-while-holding", test_stock_refused_while_holding },
	{ "refused-while-stock-runs", test_refused_while_stock_runs },
	{ "refused-while-stock-holds", test_refused_while_stock_holds },
	{ "hand-over", test_hand_over },
	{ "stock-unmerge-meanwhile", test_stock_unmerge_meanwhile },
	{ "stock-keeps-items", test_stock_keeps_items },
};

int main(int argc, char **argv)
{
	return harness_main("coexist", tests, ARRAY_SIZE(tests), argc, argv);
}
