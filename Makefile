# SPDX-License-Identifier: GPL-2.0-only
#
# `make help` says what there is.  module/Kbuild is the module's own; this file
# only starts things.

KERNELS := $(shell awk '!/^\#/ && NF { print $$1 }' tests/kernels)
DEBUG_KERNELS := $(shell awk '!/^\#/ && NF { print $$1 }' tests/debug/kernels)
# Those that `make check-debug` takes.
CHECK_DEBUG ?= debug-6.12 debug-6.12-rt kcsan-6.12
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

# The kernel that `make modules` builds for without KERNEL=.
KDIR ?= /lib/modules/$(shell uname -r)/build
KBUILD := $(MAKE) -C $(KDIR) M=$(CURDIR)/module KBUILD_MODPOST_WARN=

# Where DKMS looks; DKMS_KERNEL= installs for another kernel than the running one.
DKMS_TREE := /usr/src/uksm-$(VERSION)

.PHONY: modules all
all: modules
ifdef KERNEL
modules:
	@scripts/setup $(KERNEL)
	@scripts/build-module $(KERNEL) $(if $(W),W=$(W)) $(if $(V),V=$(V))
else
modules:
	$(KBUILD) modules
endif

.PHONY: install
install: modules
	$(KBUILD) modules_install
	depmod

.PHONY: dkms-install dkms-remove
dkms-install:
	@command -v dkms > /dev/null || { echo "dkms is not installed: apt install dkms" >&2; exit 1; }
	! dkms status uksm/$(VERSION) | grep -q . || dkms remove uksm/$(VERSION) --all
	rm -rf $(DKMS_TREE)
	$(MAKE) -s install-dkms-source DESTDIR=
	dkms install uksm/$(VERSION) $(if $(DKMS_KERNEL),-k $(DKMS_KERNEL))

# What DKMS builds from, and nothing that a build has left.
.PHONY: install-dkms-source
install-dkms-source:
	@find dkms.conf LICENSE module include -type f ! -name '*.mod.c' \
		\( -name '*.[chS]' -o -name Kbuild -o -name dkms.conf -o -name LICENSE \) | \
		while read -r file; do \
			install -D -m 644 "$$file" "$(DESTDIR)$(DKMS_TREE)/$$file" || exit 1; \
		done

dkms-remove:
	dkms remove uksm/$(VERSION) --all
	rm -rf $(DKMS_TREE)

# uksmctl and uksm-ksm-compat, with their man pages, completion and units, and
# /etc/uksm/uksm.conf if there is none; PREFIX (/usr/local) and DESTDIR say where.
.PHONY: tools install-tools uninstall-tools
tools:
	@$(MAKE) --no-print-directory -C tools

install-tools uninstall-tools:
	@$(MAKE) --no-print-directory -C tools $(@:%-tools=%)

# The comparison, to be run on a host that has no tree.
.PHONY: install-ab uninstall-ab
install-ab uninstall-ab:
	@$(MAKE) --no-print-directory -C tools $@

# Debian packages, in build/deb/.
.PHONY: deb check-packages
deb:
	@scripts/setup deb
	@scripts/build-deb

check-packages:
	@scripts/setup deb packages
	@scripts/check --job packages --job packages-upgrade --job autopkgtest

.PHONY: setup
setup:
	scripts/setup

# The comparison of ksmd and uksm; AB= takes further options of scripts/uksm-ab.
AB_KERNEL = $(or $(KERNEL),6.12)
define prepare-ab
@scripts/setup $(AB_KERNEL) 6.1 libvirt
@scripts/build-module $(AB_KERNEL) > build/$(AB_KERNEL)/build.log 2>&1 || \
	{ cat build/$(AB_KERNEL)/build.log; exit 1; }
endef

.PHONY: demo ab
demo:
	$(prepare-ab)
	@scripts/uksm-ab --kernel $(AB_KERNEL) $(AB)

ab:
	$(prepare-ab)
	@scripts/setup guest
	@scripts/uksm-ab --kernel $(AB_KERNEL) --repeats $(or $(REPEATS),5) --full $(AB)

