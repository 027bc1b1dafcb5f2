# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# What the tests of the packages share.  Sourced after scripts/lib.sh, by scripts that
# have $suite, $work (a directory) and $failed.

# shellcheck disable=SC2034 # who sources this uses them
declare -A kernel_of=([bookworm]=6.1 [trixie]=6.12)
packages=(uksm-dkms uksm-tools uksm-ab)

# step NAME COMMAND...: a result; the output is shown when it fails.
step()
{
	local name=$1 status=0 began=$SECONDS

	shift
	"$@" > "$work/said" 2>&1 < /dev/null || status=$?
	if [ "$status" -eq 0 ]; then
		report "ok packages/$suite/$name"
		say "  in $((SECONDS - began)) s"
		return 0
	fi
	tail -n 40 "$work/said" | sed 's/^/    /'
	report "not ok packages/$suite/$name - ended with $status:" \
		"$(grep -v '^ *$' "$work/said" | tail -n 1)"
	failed=yes
	return 1
}

# files_of_root ROOT: all but what is not dpkg's: apt's and dpkg's own records, logs, what
# runs, what the tests bring.  DKMS makes its key when it first builds, and keeps it.
files_of_root()
{
	(cd "$1" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev \
		-o -path ./run -o -path ./tmp -o -path ./var/log -o -path ./var/cache/apt \
		-o -path ./var/cache/debconf -o -path ./var/lib/apt \
		-o -path './var/lib/dpkg/*-old' -o -path './var/lib/dkms/mok.*' \
		-o -path ./root/deb \) -prune -o -printf '%y %m %p\n' | sort
	sha256sum etc/passwd etc/group etc/modules etc/shells 2> /dev/null || true)
}

# Nothing comes from anywhere but here.
apt_get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends
	-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null
	-o Dpkg::Use-Pty=0)

# mount_root SUITE: a fresh overlay over that Debian, $root of $dir.  In a mount
# namespace of its own.
mount_root()
{
	dir=$UKSM_BUILD/tests/packages/$1 root=$UKSM_BUILD/tests/packages/$1/root
	rm -rf "$dir"
	mkdir -p "$dir/upper" "$dir/work" "$root"
	mount -t overlay overlay \
		-o "lowerdir=$UKSM_BUILD/dkms-$1,upperdir=$dir/upper,workdir=$dir/work" "$root"
	mkdir -p "$root$UKSM_TOP"	# where in_root puts the project
}

# use_ccache: what fill_ccache has left, for whoever calls DKMS in the machine.  apt gives
# packages' scripts a PATH of its own.
use_ccache()
{
	ln -s /usr/lib/ccache/* /usr/local/bin/
	echo 'cache_dir = /root/deb/ccache' > /etc/ccache.conf
	echo 'DPkg::Path "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";' \
		> /etc/apt/apt.conf.d/99ccache
}

# fill_ccache DEB VERSION...: what DKMS will compile in the machine is compiled here once,
# for $release in $root, which is ten times as fast.  DEB is uksm-dkms; of all but its own
# version it is the same source in another place.
fill_ccache()
{
	local deb=$1

	shift
	mkdir -p "$root/root/deb"
	cp "$deb" "$root/root/dkms.deb"
	# shellcheck disable=SC2016 # its own arguments
	UKSM_ROOT=$root in_root sh -ec '
		export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=/root/deb/ccache
		release=$1
		shift
		dpkg-deb -x /root/dkms.deb /root/dkms
		for version; do
			cp -r /root/dkms/usr/src/uksm-* "/usr/src/uksm-$version"
			sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$version\"/" \
				"/usr/src/uksm-$version/dkms.conf"
			sed -i "s/^MODULE_VERSION(.*/MODULE_VERSION(\"$version\");/" \
				"/usr/src/uksm-$version/module/surface/main.c"
			dkms build "uksm/$version" -k "$release"
			dkms remove "uksm/$version" --all
			rm -r "/usr/src/uksm-$version"
		done
		rm -r /root/dkms /root/dkms.deb
		ccache -s' - "$release" "$@"
}
