# SPDX-License-Identifier: GPL-2.0-only
"""What an engine that knew all could save: count equal pages of the guests."""

import array
import collections

PAGE_BYTES = 4096
# Present, and mapped here only: with nothing merged, that leaves out the kernel's
# zero page, which stands where zeroed parts of split huge pages were freed.
OWN = 1 << 63 | 1 << 56
# Pages read at once.
BATCH = 256


def present_runs(pid, start, end):
    """(first page, pages) for each stretch of the range that takes memory."""
    entries = array.array("Q")
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        pagemap.seek(start // PAGE_BYTES * 8)
        entries.frombytes(pagemap.read((end - start) // PAGE_BYTES * 8))
    first = None
    for index, entry in enumerate(entries):
        if entry & OWN == OWN:
            if first is None:
                first = index
            if index - first == BATCH:
                yield first, BATCH
                first = index
        elif first is not None:
            yield first, index - first
            first = None
    if first is not None:
        yield first, len(entries) - first


def count_contents(guests, idle):
    """How many pages of all guests have each content, by a hash of 64 bits."""
    contents = collections.Counter()
    for guest in guests:
        for start, end, _ in guest.mergeable_ranges():
            with open(f"/proc/{guest.pid}/mem", "rb", buffering=0) as memory:
                for first, pages in present_runs(guest.pid, start, end):
                    memory.seek(start + first * PAGE_BYTES)
                    data = memory.read(pages * PAGE_BYTES)
                    contents.update(hash(data[at:at + PAGE_BYTES]) for at in
                                    range(0, len(data), PAGE_BYTES))
                    idle()
    return contents


def figures(contents, max_sharing):
    pages = sum(contents.values())
    needed = sum(-(-count // max_sharing) for count in contents.values())
    return {"pages": pages, "saving": pages - needed,
            "contents": len(contents), "zero": contents[hash(bytes(PAGE_BYTES))]}


def look(parts, max_sharing, idle):
    """Pages there are, pages that could be saved, and zeroed pages among them.

    As for the engines, a page has at most max_sharing users.  Of several parts of
    the guests it is told, too, what each could save for itself.
    """
    counted = [count_contents(guests, idle) for guests in parts]
    found = figures(sum(counted, collections.Counter()), max_sharing)
    if len(parts) > 1:
        found["parts"] = [figures(contents, max_sharing) for contents in counted]
    return found
