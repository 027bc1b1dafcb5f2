// SPDX-License-Identifier: GPL-2.0-only
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "tally.h"

#ifndef BUS_MCEERR_AO
#define BUS_MCEERR_AO 5
#endif

/* After so many milliseconds an access takes its right itself. */
#define PATIENCE 20

static __thread sigjmp_buf guard_env;
static __thread bool guarded, loose;
static __thread int waited;
static bool single;

/*
 * A protection is lifted by the thread that set it, but on another address if the
 * mapping has been moved since.
 */
static void wait_for_access(const siginfo_t *info)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~(PAGE_SIZE - 1));

	if (info->si_code == SEGV_MAPERR)
		die("nothing is mapped at %p", info->si_addr);
	if (!single && ++waited < PATIENCE) {
		usleep(1000);
		return;
	}
	count_up(tally->rescues);
	waited = 0;
	if (mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE))
		die("no access to %p", info->si_addr);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (sig == SIGBUS && info->si_code == BUS_MCEERR_AO)
		return;
	if (!guarded)
		die("signal %d, code %d at %p, outside of any test", sig, info->si_code,
		    info->si_addr);
	if (sig == SIGBUS)
		siglongjmp(guard_env, POISONED);
	if (loose)
		siglongjmp(guard_env, UNMAPPED);
	wait_for_access(info);
	errno = saved;
}

void guard_init(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

void guard_single(void)
{
	single = true;
}

static enum touch run(void (*touch)(void *arg), void *arg, bool is_loose)
{
	enum touch outcome = sigsetjmp(guard_env, 0);

	if (outcome == TOUCHED) {
		waited = 0;
		loose = is_loose;
		guarded = true;
		touch(arg);
	}
	guarded = false;
	return outcome;
}

enum touch guard_run(void (*touch)(void *arg), void *arg)
{
	return run(touch, arg, false);
}

enum touch guard_loose(void (*touch)(void *arg), void *arg)
{
	return run(touch, arg, true);
}
