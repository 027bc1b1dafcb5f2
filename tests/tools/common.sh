# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the tests in this directory share.  Sourced, not run.

# shellcheck source=../../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

readonly KO=${UKSM_KO:?run me in a VM}
readonly UKSM=/sys/kernel/mm/uksm KSM=/sys/kernel/mm/ksm
readonly COMPAT=$UKSM_TOP/tools/uksm-ksm-compat/uksm-ksm-compat
# What is held: so many MiB of pages, of so many contents.
readonly HOLD_MIB=32 HOLD_CONTENTS=100
readonly FOREVER_MSECS=10000000
readonly SHARED=$HOLD_CONTENTS SHARING=$((HOLD_MIB * 256 - HOLD_CONTENTS))

failed=0
scratch=$(mktemp -d)

# verdict NAME WHY: WHY is empty if all is well.
verdict()
{
	if [ -z "$2" ]; then
		report "ok $1"
	else
		report "not ok $1 - $2"
		failed=1
	fi
}

# expect NAME EXPECTED FOUND
expect()
{
	local why=''

	[ "$2" = "$3" ] || why="expected \"$2\", found \"$3\""
	verdict "$1" "$why"
}

# until_true SECONDS COMMAND...: wait for it; its status.
until_true()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.2
	done
}

# A guest, as far as ksmtuned can see.
start_guest()
{
	mkdir -p "$scratch/bin"
	ln -sf "$UKSM_BUILD/tests/tools/hold" "$scratch/bin/qemu-system-x86_64"
	mkfifo "$scratch/guest"
	(exec -a qemu-system-x86_64 "$scratch/bin/qemu-system-x86_64" \
		$HOLD_MIB $HOLD_CONTENTS -enable-kvm -name guest=held \
		< "$scratch/guest" > "$scratch/guest.log") &
	exec 8> "$scratch/guest"
	until_true 60 grep -q ready "$scratch/guest.log"
}

stop_guest()
{
	exec 8>&-
	wait %% || true
	rm "$scratch/guest"
}

merged()
{
	[ "$(cat "$UKSM/pages_sharing")" = "$SHARING" ]
}

# Merge all that is held, and let the engine rest between two scans: it runs, as
# some programs want it to, and its counters stand still.
merge_all()
{
	echo 4000 > "$UKSM/pages_to_scan"
	echo 1 > "$UKSM/run"
	until_true 60 merged || true
	echo $FOREVER_MSECS > "$UKSM/sleep_millisecs"
	sleep 1
	expect tools-merged "$SHARED $SHARING" \
		"$(cat "$UKSM/pages_shared") $(cat "$UKSM/pages_sharing")"
}

