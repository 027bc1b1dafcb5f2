# SPDX-License-Identifier: GPL-2.0-only
"""The demo's figures as tables, and the verdict on them.

The figures are what tests/demo/experiment wrote: per engine a list of steps (a
guest starts, a guest stops), per step a sample after each full scan and the
index of the sample from which on nothing changed, None if it never came to that.
"""

COUNTERS = ("shared", "sharing", "unshared", "volatile")
# tests/vm/run's, for a machine that failed or whose kernel log is not clean.
STATUS_TIMEOUT, STATUS_RIG = 124, 125


def tracked(sample):
    return sum(sample[name] for name in COUNTERS)


def saved_percent(sample):
    """pages_sharing of all pages that the engine tracks."""
    return 100 * sample["sharing"] / max(1, tracked(sample))


class Settling:
    """How an engine came to rest after a guest had started.

    Full scans count from when the guest had filled its memory, while the engine
    rested between two of them; CPU time and seconds from the guest's start.
    """

    def __init__(self, step):
        self.guests = step["guests"]
        self.settled = step["settled"] is not None
        samples = step["samples"]
        self.sample = samples[step["settled"] if self.settled else -1]
        self.sharing = self.sample["sharing"]
        self.percent = saved_percent(self.sample)
        self.left = step["resident"] - self.sharing
        self.scans = self.sample["full_scans"] - samples[0]["full_scans"]
        self.cpu = self.sample["cpu_seconds"] - step["before"]["cpu_seconds"]
        self.seconds = self.sample["time"] - step["before"]["time"]


class Outcome:
    """All that is judged of one engine."""

    def __init__(self, engine, guests):
        self.name = engine["name"]
        self.settlings = [Settling(step) for step in engine["steps"]
                          if step["kind"] == "start"]
        stops = [step for step in engine["steps"] if step["kind"] == "stop"]
        self.intact = sum(step["intact"] for step in stops)
        self.complete = len(self.settlings) == len(stops) == guests
        self.settled = all(step["settled"] is not None for step in engine["steps"])

    def left(self):
        return self.settlings[-1].left

    def scans(self):
        return sum(settling.scans for settling in self.settlings)

    def cpu(self):
        return sum(settling.cpu for settling in self.settlings)

    def seconds(self):
        return sum(settling.seconds for settling in self.settlings)

    def between(self, settling):
        """What so many guests save beyond what they would each save alone."""
        return settling.sharing - settling.guests * self.settlings[0].sharing


