# SPDX-License-Identifier: GPL-2.0-only
"""The charts of the report: which, and from which figures."""

import dataclasses

from .. import latency
from .figures import PARTS, mebibytes
from .svg import Chart, Spans

WIDE, HALF = (960, 330), (470, 290)
# CPU time is shown as a share of so many seconds at least.
CPU_WINDOW_SECONDS = 8


@dataclasses.dataclass
class Figure:
    """A chart or several side by side, and what is to be seen."""

    title: str
    caption: str
    charts: list
    names: list


def colour(comparison, contestant):
    """Plain ksmd and uksm always have theirs, the others what is left."""
    if contestant.text in ("ksmd", "uksm", "none"):
        return contestant.text
    others = [other.text for other in comparison.contestants
              if other.text not in ("ksmd", "uksm", "none")]
    return f"other{others.index(contestant.text) % 4 + 1}"


def legend(comparison, contestants):
    return [(contestant.label, colour(comparison, contestant))
            for contestant in contestants]


def series(run, value):
    """(seconds since the run began, value) of every sample."""
    samples = run.samples()
    return [(sample["time"] - samples[0]["time"], value(sample))
            for sample in samples]


def extent(lines):
    points = [point for _, _, line in lines for point in line]
    return max(x for x, _ in points), 1.06 * max(y for _, y in points)


def over_time(comparison, title, name, value, size):
    """A line for each run of each engine, the first of each in full strength."""
    lines = [(contestant, index, series(run, value))
             for contestant in comparison.engines()
             for index, run in enumerate(contestant.runs)]
    chart = Chart(title, size, *extent(lines), "seconds since the first guest "
                  "started", name)
    for contestant, index, line in sorted(lines, key=lambda line: -line[1]):
        chart.line(line, colour(comparison, contestant), faint=index > 0)
    return chart


def saving(comparison):
    chart = over_time(comparison, "Saved memory over time", "saved, MiB",
                      lambda sample: mebibytes(sample["sharing"]), WIDE)
    for contestant in comparison.engines():
        run = contestant.runs[0]
        began = run.sample(0)["time"]
        for start in run.starts:
            sample = start.sample
            chart.dot(sample["time"] - began, mebibytes(sample["sharing"]),
                      colour(comparison, contestant),
                      f"{contestant.label}: settled with {start.guests} guests, "
                      f"{mebibytes(sample['sharing']):.0f} MiB")
    return Figure(
        "Saving over time",
        "Guests start one by one; a dot marks where the counters had settled. Then "
        "all is unmerged and merged again from nothing, and guests stop one by one.",
        [chart.render()], legend(comparison, comparison.engines()))


def from_nothing(comparison):
    """How fast each gets to what an oracle would save."""
    lines = []
    for contestant in comparison.engines():
        for index, run in enumerate(contestant.runs):
            samples = run.cold_samples()
            if not samples or not run.oracle_saving():
                continue
            lines.append((contestant, index, [
                (sample["time"] - samples[0]["time"],
                 100 * sample["gained"] / run.oracle_saving())
                for sample in samples]))
    if not lines:
        return None
    longest, _ = extent(lines)
    chart = Chart("Parts of the oracle's saving over time", WIDE, longest, 106,
                  "seconds since the engine was let go", "% of the oracle's saving")
    for part in PARTS:
        chart.guide(part, f"{part} %")
    for contestant, index, line in sorted(lines, key=lambda line: -line[1]):
        chart.line(line, colour(comparison, contestant), faint=index > 0)
    for contestant in comparison.engines():
        mark_parts(chart, comparison, contestant)
    return Figure(
        "From nothing to all that can be saved",
        "All guests are there and nothing is merged when the engine is let go. "
        "100 % is what equal pages there are just before.",
        [chart.render()],
        legend(comparison, [contestant for contestant in comparison.engines()
                            if any(line[0] is contestant for line in lines)]))


def mark_parts(chart, comparison, contestant):
    for part in PARTS:
        reached = contestant.runs[0].reach(part)
        if reached:
            chart.dot(reached[0], part, colour(comparison, contestant),
                      f"{contestant.label}: {part} % after {reached[0]:.1f} s and "
                      f"{reached[1]:.2f} s of CPU")


def pages(comparison):
    charts = [over_time(comparison, f"Pages counted as {name} over time",
                        f"{name}, 1000 pages",
                        lambda sample, name=name: sample[name] / 1000, HALF)
              for name in ("unshared", "volatile")]
    return Figure(
        "Pages that found no partner",
        "Unshared pages hold still and equal no other; volatile ones change from "
        "scan to scan. Both are work without return.",
        [chart.render() for chart in charts],
        legend(comparison, comparison.engines()))


def cpu_share(run):
    """(seconds, percent of a CPU), over a sliding window."""
    samples = run.samples()
    points, first = [], 0
    for sample in samples:
        while samples[first + 1]["time"] <= sample["time"] - CPU_WINDOW_SECONDS:
            first += 1
        passed = sample["time"] - samples[first]["time"]
        if passed >= CPU_WINDOW_SECONDS:
            used = sample["cpu_seconds"] - samples[first]["cpu_seconds"]
            points.append((sample["time"] - samples[0]["time"],
                           100 * used / passed))
    return points


def cpu(comparison):
    """The share of a CPU, and the sum."""
    shares = [(contestant, index, cpu_share(run))
              for contestant in comparison.engines()
              for index, run in enumerate(contestant.runs)]
    shares = [line for line in shares if line[2]]
    if not shares:
        return None
    chart = Chart("CPU of the scanner over time", HALF, *extent(shares),
                  "seconds since the first guest started", "% of one CPU")
    for contestant, index, line in sorted(shares, key=lambda line: -line[1]):
        chart.line(line, colour(comparison, contestant), faint=index > 0)
    total = over_time(comparison, "CPU time of the scanner, summed up", "CPU seconds",
                      lambda sample: sample["cpu_seconds"], HALF)
    return Figure(
        "CPU time of the scanner", "The scanner thread's own, from the scheduler's "
        "account: as a share of one CPU, and in sum.",
        [chart.render(), total.render()],
        legend(comparison, comparison.engines()))


def tails(comparison):
    rows = []
    for name in comparison.latency_names():
        for kind, when in (("hold", "steady"), ("cold", "while merging")):
            for contestant in comparison.contestants:
                counts = contestant.histogram(kind, name)
                if counts:
                    rows.append((f"{name}, {when}", colour(comparison, contestant),
                                 latency.percentile(counts, 50),
                                 latency.percentile(counts, 99)))
    if not rows:
        return None
    # A row's label once for all contestants.
    rows = [(label if not index or rows[index - 1][0] != label else "", *rest)
            for index, (label, *rest) in enumerate(rows)]
    chart = Spans("Latency of the guests' work, p50 to p99", WIDE[0], rows)
    return Figure(
        "Latency of the guests' own work",
        "From the median (hollow) to the 99th percentile (full, with its value), of "
        "all guests together; the scale is logarithmic.",
        [chart.render()], legend(comparison, comparison.contestants))


def figures(comparison):
    if not any(run.record["samples"] for contestant in comparison.engines()
               for run in contestant.runs):
        return []
    made = [saving(comparison), from_nothing(comparison), cpu(comparison),
            pages(comparison), tails(comparison)]
    return [figure for figure in made if figure]
