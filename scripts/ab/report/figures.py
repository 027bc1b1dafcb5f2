# SPDX-License-Identifier: GPL-2.0-only
"""What follows from the record of an experiment (experiment.py): the figures of
each contestant, over all repeats."""

import statistics

from .. import latency
from ..engine import COUNTERS

PAGE_BYTES = 4096
PARTS = (50, 90, 99)


def tracked(sample):
    return sum(sample[name] for name in COUNTERS)


def saved_percent(sample):
    """pages_sharing of all pages that the engine tracks."""
    return 100 * sample["sharing"] / max(1, tracked(sample))


def mebibytes(pages):
    return pages * PAGE_BYTES / (1 << 20)


def oracle_apart(oracle):
    """What tenants could save, each for itself; None of guests of one tenant."""
    parts = oracle.get("parts")
    return sum(part["saving"] for part in parts) if parts else None


class Start:
    """How an engine came to rest after a guest had started.

    Full scans count from when the guest had filled its memory, while the engine
    rested between two of them; CPU time and seconds from the guest's start.
    """

    def __init__(self, run, step):
        self.guests = step["guests"]
        scans = step.get("scans", [step["last"]])
        settled = step.get("settled")
        self.settled = settled is not None
        self.sample = run.sample(settled if self.settled else scans[-1])
        first = run.sample(step["first"])
        self.sharing = self.sample["sharing"]
        self.percent = saved_percent(self.sample)
        self.resident = step.get("resident", 0)
        self.left = self.resident - self.sharing
        self.scans = self.sample["full_scans"] - run.sample(scans[0])["full_scans"]
        self.cpu = self.sample["cpu_seconds"] - first["cpu_seconds"]
        self.seconds = self.sample["time"] - first["time"]


class Run:
    """One contestant, once."""

    def __init__(self, record, columns, guests):
        self.record = record
        self.columns = columns
        self.engine = record["engine"]
        self.starts = [Start(self, step) for step in self.steps("start")
                       if "resident" in step]
        stops = [step for step in self.steps("stop") if "verdict" in step]
        self.intact = sum(step["intact"] for step in stops)
        self.complete = len(self.starts) == len(stops) == guests
        self.settled = all(step.get("settled") is not None for kind in
                           ("start", "stop") for step in self.steps(kind))

    def steps(self, kind):
        return [step for step in self.record["steps"] if step["kind"] == kind]

    def step(self, kind):
        steps = [step for step in self.steps(kind) if "last" in step]
        return steps[0] if steps else None

    def sample(self, index):
        return dict(zip(self.columns, self.record["samples"][index]))

    def samples(self):
        return [dict(zip(self.columns, row)) for row in self.record["samples"]]

    def left(self):
        return self.starts[-1].left

    def scans(self):
        return sum(start.scans for start in self.starts)

    def cpu(self):
        return sum(start.cpu for start in self.starts)

    def seconds(self):
        return sum(start.seconds for start in self.starts)

    def between(self, start):
        """What so many guests save beyond what they would each save alone."""
        return start.sharing - start.guests * self.starts[0].sharing

    def profit_bytes(self):
        """Net of what the engine needs to keep track of pages."""
        sample = self.starts[-1].sample
        return sample["sharing"] * PAGE_BYTES - sample["metadata_bytes"]

    def metadata_bytes(self):
        return self.starts[-1].sample["metadata_bytes"]

    def cpu_percent(self, kind):
        """Of one CPU, over a step."""
        step = self.step(kind)
        if not step:
            return None
        first = self.sample(step.get("begun", step["first"]))
        last = self.sample(step["last"])
        return 100 * (last["cpu_seconds"] - first["cpu_seconds"]) / \
            max(0.001, last["time"] - first["time"])

    def cow_breaks(self):
        """Writes to merged pages in a second, while all guests went on."""
        step = self.step("hold")
        if not step:
            return None
        first, last = self.sample(step["first"]), self.sample(step["last"])
        return (last["cow_breaks"] - first["cow_breaks"]) / \
            max(0.001, last["time"] - first["time"])

    def oracle(self):
        step = self.step("cold")
        return step["oracle"] if step else None

    def isolation(self):
        """What tells tenants apart for this one; None where it keeps none apart."""
        isolation = self.record.get("isolation", "none")
        return None if isolation == "none" else isolation

    def oracle_saving(self):
        """Of tenants kept apart, what each could save for itself."""
        oracle = self.oracle()
        if oracle and self.isolation():
            return oracle_apart(oracle)
        return oracle and oracle["saving"]

    def oracle_percent(self):
        """Of the oracle's saving, when all had settled from nothing."""
        samples = self.cold_samples()
        if not samples or not self.oracle_saving():
            return None
        return 100 * samples[-1]["gained"] / self.oracle_saving()

    def frames(self, kind):
        """What a look at page frames found, "tenants" or "outsider"; None if there
        was none."""
        step = self.step("frames")
        return step.get(kind) if step else None

    def left_apart(self):
        """Frames in use if no tenant shared with another."""
        found = self.frames("tenants")
        return found and sum(part["frames"] for part in found["parts"])

    def outsider_brought(self):
        """(how many more pages the others save since the outsider is there, how
        many are chance), from where all had settled."""
        if len(self.starts) < 2:
            return None
        before, after = (start.sample for start in self.starts[-2:])
        return (after["sharing"] - before["sharing"], tracked(before))

    def cold_samples(self):
        """From when the engine was let go on guests with nothing merged.

        "gained" in each: pages saved, and zeroed ones that were freed as huge
        pages were split, as later kernels do.  The oracle cannot tell the two.
        """
        step = self.step("cold")
        if not step:
            return []
        samples = [self.sample(index) for index in
                   range(step["begun"], step["last"] + 1)]
        for sample in samples:
            freed = samples[0].get("resident", 0) - sample.get("resident", 0)
            sample["gained"] = sample["sharing"] + max(0, freed)
        return samples

    def reach(self, percent):
        """(seconds, CPU seconds) to that part of the oracle's saving."""
        samples = self.cold_samples()
        if not samples:
            return None
        wanted = self.oracle_saving() * percent / 100
        for sample in samples:
            if sample["gained"] >= wanted:
                return (sample["time"] - samples[0]["time"],
                        sample["cpu_seconds"] - samples[0]["cpu_seconds"])
        return None


