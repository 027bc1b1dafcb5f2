# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel log without the reports of KCSAN that name none of the project's
# modules: the rest of the kernel has races of its own. So has lru_add_drain_all(),
# which looks at the batches of other CPUs while they fill, whoever calls it: that is
# a report whose title, where modules stand in brackets, names it and no module.

function leave()
{
	if (held !~ /BUG: KCSAN/ ||
	    held ~ /\[(uksm|trouble)\]/ && held !~ /data-race in [^[\n]*__lru_add_drain_all[^[\n]*\n/)
		printf "%s", held
	held = ""
	inside = 0
}

# Not the shorter lines of lockdep, which have no counterpart.
/============================================================/ {
	if (!inside) {
		inside = 1
		held = $0 "\n"
		next
	}
	held = held $0 "\n"
	leave()
	next
}

inside {
	held = held $0 "\n"
	next
}

{ print }

END { leave() }
