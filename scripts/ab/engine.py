# SPDX-License-Identifier: GPL-2.0-only
"""A deduplication engine as its files under /sys/kernel/mm show it."""

import pathlib
import time

from .errors import Failure

COUNTERS = ("shared", "sharing", "unshared", "volatile")
# ksmd's own structures, for kernels that do not show what they take.
RMAP_ITEM_BYTES = STABLE_NODE_BYTES = 64
POLL_SECONDS = 0.05
# In this order they can be set back: the advisor owns pages_to_scan.
KNOBS = ("advisor_mode", "pages_to_scan", "sleep_millisecs", "smart_scan",
         "use_zero_pages", "merge_across_nodes", "max_page_sharing",
         "advisor_max_cpu", "advisor_target_scan_time",
         "advisor_min_pages_to_scan", "advisor_max_pages_to_scan",
         "stable_node_chains_prune_millisecs", "checksum_lines",
         "isolation", "hardening", "zero_page_across_domains",
         "max_cpu_percentage", "max_available_percentage", "max_metadata_percentage")


def thread_pid(name):
    """The PID of a kernel thread."""
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == name:
                return int(comm.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue    # a process that ended meanwhile
    raise Failure(f"there is no thread {name}")


class Engine:
    """ksmd or uksm: its knobs, its counters and its thread's CPU time."""

    def __init__(self, name, directory, thread):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.thread = thread
        self.pid = None
        # What the comparison has last set each file to.
        self.wanted = {}

    def exists(self):
        return self.directory.is_dir()

    def has(self, name):
        return (self.directory / name).exists()

    def read(self, name):
        """A file's content; of a choice, the one in brackets."""
        try:
            text = (self.directory / name).read_text().strip()
        except OSError as error:
            raise Failure(f"{self.directory / name}: {error.strerror}") from error
        if "[" in text:
            return text[text.index("[") + 1:text.index("]")]
        return text

    def read_number(self, name, default=0):
        return int(self.read(name)) if self.has(name) else default

    def tell(self, name, value):
        """Of a file that then shows something else than was written."""
        try:
            (self.directory / name).write_text(f"{value}\n")
        except OSError as error:
            raise Failure(f"{self.directory / name} refuses {value}: "
                          f"{error.strerror}") from error

    def write(self, name, value):
        self.tell(name, value)
        self.wanted[name] = value

    def check_unchanged(self):
        """Somebody else who writes these files, as ksmtuned does, spoils a comparison."""
        for name, wanted in self.wanted.items():
            found = self.read(name)
            if name == "pages_to_scan" and self.advised():
                continue
            if found != str(wanted).strip():
                raise Failure(f"{self.directory / name} is {found} and was set to "
                              f"{wanted}: somebody else writes there (ksmtuned?)")

    def advised(self):
        return self.has("advisor_mode") and self.read("advisor_mode") != "none"

    def knobs(self):
        return {name: self.read(name) for name in KNOBS if self.has(name)}

    def set_knobs(self, knobs):
        """Set what differs, the mode of the advisor first: it owns others."""
        for name in sorted(knobs, key=KNOBS.index):
            if self.has(name) and self.read(name) != str(knobs[name]):
                self.write(name, knobs[name])
            elif self.has(name):
                self.wanted[name] = knobs[name]

    def restore_knobs(self, knobs):
        """Back to what knobs() told, whatever was changed since."""
        if knobs.get("advisor_mode", "none") != "none":
            knobs = {name: value for name, value in knobs.items()
                     if name != "pages_to_scan"}
        self.set_knobs(knobs)

    def counters(self):
        return {name: int(self.read(f"pages_{name}")) for name in COUNTERS}

    def full_scans(self):
        return int(self.read("full_scans"))

    def cpu_seconds(self):
        """CPU time of the scanner thread, from the scheduler's own account."""
        if self.pid is None:
            self.pid = thread_pid(self.thread)
        try:
            schedstat = pathlib.Path(f"/proc/{self.pid}/schedstat").read_text()
        except OSError as error:
            raise Failure(f"the thread {self.thread} has gone") from error
        return int(schedstat.split()[0]) / 1e9

    def metadata_bytes(self, counters):
        """What the engine says, else what its structures must take."""
        if self.has("metadata_bytes"):
            return int(self.read("metadata_bytes"))
        return sum(counters.values()) * RMAP_ITEM_BYTES + \
            counters["shared"] * STABLE_NODE_BYTES

    def held(self):
        """What keeps the other engine from working: nothing, if all is 0."""
        return {"run": int(self.read("run")), **self.counters()}

    def need_empty(self):
        held = self.held()
        if any(held.values()):
            raise Failure(f"{self.name} should be stopped and empty, but: {held}")

    def wait_full_scan(self, begun, seconds):
        """Wait until there are more full scans than `begun`; did they come?"""
        deadline = time.monotonic() + seconds
        while self.full_scans() == begun:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def unmerge(self):
        self.write("run", 2)
        self.write("run", 0)


class NoEngine:
    """Stands for guests whose memory nobody merges."""

    name = "none"

    @staticmethod
    def check_unchanged():
        pass

    @staticmethod
    def full_scans():
        return 0

    @staticmethod
    def counters():
        return dict.fromkeys(COUNTERS, 0)

    @staticmethod
    def cpu_seconds():
        return 0.0

    @staticmethod
    def metadata_bytes(_counters):
        return 0

    @staticmethod
    def knobs():
        return {}


def engines():
    return {"ksmd": Engine("ksmd", "/sys/kernel/mm/ksm", "ksmd"),
            "uksm": Engine("uksm", "/sys/kernel/mm/uksm", "uksmd")}
