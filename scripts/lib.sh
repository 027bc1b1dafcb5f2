# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts here and the VM runner share.  Sourced, not run.

UKSM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
UKSM_BUILD=$UKSM_TOP/build
export UKSM_TOP

# die MESSAGE...: one line on stderr, then exit 1.
die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# say MESSAGE...: a progress line, with the time since the script began.
say()
{
	printf '[%4ds] %s\n' "$SECONDS" "$*"
}

# list_names FILE: the names in a list of kernels, in its order.
list_names()
{
	awk '!/^#/ && NF { print $1 }' "$UKSM_TOP/$1"
}

# listed_kernel_names [CHECKED...]: the distribution's kernels, which are the supported
# ones; or those of them whose last column is one of CHECKED.
listed_kernel_names()
{
	awk -v which="$*" '!/^#/ && NF && (which == "" || index(" " which " ", " " $5 " ")) {
		print $1
	}' "$UKSM_TOP/tests/kernels"
}

# kernel_names: those of them that all tests run on.
kernel_names()
{
	listed_kernel_names full
}

# debug_kernel_names: the kernels that are built here, to test with.
debug_kernel_names()
{
	list_names tests/debug/kernels
}

# all_kernel_names: both.
all_kernel_names()
{
	listed_kernel_names
	debug_kernel_names
}

# kernel_field NAME COLUMN: a column of a kernel, as its list explains them.
kernel_field()
{
	awk -v name="$1" -v column="$2" '!/^#/ && $1 == name { print $column }' \
		"$UKSM_TOP/tests/kernels" "$UKSM_TOP/tests/debug/kernels"
}

# kernel_is_debug NAME: is it one that is built here?
kernel_is_debug()
{
	debug_kernel_names | grep -qxF -- "$1"
}

# kernel_slower NAME: how many times as long as on other kernels all takes.
kernel_slower()
{
	if kernel_is_debug "$1"; then kernel_field "$1" 5; else echo 1; fi
}

# kernel_config NAME: the file with the configuration that a kernel was built with.
kernel_config()
{
	local dir=$UKSM_BUILD/$1 release file

	release=$(cat "$dir/release")
	for file in "$dir/config" "$dir/tree/boot/config-$release" \
		"$dir/tree/usr/lib/modules/$release/config"; do
		[ -e "$file" ] || continue
		printf '%s\n' "$file"
		return 0
	done
	die "kernel $1 came without its configuration"
}

# kernel_has NAME OPTION: was a kernel built with CONFIG_OPTION, also as a module?
kernel_has()
{
	local config

	config=$(kernel_config "$1") || exit 1
	grep -q "^CONFIG_$2=[ym]" "$config"
}

# kernel_exists NAME: does a list know it?
kernel_exists()
{
	[ -n "$(kernel_field "$1" 1)" ]
}

# need_kernel NAME: stop unless a list knows NAME.
need_kernel()
{
	kernel_exists "$1" ||
		die "no kernel \"$1\" in tests/kernels and tests/debug/kernels, which have: $(all_kernel_names | xargs)"
}

# in_root COMMAND ARG...: run in the build root, with the project at its own
# path.  The mounts live in a mount namespace of their own, so they are gone
# with the command however it ends.
in_root()
{
	local root=${UKSM_ROOT:-$UKSM_BUILD/root}

	unshare --mount --propagation private -- bash -c '
		set -e
		root=$1 top=$2
		shift 2
		mkdir -p "$root$top"
		mount --bind "$top" "$root$top"
		mount -t proc proc "$root/proc"
		exec chroot "$root" "$@"' in_root "$root" "$UKSM_TOP" \
		/usr/bin/env -i HOME=/root LC_ALL=C \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"$@"
}

# small_ko FILE TO: the module as packages install it, without debug information, so
# that loading it many times is quick.
small_ko()
{
	strip --strip-debug -o "$2.$$" "$1"
	mv "$2.$$" "$2"
}

# report LINE...: a result, to be seen and into $UKSM_RESULTS.
report()
{
	printf '%s\n' "$*"
	[ -z "${UKSM_RESULTS:-}" ] || printf '%s\n' "$*" >> "$UKSM_RESULTS"
}