class Contestant:
    """All runs of a contestant."""

    def __init__(self, text, label, runs):
        self.text = text
        self.label = label
        self.runs = runs
        self.engine = runs[0].engine
        self.complete = [run for run in runs if run.complete]
        self.judged = any(run.record["judged"] for run in runs)

    def values(self, figure):
        """Of every complete run that has the figure."""
        found = [figure(run) for run in self.complete]
        return [value for value in found if value is not None]

    def median(self, figure):
        values = self.values(figure)
        return statistics.median(values) if values else None

    def histogram(self, kind, name):
        """Of all guests and runs; kind is "hold" or "cold"."""
        total = {}
        for run in self.runs:
            step = run.step(kind)
            if step:
                latency.add(total, step["latency"].get(name, {}))
        return total


class Comparison:
    """A record, and what follows from it."""

    def __init__(self, data):
        self.data = data
        self.options = data.get("options", {})
        self.guests = self.options.get("guests", 0)
        by_text = {}
        for record in data["runs"]:
            run = Run(record, data["columns"], self.guests)
            by_text.setdefault(record["contestant"], []).append(run)
        self.contestants = [
            Contestant(text, by_text[text][0].record["label"], by_text[text])
            for text in sorted(by_text, key=data["order"].index)]

    def engines(self):
        """Without those that run no engine."""
        return [contestant for contestant in self.contestants
                if contestant.engine != "none"]

    def pair(self):
        """ksmd and uksm at equal settings, if both got through."""
        judged = {contestant.text: contestant for contestant in self.contestants
                  if contestant.judged and contestant.complete and
                  len(contestant.complete) == len(contestant.runs)}
        if set(judged) >= {"ksmd", "uksm"}:
            return judged["ksmd"], judged["uksm"]
        return None

    def latency_names(self):
        return [name for name in ("memory", "web", "database")
                if any(contestant.histogram("hold", name)
                       for contestant in self.contestants)]