def plural(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def engine_table(engine):
    """Every sample of an engine."""
    lines = [f"{engine['name']} (* settled; CPU seconds of the scanner since the "
             "step began)",
             f"{'':27}{'scan':>5}" + "".join(f"{name:>10}" for name in COUNTERS) +
             f"{'saved':>9}{'CPU s':>8}"]
    for step in engine["steps"]:
        if step["kind"] == "start":
            title, before = f"guest {step['guests']} on", step["before"]
        else:
            title, before = f"guest {step['guests'] + 1} off", step["samples"][0]
        for index, sample in enumerate(step["samples"]):
            scan = sample["full_scans"] - step["samples"][0]["full_scans"]
            cpu = sample["cpu_seconds"] - before["cpu_seconds"]
            lines.append(
                f"  {title if not index else '':23}"
                f"{'*' if index == step['settled'] else '':>2}{scan:>5}" +
                "".join(f"{sample[name]:>10}" for name in COUNTERS) +
                f"{saved_percent(sample):>7.1f} %{cpu:>8.2f}")
    return "\n".join(lines)


def comparison_table(outcomes):
    """The settled figures side by side."""
    rows = []

    def add(title, form, figure, unit=""):
        figures = [figure(outcome) for outcome in outcomes]
        cells = [f"{value:{form}}{unit}" for value in figures]
        if len(figures) == 2:
            ratio = f"{figures[1] / figures[0]:.2f}" if figures[0] > 0 else "-"
            cells.append(ratio)
        rows.append((title, cells))

    guests = min(len(outcome.settlings) for outcome in outcomes)
    for index in range(guests):
        with_guests = f"with {plural(index + 1, 'guest')}"
        add(f"pages saved {with_guests}", "d", lambda o: o.settlings[index].sharing)
        add(f"saving ratio {with_guests}", ".1f",
            lambda o: o.settlings[index].percent, " %")
        add(f"pages in use {with_guests}", "d", lambda o: o.settlings[index].left)
    for index in range(guests):
        if index == 0:
            add("saved within a guest", "d", lambda o: o.settlings[0].sharing)
        else:
            add(f"saved between {index + 1} guests", "d",
                lambda o: o.between(o.settlings[index]))
    for title, form, figure, total in (
            ("full scans to settle", "d", lambda s: s.scans, Outcome.scans),
            ("scanner CPU s to settle", ".2f", lambda s: s.cpu, Outcome.cpu),
            ("seconds to settle", ".1f", lambda s: s.seconds, Outcome.seconds)):
        for index in range(guests):
            add(f"{title}, guest {index + 1}", form,
                lambda o: figure(o.settlings[index]))
        add(f"{title}, all", form, total)
    add("guests whose memory was intact", "d", lambda o: o.intact)

    columns = [outcome.name for outcome in outcomes]
    if len(columns) == 2:
        columns.append(f"{columns[1]}/{columns[0]}")
    lines = [f"{'':34}" + "".join(f"{column:>12}" for column in columns)]
    lines += [f"  {title:32}" + "".join(f"{cell:>12}" for cell in cells)
              for title, cells in rows]
    lines.append("Pages in use: the guests' resident pages less those saved.  Huge "
                 "pages give\nguests zeroed pages that they never asked for, more or "
                 "fewer from run to run;\nmerged, they count as saved, but are no "
                 "gain.  So this is what is judged.")
    return "\n".join(lines)


def failures(data):
    """What makes the demo fail whatever the engines' figures are."""
    found = list(data["complaints"])
    if data["machine_status"] == STATUS_TIMEOUT:
        found.append("the machine did not end in time")
    elif data["machine_status"] == STATUS_RIG:
        found.append("the machine failed or its kernel log is not clean; "
                     "the runner's message is above")
    elif data["machine_status"] and not found:
        found.append(f"the experiment ended with {data['machine_status']}")
    for engine in data["engines"]:
        outcome = Outcome(engine, data["options"]["guests"])
        if not outcome.complete:
            found.append(f"{outcome.name} did not get through all steps")
        elif outcome.intact < data["options"]["guests"] and not data["complaints"]:
            found.append(f"{outcome.name}: a guest's memory was not intact")
        elif not outcome.settled and not data["complaints"]:
            found.append(f"{outcome.name} did not settle")
    return found


def judgements(data):
    """(fulfilled, sentence) for each thing uksm has to be as good at as ksmd."""
    outcomes = {engine["name"]: Outcome(engine, data["options"]["guests"])
                for engine in data["engines"]}
    if set(outcomes) != {"ksmd", "uksm"} or \
            not all(outcome.complete for outcome in outcomes.values()):
        return []
    ksmd, uksm = outcomes["ksmd"], outcomes["uksm"]
    # Settled readings are that exact, and no guest boots twice the same.
    noise = data["options"]["settle"] / 100 * tracked(ksmd.settlings[-1].sample)
    return [
        (uksm.left() <= ksmd.left() + noise,
         f"saving at least ksmd's: pages in use after it (to {noise:.0f}, as exact "
         f"as \"settled\" is): {uksm.left()} and {ksmd.left()}"),
        (uksm.scans() <= ksmd.scans(),
         f"no more full scans to settle: {uksm.scans()} and {ksmd.scans()}"),
        (uksm.cpu() <= ksmd.cpu(),
         f"no more CPU seconds to settle: {uksm.cpu():.2f} and {ksmd.cpu():.2f}"),
        (uksm.intact == ksmd.intact == data["options"]["guests"],
         f"guests' memory intact: {uksm.intact} and {ksmd.intact} of "
         f"{data['options']['guests']}"),
    ]


def exit_status(data):
    if failures(data):
        return 1
    if data["options"]["no_judge"]:
        return 0
    return 0 if all(good for good, _ in judgements(data)) else 1


def verdict(data):
    lines = [f"{'yes' if good else 'NO ':3} {sentence}"
             for good, sentence in judgements(data)]
    bad = failures(data)
    lines += [f"FAILED: {failure}" for failure in bad]
    if not bad and lines:
        if all(good for good, _ in judgements(data)):
            lines.append("Verdict: uksm is no worse than ksmd in any of these.")
        else:
            lines.append("Verdict: uksm is WORSE than ksmd where it says NO.")
    return "\n".join(lines)


def tables(data):
    options = data["options"]
    parts = [f"Linux {data['release']}, {data['date']}: "
             f"{options['guests']} guests of {options['guest_mem']} MiB, each fills "
             f"{options['fill']} MiB;\n{options['pages']} pages every "
             f"{options['sleep']} ms, smart_scan {options['smart_scan']}; all in "
             f"{data['seconds']:.0f} s."]
    parts += [engine_table(engine) for engine in data["engines"]]
    outcomes = [Outcome(engine, options["guests"]) for engine in data["engines"]]
    if outcomes:
        parts.append(comparison_table(outcomes))
    parts.append(verdict(data))
    return "\n\n".join(part for part in parts if part)
