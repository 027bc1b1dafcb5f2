# SPDX-License-Identifier: GPL-2.0-only
"""The tables of the report, as text in cells: the terminal's, Markdown's and the
HTML page's are the same."""

import dataclasses
import statistics

from .. import latency
from ..engine import COUNTERS
from .figures import PARTS, mebibytes, oracle_apart, saved_percent

MISSING = "–"


@dataclasses.dataclass
class Table:
    """Rows of cells; the first of each is its title.  A row with nothing else
    says what those after it are about."""

    title: str
    columns: list
    rows: list
    note: str = ""


def is_head(row):
    return bool(row[0]) and not any(row[1:])


def plural(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def show(value, form, unit=""):
    return MISSING if value is None else f"{value:{form}}{unit}"


def spread(values, form, unit=""):
    """The median, and from where to where the repeats went."""
    if not values:
        return MISSING
    text = f"{statistics.median(values):{form}}"
    if len(values) > 1 and min(values) != max(values):
        text += f" ({min(values):{form}}–{max(values):{form}})"
    return text + unit


class Rows:
    """Collects rows of one figure for each contestant, and uksm's to ksmd's."""

    def __init__(self, contestants, pair):
        self.contestants = contestants
        self.pair = pair
        self.rows = []

    def columns(self):
        names = [contestant.label for contestant in self.contestants]
        return ["", *names, *(["uksm/ksmd"] if self.pair else [])]

    def head(self, title):
        """What the rows that follow are about."""
        cells = len(self.columns()) - 1
        self.rows.append([title] + [""] * cells)

    def add(self, title, form, figure, unit=""):
        cells = [spread(contestant.values(figure), form, unit)
                 for contestant in self.contestants]
        if self.pair:
            ksmd, uksm = (contestant.median(figure) for contestant in self.pair)
            cells.append(f"{uksm / ksmd:.2f}" if ksmd and uksm is not None and
                         ksmd > 0 else MISSING)
        self.rows.append([title, *cells])


def overview(comparison):
    """The figures that an engine is chosen by."""
    rows = Rows(comparison.engines(), comparison.pair())
    rows.add("saved with all guests", ".0f",
             lambda run: mebibytes(run.starts[-1].sharing), " MiB")
    rows.add("net profit after metadata", ".1f",
             lambda run: run.profit_bytes() / (1 << 20), " MiB")
    rows.add("metadata", ".2f", lambda run: run.metadata_bytes() / (1 << 20), " MiB")
    rows.add("in use after it", ".0f", lambda run: mebibytes(run.left()), " MiB")
    rows.add("full scans to settle, all steps", ".0f", lambda run: run.scans())
    rows.add("seconds to settle, all steps", ".1f", lambda run: run.seconds())
    rows.add("scanner CPU to settle, all steps", ".2f", lambda run: run.cpu(), " s")
    rows.add("scanner CPU while steady", ".2f",
             lambda run: run.cpu_percent("hold"), " %")
    rows.add("COW breaks while steady", ".1f", lambda run: run.cow_breaks(), " /s")
    rows.add("of the oracle's saving", ".1f", lambda run: run.oracle_percent(), " %")
    return Table(
        "In short", rows.columns(), rows.rows,
        "In use: the guests' resident pages less those saved. Huge pages give guests "
        "zeroed pages that they never asked for, more or fewer from run to run; "
        "merged, they count as saved but are no gain. Later kernels free them when "
        "a huge page is split, which is a gain and does not count as saved. So what "
        "is in use is judged." +
        (" Medians of the repeats, with the least and the greatest."
         if comparison.options.get("repeats", 1) > 1 else ""))


def by_guests(comparison):
    """The settled counters and savings as guests come."""
    rows = Rows(comparison.engines(), comparison.pair())
    for index in range(comparison.guests):
        rows.head(f"with {plural(index + 1, 'guest')}")
        for name in COUNTERS:
            rows.add(name, ".0f",
                     lambda run, name=name: run.starts[index].sample[name])
        rows.add("saved of all pages", ".1f",
                 lambda run: run.starts[index].percent, " %")
        if index == 0:
            rows.add("saved within a guest", ".0f",
                     lambda run: run.starts[0].sharing)
            continue
        rows.add(f"saved by {index + 1} guests in total", ".0f",
                 lambda run: run.starts[index].sharing)
        rows.add(f"saved between {index + 1} guests", ".0f",
                 lambda run: run.between(run.starts[index]))
    return Table(
        "Counters, settled, in pages", rows.columns(), rows.rows,
        "Saved within a guest: what one alone saves. Between guests: what so many "
        "save beyond what each would save alone.")


def effort(comparison):
    """What each guest took to settle."""
    rows = Rows(comparison.engines(), comparison.pair())
    for index in range(comparison.guests):
        rows.head(f"guest {index + 1}")
        rows.add("full scans", ".0f", lambda run: run.starts[index].scans)
        rows.add("seconds", ".1f", lambda run: run.starts[index].seconds)
        rows.add("scanner CPU", ".2f", lambda run: run.starts[index].cpu, " s")
    return Table(
        "Until each guest had settled", rows.columns(), rows.rows,
        "Full scans count from when the guest had filled its memory, seconds and CPU "
        f"from its start. Settled: no counter changes by more than "
        f"{comparison.options.get('settle', 0):g} % of all pages over a full scan.")


def oracle(comparison):
    """From nothing to parts of what could be saved."""
    rows = Rows([contestant for contestant in comparison.engines()
                 if contestant.values(lambda run: run.oracle())], comparison.pair())
    if not rows.contestants:
        return None
    rows.add("the oracle's saving", ".0f", lambda run: run.oracle_saving(),
             " pages")
    for percent in PARTS:
        rows.head(f"to {percent} % of it")
        rows.add("seconds", ".1f",
                 lambda run: (run.reach(percent) or [None])[0])
        rows.add("scanner CPU", ".2f",
                 lambda run: (run.reach(percent) or [None, None])[1], " s")
    rows.head("until settled")
    rows.add("reached in the end", ".1f", lambda run: run.oracle_percent(), " %")
    rows.add("scanner CPU meanwhile", ".1f", lambda run: run.cpu_percent("cold"),
             " %")
    return Table(
        "From nothing: all guests there, nothing merged", rows.columns(), rows.rows,
        "The oracle knows every guest's memory: it counts equal pages, each shared by "
        "at most max_page_sharing, just before the engine starts. Reached: pages "
        "saved, and zeroed ones that the kernel freed as huge pages were split." +
        (" Where tenants are kept apart it counts what each can save for itself."
         if any(contestant.runs[0].isolation() for contestant in rows.contestants)
         else ""))


def latencies(comparison):
    """Of the guests' own work, without and with each engine."""
    table = []
    for name in comparison.latency_names():
        for kind, when in (("hold", "steady"), ("cold", "while merging")):
            table.append([f"{name}, {when}"] + [""] * 5)
            for contestant in comparison.contestants:
                counts = contestant.histogram(kind, name)
                if counts:
                    table.append(
                        [contestant.label, str(sum(counts.values()))] +
                        [show(latency.percentile(counts, part), ".1f")
                         for part in (50, 90, 99, 99.9)])
    if not table:
        return None
    return Table(
        "Latency of the guests' work, in microseconds",
        ["", "operations", "p50", "p90", "p99", "p99.9"], table,
        "memory: a page is rewritten; web: a file of 32 KiB from nginx; database: a "
        "record stored in or read from redis. A write to a merged page waits for a "
        "copy of it.")


def veto(comparison):
    """Guests that must not share."""
    rows = []
    for contestant in comparison.engines():
        for run in contestant.runs:
            step = run.step("veto")
            if step:
                rows.append([contestant.label, str(step["merged"]),
                             str(step["mergeable"]),
                             ", ".join(map(str, step["others"]))])
    if not rows:
        return None
    return Table("A guest with <nosharepages/> beside the others",
                 ["", "its merged pages", "its mergeable pages",
                  "merged pages of the others"], rows,
                 "After two full scans, from /proc/PID/ksm_merging_pages and smaps.")


def figure_of(run, kind, figure):
    """Of what a look at page frames found."""
    found = run.frames(kind)
    return figure(found) if found else None


def tenants(comparison):
    """Who shares with whom, and what it costs to keep tenants apart."""
    rows = Rows([contestant for contestant in comparison.engines()
                 if contestant.values(lambda run: run.frames("tenants"))],
                comparison.pair())
    if not rows.contestants:
        return None
    parts = rows.contestants[0].values(lambda run: run.frames("tenants"))[0]["parts"]

    def add(title, figure, form=".0f", unit=""):
        rows.add(title, form, lambda run: figure_of(run, "tenants", figure), unit)

    def saved(part):
        return part["pages"] - part["frames"]

    def saved_apart(found):
        return sum(map(saved, found["parts"]))

    def part_of_oracle(run):
        oracle, found = run.oracle(), run.frames("tenants")
        if not found or not oracle or not oracle_apart(oracle):
            return None
        return 100 * saved_apart(found) / oracle_apart(oracle)

    def oracle_cost(run):
        oracle = run.oracle()
        return oracle and oracle["saving"] - oracle_apart(oracle)

    def oracle_cost_percent(run):
        oracle = run.oracle()
        return 100 * oracle_cost(run) / oracle["saving"] \
            if oracle and oracle["saving"] else None

    rows.rows.append(["kept apart by", *(
        contestant.runs[0].isolation() or ("nothing" if contestant.engine == "uksm"
                                           else "has no isolation")
        for contestant in rows.contestants), *([MISSING] if rows.pair else [])])
    rows.head("shared between tenants")
    add("frames", lambda found: found["common_frames"])
    add("pages in them", lambda found: found["common_pages"])
    rows.head("saved")
    for index, part in enumerate(parts):
        add(f"within tenant {index + 1} ({plural(len(part['guests']), 'guest')})",
            lambda found, index=index: saved(found["parts"][index]))
    add("within tenants, together", saved_apart)
    add("between tenants", lambda found:
        found["pages"] - found["frames"] - saved_apart(found))
    add("in total", lambda found: found["pages"] - found["frames"])
    rows.head("an oracle would save")
    rows.add("in total, if tenants shared", ".0f",
             lambda run: run.oracle() and run.oracle()["saving"])
    rows.add("within tenants, together", ".0f",
             lambda run: run.oracle() and oracle_apart(run.oracle()))
    rows.add("so to keep them apart costs", ".0f", oracle_cost)
    rows.add("of what it would save in total", ".1f", oracle_cost_percent, " %")
    rows.add("saved within tenants, of the oracle's", ".1f", part_of_oracle, " %")
    return Table(
        "Tenants, in pages", rows.columns(), rows.rows,
        "By the page frames of the guests' memory (/proc/PID/pagemap), while the engine "
        "rests; saved is what has no frame of its own. The kernel's zero page does not "
        "count. The oracle's figures are of the step \"from nothing\".")


def outsider(comparison):
    """A guest that takes no part, and what the others have of it."""
    rows = Rows([contestant for contestant in comparison.engines()
                 if contestant.values(lambda run: run.frames("outsider"))],
                comparison.pair())
    if not rows.contestants:
        return None

    def add(title, figure):
        rows.add(title, ".0f", lambda run: figure_of(run, "outsider", figure))

    rows.head("of it")
    add("merged pages, as the kernel counts", lambda found: found["merged"])
    add("pages that share a frame within it", lambda found: found["own_frames_shared"])
    add("pages in frames of others", lambda found: found["common_pages"])
    add("mergeable pages", lambda found: found["mergeable"])
    rows.head("of the others")
    add("merged pages", lambda found: sum(found["others"]))
    rows.add("saved before it came", ".0f", lambda run: run.starts[-2].sharing)
    rows.add("saved with it there", ".0f", lambda run: run.starts[-1].sharing)
    return Table(
        "A guest that takes no part", rows.columns(), rows.rows,
        "The last guest is one with <nosharepages/>, or mem-merge=off. By all the "
        "frames of its QEMU's memory, /proc/PID/ksm_merging_pages and smaps. Saved, "
        "when all had settled.")


def step_title(step):
    titles = {"start": f"guest {step['guests']} up", "cold": "from nothing",
              "stop": f"guest {step['guests'] + 1} down"}
    return titles[step["kind"]]


def scans(run):
    """Every full scan of a run."""
    rows = []
    for step in run.record["steps"]:
        if "scans" not in step:
            continue
        begun = run.sample(step.get("begun", step["first"]))
        for position, index in enumerate(step["scans"]):
            sample = run.sample(index)
            number = sample["full_scans"] - \
                run.sample(step["scans"][0])["full_scans"]
            mark = " *" if index == step["settled"] else ""
            rows.append(
                [step_title(step) if not position else "", f"{number}{mark}"] +
                [str(sample[name]) for name in COUNTERS] +
                [f"{saved_percent(sample):.1f} %",
                 f"{sample['cpu_seconds'] - begun['cpu_seconds']:.2f}"])
    return Table(f"Every full scan: {run.record['label']}",
                 ["", "scan", *COUNTERS, "saved", "CPU s"], rows,
                 "* settled; CPU seconds of the scanner since the step began.")


def setup(comparison):
    """What was compared, and where."""
    data, options = comparison.data, comparison.options
    host = data.get("host", {})
    rows = [
        ["kernel", host.get("release", MISSING)],
        ["processor", f"{host.get('cpu', MISSING)}, "
         f"{plural(host.get('cpus', 0), 'CPU')}"],
        ["memory", f"{host.get('memory_mib', 0)} MiB"],
        ["where", "this host" if options.get("host") else
         "an emulated machine with nested guests: times count as ratios only"],
        ["guests are", f"{host.get('guests_are', MISSING)} "
         f"({host.get('software', MISSING)})" +
         (f"; libvirt did not answer: {data['libvirt_missing']}"
          if data.get("libvirt_missing") else "")],
        ["guests", f"{options.get('guests')} of {options.get('guest_mem')} MiB, each "
         f"fills {options.get('fill')} MiB"],
        ["scenario", options.get("scenario", "")],
        *([["tenants are told apart by", options["isolation"]]]
          if options.get("isolation") else []),
        ["transparent huge pages", host.get("huge_pages") or MISSING],
        ["equal", equal_text(options)],
        ["repeats", str(options.get("repeats", 1)) +
         (", in reversed order each time" if options.get("repeats", 1) > 1 else "")],
        ["engines before each run", "stopped and empty, checked" if all(
            run.get("empty_before") for run in data["runs"]) else "not all empty"],
        ["date", data.get("date", MISSING)],
        ["took", f"{data.get('seconds', 0):.0f} s"]]
    for key, title in (("foreign", "other mergeable memory there was"),
                       ("skipped", "not on this kernel")):
        if data.get(key):
            rows.append([title, ", ".join(data[key])])
    for contestant in comparison.engines():
        knobs = contestant.runs[0].record["knobs"]
        rows.append([f"knobs of {contestant.label}", ", ".join(
            f"{name} {value}" for name, value in knobs.items())])
    return Table("What was compared", ["", ""], rows)


def equal_text(options):
    if options.get("equal") == "cpu":
        return f"{options['cpu']} % of a CPU, held by pages_to_scan"
    return (f"pages_to_scan {options.get('pages')}, sleep_millisecs "
            f"{options.get('sleep')}, smart_scan {options.get('smart_scan')}")


def main_tables(comparison):
    """Those that every form of the report shows, in order."""
    if not comparison.engines() or \
            not any(contestant.complete for contestant in comparison.engines()):
        return []
    made = [overview(comparison), tenants(comparison), outsider(comparison),
            oracle(comparison), latencies(comparison),
            by_guests(comparison), effort(comparison), veto(comparison)]
    return [table for table in made if table]


def scan_tables(comparison):
    """Of the first run of each engine."""
    return [scans(contestant.runs[0]) for contestant in comparison.engines()]
