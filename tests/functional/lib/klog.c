// SPDX-License-Identifier: GPL-2.0-only
#include "klog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "harness.h"

int klog_open(void)
{
	int fd = CHECK_SYS(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));

	lseek(fd, 0, SEEK_END);
	return fd;
}

unsigned int klog_count(int fd, const char *text)
{
	unsigned int found = 0;
	char record[8192];
	ssize_t len;

	/* EPIPE tells that records were overwritten; the next read goes on behind them. */
	while ((len = read(fd, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		char *message;

		if (len < 0)
			continue;
		record[len] = '\0';
		message = strchr(record, ';');
		found += message && !strncmp(message + 1, "uksm", 4) && strstr(message, text);
	}
	return found;
}
