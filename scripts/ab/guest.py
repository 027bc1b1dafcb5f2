# SPDX-License-Identifier: GPL-2.0-only
"""A guest of the experiment: it runs guest/agent.c, and is talked to over a
serial port."""

import concurrent.futures
import pathlib
import select
import socket
import time

from . import latency
from .errors import Failure

PAGE_BYTES = 4096
CONNECT_SECONDS = 30
POLL_SECONDS = 0.05


class Guest:
    """One of them; `idle` is called again and again while it is waited for."""

    def __init__(self, number, spec, backend, idle):
        self.number = number
        self.spec = spec
        self.backend = backend
        self.idle = idle
        self.received = ""
        self.pid = self.start()
        self.socket = self.connect()

    def start(self):
        """The PID of its QEMU.  libvirt may take long, samples go on meanwhile."""
        with concurrent.futures.ThreadPoolExecutor(1) as worker:
            started = worker.submit(self.backend.start, self.spec)
            while not started.done():
                self.idle()
                time.sleep(POLL_SECONDS)
            return started.result()

    def connect(self):
        deadline = time.monotonic() + CONNECT_SECONDS
        talk = socket.socket(socket.AF_UNIX)
        while True:
            try:
                talk.connect(str(self.spec.talk))
                talk.setblocking(False)
                return talk
            except OSError as error:
                if time.monotonic() > deadline:
                    talk.close()
                    raise Failure(f"guest {self.number} cannot be reached: "
                                  f"{error.strerror}") from error
            self.idle()
            time.sleep(POLL_SECONDS)

    def gone(self):
        return Failure(f"guest {self.number} ended without being told to; its "
                       f"console said last: {self.last_words()}")

    def last_words(self):
        """Of its console."""
        try:
            lines = self.spec.console.read_text(errors="replace").split("\n")
        except OSError:
            return "nothing"
        lines = [line.strip() for line in lines if line.strip()]
        return lines[-1] if lines else "nothing"

    def say(self, word):
        try:
            self.socket.sendall(f"{word}\n".encode())
        except OSError as error:
            raise self.gone() from error

    def answer(self, seconds):
        """The next line the guest says."""
        deadline = time.monotonic() + seconds
        while "\n" not in self.received:
            if time.monotonic() > deadline:
                raise Failure(f"guest {self.number} said nothing for {seconds} s; "
                              f"its console said last: {self.last_words()}")
            if select.select([self.socket], [], [], POLL_SECONDS)[0]:
                try:
                    data = self.socket.recv(65536)
                except ConnectionError as error:
                    raise self.gone() from error
                if not data:
                    raise self.gone()
                self.received += data.decode("ascii", "replace").replace("\r", "")
            self.idle()
        line, self.received = self.received.split("\n", 1)
        return line

    def expect(self, word, seconds):
        line = self.answer(seconds)
        if line != word:
            raise Failure(f"guest {self.number} said: {line}")

    def latencies(self, seconds):
        """Its histograms since the last time, by what was timed."""
        self.say("latency")
        found = {}
        while True:
            line = self.answer(seconds)
            if line == "end":
                return found
            name, counts = latency.parse(line)
            found[name] = counts

    def mergeable_ranges(self):
        """(start, end, resident KiB) of what may be merged."""
        ranges, start, end, resident = [], 0, 0, 0
        with open(f"/proc/{self.pid}/smaps", encoding="ascii",
                  errors="replace") as smaps:
            for line in smaps:
                first = line.split(None, 1)[0]
                if "-" in first:
                    start, end = (int(part, 16) for part in first.split("-"))
                elif first == "Rss:":
                    resident = int(line.split()[1])
                elif first == "VmFlags:" and "mg" in line.split():
                    ranges.append((start, end, resident))
        return ranges

    def anonymous_ranges(self):
        """(start, end) of all of its QEMU's private memory, mergeable or not."""
        ranges = []
        for line in pathlib.Path(f"/proc/{self.pid}/maps").read_text().split("\n"):
            words = line.split()
            if len(words) > 4 and words[1].endswith("p") and words[4] == "0" and \
                    words[5:6] not in (["[vvar]"], ["[vdso]"], ["[vsyscall]"]):
                start, end = (int(part, 16) for part in words[0].split("-"))
                ranges.append((start, end))
        return ranges

    def resident_pages(self):
        """The guest's memory that the host holds and may merge, merged or not."""
        return sum(kib for _, _, kib in self.mergeable_ranges()) // 4

    def anonymous_pages(self):
        """Its QEMU's pages, merged or not; cheap to ask, so it is in every sample.
        Zeroed pages that the kernel frees when it splits a huge page leave it."""
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except (OSError, ProcessLookupError):
            return 0
        for line in status.split("\n"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) // 4
        return 0

    def merged_pages(self):
        """Its addresses that map a merged page, as the kernel counts them."""
        path = pathlib.Path(f"/proc/{self.pid}/ksm_merging_pages")
        return int(path.read_text())

    def check_alive(self):
        if not pathlib.Path(f"/proc/{self.pid}").exists():
            raise self.gone()

    def power_off(self, seconds):
        """As a guest does it of its own accord."""
        self.say("off")
        deadline = time.monotonic() + seconds
        while self.backend.running(self.spec.name):
            if time.monotonic() > deadline:
                raise Failure(f"guest {self.number} does not power off")
            self.idle()
            time.sleep(POLL_SECONDS)
        self.remove()

    def remove(self):
        self.socket.close()
        self.backend.remove(self.spec.name)
        if self.spec.disk:
            self.spec.disk.unlink(missing_ok=True)
