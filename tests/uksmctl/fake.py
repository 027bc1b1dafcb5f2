# SPDX-License-Identifier: GPL-2.0-only
"""A tree that looks like /sys and /proc to uksmctl."""

import pathlib
import re
import shutil

TOP = pathlib.Path(__file__).resolve().parents[2]
NAMES = TOP / "include/uapi/uksm/names.h"
RANGES = TOP / "include/uapi/uksm/ranges.h"

KSM_6_1 = ("run pages_to_scan sleep_millisecs merge_across_nodes use_zero_pages "
           "max_page_sharing stable_node_chains_prune_millisecs full_scans pages_shared "
           "pages_sharing pages_unshared pages_volatile stable_node_chains "
           "stable_node_dups").split()

VALUES = {
    "run": "1", "pages_to_scan": "1000", "sleep_millisecs": "20", "smart_scan": "1",
    "merge_across_nodes": "1", "max_page_sharing": "256", "checksum_lines": "16",
    "advisor_mode": "[none] scan-time auto", "full_scans": "12", "pages_scanned": "34567",
    "pages_shared": "100", "pages_sharing": "300", "pages_unshared": "5000",
    "pages_volatile": "6", "ksm_zero_pages": "10", "general_profit": "1234567",
    "cow_breaks": "7", "metadata_bytes": "35193", "uksmd_cpu_msecs": "250",
    "kthread_pid": "77",
}


def files():
    """{name: mode} of names.h."""
    found = re.findall(r"^\t(RW|RO)\(([a-z_]+)\)", NAMES.read_text(), re.M)
    return {name: 0o644 if access == "RW" else 0o444 for access, name in found}


def ranges():
    """{name: (least, greatest)} of the numbers in ranges.h."""
    found = re.findall(r"^\tNUMBER\(([a-z_]+), (\d+), (\d+),", RANGES.read_text(), re.M)
    return {name: (int(least), int(greatest)) for name, least, greatest in found}


def defaults():
    """{name: default} of ranges.h."""
    return dict(re.findall(r'^\t[A-Z]+\(([a-z_]+)(?:,.*?)?, "?([^",]+)"?, [A-Z]+\)',
                           RANGES.read_text(), re.M))


def choices():
    """{name: words} of those in ranges.h that take a word."""
    found = re.findall(r'^\tCHOICE\(([a-z_]+), "([^"]+)"', RANGES.read_text(), re.M)
    return {name: words.split() for name, words in found}


def shown(name, value):
    """As the kernel shows it: all words, with that which is chosen in brackets."""
    return " ".join(f"[{word}]" if word == value else word
                    for word in choices().get(name, ())) or value


def chosen(text):
    """Of what the kernel shows, what would be written."""
    return text.partition("[")[2].partition("]")[0] or text


def unmerged():
    """What the module takes only while nothing is merged."""
    return set(re.findall(r"^\t[A-Z]+\(([a-z_]+),.*, UNMERGED\)", RANGES.read_text(), re.M))


class Tree:
    """One of them, below a directory."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.uksm = self.root / "sys/kernel/mm/uksm"
        self.ksm = self.root / "sys/kernel/mm/ksm"
        self.proc = self.root / "proc"
        for name, mode in files().items():
            self.put(self.uksm / name, VALUES.get(name, shown(
                name, defaults().get(name, "0"))), mode)
        for name in KSM_6_1:
            self.put(self.ksm / name, "0")
        self.put(self.root / "sys/module/uksm/version", "9.8.7")
        (self.root / "run").mkdir()
        self.put(self.proc / "vmstat", "cow_ksm 0")
        self.thread(77, "uksmd", 1500000000)
        self.thread(33, "ksmd", 2000000)

    @staticmethod
    def put(path, text, mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text + "\n")
        path.chmod(mode)

    def get(self, name):
        return (self.uksm / name).read_text().strip()

    def thread(self, pid, name, nanoseconds):
        """A kernel thread."""
        directory = self.proc / str(pid)
        self.put(directory / "stat", f"{pid} ({name}) S 2 " + "0 " * 48)
        self.put(directory / "schedstat", f"{nanoseconds} 0 0")
        self.put(directory / "statm", "0 0 0 0 0 0 0")
        self.put(directory / "cmdline", b"")

    def process(self, pid, command, rss_pages, mergeable_kb=0, merged_pages=0,
                arguments=(), zero_pages=None, ksm_kb=None):
        """A process; zero_pages and ksm_kb are what newer kernels show."""
        directory = self.proc / str(pid)
        self.put(directory / "stat", f"{pid} ({command}) S 1 " + "0 " * 48)
        self.put(directory / "comm", command)
        self.put(directory / "statm", f"{2 * rss_pages} {rss_pages} 0 0 0 0 0")
        self.put(directory / "cmdline",
                 "".join(f"{word}\0" for word in (command, *arguments)).encode())
        self.put(directory / "ksm_merging_pages", str(merged_pages))
        zero = f"\nksm_zero_pages {zero_pages}" if zero_pages is not None else ""
        self.put(directory / "ksm_stat",
                 f"ksm_rmap_items 3{zero}\nksm_merging_pages {merged_pages}")
        ksm = f"KSM:            {ksm_kb} kB\n" if ksm_kb is not None else ""
        self.put(directory / "smaps",
                 "00400000-00500000 r-xp 00000000 08:01 12345    /bin/x\n"
                 f"Size: 1024 kB\nRss: 900 kB\n{ksm and 'KSM: 0 kB'}\n"
                 "VmFlags: rd ex mr mw me \n"
                 "7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
                 f"Size: 262144 kB\nRss:    {mergeable_kb} kB\n{ksm}"
                 "VmFlags: rd wr mr mw me ac mg \n")

    def forget(self, path):
        """Remove a file or a directory."""
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
