/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread of a worker may do. Each does its thing once.
 */
#ifndef STRESS_OPS_H
#define STRESS_OPS_H

#include <stdint.h>

#include "area.h"
#include "tally.h"

extern const struct kind ops[];
extern const size_t ops_nr;

/* access.c: writing and reading, from here and from another process */
enum outcome op_write(struct actor *a);
enum outcome op_patch(struct actor *a);
enum outcome op_fill(struct actor *a);
enum outcome op_check(struct actor *a);
enum outcome op_poke(struct actor *a);
enum outcome op_write_remote(struct actor *a);
enum outcome op_write_mem(struct actor *a);

/* guest.c: writing and reading by a KVM guest */
enum outcome op_guest_write(struct actor *a);
enum outcome op_guest_check(struct actor *a);

/* mappings.c: what becomes of the mapping, with the content lost, moved or kept */
enum outcome op_dontneed(struct actor *a);
enum outcome op_free(struct actor *a);
enum outcome op_unmap(struct actor *a);
enum outcome op_map_over(struct actor *a);
enum outcome op_move(struct actor *a);
enum outcome op_shrink_grow(struct actor *a);
enum outcome op_protect(struct actor *a);
enum outcome op_split(struct actor *a);
enum outcome op_consent(struct actor *a);
enum outcome op_process_consent(struct actor *a);
enum outcome op_wp(struct actor *a);

/* placing.c: where the content lies */
enum outcome op_pageout(struct actor *a);
enum outcome op_collapse(struct actor *a);
enum outcome op_huge(struct actor *a);
enum outcome op_populate(struct actor *a);
enum outcome op_lock(struct actor *a);
enum outcome op_move_pages(struct actor *a);
enum outcome op_migrate(struct actor *a);
enum outcome op_soft_offline(struct actor *a);
enum outcome op_hard_offline(struct actor *a);

/* pins.c: others hold on to a page */
enum outcome op_pipe(struct actor *a);
enum outcome op_direct(struct actor *a);
enum outcome op_ring(struct actor *a);

/* processes.c: copies of all of it */
enum outcome op_fork(struct actor *a);
enum outcome op_exec(struct actor *a);
enum outcome op_exits(struct actor *a);
enum outcome op_leave(struct actor *a);

/** exec_main() - what the program does that op_exec() starts */
int exec_main(uint64_t seed, int tally_fd);

/* loose.c: anything, at once, without regard for the others */
enum outcome op_loose(struct actor *a);

/** loose_check() - can all of the loose memory have got there in a legal way? */
void loose_check(struct area *loose);

#endif
