// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

#define MODULE_NAME "uksm"
#define SCANNER_NAME "uksmd"

static const char *module_file(void)
{
	const char *file = getenv("UKSM_KO");

	CHECK(file && *file, "UKSM_KO does not name the module");
	return file;
}

int module_try_load(const char *parameters)
{
	int fd = CHECK_SYS(open(module_file(), O_RDONLY | O_CLOEXEC));
	int err = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;

	close(fd);
	return err;
}

void module_load(void)
{
	int err = module_try_load("");

	CHECK(!err, "loading %s: %s", module_file(), strerror(-err));
	CHECK(engine_has("run"), "loaded, and %s/run does not exist", engine_dir());
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
	CHECK(!engine_has("run"), "%s exists after unloading", engine_dir());
	CHECK(!scanner_alive(), SCANNER_NAME " runs after unloading");
}

bool module_has_parameter(const char *name)
{
	int fd = CHECK_SYS(open(module_file(), O_RDONLY | O_CLOEXEC));
	char wanted[64];
	struct stat st;
	bool found;
	char *file;

	CHECK_SYS(fstat(fd, &st));
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(file != MAP_FAILED, "mmap of %s: %m", module_file());
	snprintf(wanted, sizeof(wanted), "parmtype=%s:", name);
	found = memmem(file, st.st_size, wanted, strlen(wanted));
	munmap(file, st.st_size);
	close(fd);
	return found;
}
