# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What the tests share; tests/packages/upgrade-inside uses it, too.  Sourced.
# UKSM_TEST_MIB: mebibytes of each of the pattern's three processes; 128 are LTP's.

here=$(cd "$(dirname "$0")/../../debian/tests" && pwd -P)
knobs=/sys/kernel/mm/uksm
mib=${UKSM_TEST_MIB:-128}
pages=$((mib * 3 * 256))
pattern=
began=$(date +%s)

# now WHAT...: and when it was, since the test began.
now()
{
	echo "[$(($(date +%s) - began)) s] $*"
}

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# The module for the running kernel, whose headers may not have been there.
need_module()
{
	release=$(uname -r)
	version=$(dpkg-query -W -f '${Version}' uksm-dkms)
	[ -e "/lib/modules/$release/build" ] ||
		apt-get install -q -y "linux-headers-$release" ||
		{ echo "no headers of $release"; exit 77; }
	if ! modinfo -n uksm; then
		status=0
		dkms install "uksm/${version%%[+~-]*}" -k "$release" || status=$?
		[ $status -ne 77 ] || { echo "not for $release"; exit 77; }
		[ $status -eq 0 ] || fail "dkms install ended with $status"
	fi
	now "the module for $release is $(modinfo -F version uksm)"
}

# All that can be set, as it is.
knob_values()
{
	find $knobs -type f -perm -200 | sort | while read -r file; do
		printf '%s %s\n' "${file#"$knobs/"}" "$(tr '\n' ' ' < "$file")"
	done
}

# Others than the defaults, so that what is lost shows.
load_and_set()
{
	modprobe uksm
	uksmctl set sleep_millisecs=3 pages_to_scan=4000 checksum_lines=8 smart_scan=0 \
		max_cpu_percentage=95 max_metadata_percentage=30 max_page_sharing=$pages run=1
}

# As LTP's ksm01 expects: two pages, and all others share them.
is_merged()
{
	[ "$(cat $knobs/pages_shared)" -eq 2 ] &&
		[ "$(cat $knobs/pages_sharing)" -eq $((pages - 2)) ]
}

wait_merged()
{
	tries=0
	until is_merged; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || fail "pages_shared $(cat $knobs/pages_shared)," \
			"pages_sharing $(cat $knobs/pages_sharing), not 2 and $((pages - 2))"
		sleep 1
	done
	now "pages_shared 2, pages_sharing $((pages - 2))"
}

start_pattern()
{
	python3 "$here/pattern" "$mib" &
	pattern=$!
}

# Every byte as it was written?
end_pattern()
{
	kill -TERM "$pattern"
	wait "$pattern" || fail "the pattern's memory is not as it was written"
	pattern=
}

# More pages of the same content join, so it is at work.
still_merges()
{
	sharing=$(cat $knobs/pages_sharing)
	python3 "$here/pattern" 1 &
	more=$!
	tries=0
	until [ "$(cat $knobs/pages_sharing)" -eq $((sharing + 768)) ]; do
		tries=$((tries + 1))
		[ $tries -lt 120 ] || fail "768 more pages do not merge:" \
			"$sharing, and then $(cat $knobs/pages_sharing)"
		sleep 1
	done
	kill -TERM $more
	wait $more || fail "memory is not as it was written"
	until [ "$(cat $knobs/pages_sharing)" -eq "$sharing" ]; do
		tries=$((tries + 1))
		[ $tries -lt 120 ] || fail "pages of a process that is gone are still counted"
		sleep 1
	done
	now "768 more pages have merged, and were let go"
}

unload()
{
	echo 2 > $knobs/run
	[ "$(cat $knobs/pages_shared) $(cat $knobs/pages_sharing)" = "0 0" ] ||
		fail "pages are left merged"
	rmmod uksm
	[ ! -e $knobs ] || fail "$knobs is still there"
}

# What packages that were purged may not leave.
nothing_left()
{
	left=$(find /etc/uksm /usr/src/uksm-* /var/lib/dkms/uksm /var/cache/uksm-ab \
		/lib/modules/*/updates/dkms/uksm* /etc/systemd/system/*/uksm* \
		/var/lib/systemd/deb-systemd-helper-*/uksm* \
		/var/lib/systemd/deb-systemd-helper-*/*/uksm* /run/uksm* 2> /dev/null || true
		dpkg-query -W -f '${Package} ${Status}\n' 'uksm-*' 2> /dev/null | grep -v not-installed || true)
	[ -z "$left" ] || fail "left: $left"
}
