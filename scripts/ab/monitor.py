# SPDX-License-Identifier: GPL-2.0-only
"""Samples of an engine over time, and the table that is seen meanwhile."""

import os
import pathlib
import sys
import time

from .engine import COUNTERS, NoEngine

COLUMNS = ("time", "full_scans", *COUNTERS, "cpu_seconds", "metadata_bytes",
           "cow_breaks", "resident")
# Without a terminal a line is shown that often at least.
QUIET_SECONDS = 15
HEADER = (f"{'':8}{'engine':18}{'step':14}{'scan':>5}" +
          "".join(f"{name:>10}" for name in COUNTERS) +
          f"{'saved':>8}{'CPU':>8}{'left':>8}")


def cow_breaks():
    """Merged pages that were written to, as the kernel counts them."""
    for line in pathlib.Path("/proc/vmstat").read_text().split("\n"):
        if line.startswith("cow_ksm "):
            return int(line.split()[1])
    return 0


class Monitor:
    """Takes samples whenever somebody waits, and shows them."""

    def __init__(self, interval, live, progress, guests):
        self.guests = guests
        self.interval = interval
        self.live = live
        self.progress = progress
        self.engine = NoEngine()
        self.governor = None
        self.samples = []
        self.label = self.title = ""
        self.began = time.monotonic()
        self.next_sample = 0.0
        self.last_shown = 0.0
        self.first_scan = 0
        self.open_line = False

    def seconds(self):
        return time.monotonic() - self.began

    def watch(self, engine, label, samples, governor):
        """From now on this engine, into this list."""
        self.engine, self.label, self.samples = engine, label, samples
        self.governor = governor

    def step(self, title):
        self.title = title
        self.first_scan = self.engine.full_scans()

    def take(self, show=True):
        """A sample now; its index."""
        self.engine.check_unchanged()
        counters = self.engine.counters()
        self.samples.append([
            round(self.seconds(), 3), self.engine.full_scans(), *counters.values(),
            round(self.engine.cpu_seconds(), 6),
            self.engine.metadata_bytes(counters), cow_breaks(),
            sum(guest.anonymous_pages() for guest in self.guests)])
        self.next_sample = time.monotonic() + self.interval
        if self.governor:
            self.governor.adjust(self.samples[-1])
        if show:
            self.show_last(keep=True)
        elif self.live or self.seconds() - self.last_shown > QUIET_SECONDS:
            self.show_last(keep=not self.live)
        return len(self.samples) - 1

    def tick(self):
        """What whoever waits calls."""
        if time.monotonic() >= self.next_sample:
            self.take(show=False)

    def sleep(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tick()
            time.sleep(0.05)

    def say(self, text):
        self.end_line()
        print(f"[{self.seconds():5.0f}s] {text}", flush=True)

    def end_line(self):
        if self.open_line:
            print()
        self.open_line = False

    def header(self):
        self.end_line()
        print(HEADER, flush=True)

    def cpu_percent(self):
        """Of one CPU, since the sample before the last."""
        if len(self.samples) < 2:
            return 0.0
        old, new = self.samples[-2], self.samples[-1]
        cpu = COLUMNS.index("cpu_seconds")
        return 100 * (new[cpu] - old[cpu]) / max(0.001, new[0] - old[0])

    def show_last(self, keep):
        """The last sample as a row; one that is not kept is overwritten."""
        sample = dict(zip(COLUMNS, self.samples[-1]))
        tracked = sum(sample[name] for name in COUNTERS)
        row = (f"[{sample['time']:5.0f}s] {self.label[:17]:18}{self.title[:13]:14}"
               f"{sample['full_scans'] - self.first_scan:>5}" +
               "".join(f"{sample[name]:>10}" for name in COUNTERS) +
               f"{100 * sample['sharing'] / max(1, tracked):>6.1f} %"
               f"{self.cpu_percent():>6.1f} %{self.progress.left():>6.0f} s")
        if self.open_line:
            sys.stdout.write("\r")
        sys.stdout.write(row + ("\n" if keep else ""))
        sys.stdout.flush()
        self.open_line = not keep
        self.last_shown = self.seconds()


class Progress:
    """What is done of the experiment's steps, and what is left, by weights; the
    times that steps really took scale them."""

    def __init__(self):
        self.total = self.done = 0.0
        self.began = time.monotonic()
        self.spent = 0.0

    def plan(self, weight):
        self.total += weight

    def finish(self, weight):
        self.done += weight
        self.spent = time.monotonic() - self.began

    def left(self):
        if not self.done:
            return self.total
        since = time.monotonic() - self.began - self.spent
        return max(0.0, (self.total - self.done) * self.spent / self.done - since)


class Governor:
    """Holds an engine at a share of one CPU by its pages_to_scan."""

    LIMITS = (20, 2000000)
    WINDOW_SECONDS = 1.0

    def __init__(self, engine, percent):
        self.engine = engine
        self.share = percent / 100
        self.pages = self.last = None
        self.restart()

    def restart(self):
        """From the engine's own pages_to_scan, with nothing used so far."""
        self.pages = int(self.engine.read("pages_to_scan"))
        self.last = None

    def adjust(self, sample):
        now, cpu = sample[0], sample[COLUMNS.index("cpu_seconds")]
        if self.last is None:
            self.last = (now, cpu)
            return
        passed = now - self.last[0]
        if passed < self.WINDOW_SECONDS or self.engine.read("run") != "1":
            return
        used = (cpu - self.last[1]) / passed
        self.last = (now, cpu)
        factor = min(2.0, max(0.5, self.share / max(used, 0.0001)))
        low, high = self.LIMITS
        self.pages = int(min(high, max(low, self.pages * factor)))
        self.engine.write("pages_to_scan", self.pages)


def is_terminal():
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