# BENCH= takes options of tests/bench/run; ICOUNT=1 counts instructions.
.PHONY: bench bench-core bench-docs
bench: BENCH_KERNEL = $(or $(KERNEL),6.12)
bench:
	@scripts/setup $(BENCH_KERNEL) root bench
	@$(MAKE) -s modules KERNEL=$(BENCH_KERNEL) > build/$(BENCH_KERNEL)/build.log 2>&1 || \
		{ cat build/$(BENCH_KERNEL)/build.log; exit 1; }
	@tests/bench/run --kernel $(BENCH_KERNEL) $(if $(ICOUNT),--icount) $(BENCH)
	@tests/bench/chart build/bench/$(BENCH_KERNEL)$(if $(ICOUNT),-icount)-last.json

bench-core:
	@scripts/setup source bench
	@tests/bench/core/run $(CORE)

bench-docs:
	@scripts/setup
	@scripts/setup bench
	@tests/bench/refresh

.PHONY: check check-all check-unit $(KERNELS:%=check-%)
# Every kernel of the list is booted; the table of docs/testing.md tells what came of it.
check-all:
	@scripts/setup host root source secureboot $(KERNELS)
	@status=0; scripts/check --job functional --job functional-short \
		--job secureboot $(KERNELS) || status=1; \
		scripts/tested-on $(KERNELS) && exit $$status

check:
	@scripts/setup
	@scripts/setup latency dkms tools bench libvirt browser deb packages secureboot
	@scripts/check

check-unit:
	@scripts/setup unit
	@scripts/check --job unit

$(KERNELS:%=check-%): check-%:
	@scripts/setup $* source latency secureboot
	@scripts/check $*

.PHONY: check-debug
check-debug:
	@scripts/setup $(CHECK_DEBUG) source
	@scripts/check $(CHECK_DEBUG)

.PHONY: check-dkms
check-dkms:
	@scripts/setup dkms
	@scripts/check --job dkms

# Longer than in `make check`: MINUTES=, CYCLES=, SEED=, SMP=, KERNEL=, CASES=.
.PHONY: stress cycles fuzz hostile races
stress cycles fuzz hostile races: LONG_KERNEL = $(or $(KERNEL),6.12)
stress: built-for-long
	tests/stress/run --seconds $$(($(or $(MINUTES),30) * 60)) $(if $(SEED),--seed $(SEED)) \
		--smp $(or $(SMP),1) $(LONG_KERNEL)

cycles: built-for-long
	tests/cycles/run --cycles $(or $(CYCLES),1000) --smp $(or $(SMP),1) $(LONG_KERNEL)

fuzz: built-for-long
	tests/fuzz/run --seconds $$(($(or $(MINUTES),5) * 60 / 3)) $(if $(SEED),--seed $(SEED)) \
		$(LONG_KERNEL)

hostile: built-for-long
	tests/hostile/run --long $(LONG_KERNEL) $(CASES)

races: built-for-long
	@scripts/build-module --debug $(LONG_KERNEL) > build/$(LONG_KERNEL)/build-debug.log 2>&1 || \
		{ cat build/$(LONG_KERNEL)/build-debug.log; exit 1; }
	tests/races/run $(LONG_KERNEL)

.PHONY: built-for-long
built-for-long:
	@scripts/setup $(LONG_KERNEL)
	@scripts/build-module $(LONG_KERNEL) > build/$(LONG_KERNEL)/build.log 2>&1 || \
		{ cat build/$(LONG_KERNEL)/build.log; exit 1; }

.PHONY: check-ab
check-ab:
	@scripts/setup libvirt browser $(AB_KERNEL)
	@scripts/build-module $(AB_KERNEL) > build/$(AB_KERNEL)/build.log 2>&1 || \
		{ cat build/$(AB_KERNEL)/build.log; exit 1; }
	@tests/ab/unit
	@tests/ab/report
	@tests/ab/run $(AB_KERNEL)

