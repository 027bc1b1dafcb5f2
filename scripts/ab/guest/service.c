// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workload of a Debian guest: nginx serves files, half of each alike in all
 * guests, and redis keeps records that no other guest has.  Every answer is
 * compared with what was stored.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define WEB_PORT	80
#define WEB_DIRECTORY	"/var/www/html/ab"
#define WEB_FILES	64
#define FILE_BYTES	(32 * 1024)
/* nginx ends a connection after a thousand requests. */
#define WEB_REQUESTS	500

#define DATABASE_PORT	6379
#define RECORDS		4096
#define RECORD_BYTES	1024

/* Of each service at each tick. */
#define REQUESTS	4

static uint64_t guest_seed;
static struct connection { FILE *in, *out; } web, database;
static uint32_t versions[RECORDS];
static const char *failure;

/* The first is told when all is verified. */
static void fail(const char *why)
{
	if (!failure)
		failure = why;
}

static bool connect_to(uint16_t port, struct connection *connection)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd, yes = 1;

	for (unsigned int tries = 0; tries < 300; tries++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			return false;
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address))) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
			connection->in = fdopen(fd, "r");
			connection->out = fdopen(dup(fd), "w");
			return connection->in && connection->out;
		}
		close(fd);
		usleep(200000);
	}
	return false;
}

static void make_bytes(uint8_t *bytes, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
		uint64_t word = hash(seed + i);

		memcpy(bytes + i, &word, sizeof(word));
	}
}

static void make_file(uint8_t *bytes, unsigned int file)
{
	make_bytes(bytes, FILE_BYTES / 2, hash(file));
	make_bytes(bytes + FILE_BYTES / 2, FILE_BYTES / 2,
		   hash(hash(guest_seed) + file));
}

static bool write_files(void)
{
	static uint8_t bytes[FILE_BYTES];
	char path[64];

	mkdir(WEB_DIRECTORY, 0755);
	for (unsigned int i = 0; i < WEB_FILES; i++) {
		bool written;
		FILE *file;

		snprintf(path, sizeof(path), WEB_DIRECTORY "/%u", i);
		file = fopen(path, "w");
		if (!file)
			return false;
		make_file(bytes, i);
		written = fwrite(bytes, sizeof(bytes), 1, file) == 1;
		if (fclose(file) || !written)
			return false;
	}
	return true;
}

/* A header's lines up to the empty one; the length that it tells. */
static size_t read_header(void)
{
	size_t length = 0;
	char line[256];

	while (fgets(line, sizeof(line), web.in) && strcmp(line, "\r\n"))
		sscanf(line, "Content-Length: %zu", &length);
	return length;
}

static bool reconnect_web(void)
{
	fclose(web.in);
	fclose(web.out);
	return connect_to(WEB_PORT, &web);
}

static void get_file(unsigned int file)
{
	static uint8_t expected[FILE_BYTES], answer[FILE_BYTES];
	static unsigned int requests;
	uint64_t began;

	if (!(++requests % WEB_REQUESTS) && !reconnect_web()) {
		fail("nginx accepts no further connection");
		return;
	}
	began = latency_now_nsecs();
	fprintf(web.out, "GET /ab/%u HTTP/1.1\r\nHost: guest\r\n\r\n", file);
	fflush(web.out);
	if (read_header() != FILE_BYTES || fread(answer, FILE_BYTES, 1, web.in) != 1) {
		fail("nginx does not answer with the file");
		return;
	}
	latency_add(LATENCY_WEB, latency_now_nsecs() - began);
	make_file(expected, file);
	if (memcmp(expected, answer, FILE_BYTES))
		fail("a file of the web server is not what was stored");
}

static void make_record(uint8_t *bytes, unsigned int record)
{
	make_bytes(bytes, RECORD_BYTES, hash(hash(guest_seed ^ record) +
					     versions[record]));
}

static void set_record(unsigned int record)
{
	uint8_t bytes[RECORD_BYTES];
	char key[16], line[16];

	make_record(bytes, record);
	snprintf(key, sizeof(key), "record%u", record);
	fprintf(database.out, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%d\r\n", strlen(key),
		key, RECORD_BYTES);
	fwrite(bytes, sizeof(bytes), 1, database.out);
	fputs("\r\n", database.out);
	fflush(database.out);
	if (!fgets(line, sizeof(line), database.in) || strcmp(line, "+OK\r\n"))
		fail("redis does not store a record");
}

static void get_record(unsigned int record)
{
	uint8_t expected[RECORD_BYTES], answer[RECORD_BYTES + 2];
	char key[16], line[16];

	snprintf(key, sizeof(key), "record%u", record);
	fprintf(database.out, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(key), key);
	fflush(database.out);
	if (!fgets(line, sizeof(line), database.in) || strtol(line + 1, NULL, 10) !=
	    RECORD_BYTES || fread(answer, sizeof(answer), 1, database.in) != 1) {
		fail("redis does not answer with the record");
		return;
	}
	make_record(expected, record);
	if (memcmp(expected, answer, RECORD_BYTES))
		fail("a record of the database is not what was stored");
}

bool service_fill(uint64_t seed)
{
	guest_seed = seed;
	if (!connect_to(WEB_PORT, &web) ||
	    !connect_to(DATABASE_PORT, &database) || !write_files())
		return false;
	for (unsigned int i = 0; i < RECORDS && !failure; i++)
		set_record(i);
	for (unsigned int i = 0; i < WEB_FILES && !failure; i++)
		get_file(i);
	return !failure;
}

/* Of the database's requests every second one stores anew. */
void service_tick(void)
{
	static uint64_t request;

	for (unsigned int i = 0; i < REQUESTS && !failure; i++, request++) {
		unsigned int record = hash(guest_seed + request) % RECORDS;
		uint64_t began;

		get_file(hash(request) % WEB_FILES);
		began = latency_now_nsecs();
		if (request % 2) {
			versions[record]++;
			set_record(record);
		} else {
			get_record(record);
		}
		latency_add(LATENCY_DATABASE, latency_now_nsecs() - began);
	}
}

/* All that is stored, at the end. */
bool service_verify(void)
{
	for (unsigned int i = 0; i < RECORDS && !failure; i++)
		get_record(i);
	for (unsigned int i = 0; i < WEB_FILES && !failure; i++)
		get_file(i);
	if (failure)
		printf("DAMAGED service: %s\n", failure);
	return !failure;
}
