// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

#define MODULE_NAME "uksm"
#define SCANNER_NAME "uksmd"

static int file_load(const char *file, const char *parameters)
{
	int fd, err;

	CHECK(file && *file, "UKSM_KO does not name the module");
	fd = open(file, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %m", file);
	err = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return err;
}

int module_try_load(const char *parameters)
{
	return file_load(getenv("UKSM_KO"), parameters);
}

int module_debug_try_load(const char *parameters)
{
	const char *file = getenv("UKSM_DEBUG_KO");

	if (!file)
		test_skip("no debug build to load: UKSM_DEBUG_KO is not set");
	return file_load(file, parameters);
}

void module_load(void)
{
	int err = module_try_load("");

	CHECK(!err, "loading: %s", strerror(-err));
	CHECK(!access(ENGINE_DIR_UKSM "/run", F_OK), "loaded, and " ENGINE_DIR_UKSM "/run does not exist");
}

int module_try_unload(void)
{
	return syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK) ? -errno : 0;
}

bool module_loaded(void)
{
	char line[512];
	bool found = false;
	FILE *modules = fopen("/proc/modules", "r");

	CHECK(modules, "/proc/modules: %m");
	while (fgets(line, sizeof(line), modules))
		found |= !strncmp(line, MODULE_NAME " ", sizeof(MODULE_NAME));
	fclose(modules);
	return found;
}

static bool scanner_alive(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	CHECK(proc, "/proc: %m");
	while ((entry = readdir(proc))) {
		char path[300], name[64] = "";
		FILE *comm;

		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = fopen(path, "r");
		if (!comm)
			continue;
		found |= fgets(name, sizeof(name), comm) && !strcmp(name, SCANNER_NAME "\n");
		fclose(comm);
	}
	closedir(proc);
	return found;
}

void module_unload(void)
{
	int err = module_try_unload();

	CHECK(!err, "unloading: %s", strerror(-err));
	CHECK(!module_loaded(), "still in /proc/modules after unloading");
	CHECK(access(ENGINE_DIR_UKSM, F_OK), ENGINE_DIR_UKSM " exists after unloading");
	CHECK(!scanner_alive(), SCANNER_NAME " runs after unloading");
}

int module_main(const char *program, const struct test *tests, size_t nr, int argc, char **argv)
{
	char name[80];
	int status;

	if (!engine_is_stock() && !engine_has("run") && module_try_load("")) {
		harness_verdict("not ok", program, "the module does not load");
		return 1;
	}
	status = harness_main(program, tests, nr, argc, argv);
	if (!engine_is_stock() && engine_has("run") && module_try_unload()) {
		snprintf(name, sizeof(name), "%s.last-unload", program);
		harness_verdict("not ok", name, "the module does not unload");
		return 1;
	}
	return status;
}
