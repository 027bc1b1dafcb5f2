# SPDX-License-Identifier: GPL-2.0-only
"""Which page frames guests have in common: what is shared, whatever counters say."""

import array
import collections

from .errors import Failure

PAGE_BYTES = 4096
# Of /proc/PID/pagemap.
PRESENT, FRAME = 1 << 63, (1 << 55) - 1
# Of /proc/kpageflags.  KSM there is of no use: 6.12 says it of every private page.
ZERO_PAGE = 1 << 24
# Entries read at once.
BATCH = 1 << 16


def frames(pid, ranges):
    """The frame of each page that is there."""
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for start, end in ranges:
            first, last = start // PAGE_BYTES, end // PAGE_BYTES
            while first < last:
                pagemap.seek(first * 8)
                entries = array.array("Q")
                entries.frombytes(pagemap.read(8 * min(BATCH, last - first)))
                if not entries:
                    break    # it was unmapped meanwhile
                first += len(entries)
                yield from (entry & FRAME for entry in entries if entry & PRESENT)


def mergeable(guest):
    return [(start, end) for start, end, _ in guest.mergeable_ranges()]


def count(guests, ranges_of, idle):
    """How many addresses of these guests each frame has."""
    counts = collections.Counter()
    for guest in guests:
        counts.update(frames(guest.pid, ranges_of(guest)))
        idle()
    if counts[0]:
        raise Failure("this kernel does not show which frames a process has")
    return counts


def zero_pages(numbers):
    """Those of the frames that are the kernel's zero pages."""
    found = set()
    with open("/proc/kpageflags", "rb") as flags:
        for number in sorted(numbers):
            flags.seek(number * 8)
            if int.from_bytes(flags.read(8), "little") & ZERO_PAGE:
                found.add(number)
    return found


def without_zero_page(counts):
    """The kernel's zero pages are nobody's, and tell nothing."""
    users = collections.Counter()
    for part in counts:
        users.update(part)
    for frame in zero_pages(frame for frame, number in users.items() if number > 1):
        for part in counts:
            part.pop(frame, None)
    return counts


def in_common(counts):
    """Frames that more than one of the parts has."""
    seen, common = set(), set()
    for part in counts:
        common |= seen & part.keys()
        seen |= part.keys()
    return common


def look(parts, idle):
    """What each part of the guests has and saves, and what parts have in common.

    The engine must not merge meanwhile; guests go on. A frame that one gives up
    and another gets while this looks is none that they share: only what is common
    at two looks counts.
    """
    counts = without_zero_page([count(part, mergeable, idle) for part in parts])
    common = in_common(counts)
    if common:
        counts = without_zero_page([count(part, mergeable, idle) for part in parts])
        common &= in_common(counts)
    pages = sum(sum(part.values()) for part in counts)
    frames_all = sum(map(len, counts)) - sum(
        sum(frame in part for part in counts) - 1 for frame in common)
    return {
        "parts": [{"guests": [guest.number for guest in guests],
                   "pages": sum(part.values()), "frames": len(part)}
                  for guests, part in zip(parts, counts)],
        "pages": pages, "frames": frames_all, "common_frames": len(common),
        "common_pages": sum(part[frame] for frame in common for part in counts)}


def look_at_outsider(outsider, others, idle):
    """(pages that share a frame within it, pages in frames that others have, too),
    of all its anonymous memory."""
    anonymous = outsider.anonymous_ranges()
    counts = without_zero_page([count([outsider], lambda _: anonymous, idle),
                                count(others, mergeable, idle)])
    within = sum(counts[0].values()) - len(counts[0])
    common = in_common(counts)
    if common:
        counts = [count([outsider], lambda _: anonymous, idle),
                  count(others, mergeable, idle)]
        common &= in_common(counts)
    return within, sum(counts[0][frame] for frame in common)
