// SPDX-License-Identifier: GPL-2.0-only
#include "profile.h"

#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <pthread.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"

#define RING_PAGES 256
#define DRAIN_USECS 5000
#define DEPTH_MAX 64
/* A power of two. When most of them are taken, the others that come go uncounted. */
#define PLACES (1U << 15)
#define PLACES_FULL (PLACES - PLACES / 8)

/**
 * struct symbol - a function of the kernel or of a module
 * @address: its first byte
 * @name: from /proc/kallsyms
 * @self: samples in it
 * @total: samples in it or in what it called
 * @seen: number of the last sample that was counted in @total, as a function may be there twice
 */
struct symbol {
	uint64_t address;
	char *name;
	unsigned long self;
	unsigned long total;
	unsigned long seen;
};

/**
 * struct place - an instruction that samples have met
 * @address: 0 if this one is free
 * @samples: how many
 */
struct place {
	uint64_t address;
	unsigned long samples;
};

static struct {
	struct place places[PLACES];
	struct symbol *symbols;
	size_t nr_symbols;
	struct perf_event_mmap_page *ring;
	int fd;
	unsigned long samples;
	unsigned long lost;
	unsigned int nr_places;
	pthread_t drainer;
	volatile bool stop;
} profile;

static int by_address(const void *left, const void *right)
{
	const struct symbol *l = left, *r = right;

	return (l->address > r->address) - (l->address < r->address);
}

static void read_symbols(void)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long address;
	size_t room = 0;
	char name[512], type;

	CHECK(file, "/proc/kallsyms: %m");
	while (fscanf(file, "%llx %c %511s%*[^\n]", &address, &type, name) == 3) {
		if (type != 't' && type != 'T' && type != 'w' && type != 'W')
			continue;
		if (profile.nr_symbols == room) {
			room = room ? 2 * room : 1 << 16;
			profile.symbols = realloc(profile.symbols, room * sizeof(struct symbol));
			CHECK(profile.symbols, "no memory for symbols");
		}
		profile.symbols[profile.nr_symbols++] =
			(struct symbol){ .address = address, .name = strdup(name) };
	}
	fclose(file);
	qsort(profile.symbols, profile.nr_symbols, sizeof(struct symbol), by_address);
}

static struct symbol *symbol_at(uint64_t address)
{
	size_t low = 0, high = profile.nr_symbols;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (profile.symbols[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return &profile.symbols[low];
}

static void count_place(uint64_t address)
{
	size_t at = address * 0x9e3779b97f4a7c15ULL >> 40;

	while (profile.places[at % PLACES].address != address) {
		if (!profile.places[at % PLACES].address) {
			if (profile.nr_places == PLACES_FULL)
				return;
			profile.nr_places++;
			profile.places[at % PLACES].address = address;
			break;
		}
		at++;
	}
	profile.places[at % PLACES].samples++;
}

/* Of PERF_SAMPLE_CALLCHAIN: a number of addresses, the innermost first, with marks in between. */
static void count_chain(const uint64_t *chain, uint64_t nr)
{
	bool innermost = true;
	struct symbol *symbol;
	uint64_t i;

	profile.samples++;
	for (i = 0; i < nr; i++) {
		if (chain[i] >= PERF_CONTEXT_MAX)
			continue;
		symbol = symbol_at(chain[i]);
		symbol->self += innermost;
		if (innermost)
			count_place(chain[i]);
		innermost = false;
		if (symbol->seen == profile.samples)
			continue;
		symbol->seen = profile.samples;
		symbol->total++;
	}
}

static void copy_from_ring(void *to, uint64_t at, size_t len)
{
	const char *data = (const char *)profile.ring + PAGE_SIZE;
	size_t size = RING_PAGES * PAGE_SIZE, i;

	for (i = 0; i < len; i++)
		((char *)to)[i] = data[(at + i) % size];
}

static void drain(void)
{
	uint64_t head = __atomic_load_n(&profile.ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = profile.ring->data_tail;
	uint64_t record[(sizeof(struct perf_event_header)) / sizeof(uint64_t) + DEPTH_MAX + 8];
	struct perf_event_header *header = (void *)record;

	for (; tail < head; tail += header->size) {
		copy_from_ring(record, tail, sizeof(*header));
		CHECK(header->size && header->size <= sizeof(record),
		      "a record of %u bytes in perf's ring", header->size);
		copy_from_ring(record, tail, header->size);
		if (header->type == PERF_RECORD_SAMPLE)
			count_chain(&record[2], record[1]);
		else if (header->type == PERF_RECORD_LOST)
			profile.lost += record[2];
	}
	__atomic_store_n(&profile.ring->data_tail, tail, __ATOMIC_RELEASE);
}

static void *drain_often(void *unused)
{
	(void)unused;
	while (!profile.stop) {
		drain();
		usleep(DRAIN_USECS);
	}
	return NULL;
}

void profile_open(int pid, unsigned int usecs)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = usecs * 1000ULL,
		.sample_type = PERF_SAMPLE_CALLCHAIN,
		.sample_max_stack = DEPTH_MAX,
		.exclude_user = 1,
		.disabled = 1,
	};

	read_symbols();
	profile.fd = CHECK_SYS(syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0));
	profile.ring = mmap(NULL, (RING_PAGES + 1) * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    profile.fd, 0);
	CHECK(profile.ring != MAP_FAILED, "perf's ring: %m");
}

void profile_start(void)
{
	CHECK_SYS(ioctl(profile.fd, PERF_EVENT_IOC_ENABLE, 0));
	CHECK(!pthread_create(&profile.drainer, NULL, drain_often, NULL), "no thread for perf");
}

static void print_places(FILE *out)
{
	const char *comma = "";
	size_t i;

	fputs(",\"places\":[", out);
	for (i = 0; i < PLACES; i++) {
		const struct place *p = &profile.places[i];
		const struct symbol *s;

		if (!p->address)
			continue;
		s = symbol_at(p->address);
		fprintf(out, "%s[\"%s\",%llu,%lu]", comma, s->name,
			(unsigned long long)(p->address - s->address), p->samples);
		comma = ",";
	}
}

static int by_self(const void *left, const void *right)
{
	const struct symbol *l = left, *r = right;

	if (l->self != r->self)
		return l->self < r->self ? 1 : -1;
	return (l->total < r->total) - (l->total > r->total);
}

void profile_end(FILE *out)
{
	const char *comma = "";
	size_t i;

	ioctl(profile.fd, PERF_EVENT_IOC_DISABLE, 0);
	profile.stop = true;
	pthread_join(profile.drainer, NULL);
	drain();
	close(profile.fd);
	fprintf(out, ",\"profile\":{\"samples\":%lu,\"lost\":%lu", profile.samples, profile.lost);
	print_places(out);
	/* The order of addresses is not needed any more. */
	qsort(profile.symbols, profile.nr_symbols, sizeof(struct symbol), by_self);
	fputs("],\"functions\":[", out);
	for (i = 0; i < profile.nr_symbols; i++) {
		const struct symbol *s = &profile.symbols[i];

		if (!s->total)
			continue;
		fprintf(out, "%s[\"%s\",%lu,%lu]", comma, s->name, s->self, s->total);
		comma = ",";
	}
	fputs("]}", out);
}