.PHONY: check-tools
check-tools:
	@scripts/setup
	@scripts/setup tools
	@scripts/check --job docs --job uksmctl --job uksmctl-config \
		--job uksmctl-metrics --job uksmctl-explain --job uksmctl-doctor --job uksmctl-reload \
		--job uksmctl-dry-run --job uksmctl-vm --job uksmctl-foretold \
		--job ksm-compat --job ksm-units --job ksm-tools

.PHONY: lint format
lint:
	@scripts/setup root source
	@scripts/lint

format:
	@scripts/setup root
	@scripts/lint --format $(FILES)

.PHONY: clean distclean
clean:
	find module \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name modules.order -o -name Module.symvers \) -delete
	rm -rf $(foreach k,$(KERNELS) $(DEBUG_KERNELS),build/$(k)/obj build/$(k)/*.ko)
	rm -rf build/log build/tests

distclean: clean
	rm -rf build

.PHONY: help
help:
	@echo 'make demo           set up, then three KVM guests under ksmd and under uksm'
	@echo '                    (KERNEL=$(firstword $(KERNELS)) etc. chooses the kernel)'
	@echo 'make ab             the same in full: REPEATS=5 times, ksmd at more settings'
	@echo '                    (AB="..." for both: options of scripts/uksm-ab)'
	@echo 'make bench          set up, then ksmd and uksm over the benchmark'"'"'s works, with'
	@echo '                    tables and charts (KERNEL=, ICOUNT=1 counts instructions,'
	@echo '                    BENCH="--works a,b --repeats 3" etc.: tests/bench/run --help)'
	@echo 'make bench-core     the pure code alone on this CPU, beside what ksmd does'
	@echo 'make bench-docs     measure on all kernels anew what docs/benchmarks.md shows'
	@echo 'make check          set up, then every test on every kernel, and a few on two'
	@echo '                    of other flavours (rt and cloud)'
	@echo 'make check-all      the functional tests on every kernel and flavour of'
	@echo '                    tests/kernels; writes the table of docs/testing.md'
	@echo 'make check-unit     the tests that need no kernel'
	@echo 'make check-NAME     the tests on one kernel: $(KERNELS)'
	@echo 'make check-tools    uksmctl, and the programs that know ksm, on every kernel'
	@echo 'make check-ab       the comparison itself, interrupted in every way (KERNEL=6.12)'
	@echo 'make check-debug    KASAN, lockdep, kmemleak, KCSAN, failing allocations; it'
	@echo '                    builds kernels first, half an hour each'
	@echo 'make check-dkms     DKMS on Debian 12 and 13'
	@echo 'make check-packages  the Debian packages on Debian 12 and 13'
	@echo 'make stress         everything at once for MINUTES=30, on KERNEL=6.12 with SMP=1'
	@echo 'make hostile        what an unprivileged process may do against all others, for long'
	@echo 'make races          all of it with the races drawn out, one after the other'
	@echo 'make cycles         load, merge, unload under load, CYCLES=1000 times'
	@echo 'make fuzz           generated input for every file, for MINUTES=5'
	@echo 'make modules        the module for the running kernel'
	@echo 'make modules KERNEL=NAME  into build/NAME/uksm.ko'
	@echo 'make install        ... and install it'
	@echo 'make dkms-install   install with DKMS, so that new kernels get it too'
	@echo 'make dkms-remove    the reverse'
	@echo 'make tools          uksmctl, the command of the administrator'
	@echo 'make install-tools  ... and install it, with uksm-ksm-compat and man pages'
	@echo '                    (PREFIX=/usr/local, DESTDIR=)'
	@echo 'make uninstall-tools  the reverse'
	@echo 'make install-ab     the comparison for this host, as uksm-ab (PREFIX=, DESTDIR=);'
	@echo '                    make uninstall-ab: the reverse'
	@echo 'make deb            Debian packages of all that, in build/deb/'
	@echo 'make lint           SPDX lines, shellcheck, checkpatch; advice of clang-format'
	@echo 'make format         let clang-format rewrite FILES="...", else all C files'
	@echo 'make setup          bring this machine to where all this works'
	@echo 'make clean          what was built; make distclean: all of build/'
